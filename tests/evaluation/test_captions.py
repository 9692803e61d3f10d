"""BLEU against nltk's."""

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu, sentence_bleu

from suite.evaluation.captions import (
    bleu,
    caption_scores,
    constant_caption,
    draw_attention,
    draw_captions,
    exact_match,
)


def drawn(seed, n=40):
    """Sentences of few words, with one to three references each, of other lengths."""
    rng = np.random.default_rng(seed)

    def sentence():
        return [f"w{word}" for word in rng.integers(0, 6, rng.integers(4, 15))]

    return [sentence() for _ in range(n)], [[sentence() for _ in range(rng.integers(1, 4))] for _ in range(n)]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_against_nltk(seed, order):
    candidates, references = drawn(seed)
    expected = corpus_bleu(references, candidates, [1 / order] * order)
    assert 0.05 < expected < 0.95
    assert bleu(candidates, references, order) == pytest.approx(expected, rel=1e-12)
    for candidate, valid in zip(candidates, references, strict=True):
        expected = sentence_bleu(valid, candidate, [1 / order] * order, SmoothingFunction().method2)
        assert bleu([candidate], [valid], order, added=1) == pytest.approx(expected, rel=1e-12)


def test_brevity():
    words = ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert bleu([words], [[words]]) == 1
    assert bleu([words[:5]], [[words]]) == pytest.approx(np.exp(1 - 8 / 5))
    assert bleu([words[:5]], [[words, words[:4]]]) == 1  # the closest length
    assert bleu([words[:6]], [[words, words[:4]]]) == 1  # as far from 8 as from 4: the shorter one
    assert bleu([["a", "b", "c"]], [[["a", "b", "c"]]]) == 0  # no 4-gram
    assert bleu([words, []], [[words], [words]], 2) == pytest.approx(np.exp(-1))


def test_exact_match():
    assert exact_match(["a", "b", "c", "d"], ["a", "xb", "d", "d"]) == 0.5
    right = [[["a", "b"]], [["c"], ("d", "e")], [["d", "e", "f"]], [["g"]]]
    scores = caption_scores(["a b", "d e", "d e", "x"], right)
    assert list(scores) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "exact_match"]
    assert scores["exact_match"] == 0.5 and scores["bleu_3"] == 0
    assert scores["bleu_1"] == bleu([["a", "b"], ["d", "e"], ["d", "e"], ["x"]], right, 1)


def test_best_and_worst_captions_are_shown():
    images = np.zeros((4, 9, 8, 3), np.uint8)
    right = [[["a", "cat"], ["the", "cat"]], [["a", "dog"]], [["a", "hen"]], [["one", "big", "red", "hen"]]]
    figures = draw_captions(images, ["the cat", "a dog", "the dog", "one big hen"], right, shown=2)
    shown = {
        name: [axes.texts[0].get_text().replace("\n", " ") for axes in figure.axes if axes.texts]
        for name, figure in figures.items()
    }
    assert sorted(shown["best"]) == ["a dog", "the cat"]
    assert shown["worst"] == ["the dog [a hen]", "one big hen [one big red hen]"]


@pytest.mark.parametrize(
    ("candidates", "references", "received"),
    [
        ([], [], "0 candidates and 0 with references"),
        ([["a"]], [[]], "1 candidates and 0 with references"),
        ([["a"]], [[["a"]], [["b"]]], "1 candidates and 2 with references"),
    ],
)
def test_candidates_without_references(candidates, references, received):
    with pytest.raises(
        ValueError, match=f"^expected candidates with references for each, received {received}$"
    ):
        bleu(candidates, references)


def test_a_picture_a_word_is_dark_where_the_decoder_does_not_look():
    weights = np.zeros((3, 2, 2))
    weights[0, 0, 1] = weights[1, 1, 0] = weights[2] = 0.5  # the third is of no word
    figure = draw_attention(np.full((4, 6, 3), 100, np.uint8), ["a", "star"], weights)
    first, second = (axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images())
    np.testing.assert_array_equal(first[:2, 3:], 100)
    np.testing.assert_array_equal(second[2:, :3], 100)
    for picture in (first, second):
        assert np.mean(np.asarray(picture) == 30) == 0.75


def test_the_smallest_inputs():
    with pytest.raises(ValueError, match="^expected at least one candidate, received none$"):
        exact_match([], [])
    assert bleu([[], []], [[["a"]], [["b"]]]) == 0  # empty captions
    figure = draw_attention(np.full((2, 2, 3), 100, np.uint8), ["a"], np.zeros((1, 2, 2)))  # looks nowhere
    (picture,) = (axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images())
    np.testing.assert_array_equal(picture, 30)


def test_the_constant_caption_is_the_most_frequent_one_or_the_one_of_the_most_frequent_words():
    known = [text.split() for text in ("a cat sat on it", "a red dog", "a cat sat on it", "a blue dog ran")]
    right = [[["a", "cat", "sat", "on", "it"]], [["a", "cat", "sat", "on", "that"], ["no"]]]
    found = constant_caption(known, right)
    assert found.says == "always 'a cat sat on it'" and found.metric == "test_bleu_4"
    # Precisions 9/10, 7/8, 5/6, 3/4 by hand; as many words as in the references.
    assert found.value == pytest.approx((9 / 10 * 7 / 8 * 5 / 6 * 3 / 4) ** 0.25)
    unique = [text.split() for text in ("some text here", "a cat", "a dog", "a cat sits")]
    assert constant_caption(unique, right).says == "always 'a cat'"
