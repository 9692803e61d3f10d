"""Translations in tokens and ids, by hand."""

import pytest

from suite.data.sets.translation_sets import TranslationSet
from suite.language.translation_texts import encode_translations

DATA = TranslationSet(
    {
        "train": ["Das Haus.", "ein sehr langer Satz", "das"],
        "validation": ["Haus das"],
        "test": ["das Haus da ."],
    },
    {
        "train": [("The house.", "the home ."), ("a very long sentence",), ("the",)],
        "validation": [("house the", "home the")],
        "test": [("the house", "the home there")],
    },
    "by hand",
)


def test_training_has_all_translations_and_the_others_the_first():
    texts = encode_translations(DATA, 100, 1, 3)
    assert texts.pairs["train"] == [
        (["das", "haus", "."], ["the", "house", "."]),
        (["das", "haus", "."], ["the", "home", "."]),
        (["das"], ["the"]),
    ]
    assert texts.pairs["validation"] == [(["haus", "das"], ["house", "the"])]
    assert texts.valid == [[["the", "house"], ["the", "home", "there"]]]
    assert (texts.length, texts.steps) == (3, 4)
    known, words = texts.vocabularies
    assert known.decode(texts.coded["train"].source[0]) == ["das", "haus", "."]
    assert known.decode(texts.coded["test"].source[0]) == ["das", "haus", "<unk>"]
    assert words.decode(texts.coded["train"].previous[2]) == ["<start>", "the"]
    assert words.decode(texts.coded["train"].target[2]) == ["the", "<end>"]
    assert "sentence" not in words and texts.coded["train"].target.shape == (3, 4)


def test_rare_words_are_unknown_and_too_long_texts_are_one_line():
    known, words = encode_translations(DATA, 100, 2, 3).vocabularies
    assert "the" in words and "home" not in words and "haus" in known
    assert len(encode_translations(DATA, 3, 1, 3).vocabularies[0]) == 5
    with pytest.raises(ValueError, match="at most 0 tokens, received none below 1; raise it"):
        encode_translations(DATA, 100, 1, 0)
