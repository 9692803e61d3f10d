"""Sets of texts: generated sentences, CSV files of labeled texts, running text, and names."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import tabular
from suite.data.text_files import read_rows, read_text
from suite.data.tfds_images import is_tfds, split_training, tfds_builder, tfds_examples

PARTS = ("train", "validation", "test")
KINDS = ("plain", "negated", "contrasted", "distant")
MINIMUM_PER_LABEL = 5
MANY_PER_LABEL = 1000
MINIMUM_PARAGRAPHS = 20

_SUBJECTS = (
    "film", "book", "meal", "hotel", "concert", "lecture", "game", "story", "garden", "train", "coffee",
    "play", "song", "museum", "soup", "room", "trip", "phone", "exhibition", "pizza",
)  # fmt: skip
_OPPOSITES = (
    ("good", "bad"), ("great", "awful"), ("pleasant", "unpleasant"), ("exciting", "boring"),
    ("beautiful", "ugly"), ("excellent", "terrible"), ("charming", "dreadful"), ("clever", "stupid"),
    ("delightful", "annoying"), ("superb", "poor"),
)  # fmt: skip
_OPENINGS = ("", "i think ", "honestly , ", "they say ", "for me ", "this time ")
_VERBS = ("was", "is", "seemed")
_INTENSIFIERS = ("", "really ", "very ", "quite ", "simply ")
_DISTANT = ("what i would call ", "the kind that people call ", "anything that i would describe as ")


@dataclasses.dataclass(frozen=True, eq=False)
class TextSet:
    """Labeled texts, split.

    Attributes:
        texts: Per part of "train", "validation", "test": n strings.
        labels: Per part: `(n,)` int64 in [0, number of classes).
        classes: Class names by label.
        source: Name of the set, or path of the file.
        kinds: Per part: n kinds, where the set has some; see `generate_sentences`.
        quarantined: `{"file", "reason"}` of each line that was set aside.
    """

    texts: Mapping[str, Sequence[str]]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    source: str
    kinds: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    quarantined: tuple[dict[str, str], ...] = ()

    def describe(self) -> dict:
        """What `Result.data` says of it: source, classes, the size of each part, what was set aside."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        aside = list(self.quarantined)
        return {"source": self.source, "classes": list(self.classes), **sizes, "quarantined": aside}


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Running text, split by paragraphs, or names.

    Attributes:
        texts: Per part of "train", "validation", "test": paragraphs or names.
        source: Name of the text, or path of the file.
    """

    texts: Mapping[str, Sequence[str]]
    source: str

    def describe(self) -> dict:
        """What `Result.data` says of it: source, and the number of texts of each part."""
        return {"source": self.source, **{part: len(texts) for part, texts in self.texts.items()}}


def load_labeled(source: str, seed: int) -> TextSet:
    """Loads what `--data` names.

    Args:
        source: "embedded" for `generate_sentences`, "tfds" for imdb_reviews (its own test part; validation is
            a tenth of its training part), else the path of a CSV file; see `read_csv`.
        seed: Of the draws and of the split.
    """
    if is_tfds(source, "imdb_reviews"):
        return _read_reviews(tfds_builder("imdb_reviews"), seed)
    return generate_sentences(seed) if source == "embedded" else read_csv(source, seed)


def _read_reviews(builder: Any, seed: int) -> TextSet:
    texts, labels = {}, {}
    for part in ("train", "test"):
        examples = list(tfds_examples(builder, part))
        texts[part] = [each["text"].decode().replace("<br />", " ") for each in examples]
        labels[part] = np.array([int(each["label"]) for each in examples])
    rows = dict(zip(PARTS, split_training(len(texts["train"]), seed), strict=False))
    for part in ("validation", "train"):  # the part that is cut up comes last
        texts[part] = [texts["train"][row] for row in rows[part]]
        labels[part] = labels["train"][rows[part]]
    classes = tuple(builder.info.features["label"].names)
    return TextSet(texts, labels, classes, builder.name)


def generate_sentences(seed: int, pairs: int = 3000) -> TextSet:
    """Makes short judgments with negations, in pairs: the same sentence with good and bad exchanged.

    Four kinds, of 3/8, 1/4, 1/4 and 1/8 of the pairs:
        plain: "the film was really good"
        negated: "the film was not bad": one word turns the label
        contrasted: "the film was not bad , it was good": its twin of the other label has the same words
        distant: "the film was not what i would call bad", and as many without "not"

    Args:
        seed: Of the draws and of the split, in which a pair stays together.
        pairs: Number of pairs that are drawn; copies are left out.

    Returns:
        The set, split 70/15/15, with classes "negative" and "positive".
    """
    rng = np.random.default_rng(seed)
    drawn = dict(_draw_twins(rng) for _ in range(pairs))
    twins = list(drawn.items())
    rows = dict(zip(PARTS, tabular.split(len(twins), seed), strict=True))
    texts = {part: [text for row in rows[part] for text in twins[row][0]] for part in PARTS}
    kinds = {part: np.repeat([twins[row][1] for row in rows[part]], 2) for part in PARTS}
    labels = {part: np.tile(np.array([1, 0], np.int64), len(rows[part])) for part in PARTS}
    return TextSet(texts, labels, ("negative", "positive"), "generated sentences", kinds)


def _draw_twins(rng: np.random.Generator) -> tuple[tuple[str, str], str]:
    """A positive and a negative sentence, and their kind."""
    start = f"{rng.choice(_OPENINGS)}the {rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} "
    good, bad = _OPPOSITES[rng.integers(len(_OPPOSITES))]
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


def read_csv(path: str | os.PathLike, seed: int) -> TextSet:
    """Reads a CSV file of labeled texts.

    The first line names the columns, "text" and "label" among them; commas, semicolons or tabs stand
    between. Encodings: UTF-8, UTF-16 with a byte order mark, else Windows-1252. Rows without text or label,
    with too few or too many cells, and copies of an earlier text are set aside. The rest is split 60/20/20,
    label by label; labels with 1,000 rows or more 80/10/10, since a tenth is enough to measure.

    Args:
        path: The file.
        seed: Of the split.

    Returns:
        The set; "file" in `quarantined` is the file's name and the number of the line, from 1.

    Raises:
        ValueError: No such file, no such columns, fewer than 2 labels, or a label with fewer than 5 rows.
    """
    path = Path(path)
    texts, names, aside = [], [], []
    seen: dict[str, tuple[int, str]] = {}
    for line, cells, fault in read_rows(path, ("text", "label")):
        if fault or cells[0] in seen:
            reason = fault or _copy_of(*seen[cells[0]], cells[1])
            aside.append({"file": f"{path.name}:{line}", "reason": reason})
        else:
            text, name = cells
            texts.append(text)
            names.append(name)
            seen[text] = line, name
    return _split(texts, names, aside, path, seed)


def _copy_of(line: int, label: str, name: str) -> str:
    return f"copy of line {line}" + ("" if label == name else f", which has the label {label!r}")


def _split(texts: list[str], names: list[str], aside: list[dict], path: Path, seed: int) -> TextSet:
    counts = Counter(names)
    classes = tuple(sorted(counts))
    if len(classes) < 2:
        found = f" ({classes[0]!r})" if classes else ""
        raise ValueError(
            f"expected at least 2 labels in {path}, received {len(classes)}{found}; add texts of another"
        )
    rarest = min(classes, key=lambda name: counts[name])
    if counts[rarest] < MINIMUM_PER_LABEL:
        raise ValueError(
            f"expected at least {MINIMUM_PER_LABEL} different texts of each label in {path}, received "
            f"{counts[rarest]} of {rarest!r}; add some"
        )
    labels = np.array([classes.index(name) for name in names])
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for label in range(len(classes)):
        rows = np.flatnonzero(labels == label)
        shares = (0.6, 0.2, 0.2) if len(rows) < MANY_PER_LABEL else (0.8, 0.1, 0.1)
        for part, chosen in zip(PARTS, tabular.split(len(rows), seed, shares), strict=True):
            parts[part] += rows[chosen].tolist()
    return TextSet(
        texts={part: [texts[row] for row in sorted(rows)] for part, rows in parts.items()},
        labels={part: labels[sorted(rows)] for part, rows in parts.items()},
        classes=classes,
        source=str(path),
        quarantined=tuple(aside),
    )


def load_corpus(source: str, seed: int, *, copies: bool = False) -> Corpus:
    """Loads running text.

    Args:
        source: "embedded" for Python's own documentation (465 kB of English), "tfds" for tiny_shakespeare
            (1.1 MB), or the path of a text file, in UTF-8, UTF-16 with a byte order mark, or Windows-1252.
        seed: Of the split of paragraphs, 80/10/10; tiny_shakespeare has its own.
        copies: Whether a paragraph stays that has the words of an earlier one. Of Python's documentation
            that is more than a fifth: with them, three of ten held-out ones are in training, too.

    Returns:
        The corpus; blank lines stand between paragraphs.

    Raises:
        ValueError: No such file or set, or fewer than 20 paragraphs.
    """
    if is_tfds(source, "tiny_shakespeare"):
        builder = tfds_builder("tiny_shakespeare")
        wholes = {part: next(iter(tfds_examples(builder, part)))["text"].decode() for part in PARTS}
        texts = {part: paragraphs(text) for part, text in wholes.items()}
        return Corpus(texts if copies else _without_copies(texts), "tiny_shakespeare")
    if source == "embedded":
        from pydoc_data.topics import topics

        found, name = paragraphs("\n\n".join(topics[key] for key in sorted(topics))), "Python documentation"
    else:
        found, name = paragraphs(read_text(Path(source), "a text file")), source
    found = found if copies else _without_copies({"": found})[""]
    if len(found) < MINIMUM_PARAGRAPHS:
        raise ValueError(
            f"expected at least {MINIMUM_PARAGRAPHS} paragraphs in {name}, received {len(found)}; put blank "
            "lines between them"
        )
    rows = zip(PARTS, tabular.split(len(found), seed, (0.8, 0.1, 0.1)), strict=True)
    return Corpus({part: [found[row] for row in chosen] for part, chosen in rows}, name)


def _without_copies(parts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leaves out what has the same words, whatever their case and what is between, as something before."""
    kept: dict[str, list[str]] = {part: [] for part in parts}
    seen = set()
    for part, texts in parts.items():
        for text in texts:
            words = tuple(re.findall(r"\w+", text.lower()))
            if words not in seen:
                seen.add(words)
                kept[part].append(text)
    return kept


def load_names(seed: int) -> Corpus:
    """Loads the first and last names of the package `names`, from the census of the United States, 1990.

    Args:
        seed: Of the split, 80/10/10; every name stands in one part only.

    Returns:
        The corpus; its texts are names such as "Mary", all different.
    """
    import names

    lines = [line for path in names.FILES.values() for line in Path(path).read_text("ascii").splitlines()]
    found = sorted({line.split()[0].capitalize() for line in lines})
    rows = zip(PARTS, tabular.split(len(found), seed, (0.8, 0.1, 0.1)), strict=True)
    return Corpus({part: [found[row] for row in chosen] for part, chosen in rows}, "names")


def paragraphs(text: str) -> list[str]:
    """The parts of a text between blank lines, those without a letter left out."""
    found = (part.strip() for part in re.split(r"\n[ \t\r]*\n", text))
    return [part for part in found if re.search(r"\w", part)]
