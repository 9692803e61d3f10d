"""Sentences in which words of one kind take each other's place: the cat sleeps where the dog does."""

from typing import NamedTuple

import numpy as np

_SORTS = ("names", "manners", "actions", "places")
_KINDS = {
    "animals": (
        "cat dog horse fox rabbit goat sheep wolf bear mouse donkey otter badger deer squirrel hen",
        "furry wild tame hungry shy quick sleepy spotted stray young",
        "running sleeping hiding hunting grazing barking drinking jumping digging resting feeding howling",
        "garden forest meadow barn stable field river yard cave hills bushes farm",
    ),
    "people": (
        "teacher doctor lawyer nurse clerk writer painter student judge editor pilot tailor banker baker "
        "singer guard",
        "polite clever nervous honest busy famous retired ambitious patient elegant",
        "working writing reading talking waiting smiling lecturing arguing dining typing singing calculating",
        "office library school hospital theater courtroom kitchen studio bank museum lobby hotel",
    ),
    "vehicles": (
        "car truck train bus tram boat ferry plane tractor bicycle van wagon sledge yacht rocket scooter",
        "rusty shiny noisy modern electric heavy broken painted crowded expensive",
        "rolling stopping turning parking accelerating rattling braking drifting departing arriving idling "
        "leaking",
        "street harbor station garage tunnel airport bridge highway depot dock canal workshop",
    ),
}
# Words by kind ("animals", ...) and sort ("names", "manners", "actions", "places").
KINDS = {
    kind: {sort: words.split() for sort, words in zip(_SORTS, lists, strict=True)}
    for kind, lists in _KINDS.items()
}
_DETERMINERS, _TENSES = ("the", "a", "one", "this"), ("is", "was")
_PLACES = ("in", "near", "behind", "at")


class Sentences(NamedTuple):
    """Sentences and how likely they are.

    Attributes:
        texts: Words of each sentence.
        log_probabilities: `(n,)` float64 in nats, of each whole sentence: what nobody can predict better.
    """

    texts: list[list[str]]
    log_probabilities: np.ndarray


def generate_kinds(seed: int, sentences: int) -> Sentences:
    """Makes sentences such as "the hungry cat was sleeping near a barn": animals, people, vehicles.

    What is said of one of a kind is said of all of it, with the same probability: a few sentences tell the
    kinds, while most of the 9.7 million sentences never occur.

    Args:
        seed: Of the draws.
        sentences: How many.

    Returns:
        Sentences of 7 words, or 8 with a manner, drawn independently.
    """
    rng = np.random.default_rng(seed)
    kinds = [tuple(kind.values()) for kind in KINDS.values()]
    texts, logs = [], []
    for _ in range(sentences):
        names, manners, actions, places = kinds[rng.integers(len(kinds))]
        slots = [_DETERMINERS, names, _TENSES, actions, _PLACES, _DETERMINERS, places]
        likely = -np.log(2 * len(kinds))  # with a manner or without
        if rng.random() < 0.5:
            slots.insert(1, manners)
        texts.append([str(rng.choice(words)) for words in slots])
        logs.append(likely - sum(np.log(len(words)) for words in slots))
    return Sentences(texts, np.array(logs))
