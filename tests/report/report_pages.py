"""A record as a run leaves it, and the page that the report makes of it, parsed."""

import copy
import os
from html.parser import HTMLParser

from PIL import Image

from suite.evaluation.table import Table
from suite.report.run_page import write_report

ARTIFACT = {"format": "tflite", "status": "ok", "reason": None}
RECORD = {
    "name": "surfaces",
    "kind": "finetune",
    "title": "Image classifier fine-tuned on surfaces.",
    "created": "2026-03-14T09:26:53Z",
    "commit": "3f9a2c81d0b74e6e9a5fd0a1c2b3d4e5f6071829",
    "seed": 7,
    "config": {
        "backbone": "efficientnet_lite0",
        "learning_rate": 0.0003,
        "batch_size": 1024,
        "blocks": [1, 2],
    },
    "versions": {"python": "3.11.2", "keras": "3.15.1", "onnxruntime": None},
    "device": "CPU x86_64",
    "wall_seconds": 1141.87,
    "data": {
        "source": "/photos/surfaces",
        "classes": ["brick", "grass"],
        "train": 1120,
        "validation": 240,
        "test": 240,
        "images_per_class": {"brick": 801, "grass": 799},
        "augmented_views": 4,
        "quarantined": [{"file": "brick/a.jpg", "reason": "truncated"}],
    },
    "metrics": {"test_accuracy": 0.97917, "test_loss": 0.0713, "parameters": 4694024.0, "gap": 3.2e-9},
    "claims": [{"metric": "test_accuracy", "at_least": 0.95, "value": 0.97917, "passed": True}],
    "artifacts": [
        ARTIFACT | {"path": "model.keras", "format": "keras"},
        ARTIFACT | {"path": "model.tflite"},
        ARTIFACT | {"path": "model_int8.tflite", "status": "skipped", "reason": "too far off"},
    ],
}
ARTIFACTS = Table(
    "Artifacts",
    ("artifact", "MB", "min runtime", "status", "reason"),
    [
        ("model.keras", "14.20", "", "ok", ""),
        ("model.tflite", "13.50", "1.14.0", "ok", ""),
        (
            "model_int8.tflite",
            "3.90",
            "2.3.0",
            "skipped",
            "test_accuracy is 0.0334 worse than the Keras model's",
        ),
    ],
)
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements as (tag, attributes, open tags, text), checked for balance."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append(
            {"tag": tag, "within": [e["tag"] for e in self.open], "text": "", **dict(attributes)}
        )
        self.elements[-1]["boxes"] = [e.get("class", "") for e in self.open]
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        self.text += data
        for element in self.open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]

    def texts(self, tag):
        return [" ".join(element["text"].split()) for element in self.all(tag)]

    def facts(self):
        return dict(zip(self.texts("dt"), self.texts("dd"), strict=True))


def page(folder, record=RECORD, tables=()):
    path = write_report(folder, record, tables)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def changed(**changes):
    return copy.deepcopy(RECORD) | changes


def save_figure(folder, name, size=(60, 40), time=0):
    (folder / "figures").mkdir(exist_ok=True)
    path = folder / "figures" / name
    Image.new("RGB", size, "teal").save(path)
    os.utime(path, (time, time))
    return path
