"""`suite evaluate` of detectors and segmenters whose answers are known."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import suite
from suite.answers import annotated
from suite.cli import main
from suite.deploy.task import MIN_SCORE
from suite.errors import BAD_INPUT
from suite.evaluation.detection import COCO_THRESHOLDS, average_precisions
from tests.records import changed, write_record

SIDE = 16
GIVEN = np.float32([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1]])  # what the detector always says
SCORES, GIVEN_LABELS = np.float32([0.9, 0.8, 0.7]), np.float32([0, 1, 0])


def detector() -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    none = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(0.0)(image))[:, :1]
    return keras.Model(
        image,
        {
            "boxes": none[:, :, None] + keras.ops.convert_to_tensor(GIVEN),
            "scores": none + keras.ops.convert_to_tensor(SCORES),
            "labels": none + keras.ops.convert_to_tensor(GIVEN_LABELS),
        },
    )


def segmenter() -> keras.Model:
    """Class 1 where a picture is red, else class 0; at half the size of the picture."""
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    red = keras.layers.AveragePooling2D(2)(keras.layers.Rescaling(1 / 255)(image))[..., :1]
    both = keras.layers.Concatenate(name="probabilities")([1 - red, red])
    return keras.Model(image, {"probabilities": both})


def save(model, folder, names):
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names))
    return folder / "model.keras"


@pytest.fixture
def boxes(tmp_path):
    """Photos with random boxes of three classes, numbered otherwise than by the model; in two parts."""
    rng, truths = np.random.default_rng(0), {"train": [], "test": []}
    for part in truths:
        for index in range(5):
            for folder in ("images", "labels"):
                (tmp_path / "set" / part / folder).mkdir(parents=True, exist_ok=True)
            near = GIVEN + rng.uniform(-0.1, 0.1, GIVEN.shape)
            rows = np.clip(np.sort(near.reshape(-1, 2, 2), axis=1).reshape(-1, 4), 0, 1)[: 1 + index % 3]
            labels = rng.integers(0, 3, len(rows))
            lines = [
                f"{label} {(left + right) / 2} {(top + bottom) / 2} {right - left} {bottom - top}"
                for label, (top, left, bottom, right) in zip(labels, rows, strict=True)
            ]
            place = tmp_path / "set" / part
            noise = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(noise).save(place / "images" / f"{index}.png")
            (place / "labels" / f"{index}.txt").write_text("\n".join(lines))
            truths[part].append((rows, labels))
    (tmp_path / "set" / "classes.txt").write_text("bird\nCat\ndog\n")
    return tmp_path / "set", truths


@pytest.mark.parametrize("split", [None, "all"])
def test_a_detector_is_measured_on_the_classes_that_it_knows_by_name(
    boxes, tmp_path, split, capsys, monkeypatch
):
    monkeypatch.setattr(annotated, "BATCH", 3)
    root, truths = boxes
    artifact = save(detector(), tmp_path / "model", ("dog", "cat", "cow"))
    found = suite.evaluate(artifact, root, split)
    name = split or "test"
    rows = [row for part in (["test", "train"] if name == "all" else [name]) for row in truths[part]]
    kept = [(box[label > 0], 2 - label[label > 0]) for box, label in rows]  # dog is 0, Cat is 1, bird unknown
    constant = {key: np.stack([value] * len(rows)) for key, value in
                (("boxes", GIVEN), ("scores", SCORES), ("labels", GIVEN_LABELS))}  # fmt: skip
    for key, thresholds in (("map_50", (0.5,)), ("map", COCO_THRESHOLDS)):
        wanted = average_precisions(constant, annotated.Truths(*zip(*kept, strict=True)), 3, thresholds)
        assert 0 < np.nanmean(wanted) < 1
        assert found[f"{name}_{key}"] == pytest.approx(float(np.nanmean(wanted)), abs=1e-3)
    said = capsys.readouterr()
    assert "warning: 1 class that the model does not know, whose boxes are left out: bird" in said.err
    assert f"{len(rows)} photos of {root} ({name}), {sum(len(box) for box, _ in kept)} boxes" in said.out
    assert "trivial" in said.out and " in every image: 0." in said.out


@pytest.mark.parametrize(("score", "counted"), [(None, 3), (0.75, 2)])
def test_what_is_wrong_is_counted_from_the_score_that_validation_chose(
    boxes, tmp_path, score, counted, capsys
):
    artifact = save(detector(), tmp_path / "model", ("dog", "cat", "bird"))
    write_record(artifact.parent, changed(data_score=score))
    suite.evaluate(artifact, boxes[0])
    said = capsys.readouterr().out
    kinds = ("right", "double", "wrong class", "bad box", "nothing there")
    shown = [int(re.search(rf"{kind} +│ +(\d+) ", said)[1]) for kind in kinds]
    assert sum(shown) == 5 * counted
    why = "as none was chosen on validation" if score is None else "where validation balances"
    assert f"Detections with a score of at least {score or MIN_SCORE:.2f}, {why}" in said


@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_other_formats_answer_the_same(boxes, tmp_path, kind):
    artifact = save(detector(), tmp_path / "model", ("dog", "cat"))
    model, other = detector(), tmp_path / "model" / ("model.tflite" if kind == "tflite" else "saved_model")
    if kind == "tflite":
        other.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    else:
        model.export(other, verbose=False)
    wanted = suite.evaluate(artifact, boxes[0])
    assert suite.evaluate(other, boxes[0]) == pytest.approx(wanted, abs=1e-6)


def write_masks(root, count=4):
    """Red squares, the masks of which are too large below, on black; a rim of a third class."""
    rng, counts = np.random.default_rng(1), np.zeros((2, 2), int)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(count):
        top, left = 2 * rng.integers(1, 3, 2)
        picture, mask = np.zeros((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE), 2, np.uint8)
        picture[top : top + 8, left : left + 8, 0] = 255
        mask[top : top + 10, left : left + 8] = 0
        mask[:, -2:] = 1
        Image.fromarray(picture).save(root / "images" / f"{index}.png")
        Image.fromarray(mask).save(root / "masks" / f"{index}.png")
        counts += [[SIDE * 14 - 80, 64], [SIDE * 14 - 64, 80]]
    (root / "classes.txt").write_text("Leaf\nrim\nbackground\n")
    return counts


def test_a_segmenter_is_measured_on_the_classes_that_it_knows_by_name(tmp_path, capsys):
    counts = write_masks(tmp_path / "set")
    found = suite.evaluate(save(segmenter(), tmp_path / "model", ("background", "leaf")), tmp_path / "set")
    assert list(found) == ["all_mean_iou", "all_boundary_iou"]
    assert found["all_mean_iou"] == pytest.approx((counts[0] / counts[1]).mean(), abs=0.03)  # half the size
    said = capsys.readouterr()
    assert "warning: 1 class that the model does not know, whose pixels are ignored: rim" in said.err
    constant = (SIDE * 14 - 80) / (SIDE * 14) / 2
    assert f"4 photos); 'background' everywhere: {constant:.3f}" in said.out


def test_a_folder_of_its_own_run_is_divided_as_there(boxes, tmp_path):
    root, _ = boxes
    artifact = save(detector(), tmp_path / "model", ("dog", "cat", "bird"))
    write_record(artifact.parent, changed(data_source=str(root.resolve())))
    split = {f"train/images/{index}.png": "test" for index in range(3)}
    (artifact.parent / "split.json").write_text(json.dumps({"files": split}))
    own = suite.evaluate(artifact, root)
    (artifact.parent / "split.json").write_text(json.dumps({"files": {}}))
    assert own["test_map"] != suite.evaluate(artifact, root, "all")["all_map"]
    with pytest.raises(ValueError, match="^expected images in the test split of .*, found none"):
        suite.evaluate(artifact, root, "test")


@pytest.mark.parametrize(
    ("model", "names", "wrong"),
    [
        (detector, ("hen", "cow"), "expected classes that the model knows (hen, cow) in"),
        (segmenter, ("background", "cat"), "expected images/ and masks/ in"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_line(boxes, tmp_path, model, names, wrong, capsys):
    artifact = save(model(), tmp_path / "model", names)
    assert main.execute(["evaluate", str(artifact), str(boxes[0])]) == BAD_INPUT
    (line,) = capsys.readouterr().err.strip().split("\n")[-1:]
    assert line.startswith(f"error: {wrong}")


def test_masks_whose_classes_have_other_names_are_told(tmp_path):
    write_masks(tmp_path / "set")
    artifact = save(segmenter(), tmp_path / "model", ("background", "plum"))
    with pytest.raises(
        ValueError, match=r"^expected masks of at least two .* \(background, plum\) .* Leaf, rim"
    ):
        suite.evaluate(artifact, tmp_path / "set")
