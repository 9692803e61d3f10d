"""Labeled texts: generated sentences, reviews, and a user's CSV file, or a file for each part."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders.columns import find_columns
from suite.data.folders.tables import find_parts, read_table
from suite.data.generated.judgments import draw_judgments
from suite.data.generated.opinions import draw_opinions
from suite.data.set_aside import SetAside
from suite.data.sets.tfds_images import split_training, tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS, split_by_label, split_rows

MINIMUM_PER_LABEL = 5


@dataclasses.dataclass(frozen=True, eq=False)
class TextSet:
    """Labeled texts, split.

    Attributes:
        texts: Per part of "train", "validation", "test": n strings.
        labels: Per part: `(n,)` int64 in [0, number of classes).
        classes: Class names by label.
        source: Name of the set, or path of the file.
        kinds: Per part: n kinds, where the set has some; see `generate_sentences`.
        quarantined: Each line that was set aside.
        columns: Names of the columns that texts and labels are from, by "text" and "label".
    """

    texts: Mapping[str, Sequence[str]]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    source: str
    kinds: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    quarantined: tuple[SetAside, ...] = ()
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it: source, classes, the size of each part, what was set aside."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        columns = {f"{kind}_column": name for kind, name in self.columns.items()}
        aside = list(self.quarantined)
        about = {"source": self.source, "classes": list(self.classes)}
        return {**about, **sizes, **columns, "quarantined": aside}


def load(
    source: Source,
    seed: int,
    text_column: str | None = None,
    label_column: str | None = None,
    generate: Callable[[int], TextSet] | None = None,
) -> TextSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is `generate_sentences`, TFDS is imdb_reviews (its own test part; validation is a
            tenth of its training part), a path that of a CSV file or of a folder of such; see `read_csv`.
        seed: Of the draws and of the split.
        text_column: Name of the column of texts of a file, or its number from 1; None: found.
        label_column: The same of the labels.
        generate: Makes the embedded set of a seed instead of `generate_sentences`.

    Raises:
        ValueError: As for `read_csv`; a set that cannot be had, or columns of one that is no file.
    """
    if (text_column or label_column) and source.path is None:
        raise ValueError(
            f"expected text_column and label_column with a file of your own, received --data {source}; leave "
            "them out"
        )
    return source.load(
        embedded=lambda: (generate or generate_sentences)(seed),
        tfds={"imdb_reviews": lambda: _read_reviews(seed)},
        path=lambda path: read_csv(path, seed, text_column, label_column),
    )


def _read_reviews(seed: int) -> TextSet:
    builder = tfds_builder("imdb_reviews")
    texts, labels = {}, {}
    for part in ("train", "test"):
        examples = list(tfds_examples(builder, part))
        texts[part] = [each["text"].decode().replace("<br />", " ") for each in examples]
        labels[part] = np.array([int(each["label"]) for each in examples])
    rows = dict(zip(SPLITS, split_training(len(texts["train"]), seed), strict=False))
    for part in ("validation", "train"):  # the part that is cut up comes last
        texts[part] = [texts["train"][row] for row in rows[part]]
        labels[part] = labels["train"][rows[part]]
    classes = tuple(builder.info.features["label"].names)
    return TextSet(texts, labels, classes, builder.name)


def generate_sentences(seed: int, pairs: int = 3000) -> TextSet:
    """Makes short judgments with negations, see `draw_judgments`.

    Args:
        seed: Of the draws and of the split, in which a pair stays together.
        pairs: Number of pairs that are drawn; copies are left out.

    Returns:
        The set, split 70/15/15, with classes "negative" and "positive".
    """
    return _of_twins(draw_judgments(pairs, seed), (0.7, 0.15, 0.15), seed, "generated sentences")


def generate_opinions(seed: int, pairs: int = 2500, wrong: float = 0.05) -> TextSet:
    """Makes short opinions of mostly rare words, see `draw_opinions`.

    Args:
        seed: Of the draws and of the split, in which a pair stays together.
        pairs: Number of pairs that are drawn; copies are left out.
        wrong: Share of the training labels that are the other one, as if somebody had slipped.

    Returns:
        The set, split 40/10/50: half of it tests, so that chance weighs little.
    """
    found = _of_twins(draw_opinions(pairs, seed), (0.4, 0.1, 0.5), seed, "generated opinions")
    labels = found.labels["train"]
    slips = np.random.default_rng(seed).random(len(labels)) < wrong
    return dataclasses.replace(found, labels={**found.labels, "train": np.where(slips, 1 - labels, labels)})


def _of_twins(
    drawn: Mapping[tuple[str, str], str], shares: tuple[float, float, float], seed: int, source: str
) -> TextSet:
    """Of pairs of a positive and a negative text with their kind."""
    twins = list(drawn.items())
    rows = dict(zip(SPLITS, split_rows(len(twins), seed, shares), strict=True))
    texts = {part: [text for row in rows[part] for text in twins[row][0]] for part in SPLITS}
    kinds = {part: np.repeat([twins[row][1] for row in rows[part]], 2) for part in SPLITS}
    labels = {part: np.tile(np.array([1, 0], np.int64), len(rows[part])) for part in SPLITS}
    return TextSet(texts, labels, ("negative", "positive"), source, kinds)


class _Labeled:
    """Texts with the names of their labels, part by part."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[str, str]]] = {}
        self.aside: list[SetAside] = []
        self.columns: dict[str, str] = {}
        self._seen: dict[str, tuple[str, str]] = {}  # the place and the label of each text

    def read(self, part: str, path: Path, text: str | None, label: str | None) -> None:
        table = read_table(path, "a CSV file with columns text and label")
        columns = find_columns(table, text, label)
        self.columns = {"text": columns.names[columns.text], "label": columns.names[columns.label]}
        rows = self.rows.setdefault(part, [])
        for row in columns.body(table):
            words, name, reason = columns.read(row)
            place = f"{path.name}:{row.line}"
            reason = reason or self._copied(words, name, place)
            if reason:
                self.aside.append(SetAside(place, reason))
            else:
                rows.append((words, name))

    def _copied(self, text: str, label: str, place: str) -> str:
        if text not in self._seen:
            self._seen[text] = place, label
            return ""
        before, other = self._seen[text]
        here, _, line = before.rpartition(":")
        where = f"line {line}" if place.startswith(f"{here}:") else before
        return f"copy of {where}" + ("" if label == other else f", which has the label {other!r}")


def read_csv(
    path: str | os.PathLike[str], seed: int, text_column: str | None = None, label_column: str | None = None
) -> TextSet:
    """Reads labeled texts from a CSV file, or from a folder with one for each part.

    Commas, semicolons, tabs or bars stand between cells. What the columns of texts and labels are is found
    out by `find_columns`. Encodings: UTF-8, UTF-16, else Windows-1252. Rows without text or label, with too
    few or too many cells, and copies of an earlier text are set aside.

    The rows of one file are split 60/20/20, label by label; labels with 1,000 rows or more 80/10/10, since a
    tenth is enough to measure. A folder has files with "train", "test" and perhaps "validation" or "dev" in
    their names; copies of held-out texts are set aside in the training file. What is missing is split off it.

    Args:
        path: The file or the folder.
        seed: Of the split.
        text_column: Name of the column of texts, or its number from 1; None: found.
        label_column: The same of the labels.

    Returns:
        The set; `file` in `quarantined` is the file's name and the number of the line, from 1.

    Raises:
        ValueError: No such file, no such columns, fewer than 2 labels, or a label with fewer than 5 rows.
    """
    path = Path(path)
    found = _Labeled()
    files = {"train": path}
    if path.is_dir():
        files = find_parts(path, (".csv", ".tsv"), "CSV files of the parts of a set")
    for part in reversed(SPLITS):  # of copies the held-out one stays
        if part in files:
            found.read(part, files[part], text_column, label_column)
    return _split(found, path, seed)


def _split(found: _Labeled, path: Path, seed: int) -> TextSet:
    counts = Counter(name for _, name in found.rows["train"])
    classes = tuple(sorted(counts))
    if len(classes) < 2:
        lone = f" ({classes[0]!r})" if classes else ""
        raise ValueError(
            f"expected at least 2 labels in {path}, received {len(classes)}{lone}; add texts of another"
        )
    _say_of_look_alikes(classes, path)
    missing = [part for part in SPLITS if part not in found.rows]
    rarest = min(classes, key=lambda name: counts[name])
    if missing and counts[rarest] < MINIMUM_PER_LABEL:
        raise ValueError(
            f"expected at least {MINIMUM_PER_LABEL} different texts of each label in {path}, received "
            f"{counts[rarest]} of {rarest!r}; add some"
        )
    rows = {part: list(pairs) for part, pairs in found.rows.items()}
    for part in set(rows) - {"train"}:
        strange = [pair for pair in rows[part] if pair[1] not in counts]
        rows[part] = [pair for pair in rows[part] if pair[1] in counts]
        if strange:
            names = ", ".join(sorted({repr(name) for _, name in strange})[:5])
            console.warn(f"{len(strange)} rows of {part} have labels that train lacks ({names}); left out")
            found.aside.append(SetAside(part, f"{len(strange)} rows with labels that train lacks"))
    labels = np.array([name for _, name in rows["train"]])
    cut = split_by_label(labels, ["train", *missing], seed)
    rows |= {part: [rows["train"][row] for row in chosen] for part, chosen in cut.items()}
    index = {name: label for label, name in enumerate(classes)}
    return TextSet(
        texts={part: [text for text, _ in rows[part]] for part in SPLITS},
        labels={part: np.array([index[name] for _, name in rows[part]], np.int64) for part in SPLITS},
        classes=classes,
        source=str(path),
        quarantined=tuple(found.aside),
        columns=found.columns,
    )


def _say_of_look_alikes(classes: Sequence[str], path: Path) -> None:
    """Labels that differ by case or blanks alone are often meant to be one."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault("".join(name.split()).casefold(), []).append(name)
    for names in alike.values():
        if len(names) > 1:
            listed = " and ".join(map(repr, names))
            console.warn(f"{path.name}: labels {listed} differ by case or blanks alone; they are kept apart")
