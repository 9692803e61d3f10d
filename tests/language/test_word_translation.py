"""Word by word against nltk's model 1, and the nearest known text by hand."""

import numpy as np
import pytest
from nltk.translate import AlignedSent, IBMModel1

from suite.language.word_translation import WordTable, nearest_translations

PAIRS = [
    (["das", "haus"], ["the", "house"]),
    (["das", "buch"], ["the", "book"]),
    (["ein", "buch"], ["a", "book"]),
    (["das", "alte", "haus", "im", "wald"], ["the", "old", "house", "in", "town"]),
]


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_against_nltk(rounds):
    """The empty word that nltk adds is here a word of every source. No target has a word twice."""
    pairs = [([*source, "NULL"], target) for source, target in PAIRS]
    expected = IBMModel1([AlignedSent(target, source) for source, target in PAIRS], rounds).translation_table
    table = WordTable(pairs, rounds)
    together = {(target, source) for sources, targets in PAIRS for target in targets for source in sources}
    for target, source in together:
        assert table.probability(target, source) == pytest.approx(expected[target][source], abs=1e-9)
    assert table.probability("a", "wald") == 0 == table.probability("a", "unknown")


def test_word_by_word():
    table = WordTable(PAIRS)
    assert table.translate(["ein", "haus", "brennt"]) == ["a", "house", "brennt"]
    sums = [sum(table.probability(word, source) for word in table._targets) for source in table._sources]
    np.testing.assert_allclose(sums, 1)


def test_the_nearest_known_text_is_taken():
    found = nearest_translations(PAIRS, [["ein", "altes", "buch"], ["das", "haus"], ["unbekannt"]])
    assert found[0] == ["a", "book"] and found[1] == ["the", "house"] and found[2] in [t for _, t in PAIRS]
