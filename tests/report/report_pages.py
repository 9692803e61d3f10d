"""The page that the report makes of it, parsed."""

import os
from html.parser import HTMLParser

from PIL import Image

from suite.evaluation.table import Table
from suite.report.run_page import write_report
from tests.records import RECORD

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


def save_figure(folder, name, size=(60, 40), time=0):
    (folder / "figures").mkdir(exist_ok=True)
    path = folder / "figures" / name
    Image.new("RGB", size, "teal").save(path)
    os.utime(path, (time, time))
    return path
