"""A number or a class for each row of a CSV file: models that take one number of each of some columns."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.answers.answer import Reader
from suite.answers.classes import ClassAnswer, best_classes
from suite.data.folders.named_rows import NamedRows
from suite.data.folders.number_columns import decimal_sign, read_numbers
from suite.data.set_aside import counted, first_names
from suite.deploy.labels import class_labels
from suite.deploy.names import legal_name
from suite.deploy.runtime import Artifact
from suite.deploy.signature import Signature


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number that is estimated."""

    name: str
    value: float

    def to_json(self) -> dict[str, Any]:
        """{name: value}."""
        return {self.name: self.value}

    def __str__(self) -> str:
        return f"{self.name} {self.value:.6g}"


@dataclasses.dataclass(frozen=True)
class RowAnswers:
    """What a model says of the rows of a file, each with its place: "houses.csv:3"."""

    rows: tuple[tuple[str, Estimate | ClassAnswer], ...]

    def to_json(self) -> dict[str, Any]:
        """{"rows": [{"row", and what the answer says}, ...]}."""
        return {"rows": [{"row": place, **answer.to_json()} for place, answer in self.rows]}

    def __str__(self) -> str:
        return counted(len(self.rows), "row") + "".join(f"\n  {place}: {a}" for place, a in self.rows)


def takes_columns(signature: Signature) -> bool:
    """Whether every input is one number."""
    return all(tensor.shape == (1,) for tensor in signature.inputs)


def table(model: Artifact) -> Reader:
    """Answers CSV files with `RowAnswers`.

    The first line of a file names its columns; those that are not among the model's inputs are not read.

    Raises:
        ValueError: The model takes something else, gives several answers, or lacks the names of its classes;
            of an answer: no such file, a column that is missing, or no row that has a number in each.
    """
    inputs, outputs = model.signature
    if not takes_columns(model.signature) or len(outputs) != 1:
        given = ", ".join(map(str, inputs))
        raise ValueError(f"expected a model that takes a number of each column, {model.path} takes {given}")
    (output,) = outputs
    labels = class_labels(model) if output.shape != (1,) else None

    def answer(path: str, top: int) -> RowAnswers:
        places, columns = _read(Path(path), [tensor.name for tensor in inputs])
        values = model.predict({name: column[:, None] for name, column in columns.items()})[output.name]
        said: list[Estimate | ClassAnswer] = [
            best_classes(labels, row, top) if labels else Estimate(output.name, float(row[0]))
            for row in values
        ]
        return RowAnswers(tuple(zip(places, said, strict=True)))

    return answer


def _read(path: Path, names: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Places of the rows of a file that have a number in each column, and these, `(n,)` float32 by name."""
    rows = NamedRows(path, {"test": path})
    found = [_place_of(name, rows.names) for name in names]
    missing = [name for name, place in zip(names, found, strict=True) if place is None]
    if missing:
        raise ValueError(
            f"expected a column for each input of the model in {path}, received none named "
            f"{first_names(missing)}; it has {first_names(list(filter(None, rows.names)), 8)}"
        )
    cells = {name: rows.column(place) for name, place in zip(names, found, strict=True) if place is not None}
    told = decimal_sign((cell for column in cells.values() for cell in column), "")
    decimal = told or ("," if rows.delimiter == ";" else ".")
    values = np.array([read_numbers(name, column, decimal).values for name, column in cells.items()])
    whole = np.flatnonzero(~np.isnan(values).any(axis=0))
    if len(whole) < len(rows.rows) + len(rows.aside):
        first = next((rows.places[row] for row in range(len(rows.rows)) if row not in whole), None)
        count = counted(len(rows.rows) + len(rows.aside) - len(whole), "row")
        console.warn(
            f"{count} without a number in each column, first {first or rows.aside[0].file}; left out"
        )
    if not len(whole):
        raise ValueError(
            f"expected a row with a number in each of {first_names(names)} in {path}, received none"
        )
    columns = dict(zip(names, values[:, whole].astype(np.float32), strict=True))
    return [rows.places[row] for row in whole], columns


def _place_of(name: str, columns: Sequence[str]) -> int | None:
    """Number of the column of an input: the one that was named so when the model was exported."""
    legal = [legal_name(column, "input") if column else "" for column in columns]
    for wanted in (name, name.removesuffix("_column")):
        if wanted in legal:
            return legal.index(wanted)
    return None
