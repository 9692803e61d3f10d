"""Sentences with a tag for each word: a generated grammar, CoNLL-U files, the English Web Treebank."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders.tables import find_parts, part_named, read_text
from suite.data.sets.tfds_images import is_tfds, tfds_builder, tfds_examples
from suite.data.splits import SPLITS, split_rows

MINIMUM_SENTENCES = 20
TREEBANK = "universal_dependencies/en_ewt"

_STEMS = 600
_SYLLABLES = ("ba", "do", "fi", "ga", "lo", "mi", "na", "pe", "ra", "so", "tu", "ve")
_ENDINGS = {
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
_COLUMNS = 10  # of a line in CoNLL-U: ID, FORM, LEMMA, UPOS and six more


@dataclasses.dataclass(frozen=True, eq=False)
class TaggedSet:
    """Sentences with a tag for each word, split.

    Attributes:
        words: Per part of "train", "validation", "test": n tuples of words, as written.
        labels: Per part: n arrays `(words,)` int64 in [0, number of tags).
        tags: Tag names by label.
        source: Name of the set, or path of the file.
        quarantined: `{"file", "reason"}` of each line that was set aside.
    """

    words: Mapping[str, Sequence[tuple[str, ...]]]
    labels: Mapping[str, Sequence[np.ndarray]]
    tags: tuple[str, ...]
    source: str
    quarantined: tuple[dict[str, str], ...] = ()

    def describe(self) -> dict:
        """What `Result.data` says of it: source, tags, the sentences of each part, what was set aside."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        aside = list(self.quarantined)
        return {"source": self.source, "classes": list(self.tags), **sizes, "quarantined": aside}


def load_tagged(source: str, seed: int) -> TaggedSet:
    """Loads what `--data` names.

    Args:
        source: "embedded" for `generate_tagged`, "tfds" for the English Web Treebank of Universal
            Dependencies with its own split, else the path of a CoNLL-U file or of a treebank's folder; see
            `read_conllu`.
        seed: Of the draws and of the split.

    Raises:
        ValueError: No such file or set, or too few sentences.
    """
    if is_tfds(source, TREEBANK):
        return _read_treebank(tfds_builder(TREEBANK))
    return generate_tagged(seed) if source == "embedded" else read_conllu(source, seed)


def _make_set(
    sentences: Mapping[str, Sequence[Sequence[tuple[str, str]]]], source: str, aside: Sequence[dict] = ()
) -> TaggedSet:
    """Of pairs of a word and its tag; the tags are those of all parts, in alphabetical order."""
    tags = tuple(sorted({tag for part in sentences.values() for pairs in part for _, tag in pairs}))
    index = {tag: label for label, tag in enumerate(tags)}
    return TaggedSet(
        {part: [tuple(word for word, _ in pairs) for pairs in each] for part, each in sentences.items()},
        {
            part: [np.array([index[tag] for _, tag in pairs], np.int64) for pairs in each]
            for part, each in sentences.items()
        },
        tags,
        source,
        tuple(aside),
    )


def generate_tagged(seed: int, sentences: int = 4000) -> TaggedSet:
    """Makes sentences of a small grammar, in which neither words nor one direction are enough.

    What stands on the left tells a noun from a verb ("the plan", "they plan"). Only what stands on the right
    tells a verb from an adjective at the beginning ("Open the box", "Open boxness fell"), the auxiliary
    "have" from the verb ("have planned", "have the plan"), an adverb from an adposition ("walk up .", "walk
    up the hill"), and the two kinds of "to". Nouns, verbs, adjectives, adverbs and names are made up of
    stems and endings ("tolaness", "tolaful"), so many that some never occur in training; where several of
    them may stand, only the ending tells.

    Args:
        seed: Of the draws and of the split.
        sentences: How many are drawn; copies are left out.

    Returns:
        The set, split 70/15/15, with tags of Universal Dependencies.
    """
    grammar = _Grammar(np.random.default_rng(seed))
    drawn = list(dict.fromkeys(tuple(grammar.sentence()) for _ in range(sentences)))
    rows = zip(SPLITS, split_rows(len(drawn), seed), strict=True)
    return _make_set({part: [drawn[row] for row in chosen] for part, chosen in rows}, "generated grammar")


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
        word = stem + str(self.rng.choice(_ENDINGS[tag])) + ending
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


def _read_treebank(builder: Any) -> TaggedSet:
    names = builder.info.features["upos"].feature.names
    sentences = {}
    for part, split in zip(SPLITS, ("train", "dev", "test"), strict=True):
        examples = tfds_examples(builder, split, features=("tokens", "upos"))
        every = [
            [
                (word.decode(), names[tag])
                for word, tag in zip(example["tokens"], example["upos"], strict=True)
                if names[tag] != "_"  # a contraction, whose parts follow
            ]
            for example in examples
        ]
        sentences[part] = [pairs for pairs in every if pairs]
    return _make_set(sentences, TREEBANK)


def read_conllu(path: str | os.PathLike, seed: int) -> TaggedSet:
    """Reads a file in the CoNLL-U format of Universal Dependencies, or a treebank's folder.

    A line a word, with ten columns between tabs, of which FORM (the second) and UPOS (the fourth) are read;
    a blank line after each sentence; comments begin with "#". Contractions ("1-2") and words that are not
    there ("1.1") are passed over. A sentence with a line that is none of these is set aside as a whole.
    Encodings are those of `suite.data.sets.labeled_texts.read_csv`.

    A file is split 80/10/10. In a folder, files with "train", "dev" and "test" in their names are the parts;
    what is missing is split off the training file, a tenth each.

    Args:
        path: The file or the folder.
        seed: Of the split.

    Returns:
        The set; "file" in `quarantined` is the file's name and the number of the bad line, from 1.

    Raises:
        ValueError: No such file, fewer than 20 sentences without a fault, or fewer than 2 tags.

    Reference:
        https://universaldependencies.org/format.html
    """
    path = Path(path)
    files = {"train": path}
    if path.is_dir():
        files = find_parts(path, (".conllu", ".conll"), "CoNLL-U files of a treebank")
    elif path.is_file():
        _say_of_other_parts(path)
    aside: list[dict[str, str]] = []
    parts = {part: _read_sentences(file, aside) for part, file in files.items()}
    sentences = parts["train"]
    if len(sentences) < MINIMUM_SENTENCES:
        bad = (
            f"; {len(aside)} lines are wrong, first {aside[0]['file']}: {aside[0]['reason']}" if aside else ""
        )
        raise ValueError(
            f"expected at least {MINIMUM_SENTENCES} sentences in {files['train']}, received "
            f"{len(sentences)}{bad}; add some, with a blank line after each"
        )
    missing = [part for part in SPLITS if not parts.get(part)]
    if missing:
        shares = (1 - 0.1 * len(missing), *[0.1] * len(missing))
        rows = zip(["train", *missing], split_rows(len(sentences), seed, shares), strict=True)
        parts |= {part: [sentences[row] for row in chosen] for part, chosen in rows}
    found = _make_set({part: parts[part] for part in SPLITS}, str(path), aside)
    if len(found.tags) < 2:
        raise ValueError(
            f"expected at least 2 tags in the fourth column of {path}, received {found.tags[0]!r} alone"
        )
    return found


def _say_of_other_parts(path: Path) -> None:
    """A training file alone is split anew, though its owner has split already."""
    siblings = [each.name for each in path.parent.glob(f"*{path.suffix}") if each != path]
    others = sorted(name for name in siblings if part_named(name))
    if part_named(path.name) == "train" and others:
        console.warn(f"{path.name} is split anew; give its folder to keep {', '.join(others)} as they are")


def _read_sentences(path: Path, aside: list[dict[str, str]]) -> list[list[tuple[str, str]]]:
    """Pairs of a word and its tag; what is wrong goes to `aside`."""
    sentences: list[list[tuple[str, str]]] = []
    pairs: list[tuple[str, str]] = []
    is_bad = False
    for number, line in enumerate([*read_text(path, "a CoNLL-U file").split("\n"), ""], 1):
        if not line.strip():
            if pairs and not is_bad:
                sentences.append(pairs)
            pairs, is_bad = [], False
        elif not line.startswith("#"):
            pair, reason = _read_word(line)
            if reason:
                aside.append(
                    {"file": f"{path.name}:{number}", "reason": f"{reason}; its sentence is left out"}
                )
                is_bad = True
            elif pair:
                pairs.append(pair)
    return sentences


def _read_word(line: str) -> tuple[tuple[str, str] | None, str | None]:
    """The word and its tag, or None where the line is to be passed over; and what is wrong, if anything."""
    cells = line.split("\t")
    if len(cells) != _COLUMNS:
        return None, f"{len(cells)} columns, not {_COLUMNS} between tabs"
    index, word, _, tag = (cell.strip() for cell in cells[:4])
    if not index.replace("-", "", 1).replace(".", "", 1).isdecimal():
        return None, f"the ID {index!r}, which is no number"
    if not index.isdecimal():
        return None, None
    if not word:
        return None, "no word"
    if tag in ("", "_"):
        return None, f"no tag for {word!r}"
    return (word, tag), None
