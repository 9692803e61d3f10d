"""Sentences of a small grammar with a tag for each word: neither words nor one direction tell them all."""

from collections.abc import Sequence

import numpy as np

_STEMS = 600
_SYLLABLES = ("ba", "do", "fi", "ga", "lo", "mi", "na", "pe", "ra", "so", "tu", "ve")
ENDINGS = {
    "NOUN": ("ness", "ment", "ation"),
    "VERB": ("ize", "ate", "ure"),
    "ADJ": ("ous", "ful", "able"),
    "ADV": ("ously", "fully", "wise"),
    "PROPN": ("",),
}
_NOUN_OR_VERB = ("plan", "walk", "work", "talk", "study", "answer", "call", "look", "play", "visit")
_ADJECTIVE_OR_VERB = ("open", "clean", "dry", "warm", "clear", "slow", "empty", "cool", "free", "calm")
_PARTICLES = ("up", "down", "in", "out", "over", "off")
_PREPOSITIONS = ("with", "from", "near", "after")
_DETERMINERS = ("the", "a", "this", "every", "some")
_PRONOUNS = ("they", "we", "you", "she", "he")
_LINKING = ("seem", "become", "stay")


def draw_sentences(count: int, seed: int) -> list[tuple[tuple[str, str], ...]]:
    """Draws sentences: pairs of a word and its tag of Universal Dependencies.

    What stands on the left tells a noun from a verb ("the plan", "they plan"). Only what stands on the right
    tells a verb from an adjective at the beginning ("Open the box", "Open boxness fell"), the auxiliary
    "have" from the verb ("have planned", "have the plan"), an adverb from an adposition ("walk up .", "walk
    up the hill"), and the two kinds of "to". Nouns, verbs, adjectives, adverbs and names are made up of
    stems and endings ("tolaness", "tolaful"), so many that some never occur in training; where several of
    them may stand, only the ending tells.

    Args:
        count: How many are drawn; copies are left out.
        seed: Of the draws.
    """
    grammar = _Grammar(np.random.default_rng(seed))
    return list(dict.fromkeys(tuple(grammar.sentence()) for _ in range(count)))


class _Grammar:
    """Draws phrases: lists of a word and its tag."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.stems = ["".join(rng.choice(_SYLLABLES, rng.integers(2, 4))) for _ in range(_STEMS)]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, words: Sequence[str], tag: str) -> list[tuple[str, str]]:
        return [(str(self.rng.choice(words)), tag)]

    def made_up(self, tag: str, ending: str = "") -> list[tuple[str, str]]:
        # Of the stems, a few are frequent and most are rare.
        stem = self.stems[int(_STEMS * self.rng.random() ** 3)]
        word = stem + str(self.rng.choice(ENDINGS[tag])) + ending
        return [(word.capitalize() if tag == "PROPN" else word, tag)]

    def noun(self) -> list[tuple[str, str]]:
        return self.pick(_NOUN_OR_VERB, "NOUN") if self.chance(0.3) else self.made_up("NOUN")

    def verb(self) -> list[tuple[str, str]]:
        return self.pick(_NOUN_OR_VERB, "VERB") if self.chance(0.5) else self.made_up("VERB")

    def noun_phrase(self) -> list[tuple[str, str]]:
        if self.chance(0.2):
            return self.made_up("PROPN")
        between = self.made_up(str(self.rng.choice(("ADJ", "NOUN")))) if self.chance(0.4) else []
        return self.pick(_DETERMINERS, "DET") + between + self.noun()

    def subject(self) -> list[tuple[str, str]]:
        return self.pick(_PRONOUNS, "PRON") if self.chance(0.5) else self.noun_phrase()

    def predicate(self) -> list[tuple[str, str]]:
        form = self.rng.integers(6)
        if form == 0:
            return self.verb() + self.noun_phrase()
        if form == 1:
            end = self.chance(0.5)
            return (
                self.verb()
                + self.pick(_PARTICLES, "ADV" if end else "ADP")
                + ([] if end else self.noun_phrase())
            )
        if form == 2:
            if self.chance(0.5):
                return [("have", "AUX"), *self.made_up("VERB", "d"), *self.noun_phrase()]
            return [("have", "VERB"), *self.noun_phrase()]
        if form == 3:
            if self.chance(0.5):
                return [*self.verb(), ("to", "PART"), *self.verb(), *self.noun_phrase()]
            return [*self.verb(), ("to", "ADP"), *self.noun_phrase()]
        if form == 4:
            verb, adverb = self.verb(), self.made_up("ADV")
            return verb + adverb if self.chance(0.5) else adverb + verb
        return self.pick(_LINKING, "VERB") + self.made_up(
            str(self.rng.choice(("ADJ", "NOUN", "PROPN", "ADV")))
        )

    def sentence(self) -> list[tuple[str, str]]:
        if self.chance(0.3):
            words = (
                self.pick(_ADJECTIVE_OR_VERB, "VERB") + self.noun_phrase()
                if self.chance(0.5)
                else self.pick(_ADJECTIVE_OR_VERB, "ADJ") + self.made_up("NOUN") + self.predicate()
            )
        else:
            words = self.subject() + self.predicate()
        if self.chance(0.3):
            words += self.pick(_PREPOSITIONS, "ADP") + self.noun_phrase()
        (first, tag), *others = words
        return [(first[0].upper() + first[1:], tag), *others, (".", "PUNCT")]
