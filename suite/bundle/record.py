"""The record of a bundle, result.json: what was run, on what, what came out, and which files there are."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.bundle.data_facts import DataFacts
from suite.bundle.names import RESULT_FILE
from suite.bundle.rows import UNPROVEN, ArtifactRow, BaselineRow, ClaimRow, from_fields, number_from_json
from suite.evaluation.intervals import Interval

SCHEMA = 2  # of result.json; bundles before it have no number


@dataclasses.dataclass(frozen=True)
class Record:
    """Content of result.json.

    Attributes:
        name: Of the recipe, or of what was fine-tuned or exported.
        kind: "recipe", "finetune" or "export".
        title: One line.
        created: UTC, as "2026-03-14T09:26:53Z".
        task: What all exported models are; None where there are none, or they differ.
        commit: Of the suite; None outside of a checkout.
        seed: Seed of everything random.
        config: Settings by name.
        versions: Of Python and packages; None of one that is not installed.
        device: What it ran on, in words.
        wall_seconds: Of all of it.
        stage_seconds: Where they went, by stage; {} where that was not recorded.
        data: What it was trained and tested on.
        metrics: Numbers by name; NaN where one is not finite.
        intervals: The 95 % intervals of those metrics that are shares of right answers, as far as known.
        baselines: What the trivial answers get.
        claims: What was claimed.
        artifacts: Every file of a model that was made, or could not be.
    """

    name: str = ""
    kind: str = ""
    title: str = ""
    created: str = ""
    task: str | None = None
    commit: str | None = None
    seed: int = 0
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    device: str = ""
    wall_seconds: float = 0.0
    stage_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    data: DataFacts = dataclasses.field(default_factory=DataFacts)
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    intervals: Mapping[str, Interval] = dataclasses.field(default_factory=dict)
    baselines: tuple[BaselineRow, ...] = ()
    claims: tuple[ClaimRow, ...] = ()
    artifacts: tuple[ArtifactRow, ...] = ()

    @property
    def shipped(self) -> list[ArtifactRow]:
        """The artifacts whose files the bundle has."""
        return [row for row in self.artifacts if row.is_shipped]

    @classmethod
    def from_json(cls, content: Any, where: str | Path = RESULT_FILE) -> "Record":
        """Reads the record, of this schema or an older one.

        Args:
            content: What `json.loads` gives.
            where: The file, for the message.

        Raises:
            ValueError: It is damaged, or of a newer schema.
        """
        try:
            artifacts, schema = content["artifacts"], content.get("schema", 1)
            if schema > SCHEMA:
                raise ValueError(
                    f"expected a {RESULT_FILE} of schema {SCHEMA} or older, {where} has {schema}; update the "
                    "suite"
                )
            if not isinstance(artifacts, list):
                raise ValueError(
                    f"expected a list of artifacts in {where}, received {type(artifacts).__name__}"
                )
            return from_fields(
                cls,
                content,
                data=DataFacts.from_json(content.get("data") or {}),
                metrics={name: number_from_json(value) for name, value in content.get("metrics", {}).items()},
                intervals={
                    name: Interval.from_json(each) for name, each in content.get("intervals", {}).items()
                },
                baselines=tuple(map(BaselineRow.from_json, content.get("baselines", ()))),
                claims=tuple(map(ClaimRow.from_json, content.get("claims", ()))),
                artifacts=tuple(map(ArtifactRow.from_json, artifacts)),
            )
        except (KeyError, TypeError, AttributeError, IndexError) as failure:
            raise ValueError(_damaged(where, failure)) from failure

    def to_json(self) -> dict[str, Any]:
        """Gives what is written, NaN included, which `write_json` makes null."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        rows = {
            name: [row.to_json() for row in fields[name]] for name in ("baselines", "claims", "artifacts")
        }
        intervals = {name: each.to_json() for name, each in self.intervals.items()}
        return {
            "schema": SCHEMA, **fields, "data": self.data.to_json(), "intervals": intervals, **rows
        }  # fmt: skip


def _damaged(path: str | Path, failure: Exception) -> str:
    return f"expected a readable {RESULT_FILE}, {path} is damaged ({failure})"


def read_result(bundle: str | Path) -> Record:
    """Reads a bundle's result.json.

    Args:
        bundle: Folder of a finished run.

    Returns:
        Its content.

    Raises:
        ValueError: There is no bundle, or the file is damaged or of a newer suite.
    """
    path = Path(bundle) / RESULT_FILE
    if Path(bundle).is_file():
        home = bundle_of(bundle)
        there = f"give {home}" if (home / RESULT_FILE).is_file() else "make one of a model by `suite export`"
        raise ValueError(f"expected the folder of a bundle, received the file {bundle}; {there}")
    if not path.is_file():
        raise ValueError(
            f"expected a bundle, found no {RESULT_FILE} in {bundle}; run `suite finetune` to make one"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as failure:
        raise ValueError(_damaged(path, failure)) from failure
    return Record.from_json(content, path)


def read_shipped(bundle: str | Path, unproven: bool = False) -> list[ArtifactRow]:
    """The artifact rows whose files a bundle has.

    Args:
        bundle: Its folder.
        unproven: Whether those count that were written and not run.

    Raises:
        ValueError: As of `read_result`, or there are none.
    """
    rows = read_result(bundle).artifacts
    shipped = [row for row in rows if row.is_shipped or (unproven and row.status == UNPROVEN)]
    if not shipped:
        raise ValueError(f"expected a bundle with artifacts, received {bundle} without; it exports no model")
    return shipped


def bundle_of(artifact: str | Path) -> Path:
    """The bundle that an artifact lies in, perhaps in a folder of one of its models; else its folder."""
    path = Path(artifact)
    found = [folder for folder in (path, *path.parents[:2]) if (folder / RESULT_FILE).is_file()]
    return found[0] if found else path.parent


def is_from_elsewhere(path: str | Path) -> bool:
    """Whether it is a .tflite file that lies in no bundle."""
    path = Path(path)
    return path.suffix == ".tflite" and path.is_file() and not (bundle_of(path) / RESULT_FILE).is_file()


def record_of_bundle(artifact: str | Path) -> Record | None:
    """The record of an artifact's bundle; None where it lies in none, or the record cannot be read."""
    try:
        return read_result(bundle_of(Path(artifact).resolve()))
    except ValueError:
        return None


def recorded_row(artifact: str | Path) -> ArtifactRow | None:
    """What the record of an artifact's bundle says of it; None where it says nothing."""
    path, record = Path(artifact).resolve(), record_of_bundle(artifact)
    name = path.relative_to(bundle_of(path)).as_posix()
    return next((row for row in record.artifacts if row.path == name), None) if record else None


def foreign_labels(text: str) -> list[str]:
    """The class names in a `labels.txt` of other tools, without the running number that some put in front."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").strip().split("\n")]
    numbered = [re.match(r"(\d+)[\s:,]+(?=\S)", line) for line in lines]
    if [int(found[1]) if found else None for found in numbered] != list(range(len(lines))):
        return lines
    return [line[found.end() :] for line, found in zip(lines, numbered, strict=True) if found]
