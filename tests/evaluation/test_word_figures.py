"""What is drawn and listed of word vectors."""

import numpy as np

from suite.evaluation.embeddings import WordVectors
from suite.evaluation.word_figures import lists, nearest_words, relations

WORDS = WordVectors(
    ("with", "horse", "mare", "bull", "cows"),
    np.array([[0, 0, 1], [1, 0, 0.1], [1, 0.2, 0], [0, 1, 0], [0.1, 1, 0]], np.float32),
)


def test_a_panel_for_each_relation_and_every_word_in_it():
    pairs = [("horse", "mare"), ("bull", "cows")]
    figure = relations(WORDS, {"first": pairs, "second": pairs[::-1]})
    assert [axes.get_title() for axes in figure.axes] == ["first", "second"]
    for axes in figure.axes:
        assert {text.get_text() for text in axes.texts} == set(WORDS.words[1:])


def test_one_relation_is_enough():
    assert len(relations(WORDS, {"only": [("horse", "mare")]}).axes) == 1


def test_nearest_words_of_long_words_by_method():
    table = nearest_words({"skip_gram": WORDS, "svd": WORDS}, shown=3)
    assert table.columns == ("word", "skip-gram", "svd")
    (row,) = table.rows  # the only one of more than four letters
    assert row[0] == "horse" and row[1] == row[2] and row[1].startswith("mare, ")


def test_lists_of_words_have_a_color_each():
    (axes,) = lists(WORDS, {"horses": ["horse", "mare", "foal"], "cattle": ["bull", "cows"]}, "Two").axes
    colors = {text.get_text(): text.get_color() for text in axes.texts}
    assert set(colors) == {"horse", "mare", "bull", "cows"}
    assert colors["horse"] == colors["mare"] != colors["bull"] == colors["cows"]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["horse"][0] * places["bull"][0] < 0  # the first component parts them
