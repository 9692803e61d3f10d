"""Short judgments with negations, in pairs: the same sentence with good and bad exchanged."""

import numpy as np

KINDS = ("plain", "negated", "contrasted", "distant")

SUBJECTS = (
    "film", "book", "meal", "hotel", "concert", "lecture", "game", "story", "garden", "train", "coffee",
    "play", "song", "museum", "soup", "room", "trip", "phone", "exhibition", "pizza",
)  # fmt: skip
OPPOSITES = (
    ("good", "bad"), ("great", "awful"), ("pleasant", "unpleasant"), ("exciting", "boring"),
    ("beautiful", "ugly"), ("excellent", "terrible"), ("charming", "dreadful"), ("clever", "stupid"),
    ("delightful", "annoying"), ("superb", "poor"),
)  # fmt: skip
_OPENINGS = ("", "i think ", "honestly , ", "they say ", "for me ", "this time ")
_VERBS = ("was", "is", "seemed")
_INTENSIFIERS = ("", "really ", "very ", "quite ", "simply ")
_DISTANT = ("what i would call ", "the kind that people call ", "anything that i would describe as ")


def draw_judgments(count: int, seed: int) -> dict[tuple[str, str], str]:
    """Draws pairs of a positive and a negative sentence.

    Four kinds, of 3/8, 1/4, 1/4 and 1/8 of the pairs:
        plain: "the film was really good"
        negated: "the film was not bad": one word turns the label
        contrasted: "the film was not bad , it was good": its twin of the other label has the same words
        distant: "the film was not what i would call bad", and as many without "not"

    Args:
        count: Number of pairs that are drawn; copies are left out.
        seed: Of the draws.

    Returns:
        The kind of each pair.
    """
    rng = np.random.default_rng(seed)
    return dict(_draw_twins(rng) for _ in range(count))


def _draw_twins(rng: np.random.Generator) -> tuple[tuple[str, str], str]:
    """A positive and a negative sentence, and their kind."""
    start = f"{rng.choice(_OPENINGS)}the {rng.choice(SUBJECTS)} {rng.choice(_VERBS)} "
    good, bad = OPPOSITES[rng.integers(len(OPPOSITES))]
    kind = KINDS[rng.choice(4, p=(0.375, 0.25, 0.25, 0.125))]
    before = rng.choice(_INTENSIFIERS)
    if kind == "negated":
        return (f"{start}not {bad}", f"{start}not {good}"), kind
    if kind == "contrasted":
        first = rng.random() < 0.5
        form = f"{start}not {{1}} , it was {{0}}" if first else f"{start}{{0}} , it was not {{1}}"
        return (form.format(good, bad), form.format(bad, good)), kind
    if kind == "distant":
        phrase = rng.choice(_DISTANT)
        if rng.random() < 0.5:
            return (f"{start}not {phrase}{bad}", f"{start}not {phrase}{good}"), kind
        before = phrase
    return (f"{start}{before}{good}", f"{start}{before}{bad}"), kind
