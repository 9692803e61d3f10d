import numpy as np

from suite.language import tagging
from suite.language.tagging import Sequences, TaggerVocabulary
from suite.language.vocabulary import tokenize
from tests.language import checks

SENTENCES = [["The", "cat", "sat"], ["the", "Cats"], ["THE"]]


def test_spelling_keeps_both_ends():
    checks.tagging(tagging)


def test_the_vocabulary_of_a_tagger():
    vocabulary = TaggerVocabulary.fit(SENTENCES, min_count=2)
    assert vocabulary.words.words == ("<pad>", "<unk>", "the")
    assert vocabulary.seen == {"the", "cat", "sat", "cats"}
    assert set(vocabulary.characters.words[2:]) == set(" TheCcatsTHE")
    assert vocabulary.characters.words[2] == " "  # the boundary, most frequent
    again = type(vocabulary.characters).from_text(vocabulary.characters.to_text())
    assert again.words == vocabulary.characters.words


def test_long_sentences_are_cut_into_pieces():
    vocabulary = TaggerVocabulary.fit(SENTENCES)
    sentences = [["a", "the", "b", "Cat", "c"], ["sat"]]
    labels = [np.arange(5), np.array([7])]
    found = Sequences.of(sentences, labels, vocabulary, 2, 6)
    assert found.words == [["a", "the"], ["b", "Cat"], ["c"], ["sat"]]
    np.testing.assert_array_equal(found.labels, [[0, 1], [2, 3], [4, 0], [7, 0]])
    np.testing.assert_array_equal(found.mask, [[1, 1], [1, 1], [1, 0], [1, 0]])
    np.testing.assert_array_equal(found.unseen, [[1, 0], [1, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(found.mask, found.inputs["words"] != 0)
    assert found.inputs["characters"].shape == (4, 2, 6)
    assert found.mask.dtype == found.unseen.dtype == bool


def test_words_as_written():
    assert tokenize("The owner/Baker don't\nGO.", lower=False) == [
        "The", "owner", "/", "Baker", "don't", "GO", ".",
    ]  # fmt: skip
    assert tokenize("Cafe\u0301 A", lower=False) == ["Caf\u00e9", "A"]


def test_a_rare_word_is_unknown_but_not_unseen():
    vocabulary = TaggerVocabulary.fit(SENTENCES, min_count=2)
    found = Sequences.of([["Cat", "the", "dog"]], [np.arange(3)], vocabulary, 3, 6)
    np.testing.assert_array_equal(found.inputs["words"], [[1, 2, 1]])
    np.testing.assert_array_equal(found.unseen, [[0, 0, 1]])
