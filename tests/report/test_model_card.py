import dataclasses

import pytest

from suite.bundle.data_facts import DataFacts
from suite.bundle.rows import BaselineRow, InputFacts, Latency, MetricValue
from suite.bundle.task import Task
from suite.report.model_card import PIPELINES, card_header, license_of, pipeline_of, write_card
from tests.records import RECORD, artifact, changed

IMAGE = {"image": InputFacts("uint8", (224, 224, 3), is_image=True, range=(0, 255))}
FILES = tuple(
    artifact(path, task="classifier", inputs=IMAGE, **facts)
    for path, facts in (
        ("model.keras", {}),
        ("model.tflite", {}),
        ("model_int8.tflite", {"variant": "int8", "bytes": 700_000, "latency_ms": Latency(1.25)}),
    )
)
TRIVIAL = BaselineRow(
    "test_accuracy", 0.4, "always 'cat'", 0.9792, beaten=True, may_be_chance=True, examples=9
)
CARD = dataclasses.replace(
    RECORD, artifacts=FILES, metrics={"test_accuracy": 0.9792, "test_macro_f1": 0.97}, baselines=(TRIVIAL,)
)


def card(folder, record=CARD):
    write_card(folder, record)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_hubs_read_the_header(tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub")
    odd = changed(
        artifacts=FILES,
        metrics=dict(CARD.metrics),
        data_source='C:\\photos: "a" #1 \u00e9\U0001f44d',
        title="x: [y",
    )
    for record in (CARD, odd):
        card(tmp_path, record)
        data = hub.ModelCard.load(tmp_path / "README.md").data
        assert (data.license, data.library_name) == ("apache-2.0", "keras")
        assert data.pipeline_tag == "image-classification" and data.tags[-1] == "keras-course-suite"
        assert {"keras", "tflite"} <= set(data.tags) and data.metrics == ["accuracy", "macro_f1"]
        results = {each.metric_type: each for each in data.eval_results}
        assert {name: each.metric_value for name, each in results.items()} == {
            "accuracy": 0.9792,
            "macro_f1": 0.97,
        }
        assert results["accuracy"].task_type == "image-classification"
        assert results["accuracy"].dataset_name == record.data.source and results["accuracy"].dataset_type


def test_the_header_is_yaml(tmp_path):
    yaml = pytest.importorskip("yaml")
    _, header, text = card(tmp_path).split("---\n", 2)
    assert yaml.safe_load(header) == card_header(CARD)
    assert text.startswith("\n# ")


def test_it_says_what_a_colleague_asks(tmp_path):
    text = " ".join(card(tmp_path).split())
    for said in (
        "Classifier; takes `image` uint8 (224, 224, 3).",
        "For a phone's CPU take model_int8.tflite: the fastest, 1.25 ms, 0.700 MB, test_accuracy 0.9792",
        "| `model.tflite` | 2.34 | 0.9792 | 3.25 |",
        "seed 7",
        "0.9792; the trivial answer (always 'cat'): 0.4000",
        "test_accuracy 0.9792 of 9 held-out examples may be chance",
        "It was not tried on a phone, nor on a GPU",
        "weights of efficientnet_lite0, under apache-2.0",
    ):
        assert said in text, said


def test_nothing_in_it_is_taken_for_markdown(tmp_path):
    record = dataclasses.replace(
        CARD, data=dataclasses.replace(CARD.data, classes=("<b>", "a|b", "_x_"), source="a`b"), title="# *x*"
    )
    text = card(tmp_path, record)
    assert "# \\# \\*x\\*\n" in text and "Classes: \\<b\\>, a\\|b, \\_x\\_." in text and "Data: a\\`b" in text


def test_weights_of_which_nobody_said_a_license_have_none(tmp_path):
    record = dataclasses.replace(CARD, config={"units": 8})
    assert license_of(record) is None and card_header(record)["license"] == "unknown"
    assert "Nobody has said one." in card(tmp_path, record)
    assert license_of(dataclasses.replace(CARD, config={"backbone": "resnet50"})) is None


def test_every_task_has_the_word_of_hubs_or_none():
    known = {task: pipeline_of([artifact(task=task.value)]) for task in Task}
    assert known[Task.CLASSIFIER] == "tabular-classification" and known[Task.TENSORS] is None
    assert all(known[task] == word for task, word in PIPELINES.items() if task is not Task.CLASSIFIER)
    pair = [artifact("decoder_step/model.tflite", task="decoder_step"), artifact(task="translator")]
    assert pipeline_of(pair) == "translation"
    assert "model-index" not in card_header(dataclasses.replace(CARD, artifacts=(artifact(task="tensors"),)))


def test_a_run_that_exports_nothing_gets_no_card(tmp_path):
    write_card(tmp_path, dataclasses.replace(CARD, artifacts=(artifact(status="failed"),)))
    assert not (tmp_path / "README.md").exists()


def test_what_was_not_measured_is_left_empty(tmp_path):
    bare = artifact("model.onnx", bytes=None, metric=MetricValue(), latency_ms=Latency())
    record = dataclasses.replace(
        CARD, artifacts=(bare,), data=DataFacts(), metrics={}, baselines=(), device=""
    )
    text = card(tmp_path, record)
    assert "| `model.onnx` | 0.00 |  |  |" in text and "Data: not named; seed 7." in text
