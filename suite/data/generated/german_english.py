"""Sentences of a small German grammar with their English translations, whose words stand in another order."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

_Entry = TypeVar("_Entry")


class Translated(NamedTuple):
    """A sentence.

    Attributes:
        german: In lower case, a blank between tokens.
        english: What one of two translators wrote.
        valid: All that either may write, `english` first.
    """

    german: str
    english: str
    valid: tuple[str, ...]


# By gender: masculine, feminine, neuter.
_PEOPLE = (
    "mann=man, vater=father, koch=cook, hund=dog, esel=donkey",
    "frau=woman, mutter=mother, tante=aunt, katze=cat, ente=duck",
    "kind=child, mädchen=girl, baby=baby, pferd=horse, schaf=sheep",
)
_THINGS = (
    "apfel=apple, ball=ball, brief=letter, schlüssel=key, ofen=oven",
    "tür=door, lampe=lamp, tasse=cup, uhr=clock, kiste=box",
    "buch=book, fenster=window, auto=car, bild=picture, radio=radio",
)
_ADJECTIVES = (
    "alt=old, klein=small, groß=big, neu=new, schnell=fast, langsam=slow, lustig=funny, laut=loud, "
    "seltsam=strange, schön=beautiful"
)
_ARTICLES = {  # and the adjective's ending after it
    "nominative": {
        "the": (("der", "e"), ("die", "e"), ("das", "e")),
        "a": (("ein", "er"), ("eine", "e"), ("ein", "es")),
        "my": (("mein", "er"), ("meine", "e"), ("mein", "es")),
    },
    "accusative": {
        "the": (("den", "en"), ("die", "e"), ("das", "e")),
        "a": (("einen", "en"), ("eine", "e"), ("ein", "es")),
        "my": (("meinen", "en"), ("meine", "e"), ("mein", "es")),
    },
}
# German: present, the particle that the present sends to the end, infinitive, participle. English: present,
# infinitive, past.
_VERBS = """
    findet - finden gefunden = finds / find / found; kauft - kaufen gekauft = buys / buy / bought;
    sieht - sehen gesehen = sees / see / saw; sieht an ansehen angesehen = looks at / look at / looked at;
    nimmt - nehmen genommen = takes / take / took;
    nimmt mit mitnehmen mitgenommen = takes along / take along / took along;
    holt - holen geholt = fetches / fetch / fetched;
    holt ab abholen abgeholt = collects / collect / collected;
    macht - machen gemacht = makes / make / made; macht auf aufmachen aufgemacht = opens / open / opened;
    macht zu zumachen zugemacht = closes / close / closed;
    macht an anmachen angemacht = switches on / switch on / switched on;
    macht aus ausmachen ausgemacht = switches off / switch off / switched off"""
_TIMES = (
    "heute=today, oft=often, jetzt=now, jeden tag=every day, am abend=in the evening, am montag=on monday, "
    "um acht=at eight, im sommer=in summer"
)
_PLACES = (
    "im garten=in the garden, in der küche=in the kitchen, auf dem markt=at the market, "
    "am fluss=by the river, in der schule=at school, hinter dem haus=behind the house"
)
# In second place, with an infinitive at the end: what the first translator writes, and the second in turns.
_MODALS = {
    "kann": ("can", "is able to", "manages to"),
    "muss": ("must", "has to", "needs to"),
    "wird": ("will", "is going to", "plans to"),
    "soll": ("should", "is to", "ought to"),
}
_SAYING = "sagt=says, glaubt=believes, hofft=hopes, weiß=knows"
FIRST_SHARE = 0.45  # of the sentences: the first translator's


def _pairs(text: str) -> list[tuple[str, str]]:
    halves = (entry.strip().split("=") for entry in text.split(","))
    return [(german, english) for german, english in halves]


def _verbs() -> list[tuple[list[str], list[str]]]:
    entries = (entry.split("=") for entry in _VERBS.split(";"))
    return [(german.split(), [form.strip() for form in english.split("/")]) for german, english in entries]


class _Clause(NamedTuple):
    """A clause: in German, as the first translator puts it, and the ways in which the second does."""

    german: str
    first: str
    second: tuple[str, ...]


class _Grammar:
    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.nouns: dict[Sequence[str], list[tuple[int, str, str]]] = {
            texts: [(gender, *pair) for gender, text in enumerate(texts) for pair in _pairs(text)]
            for texts in (_PEOPLE, _THINGS)
        }
        self.verbs, self.adjectives = _verbs(), _pairs(_ADJECTIVES)
        self.times, self.places = _pairs(_TIMES), _pairs(_PLACES)
        self.saying = _pairs(_SAYING)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, entries: Sequence[_Entry]) -> _Entry:
        return entries[int(self.rng.integers(len(entries)))]

    def noun_phrase(self, kind: Sequence[str], case: str) -> tuple[str, str]:
        gender, german, english = self.pick(self.nouns[kind])
        article = self.pick(("the", "the", "a", "my"))
        (word, ending), adjectives = _ARTICLES[case][article][gender], []
        if self.chance(0.4):
            adjectives = [self.pick(self.adjectives)]
        german = " ".join([word, *(stem + ending for stem, _ in adjectives), german])
        english = " ".join([*(meaning for _, meaning in adjectives), english])
        return german, f"{'an' if article == 'a' and english[0] in 'aeiou' else article} {english}"

    def clause(self, verb_last: bool) -> _Clause:
        """A clause with its finite verb last, or second."""
        subject, subject_meaning = self.noun_phrase(_PEOPLE, "nominative")
        verb, meanings = self.pick(self.verbs)
        thing, thing_meaning = self.noun_phrase(_THINGS, "accusative")
        time, time_meaning = self.pick(self.times) if self.chance(0.6) else ("", "")
        place, place_meaning = self.pick(self.places) if self.chance(0.3) else ("", "")
        negated = self.chance(0.15)
        finite, closing, ways = self.predicate(verb, meanings, negated)
        middle = [thing, "nicht" * negated, place]
        if verb_last:  # where a particle is joined to it
            german = [
                subject,
                time,
                *middle,
                *([closing + finite] if closing == verb[1] else [closing, finite]),
            ]
        elif time and self.chance(0.5):
            german = [time, finite, subject, *middle, closing]
        else:
            german = [subject, finite, time, *middle, closing]
        tails = [_joined([subject_meaning, way, thing_meaning, place_meaning]) for way in ways]
        later = [_joined([tail, time_meaning]) for tail in tails]
        sooner = later if verb_last else [_joined([time_meaning, tail]) for tail in tails]
        return _Clause(_joined(german), later[0], tuple(sooner[-2:]))

    def predicate(self, verb: list[str], meanings: list[str], negated: bool) -> tuple[str, str, list[str]]:
        """The finite verb and what closes the clause; in English the first translator's way, then others."""
        present, particle, infinitive, participle = verb
        tense = self.pick(("present", "perfect", "modal", "modal"))
        if tense == "present":
            way = f"does not {meanings[1]}" if negated else meanings[0]
            return present, particle.strip("-"), [way]
        if tense == "perfect":
            return "hat", participle, [f"did not {meanings[1]}" if negated else meanings[2]]
        modal = self.pick(list(_MODALS))
        return (
            modal,
            infinitive,
            [f"{_negated(way) if negated else way} {meanings[1]}" for way in _MODALS[modal]],
        )

    def sentence(self) -> Translated:
        """A clause, or one that somebody says."""
        said = self.chance(0.2)
        clause, german, english = self.clause(verb_last=said), "{} .", "{} ."
        if said:
            (person, meaning), (saying, says) = (
                self.noun_phrase(_PEOPLE, "nominative"),
                self.pick(self.saying),
            )
            german, english = f"{person} {saying} , dass {{}} .", f"{meaning} {says} that {{}} ."
        ways = [english.format(way) for way in (clause.first, *clause.second)]
        chosen = ways[0] if self.chance(FIRST_SHARE) else self.pick(ways[1:])
        return Translated(german.format(clause.german), chosen, tuple(dict.fromkeys((chosen, *ways))))


def _joined(words: Iterable[str]) -> str:
    return " ".join(" ".join(words).split())


def _negated(way: str) -> str:
    """As in "can not", "is not able to", "does not manage to"."""
    word, *more = way.split(" ")
    if word in ("manages", "has", "needs", "plans"):
        return " ".join(["does not", "have" if word == "has" else word.removesuffix("s"), *more])
    return " ".join([word, "not", *more])


def draw_translations(count: int, seed: int, longest: int = 14) -> list[Translated]:
    """Draws German sentences, each translated by one of two translators.

    German has the finite verb in second place whatever comes first, the other half of the verb at the end
    ("macht das fenster auf": opens the window), all of it there after "dass", and times before things;
    English has one order. What stands at the end tells whether "macht" is makes, opens, closes or switches.

    The first translator always writes "must" and puts the time last. The second begins a main clause with the
    time, and writes "has to" and "needs to" in turns. So where there are both, more sentences begin as the
    second one's, and yet the most probable whole is the first one's.

    Args:
        count: How many German sentences; none comes twice.
        seed: Of the draws.
        longest: Most tokens of a sentence in either language.
    """
    grammar, found = _Grammar(np.random.default_rng(seed)), dict[str, Translated]()
    while len(found) < count:
        each = grammar.sentence()
        if max(len(text.split()) for text in (each.german, *each.valid)) <= longest:
            found.setdefault(each.german, each)
    return list(found.values())
