import numpy as np
import pytest

from suite.language import embeddings
from suite.language.embeddings import Stream, Text
from tests.language import checks


def test_the_rules_against_their_references():
    checks.embeddings(embeddings)


def test_subsampling_keeps_words_as_often_as_it_says():
    words = np.repeat(np.arange(3, dtype=np.int32), 10_000)
    stream = Stream(words, np.arange(30_000, dtype=np.int32))
    kept = embeddings.subsample(stream, np.array([0.1, 0.5, 1.0]), np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(kept.words) / 10_000, [0.1, 0.5, 1], atol=0.02)
    np.testing.assert_array_equal(words[kept.sentences], kept.words)


def test_a_text_holds_known_words_alone():
    text = Text.encode({"train": [["a", "b", "a"], ["a", "c"]], "test": [["c", "a", "d", "a"], []]}, 2)
    assert text.vocabulary.words == ("<pad>", "<unk>", "a")
    assert text.streams["train"].words.tolist() == [2, 2, 2]
    assert text.streams["train"].sentences.tolist() == [0, 0, 1]
    assert text.streams["test"].words.tolist() == [2, 2]
    assert text.counts().tolist() == [0, 0, 3]


def test_no_sentences():
    assert Stream.of([]).words.shape == (0,) and Stream.of([[], []]).words.dtype == np.int32


@pytest.mark.parametrize("threshold", [0, -1, np.nan])
def test_a_threshold_that_is_none(threshold):
    with pytest.raises(
        ValueError, match=r"^expected a subsampling threshold > 0, received .*; 1 keeps every w"
    ):
        embeddings.keep_probabilities(np.array([1, 2]), threshold)
