"""Short opinions with words that are mostly rare, and in which the order of the words decides; made up."""

import numpy as np

from suite.data.generated.judgments import KINDS, SUBJECTS

PRAISE = (
    "good", "great", "excellent", "pleasant", "exciting", "beautiful", "charming", "clever", "superb",
    "delightful", "lovely", "brilliant", "splendid", "fresh", "elegant", "friendly", "generous",
    "graceful", "helpful", "honest", "inspiring", "lively", "magnificent", "memorable", "perfect",
    "polished", "refined", "remarkable", "satisfying", "skillful", "smooth", "spotless", "stunning",
    "tasteful", "tender", "thrilling", "touching", "vivid", "warm", "witty", "wonderful", "admirable",
    "astonishing", "captivating", "cheerful", "cosy", "dazzling", "enchanting", "flawless", "gorgeous",
    "harmonious", "imaginative", "joyful", "luminous", "marvellous", "nourishing", "outstanding",
    "playful", "radiant", "sparkling",
)  # fmt: skip
BLAME = (
    "bad", "awful", "terrible", "unpleasant", "boring", "ugly", "dreadful", "stupid", "poor",
    "annoying", "horrible", "clumsy", "shabby", "stale", "crude", "rude", "greedy", "awkward",
    "useless", "dishonest", "tedious", "lifeless", "miserable", "forgettable", "faulty", "sloppy",
    "coarse", "mediocre", "disappointing", "careless", "rough", "filthy", "appalling", "tasteless",
    "harsh", "dull", "shallow", "bland", "cold", "silly", "lousy", "hopeless", "pathetic", "irritating",
    "gloomy", "cramped", "dismal", "repulsive", "broken", "hideous", "jarring", "uninspired", "joyless",
    "murky", "wretched", "rotten", "inferior", "tiresome", "drab", "insipid",
)  # fmt: skip
_OPENINGS = (
    "", "", "i think ", "honestly , ", "they say ", "for me ", "this time ", "after a long day ",
    "on monday we went there ; ", "my sister was with us : ",
)  # fmt: skip
_VERBS = ("was", "is", "seemed", "turned out")
_INTENSIFIERS = ("", "", "really ", "very ", "quite ", "simply ", "rather ")
_SHARES = (0.4, 0.2, 0.2, 0.2)


def draw_opinions(count: int, seed: int) -> dict[tuple[str, str], str]:
    """Draws pairs of a positive and a negative text.

    Sixty words of praise and sixty of blame, the n-th as often as 1 / n says: most are rare. Four kinds, of
    2/5, 1/5, 1/5 and 1/5 of the pairs:
        plain: "the film was superb , the story witty and the soup good": one side, two or three times
        negated: "the film was not dull"
        contrasted: "the film was not dull , it was witty": its twin of the other label has the same words
        distant: "nobody would call the story of that film dull", and as many with "everybody"

    Args:
        count: Number of pairs that are drawn; copies are left out.
        seed: Of the draws.

    Returns:
        The kind of each pair.
    """
    rng = np.random.default_rng(seed)
    return dict(_draw_twins(rng) for _ in range(count))


def _draw_twins(rng: np.random.Generator) -> tuple[tuple[str, str], str]:
    """A positive and a negative text, and their kind."""
    kind = KINDS[rng.choice(len(KINDS), p=_SHARES)]
    opening, verb, strength = (str(rng.choice(words)) for words in (_OPENINGS, _VERBS, _INTENSIFIERS))
    one, two, three = map(str, rng.choice(SUBJECTS, 3, replace=False))
    frequencies = 1 / np.arange(1, len(PRAISE) + 1)
    places = rng.choice(len(PRAISE), 3, replace=False, p=frequencies / frequencies.sum())
    good, bad = ([words[place] for place in places] for words in (PRAISE, BLAME))
    if kind == "negated":
        form, words = f"{opening}the {one} {verb} not {{0}}", (bad, good)
    elif kind == "contrasted":
        first = rng.random() < 0.5
        form = "not {1} , it was {0}" if first else "{0} , it was not {1}"
        form, words = f"{opening}the {one} {verb} {form}", ([good[0], bad[1]], [bad[1], good[0]])
    elif kind == "distant":
        somebody = rng.random() < 0.5
        who = "everybody" if somebody else "nobody"
        form = f"{opening}{who} would call the {one} of that {two} {strength}{{0}}"
        words = (good, bad) if somebody else (bad, good)
    else:
        form, words = f"{opening}the {one} {verb} {strength}{{0}} and the {two} {{1}}", (good, bad)
        if rng.random() < 0.5:
            form = f"{opening}the {one} {verb} {strength}{{0}} , the {two} {{1}} and the {three} {{2}}"
    return (form.format(*words[0]), form.format(*words[1])), kind
