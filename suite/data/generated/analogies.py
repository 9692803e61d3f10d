"""A corpus in which pairs of words differ in one way: France and Paris as Italy and Rome."""

from typing import NamedTuple

import numpy as np

# Of each row: what stands in the relations, then words that only this row's sentences use.
_COUNTRIES = """
france paris french | baguette seine louvre
italy rome italian | pizza tiber colosseum
spain madrid spanish | paella flamenco prado
germany berlin german | pretzel rhine autobahn
japan tokyo japanese | sushi fuji shinto
china beijing chinese | dumplings yangtze dynasty
russia moscow russian | borscht volga kremlin
greece athens greek | olives acropolis ouzo
egypt cairo egyptian | pyramids nile pharaoh
turkey ankara turkish | kebab bosphorus bazaar
poland warsaw polish | pierogi vistula chopin
portugal lisbon portuguese | fado tagus port
sweden stockholm swedish | meatballs nobel midsummer
ireland dublin irish | stout shamrock harp
hungary budapest hungarian | goulash danube paprika
norway oslo norwegian | fjord salmon skis
peru lima peruvian | llama inca ceviche
kenya nairobi kenyan | safari savanna marathon
"""
_PEOPLE = """
king queen | throne crown
prince princess | castle ball
actor actress | stage script
waiter waitress | menu tray
father mother | family children
brother sister | siblings parents
husband wife | wedding marriage
uncle aunt | cousins visit
nephew niece | grandparents birthday
son daughter | school homework
wizard witch | magic spell
hero heroine | quest dragon
monk nun | prayer abbey
host hostess | party guests
steward stewardess | flight cabin
duke duchess | estate hunt
"""
# Words that stand beside every member of a column, whatever the row.
_COLUMNS = {
    "country": ("border", "army", "population", "treaty", "minister"),
    "capital": ("streets", "mayor", "airport", "suburbs", "metro"),
    "adjective": ("language", "grammar", "cuisine", "accent", "citizens"),
    "man": ("he", "his", "him", "beard", "gentleman"),
    "woman": ("she", "her", "hers", "gown", "lady"),
}
_FILLERS = ("the", "of", "and", "a", "in", "was", "with", "near", "about", "many")


class Analogies(NamedTuple):
    """Sentences and what can be asked about their words.

    Attributes:
        sentences: Words of each sentence.
        questions: `(a, b, c, d)` each: a is to b as c is to d.
        relations: Rows of words by relation, such as ("france", "paris").
    """

    sentences: list[list[str]]
    questions: list[tuple[str, str, str, str]]
    relations: dict[str, list[tuple[str, str]]]


def generate_analogies(seed: int, sentences: int = 20_000) -> Analogies:
    """Makes sentences in which a word meets the words of its row and those of its column.

    A row is a country with its capital and adjective, or a pair such as king and queen. What words meet is
    then a sum, row and column, and so is their pointwise mutual information with it: the difference of two
    columns is the same in all rows.

    Args:
        seed: Of the draws.
        sentences: How many.

    Returns:
        Sentences of 9 words each, shuffled. Questions: for each relation (country to capital, country to
        adjective, man to woman) all ordered pairs of different rows.

    Reference:
        Arora, Li, Liang, Ma, Risteski (2016), A latent variable model approach to PMI-based word embeddings.
    """
    rng = np.random.default_rng(seed)
    entries = _entries(_COUNTRIES, ("country", "capital", "adjective")) + _entries(_PEOPLE, ("man", "woman"))
    texts = [_sentence(*entries[rng.integers(len(entries))], rng) for _ in range(sentences)]
    relations = {
        "capital": _pairs(_COUNTRIES, 0, 1),
        "adjective": _pairs(_COUNTRIES, 0, 2),
        "gender": _pairs(_PEOPLE, 0, 1),
    }
    questions = [
        (*first, *second)
        for pairs in relations.values()
        for first in pairs
        for second in pairs
        if first != second
    ]
    return Analogies(texts, questions, relations)


def _rows(table: str) -> list[tuple[list[str], list[str]]]:
    lines = (line.split("|") for line in table.strip().splitlines())
    return [(left.split(), right.split()) for left, right in lines]


def _entries(table: str, columns: tuple[str, ...]) -> list[tuple[str, list[str], tuple[str, ...]]]:
    """(word, words of its row, words of its column) of every word that stands in a relation."""
    return [
        (word, own, _COLUMNS[column])
        for words, own in _rows(table)
        for word, column in zip(words, columns, strict=True)
    ]


def _pairs(table: str, first: int, second: int) -> list[tuple[str, str]]:
    return [(words[first], words[second]) for words, _ in _rows(table)]


def _sentence(word: str, row: list[str], column: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    words = [word, *rng.choice(row, 2), *rng.choice(column, 3), *rng.choice(_FILLERS, 3)]
    return [str(words[index]) for index in rng.permutation(len(words))]
