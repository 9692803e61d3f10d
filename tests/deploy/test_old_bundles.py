"""A bundle of before records had a schema number: what may be done with one still can."""

import json
import shutil

import pytest
from PIL import Image

import suite
from suite.bundle.record import read_result
from suite.report.gallery import write_gallery

# As commit e852c87 wrote it: no "schema", no "task", no "baselines"; rows without "task" and "inputs".
OLD_RECORD = {
    "name": "colors",
    "kind": "recipe",
    "title": "Tell colors apart.",
    "created": "2026-11-30T02:00:36Z",
    "seed": 0,
    "config": {"hidden": [20, 10], "steps": 20},
    "commit": "e852c87220fbc9c9602027fbd00a744d9bad2062",
    "versions": {"python": "3.11.7", "keras": "3.15.1"},
    "device": "CPU x86_64, 1 device(s)",
    "data": {"source": "digits", "quarantined": [], "classes": ["red", "green", "blue"], "train": 40},
    "metrics": {"test_accuracy": 1.0, "gap": None},
    "claims": [{"metric": "test_accuracy", "at_least": 0.9, "data": "tfds", "value": 1.0, "passed": True}],
    "wall_seconds": 37.74,
}
NEW_KEYS = {"task", "inputs"}


@pytest.fixture
def bundle(exported_images, tmp_path):
    folder = tmp_path / "saved_models" / "colors"
    shutil.copytree(exported_images.folder, folder)
    rows = [row.to_json() for row in exported_images.rows.values()]
    assert all(row.keys() >= NEW_KEYS for row in rows)
    rows = [{key: value for key, value in row.items() if key not in NEW_KEYS} for row in rows]
    (folder / "result.json").write_text(json.dumps(OLD_RECORD | {"artifacts": rows}))
    return folder


def test_it_is_verified_and_timed(bundle, exported_images):
    assert {row.path: row.passed for row in suite.verify(bundle)} == dict.fromkeys(exported_images.rows, True)
    timed = suite.benchmark(bundle)
    assert [row.path for row in timed] == list(exported_images.rows)
    assert all(row.status == "ok" and 0 < row.latency_ms.p50 <= row.latency_ms.p95 for row in timed)


def test_its_models_answer_and_are_evaluated(bundle, exported_images, tmp_path):
    labels = exported_images.item.labels
    for index, pixels in enumerate(exported_images.item.inputs[:6]):
        photo = tmp_path / "photos" / labels[index % 3] / f"{index}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(photo)
    assert suite.evaluate(bundle / "model.tflite", tmp_path / "photos")["all_accuracy"] == 1
    (answer,) = suite.predict(bundle, photo, top=1)
    assert photo.parent.name in str(answer).removeprefix(str(photo))


def test_its_record_has_defaults_for_what_it_lacks(bundle):
    record = read_result(bundle)
    assert (record.task, record.baselines, record.artifacts[0].task) == (None, (), None)
    assert record.data.train == 40 and record.data.validation is None and record.data.notes == ()
    assert record.claims[0].data == "tfds"
    assert "Tell colors apart" in write_gallery(bundle.parent).read_text(encoding="utf-8")
