"""The folder that a run leaves: what its files are called, hold and say."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.bundle.names import RESULT_FILE


def read_result(bundle: str | Path) -> dict:
    """Reads a bundle's result.json.

    Args:
        bundle: Folder of a finished run.

    Returns:
        Its content, with the keys of the schema.

    Raises:
        ValueError: There is no bundle, or the file is damaged.
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
        result = json.loads(path.read_text(encoding="utf-8"))
        artifacts = result["artifacts"]
    except (ValueError, KeyError, TypeError) as failure:
        raise ValueError(f"expected a readable {RESULT_FILE}, {path} is damaged ({failure})") from failure
    if not isinstance(artifacts, list):
        raise ValueError(f"expected a list of artifacts in {path}, received {type(artifacts).__name__}")
    return result


def bundle_of(artifact: str | Path) -> Path:
    """The bundle that an artifact lies in, perhaps in a folder of one of its models; else its folder."""
    path = Path(artifact)
    found = [folder for folder in (path, *path.parents[:2]) if (folder / RESULT_FILE).is_file()]
    return found[0] if found else path.parent


def recorded_row(artifact: str | Path) -> dict:
    """What the result.json of an artifact's bundle says of it; {} where it says nothing."""
    path = Path(artifact).resolve()
    bundle = bundle_of(path)
    try:
        rows = read_result(bundle)["artifacts"]
    except ValueError:
        return {}
    name = path.relative_to(bundle).as_posix()
    return next((row for row in rows if isinstance(row, dict) and row.get("path") == name), {})


def foreign_labels(text: str) -> list[str]:
    """The class names in a `labels.txt` of other tools, without the running number that some put in front."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").strip().split("\n")]
    numbered = [re.match(r"(\d+)[\s:,]+(?=\S)", line) for line in lines]
    if [int(found[1]) if found else None for found in numbered] != list(range(len(lines))):
        return lines
    return [line[found.end() :] for line, found in zip(lines, numbered, strict=True) if found]


def shipped_artifacts(rows: Sequence[dict], bundle: str | Path) -> list[dict]:
    """Gives the artifact rows whose files a bundle holds.

    Args:
        rows: Those under "artifacts" in its result.json.
        bundle: Its folder, for the message.

    Raises:
        ValueError: There are none.
    """
    shipped = [row for row in rows if row["status"] == "ok"]
    if not shipped:
        raise ValueError(f"expected a bundle with artifacts, received {bundle} without; it exports no model")
    return shipped


def _read_array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as failure:
        if "Object arrays" not in str(failure):
            raise
        raise ValueError(f"{name!r} holds objects; make it one array of numbers, of one shape") from failure
