"""`predict` on images: boxes, shares, neighbors; classifiers are in tests/finetuning."""

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.answers.api import ask
from suite.cli import main
from suite.deploy.task import MIN_SCORE
from suite.evaluation.retrieval import Index
from suite.models.detector import build_detector
from suite.models.segmenter import build_segmenter, single
from tests.answers.pictures import LABELS, pixels
from tests.records import changed, write_record


def test_a_detector_names_its_boxes(save, capsys):
    _, model = build_detector((16, 24, 3), 3, filters=(4, 4, 4))
    paths = save(model)
    (row,) = suite.predict(*paths)
    found = model(pixels(model))
    count = int(np.sum(found["scores"] > 0))
    assert 0 < count == len(row["detections"])
    first = row["detections"][0]
    assert first["class"] == LABELS[int(found["labels"][0, 0])]
    assert first["score"] == pytest.approx(float(found["scores"][0, 0]), abs=1e-6)
    np.testing.assert_allclose(first["box"], found["boxes"][0, 0], atol=1e-6)
    assert main.execute(["predict", *map(str, paths)]) == 0
    shown = capsys.readouterr().out
    sure = [entry for entry in row["detections"] if entry["score"] >= MIN_SCORE]
    assert shown.count("(top ") == len(sure) and (sure or "nothing" in shown)
    assert f"next: suite evaluate {paths[0]} PHOTOS-WITH-BOXES" in shown


def test_the_score_that_validation_chose_decides_what_is_said_and_drawn(save):
    _, model = build_detector((16, 24, 3), 3, filters=(4, 4, 4))
    path, photo = save(model)
    found = np.sort(model(pixels(model))["scores"][0])[::-1]
    assert found[0] > found[1] > 0
    between = (float(found[0]) + float(found[1])) / 2
    write_record(path.parent, changed(data_score=between))
    ((row,), blank) = ask(path, photo), np.zeros((32, 48, 3), np.uint8)
    assert str(row.answer).count("(top ") == 1
    assert len(row.to_json()["detections"]) == np.sum(found > 0) > 1  # a program gets them all
    assert row.answer.draw(blank).any()
    write_record(path.parent, changed(data_score=0.999))
    (row,) = ask(path, photo)
    assert str(row.answer) == "nothing" and not row.answer.draw(blank).any()


def test_a_segmenter_gives_the_share_of_each_class(save, capsys):
    model = single(build_segmenter((16, 24, 3), 3, filters=(4, 4), context_filters=4), "max_unpooling")
    (row,) = suite.predict(*save(model), top=3)
    map_of_classes = model(pixels(model))["probabilities"].numpy().argmax(axis=-1)
    for entry in row["classes"]:
        assert entry["share"] == pytest.approx(np.mean(map_of_classes == LABELS.index(entry["class"])))
    assert sum(entry["share"] for entry in row["classes"]) == pytest.approx(1)


def test_a_localizer_gives_a_class_and_a_box(save, capsys):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    outputs = {
        "probabilities": keras.layers.Dense(3, "softmax")(x),
        "box": keras.layers.Dense(4, "sigmoid")(x),
    }
    model = keras.Model(image, outputs)
    paths = save(model)
    (row,) = suite.predict(*paths, top=1)
    answer = model(pixels(model))
    assert [entry["class"] for entry in row["classes"]] == [LABELS[int(np.argmax(answer["probabilities"]))]]
    np.testing.assert_allclose(row["box"], answer["box"][0], atol=1e-6)
    assert main.execute(["predict", *map(str, paths)]) == 0
    assert "(top " in capsys.readouterr().out


def test_what_it_cannot_read_is_named(save, capsys):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, {"left": keras.layers.Dense(3)(x), "right": keras.layers.Dense(3)(x)})
    paths = save(model)
    message = (
        "^expected a model that gives class probabilities, a box or boxes, a map of classes, or a code, "
    )
    with pytest.raises(ValueError, match=message):
        suite.predict(*paths)
    with pytest.raises(ValueError, match="^expected a classifier, which gives one vector, .* gives left"):
        suite.evaluate(paths[0], paths[0].parent)


def test_an_encoder_finds_the_images_of_its_index(save, capsys):
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")  # gray: the photo's colors are weighed
    code = keras.layers.Flatten(name="code")(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, code)
    paths = save(model)
    gray = np.array(Image.fromarray(pixels(model)[0]).convert("L"))[None, ..., None]
    vectors = np.concatenate([model(gray) + 0.5, model(gray), model(gray) - 0.1])
    (paths[0].parent / "index.npz").write_bytes(
        Index(vectors, ["far.png", "same.png", "near.png"]).to_bytes()
    )
    (row,) = suite.predict(*paths, top=2)
    assert [entry["name"] for entry in row["neighbors"]] == ["same.png", "near.png"]
    assert [entry["distance"] for entry in row["neighbors"]] == pytest.approx([0, 0.8], abs=1e-4)
    assert main.execute(["predict", *map(str, paths)]) == 0
    assert "same.png 0.000, near.png 0.800, far.png 4.000" in capsys.readouterr().out


def color_classifier():
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    x = keras.layers.Conv2D(3, 4, strides=4, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, "softmax", name="probabilities")(x))


def test_a_classifier_shows_where_it_looked(save, tmp_path, monkeypatch, capsys):
    model = color_classifier()
    path, photo = save(model)
    model.export(tmp_path / "saved", verbose=False)
    (tmp_path / "saved" / "labels.txt").write_text("cat\ndog\nhen\n")
    for artifact, method in ((path, "Grad-CAM"), (tmp_path / "saved", "occlusion")):
        folder = tmp_path / method
        (row, again) = suite.predict(artifact, photo, photo, explain=folder)
        assert row["explanation"] == {"file": str(folder / "photo.png"), "method": method}
        assert again["explanation"]["file"] == str(folder / "photo-2.png")
        assert Image.open(folder / "photo.png").size == Image.open(photo).size
        assert {key: row[key] for key in ("file", "classes")} == suite.predict(artifact, photo)[0]
    monkeypatch.chdir(tmp_path)
    assert main.execute(["predict", str(path), str(photo), "--explain"]) == 0
    assert "where: explanations/photo.png (Grad-CAM)" in capsys.readouterr().out


def test_only_classifiers_of_images_are_explained(save, tmp_path):
    model = single(build_segmenter((16, 24, 3), 3, filters=(4, 4), context_filters=4), "max_unpooling")
    with pytest.raises(ValueError, match="^expected a classifier of images to explain, received .*segmenter"):
        suite.predict(*save(model), explain=tmp_path / "heat")
    assert not (tmp_path / "heat").exists()
