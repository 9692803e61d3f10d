"""Sentences whose last word was decided by their first: the proctor's students open an exam."""

from collections.abc import Sequence

import numpy as np

HINTS = {"proctor": "exam", "teacher": "books"}  # the last word, by the first
CHOICES = 20  # words that a place in between has to choose from


def generate_endings(sentences: int, between: Sequence[int], rng: np.random.Generator) -> list[list[str]]:
    """Makes sentences such as "proctor started the a3 b17 c0 d9 students opened their exam".

    Args:
        sentences: How many.
        between: How many drawn words stand in between, at most 8; each sentence takes one of these numbers.
        rng: Source of the draws.

    Returns:
        Sentences of 7 words and those in between, drawn independently, either ending as likely.
    """
    found = []
    for hint in rng.choice(list(HINTS), sentences):
        drawn = [f"{place}{rng.integers(CHOICES)}" for place in "abcdabcd"[: rng.choice(between)]]
        found.append([hint, "started", "the", *drawn, "students", "opened", "their", HINTS[hint]])
    return found


def with_other_ending(text: Sequence[str]) -> list[str]:
    """The same sentence with the wrong last word."""
    (other,) = set(HINTS.values()) - {text[-1]}
    return [*text[:-1], other]
