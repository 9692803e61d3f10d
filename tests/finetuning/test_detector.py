"""Photos with boxes to a detector: the whole way, on photos of 64 pixels."""

import json

import numpy as np
import pytest
from PIL import Image

import suite
from suite.data.folders.boxes import Boxes
from suite.errors import GateError
from suite.evaluation.detection import Truths
from suite.finetuning import budget, detector
from suite.finetuning.box_settings import (
    Grid,
    choose_grid,
    choose_suppression,
    most_detections,
    suppressed,
    suppression_gap,
)
from tests.finetuning.stand_ins import small_encoder

SETTINGS = dict(side=64, batch_size=32, learning_rate=1e-3, precisions="float32")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(detector, "build_encoder", small_encoder)
    monkeypatch.setattr(detector, "FROZEN_UP_TO", 0)
    monkeypatch.setattr(budget, "LOOKS", 2)


def write_photos(root, count=24, seed=0):
    """An orange or a white square on blue, as YOLO writes boxes."""
    rng = np.random.default_rng(seed)
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("plum\ncloud\n")
    for index in range(count):
        side, label = rng.integers(16, 32), index % 2
        top, left = rng.integers(0, 64 - side, size=2)
        photo = np.full((64, 64, 3), (30, 60, 200), np.uint8) + rng.integers(
            9, size=(64, 64, 1), dtype=np.uint8
        )
        photo[top : top + side, left : left + side] = ((230, 140, 20), (240, 240, 240))[label]
        Image.fromarray(photo).save(root / "images" / f"{index}.png")
        middle = [(left + side / 2) / 64, (top + side / 2) / 64, side / 64, side / 64]
        (root / "labels" / f"{index}.txt").write_text(" ".join(map(str, [label, *middle])) + "\n")
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("user") / "fruit")


def test_photos_with_boxes_become_a_proven_detector(photos, tmp_path):
    bundle = suite.finetune(photos, out=tmp_path / "fruit", steps=160, **SETTINGS)
    result = json.loads((bundle / "result.json").read_text())
    assert result["task"] == "detector" and result["title"] == "Detector fine-tuned on fruit"
    assert result["data"]["classes"] == ["plum", "cloud"]
    (trivial,) = result["baselines"]
    assert trivial["metric"] == "test_map" and trivial["beaten"]
    assert result["metrics"]["greedy_suppression_gap"] == 0
    low, value, high = (result["intervals"]["test_map"]["low"], result["metrics"]["test_map"],
                        result["intervals"]["test_map"]["high"])  # fmt: skip
    assert low <= value <= high and result["intervals"]["test_map"]["unit"] == "photos"
    assert {row["status"] for row in result["artifacts"]} == {"ok"}
    (row,) = suite.predict(bundle, photos / "images" / "0.png")
    assert row["detections"][0]["class"] == "plum"


def test_validation_photos_without_a_box_are_refused_before_training(tmp_path):
    for seed, part in enumerate(("train", "val")):
        write_photos(tmp_path / "fruit" / part, seed=seed)
    for file in (tmp_path / "fruit/val/labels").iterdir():
        file.write_text("")
    with pytest.raises(ValueError, match="^expected boxes in the validation pictures .* none in 24 p"):
        suite.finetune(tmp_path / "fruit", out=tmp_path / "model", **SETTINGS)


def test_a_detector_that_finds_nothing_fails_with_advice(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("suite.runs.job.export_model", lambda *_, **__: [])
    with pytest.raises(GateError, match="no better than the trivial answer: test_map 0.0000.*--steps 2"):
        suite.finetune(photos, out=tmp_path / "fruit", steps=1, **SETTINGS)


@pytest.mark.slow  # what resumes is `fit`, whose tests are quick
def test_a_killed_training_ends_with_the_same_weights(photos, tmp_path, monkeypatch):
    models = []
    monkeypatch.setattr("suite.runs.job.export_model", lambda item, *_, **__: models.append(item.model) or [])
    settings = dict(steps=4, checkpoint_seconds=0.0, **SETTINGS)

    def finetune(name, resume=False):
        with pytest.raises(GateError, match="no better"):
            suite.finetune(photos, out=tmp_path / name, resume=resume, **settings)

    finetune("whole")
    real = detector.suppressed
    calls = []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(detector, "suppressed", killed)
    with pytest.raises(KeyboardInterrupt):
        suite.finetune(photos, out=tmp_path / "killed", **settings)
    monkeypatch.setattr(detector, "suppressed", real)
    finetune("killed", resume=True)
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def boxes_of(size, count=10):
    return [np.tile(np.float32([0.1, 0.1, 0.1 + size, 0.1 + size]), (count, 1))]


def photo_of(*sizes, count=10):
    """A photo with boxes of a size for each class."""
    boxes = np.concatenate([boxes_of(size, count)[0] for size in sizes])
    return [Boxes.of(boxes, np.repeat(np.arange(len(sizes)), count), [False] * len(boxes))]


def test_small_things_are_seen_larger():
    assert choose_grid(photo_of(0.5)) == Grid(256, 8)
    assert choose_grid(photo_of(0.075)) == Grid(320, 8)
    assert choose_grid(photo_of(0.045)) == Grid(384, 8)
    assert choose_grid(photo_of(0.03)) == Grid(384, 4)
    assert choose_grid(photo_of(0.03), side=512) == Grid(512, 8)


def test_the_smallest_class_decides_unless_it_is_rare():
    many = photo_of(0.5, count=500)
    assert choose_grid([*many, *photo_of(0.5, 0.075)]) == Grid(320, 8)
    assert choose_grid([*many, *photo_of(0.5, 0.075, count=3)]) == Grid(256, 8)


def test_there_is_room_for_more_than_training_has():
    assert [most_detections(boxes_of(0.1, count)) for count in (1, 30, 62, 900)] == [20, 50, 100, 300]


def test_rounds_grow_until_suppression_is_the_greedy_one():
    """A chain of boxes, each of which overlaps its neighbors: the fate of each hangs on all before it."""
    starts = np.arange(40) * 0.01
    boxes = np.stack([starts, 0 * starts, starts + 0.05, 0 * starts + 1], axis=1)[None].astype(np.float32)
    scores = np.linspace(0.9, 0.1, 40, dtype=np.float32)[None, :, None]
    truths = Truths([boxes[0, ::4]], [np.zeros(10, int)])
    settings = choose_suppression(boxes, scores, truths, 1, 40)
    assert settings["rounds"] > 8
    assert suppression_gap(suppressed(boxes, scores, settings), boxes, scores, settings) == 0
    too_few = settings | {"rounds": 3}
    assert suppression_gap(suppressed(boxes, scores, too_few), boxes, scores, too_few) > 0
