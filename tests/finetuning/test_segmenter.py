"""Photos with masks to a segmenter: the whole way, on photos of 32 pixels."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

import suite
from suite.bundle.task import Task
from suite.data.sets.segmentation_sets import read_segmentation_folder, stretched
from suite.errors import GateError
from suite.finetuning import segmenter
from suite.finetuning.config import Config
from suite.finetuning.segmenter import SEEN, make_plan
from tests.finetuning.stand_ins import small_encoder

SETTINGS = dict(side=32, steps=40, batch_size=32, learning_rate=3e-3, precisions="float32")
BLUE, ORANGE = (30, 60, 200), (230, 140, 20)


def make_small(patch):
    patch.setattr(segmenter, "build_encoder", small_encoder)
    patch.setattr(segmenter, "LOOKS", 2)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    make_small(monkeypatch)


@pytest.fixture
def exported(monkeypatch):
    """The models that runs hand over, in place of their files."""
    models = []
    monkeypatch.setattr("suite.runs.job.export_model", lambda item, *_, **__: models.append(item.model) or [])
    return models


def write_photos(root, count=10, names=("background", "plum", "gap")):
    """Orange squares on blue, with a rim of the third class."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(count):
        mask = np.zeros((32, 32), np.uint8)
        top, left = rng.integers(2, 14, size=2)
        mask[top : top + 16, left : left + 16] = 2
        mask[top + 1 : top + 15, left + 1 : left + 15] = 1
        image = np.where(mask[..., None] == 1, ORANGE, BLUE) + rng.integers(-9, 9, (32, 32, 3))
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"{index}.png")
        Image.fromarray(mask).save(root / "masks" / f"{index}.png")
    (root / "classes.txt").write_text("\n".join(names))
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("user") / "plums")


@pytest.fixture(scope="module")
def bundle(photos, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        return suite.finetune(
            photos, out=tmp_path_factory.mktemp("models") / "plums", ignore="gap", **SETTINGS
        )


def test_the_bundle_says_what_the_model_is_worth(bundle, photos):
    result = json.loads((bundle / "result.json").read_text())
    assert result["task"] == Task.SEGMENTER and result["data"]["classes"] == ["background", "plum"]
    assert {row["path"]: row["status"] for row in result["artifacts"]} == dict.fromkeys(
        ("model.keras", "saved_model", "model.onnx", "model.tflite"), "ok"
    )
    (trivial,) = result["baselines"]
    assert trivial["metric"] == "test_mean_iou" and trivial["says"] == "'background' everywhere"
    model = keras.models.load_model(bundle / "model.keras", compile=False)
    files = json.loads((bundle / "split.json").read_text())["files"]
    matrix, most = np.zeros((2, 2)), np.zeros((2, 2))
    for name in (name for name, part in files.items() if part == "test"):
        truth = np.asarray(Image.open(photos / name.replace("images", "masks")))
        guess = np.argmax(model(np.asarray(Image.open(photos / name))[None])["probabilities"][0], axis=-1)
        known = truth != 2  # the gap is ignored
        matrix += confusion_matrix(truth[known], guess[known], labels=[0, 1])
        most += confusion_matrix(truth[known], np.zeros(known.sum()), labels=[0, 1])
    for confusion, value in ((matrix, result["metrics"]["test_mean_iou"]), (most, trivial["value"])):
        ious = np.diag(confusion) / (confusion.sum(0) + confusion.sum(1) - np.diag(confusion))
        assert value == pytest.approx(ious.mean())
    interval = result["intervals"]["test_mean_iou"]
    assert interval["low"] <= result["metrics"]["test_mean_iou"] <= interval["high"]
    assert (interval["examples"], interval["unit"]) == (result["data"]["test"], "photos")
    assert (bundle / "figures" / "most_wrong.png").stat().st_size > 5000
    page = (bundle / "report.html").read_text()
    assert "IoU by class" in page and "plum" in page


def test_what_it_finds_is_drawn_over_the_photo(bundle, photos, tmp_path):
    from suite.cli import main

    photo = photos / "images" / "0.png"
    assert main.execute(["predict", str(bundle), str(photo), "--draw", str(tmp_path / "out.png")]) == 0
    (row,) = suite.predict(bundle, photo)
    before, after = (np.asarray(Image.open(path)).astype(int) for path in (photo, tmp_path / "out.png"))
    changed = np.any(before != after, axis=-1)
    share = {entry["class"]: entry["share"] for entry in row["classes"]}["plum"]
    assert changed.mean() == pytest.approx(share, abs=0.01)  # the background is not drawn
    assert main.execute(["predict", str(bundle), str(photo), str(photo), "--draw", "two.png"]) == 2
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(before, after)


@pytest.mark.usefixtures("exported")
def test_one_class_everywhere_fails(photos, tmp_path):
    """Masks that have nothing to do with the photos, a speck here and there."""
    rng, root = np.random.default_rng(1), tmp_path / "plums"
    shutil.copytree(photos, root)
    for file in (root / "masks").iterdir():
        Image.fromarray((rng.random((32, 32)) < 0.02).astype(np.uint8)).save(file)
    said = r"^no better than the trivial answer: test_mean_iou .* longer training \(--steps 8\);"
    with pytest.raises(GateError, match=said):
        suite.finetune(root, out=tmp_path / "out", **SETTINGS | dict(steps=4))
    assert (tmp_path / "out.failed" / "report.html").exists()


@pytest.mark.slow  # what resumes is `fit`, whose tests are quick
def test_an_interrupted_run_ends_with_the_same_weights(photos, exported, tmp_path, monkeypatch):
    settings = SETTINGS | dict(steps=4, checkpoint_seconds=0)
    monkeypatch.setattr("suite.runs.job.faults", lambda *_: [])
    suite.finetune(photos, out=tmp_path / "whole", **settings)

    answers, looks = segmenter.answers, []

    def interrupted(*arguments):
        looks.append(None)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return answers(*arguments)

    monkeypatch.setattr(segmenter, "answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        suite.finetune(photos, out=tmp_path / "killed", **settings)
    monkeypatch.setattr(segmenter, "answers", answers)
    suite.finetune(photos, out=tmp_path / "killed", resume=True, **settings)
    whole, resumed = (model.get_weights() for model in exported)
    for left, right in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_side_follows_the_thinnest_things(photos, tmp_path):
    data = read_segmentation_folder(photos, 0, (512, 512), tmp_path)
    plan = make_plan(data, Config())
    assert plan.side == 256  # the rim is 16 of 512 pixels wide: 8 at 256
    assert make_plan(data, Config(side=64, turns=True)).turns
    assert plan.pixels.sum() == data.masks["train"].shape[0] * 512**2
    small = stretched(data, 32, tmp_path)
    assert dataclasses.replace(small) is not data and small.images["test"][0].shape == (32, 32, 3)
    assert SEEN.steps(5, 4) < SEEN.steps(250, 4) < SEEN.steps(100_000, 4)
