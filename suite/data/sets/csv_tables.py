"""A user's table of numbers: CSV files of which one column is the target and others are features."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders.named_rows import NamedRows, shown
from suite.data.folders.number_columns import LARGEST, decimal_sign, is_missing, read_number, read_numbers
from suite.data.folders.tables import find_parts
from suite.data.set_aside import SetAside, counted, first_names, with_reasons
from suite.data.splits import SPLITS, split_by_label

LEAST_ROWS = 20
LEAST_PER_CLASS = 5
MOST_CLASSES = 100
_LEAST_SPREAD = 1e-6  # of a column, beside its mean: what float32 can tell


@dataclasses.dataclass(frozen=True, eq=False)
class TableSet:
    """A table, split.

    Attributes:
        features: Per part of "train", "validation", "test": `(n, p)` float64, finite; no column is constant
            in "train".
        targets: Per part: `(n,)` float64, or int64 labels where there are classes.
        feature_names: p names, in the order of the columns.
        target_name: Name of the column of targets.
        source: Name of the set, or path of the file.
        classes: Class names by label; empty where the target is a quantity.
        quarantined: Each row that was set aside.
        notes: What was assumed and left out, a sentence each.
    """

    features: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    feature_names: tuple[str, ...]
    target_name: str
    source: str
    classes: tuple[str, ...] = ()
    quarantined: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it."""
        about = {"source": self.source, "target": self.target_name, "columns": list(self.feature_names)}
        about |= {"classes": list(self.classes)} if self.classes else {}
        sizes = {part: len(targets) for part, targets in self.targets.items()}
        return {**about, **sizes, "quarantined": list(self.quarantined), "notes": list(self.notes)}

    def without(self, columns: Sequence[int] | np.ndarray, reason: str) -> "TableSet":
        """The same table without some columns of features.

        Args:
            columns: Their numbers, from 0.
            reason: For the note about them.
        """
        if not len(columns):
            return self
        names = [self.feature_names[column] for column in columns]
        return dataclasses.replace(
            self,
            features={part: np.delete(each, columns, axis=1) for part, each in self.features.items()},
            feature_names=tuple(np.delete(np.array(self.feature_names, object), columns).tolist()),
            notes=(*self.notes, f"{_left_out(names)} ({reason})"),
        )


def _left_out(names: Sequence[str]) -> str:
    return f"left out {counted(len(names), 'column')}: {first_names(names, 8)}"


def read_csv(path: Path, seed: int, target: str | None = None, *, has_classes: bool = False) -> TableSet:
    """Reads a table from a CSV file with names in its first line, or from a folder with one for each part.

    Commas, semicolons, tabs or bars stand between cells; numbers may have decimal commas, signs between
    thousands, signs of currencies. Columns of numbers are features. Text, dates, columns that number the rows
    (1, 2, 3; or all different and named id) and columns of which a fifth of the cells is empty are left out.
    A row is set aside where a number or the target is missing or bad.

    The rows of one file are split 60/20/20, or 80/10/10 from 1,000 on (of each class). A folder has files
    with "train", "test" and perhaps "validation" in their names; what is missing is split off training.

    Args:
        path: The file or the folder.
        seed: Of the split.
        target: Name of the column of targets, or its number from 1; None: the last.
        has_classes: Whether the target is a class, and not a quantity.

    Returns:
        The set; `file` in `quarantined` is the file's name and the number of the line, from 1.

    Raises:
        ValueError: No such file, no names in its first line, no such target or one that does not vary, that
            is text where a quantity is needed or a quantity where classes are; too few rows, or no column of
            numbers.
    """
    files = {"train": path}
    if path.is_dir():
        files = find_parts(path, (".csv", ".tsv", ".txt"), "CSV files of the parts of a table")
    cells = NamedRows(path, files)
    return _Reading(cells, cells.column_of(target), has_classes).to_set(seed)


class _Reading:
    """What of the cells of a table are features, and what is a target."""

    def __init__(self, cells: NamedRows, target: int, has_classes: bool):
        self.cells, self.has_classes, self.target = cells, has_classes, target
        self.named = [name or f"column {place + 1}" for place, name in enumerate(cells.names)]
        self.target_name = self.named[target]
        self.file = cells.path.name
        self.notes: list[str] = []
        everything = [cell for row in cells.rows for cell in row]
        told = decimal_sign(everything, "")
        self.is_told, self.decimal = bool(told), told or ("," if cells.delimiter == ";" else ".")

    def to_set(self, seed: int) -> TableSet:
        """Reads the columns, sets rows aside, and splits."""
        everything = np.arange(len(self.cells.rows))
        self._check_rows(everything, self.cells.aside)
        reasons = self._read_target()
        features = self._read_features(reasons)
        kept = np.flatnonzero([not reason for reason in reasons])
        aside = [*self.cells.aside]
        aside += [SetAside(self.cells.places[row], reason) for row, reason in enumerate(reasons) if reason]
        self._check_rows(kept, aside)
        values, part_of = self.targets[kept], np.array(self.cells.part_of)[kept]
        rows = self._split(values, part_of, seed)
        classes: tuple[str, ...] = ()
        if self.has_classes:
            classes, rows, strange = self._label(values, rows)
            aside += [
                SetAside(self.cells.places[kept[row]], "a class that training lacks") for row in strange
            ]
            index = {name: label for label, name in enumerate(classes)}
            values = np.array([index.get(name, -1) for name in values], np.int64)
            self._check_parts(rows)
        elif len(np.unique(values[rows["train"]])) < 2:
            raise ValueError(
                f"expected a target that varies in {self.cells.path}, received {self.target_name} with "
                f"{values[rows['train'][0]]:g} in every row of training; name another by --target"
            )
        features = features[kept]
        found = TableSet(
            features={part: features[rows[part]] for part in SPLITS},
            targets={part: values[rows[part]] for part in SPLITS},
            feature_names=tuple(_distinct(self.named[place] for place in self.used)),
            target_name=self.target_name,
            source=str(self.cells.path),
            classes=classes,
            quarantined=tuple(aside),
            notes=tuple(self.notes),
        )
        train = found.features["train"]
        constant = np.flatnonzero(train.std(axis=0) <= _LEAST_SPREAD * np.abs(train.mean(axis=0)))
        if len(constant) == train.shape[1]:
            raise self._no_features("each is the same in every row")
        return _with_note_of_copies(found.without(constant, "the same in every row of training"))

    def _read_target(self) -> list[str]:
        """Fills in `targets`, `(n,)` numbers or names; what is wrong with each row, "" for nothing."""
        cells, name = self.cells.column(self.target), self.target_name
        missing = [is_missing(cell) for cell in cells]
        reasons = [f"no {name}" if gone else "" for gone in missing]
        if self.has_classes:
            self.targets = np.array(cells, object)
            return reasons
        read = read_numbers("", cells, self.decimal)
        present = sum(not gone for gone in missing)
        bad = [cell for cell, gone, value in zip(cells, missing, read.values, strict=True)
               if not gone and np.isnan(value)]  # fmt: skip
        if bad and 10 * len(bad) > present:
            raise ValueError(
                f"expected numbers up to {LARGEST:g} in the target {name} of {self.cells.path}, received "
                f"{shown(bad[0])!r} ({len(bad)} of {present}); name another by --target, or run "
                "linear_classification"
            )
        self.targets = read.values
        self._doubt(name, read.doubtful)
        return [
            reason or (f"{shown(cell)!r} for {name} is no number" if np.isnan(value) else "")
            for reason, cell, value in zip(reasons, cells, read.values, strict=True)
        ]

    def _read_features(self, reasons: list[str]) -> np.ndarray:
        """Numbers `(n, p)` of the columns `used`; adds what is wrong with each row to the reasons."""
        self.used: list[int] = []
        columns, left_out = [], {}
        for place, name in enumerate(self.named):
            cells = self.cells.column(place)
            if place == self.target or not (self.cells.names[place] or any(cells)):
                continue
            read = read_numbers(self.cells.names[place], cells, self.decimal)
            if read.reason:
                left_out[name] = read.reason
                continue
            self.used.append(place)
            columns.append(read.values)
            self._doubt(name, read.doubtful)
            for row in np.flatnonzero(np.isnan(read.values)):
                cell = cells[row]
                why = f"no {name}" if is_missing(cell) else f"{shown(cell)!r} for {name} is no number"
                reasons[row] = reasons[row] or why
        if left_out:
            by_name = [f"{name} ({reason})" for name, reason in left_out.items()]
            self.notes.append(_left_out(by_name))
        if not columns and self.cells.rows:
            raise self._no_features(
                first_names([f"{name}: {why}" for name, why in left_out.items()]) or "none"
            )
        return np.column_stack(columns) if columns else np.zeros((0, 0))

    def _no_features(self, why: str) -> ValueError:
        return ValueError(
            f"expected a column of numbers beside the target {self.target_name} in {self.cells.path}, "
            f"received none ({why}); code what counts as numbers"
        )

    def _doubt(self, name: str, cell: str) -> None:
        if cell and not self.is_told:
            sign = {",": "decimal comma", ".": "decimal point"}[self.decimal]
            self.notes.append(f"{cell!r} and the like in {name} are read with a {sign}")

    def _check_rows(self, kept: np.ndarray, aside: Sequence[SetAside]) -> None:
        if len(kept) < LEAST_ROWS:
            raise ValueError(
                f"expected at least {LEAST_ROWS} rows with all numbers and a target in {self.cells.path}, "
                f"received {len(kept)}{with_reasons(aside)}; add rows{' or mend those' if aside else ''}"
            )

    def _split(self, values: np.ndarray, part_of: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Rows by part: as the files are, and what they lack split off training."""
        rows = {part: np.flatnonzero(part_of == part) for part in self.cells.parts}
        self._check_parts(rows)
        missing = [part for part in SPLITS if part not in rows]
        train = rows["train"]
        labels = values[train] if self.has_classes else np.zeros(len(train))
        if self.has_classes:
            self._check_classes(Counter(labels.tolist()), bool(missing))
        if missing and len(train) < LEAST_ROWS:
            raise ValueError(
                f"expected at least {LEAST_ROWS} rows in training to split {' and '.join(missing)} off, "
                f"received {len(train)} in {self.cells.path}; add rows"
            )
        cut = split_by_label(labels.astype(str), ["train", *missing], seed)
        return rows | {part: train[chosen] for part, chosen in cut.items()}

    def _check_parts(self, rows: Mapping[str, np.ndarray]) -> None:
        for part, each in rows.items():
            if not len(each):
                raise ValueError(
                    f"expected rows with all numbers and a target for {part} in {self.cells.path}, received "
                    "none; mend that file"
                )

    def _check_classes(self, counts: Counter[str], is_to_split: bool) -> None:
        name, path = self.target_name, self.cells.path
        if len(counts) < 2:
            only = first_names([repr(each) for each in counts])
            raise ValueError(
                f"expected at least 2 classes in the target {name} of {path}, received {only} alone; name "
                "another by --target"
            )
        total = sum(counts.values())
        if len(counts) > min(MOST_CLASSES, max(2, total // LEAST_PER_CLASS)):
            raise ValueError(
                f"expected a few classes in the target {name} of {path}, received {len(counts)} different "
                f"values in {total} rows; name another by --target, or run linear_regression for a quantity"
            )
        rarest = min(counts, key=lambda each: counts[each])
        if is_to_split and counts[rarest] < LEAST_PER_CLASS:
            raise ValueError(
                f"expected at least {LEAST_PER_CLASS} rows of each class in {path}, received "
                f"{counts[rarest]} of {rarest!r}; add some, or leave the class out"
            )

    def _label(
        self, values: np.ndarray, rows: dict[str, np.ndarray]
    ) -> tuple[tuple[str, ...], dict[str, np.ndarray], list[int]]:
        """Classes of training, in order; rows by part without those of other classes, and these."""
        known = set(values[rows["train"]])
        strange = [row for part in SPLITS for row in rows[part] if values[row] not in known]
        kept = {
            part: np.array([row for row in each if values[row] in known], int) for part, each in rows.items()
        }
        if strange:
            console.warn(f"{counted(len(strange), 'row')} of classes that training lacks; left out")
        return tuple(sorted(known, key=_natural)), kept, strange


def _with_note_of_copies(table: TableSet) -> TableSet:
    seen = {(*row, target) for row, target in _rows_of(table, "train")}
    copies = sum((*row, target) in seen for row, target in _rows_of(table, "test"))
    if not copies:
        return table
    of = counted(len(table.targets["test"]), "test row")
    note = f"{copies} of {of} stand in training as well, number for number"
    return dataclasses.replace(table, notes=(*table.notes, note))


def _rows_of(table: TableSet, part: str) -> Iterable[tuple[list[float], Any]]:
    return zip(table.features[part].tolist(), table.targets[part].tolist(), strict=True)


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers by size, before names."""
    value = read_number(name)
    return value is None, value or 0.0, name


def _distinct(names: Iterable[str]) -> list[str]:
    """Numbers names that occur again: "area", "area 2"."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return found
