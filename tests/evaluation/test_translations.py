"""Figures and the table of translations, by hand."""

import keras
import numpy as np

from suite.data.sets.translation_sets import TranslationSet
from suite.evaluation.translations import draw_attention, draw_lengths, examples_table
from suite.language.translation_texts import encode_translations

SOURCES = ["a b c d e f", "a", "a b", "a b c d"]
TEXTS = encode_translations(
    TranslationSet(
        {"train": ["a b c d e f"], "validation": ["a"], "test": SOURCES},
        {"train": [("u v w x y z",)], "validation": [("u",)], "test": [("u v w x", "z")] * 4},
        "by hand",
    ),
    10,
    1,
    10,
)
RIGHT, WRONG = ["u", "v", "w", "x"], ["v"]


def test_groups_are_of_like_lengths():
    answers = {"one_way": [RIGHT, WRONG, WRONG, RIGHT], "other": [WRONG] * 4}
    lines = draw_lengths(answers, TEXTS, 2).axes[0].get_lines()
    for line, scores in zip(lines, ([0, 1], [0, 0]), strict=True):
        np.testing.assert_allclose(line.get_xdata(), [1.5, 5])
        np.testing.assert_allclose(line.get_ydata(), scores)


def test_examples_stand_in_a_row_with_a_right_translation():
    table = examples_table({"one": [RIGHT, WRONG, WRONG, RIGHT]}, TEXTS, 2)
    assert list(table.rows) == [("a b c d e f", "u v w x", "u v w x"), ("a", "v", "u v w x")]


def test_the_longest_sentence_is_drawn_with_its_weights():
    source, previous = keras.Input((6,), dtype="int32"), keras.Input((7,), dtype="int32")
    weights = keras.layers.Lambda(
        lambda ids: keras.ops.cast(ids[0][:, None, :] + 10 * ids[1][:, :, None], "float32"), (7, 6)
    )([source, previous])
    figure = draw_attention(keras.Model([source, previous], weights), TEXTS)
    short, long = figure.axes[:2]
    assert [len(axes.get_xticklabels()) for axes in (short, long)] == [2, 6]
    assert [text.get_text() for text in long.get_yticklabels()] == RIGHT
    coded = TEXTS.coded["test"]
    expected = coded.source[0][None] + 10 * coded.previous[0][:4, None]
    np.testing.assert_allclose(long.get_images()[0].get_array(), expected)
