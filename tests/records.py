"""A bundle's record as a run leaves it, for tests that need one without a run."""

import dataclasses
from pathlib import Path
from typing import Any

from suite.bundle.data_facts import DataFacts
from suite.bundle.names import RESULT_FILE
from suite.bundle.record import Record
from suite.bundle.rows import ArtifactRow, ClaimRow, Latency, MetricValue
from suite.bundle.write import write_json
from suite.data.set_aside import SetAside

FORMATS = {".keras": "keras", ".onnx": "onnx", ".tflite": "tflite", "": "saved_model"}


def artifact(path: str = "model.tflite", status: str = "ok", **changes: Any) -> ArtifactRow:
    """A row of a file of a format that its name says."""
    row = ArtifactRow(
        path,
        status,
        format=FORMATS[Path(path).suffix],
        bytes=2_340_000,
        max_abs_difference=1e-6,
        metric=MetricValue("test_accuracy", 0.97917),
        latency_ms=Latency(3.25, 4.0),
    )
    return dataclasses.replace(row, **changes)


RECORD = Record(
    name="surfaces",
    kind="finetune",
    title="Image classifier fine-tuned on surfaces.",
    created="2026-03-14T09:26:53Z",
    commit="3f9a2c81d0b74e6e9a5fd0a1c2b3d4e5f6071829",
    seed=7,
    config={
        "backbone": "efficientnet_lite0",
        "learning_rate": 0.0003,
        "batch_size": 1024,
        "blocks": [1, 2],
    },
    versions={"python": "3.11.2", "keras": "3.15.1", "onnxruntime": None},
    device="CPU x86_64",
    wall_seconds=1141.87,
    data=DataFacts(
        source="/photos/surfaces",
        classes=("brick", "grass"),
        train=1120,
        validation=240,
        test=240,
        quarantined=(SetAside("brick/a.jpg", "truncated"),),
        images_per_class={"brick": 801, "grass": 799},
        more={"augmented_views": 4},
    ),
    metrics={"test_accuracy": 0.97917, "test_loss": 0.0713, "parameters": 4694024.0, "gap": 3.2e-9},
    claims=(ClaimRow("test_accuracy", 0.97917, True, at_least=0.95),),
    artifacts=(
        artifact("model.keras"),
        artifact("model.tflite"),
        artifact("model_int8.tflite", "skipped", reason="too far off"),
    ),
)


def changed(**changes: Any) -> Record:
    """`RECORD` with other fields; those of its data as `data_...`."""
    data = {name.removeprefix("data_"): value for name, value in changes.items() if name.startswith("data_")}
    changes = {name: value for name, value in changes.items() if not name.startswith("data_")}
    record = dataclasses.replace(RECORD, **changes)
    return dataclasses.replace(record, data=dataclasses.replace(record.data, **data))


def write_record(folder: Path, record: Record) -> None:
    """Writes the result.json of a bundle."""
    write_json(folder / RESULT_FILE, record.to_json())
