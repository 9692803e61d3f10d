"""`suite export`: what is known of a model's inputs is found out, asked for and recorded, not assumed."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import suite
from suite.bundle.rows import InputFacts
from suite.cli import main
from suite.deploy.ranges import PIXELS, SIGNED, UNIT
from suite.runs import export_file
from tests.records import artifact, changed, write_record

COLORS = ("red", "green", "blue")
ARTIFACTS = ("model.keras", "saved_model", "model.onnx", "model.tflite", "model_int8.tflite")


def color_classifier(shape=(16, 16, 3)):
    """Names a color; its values are pixels / 255, as in most tutorials."""
    image = keras.Input(shape, name="image")
    mean = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="see")(image))
    model = keras.Model(image, layers.Dense(3, "softmax", name="probabilities")(mean), name="colors")
    model.set_weights([np.eye(3)[None, None], np.zeros(3), 8 * np.eye(3), np.zeros(3)])
    return model


def pictures(count=24):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 120, (count, 16, 16, 3))
    images[np.arange(count), :, :, np.arange(count) % 3] += 130
    return images.astype("uint8")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colors")
    color_classifier().save(folder / "colors.keras")
    (folder / "labels.txt").write_text("".join(f"{color}\n" for color in COLORS))
    np.savez(folder / "examples.npz", image=pictures() / np.float32(255))
    for row, image in enumerate(pictures(6)):
        (folder / "set" / COLORS[row % 3]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "set" / COLORS[row % 3] / f"{row}.png")
    suite.export(folder / "colors.keras", folder / "out", examples=folder / "examples.npz")
    return folder


def test_scaled_pixels_are_recorded_and_fed_in_every_format(exported):
    record = json.loads((exported / "out" / "result.json").read_text())
    assert {row["status"] for row in record["artifacts"]} == {"ok"} and record["data"]["examples"] == "given"
    expected = {"image": {"dtype": "float32", "shape": [16, 16, 3], "range": [0.0, 1.0]}}
    assert all(row["inputs"] == expected for row in record["artifacts"])
    photo = exported / "set" / "green" / "1.png"
    model = color_classifier()
    right = model(np.asarray(Image.open(photo))[None] / 255)[0]
    for name in ARTIFACTS:
        (row,) = suite.predict(exported / "out" / name, photo, top=1)
        tolerance = 0.02 if "int8" in name else 1e-5
        answer = {"class": "green", "probability": pytest.approx(float(right[1]), abs=tolerance)}
        assert row["classes"] == [answer]
        assert suite.evaluate(exported / "out" / name, exported / "set")["all_accuracy"] == 1


def test_files_of_tflite_and_onnx_alone_say_it_and_others_ask(exported, tmp_path):
    photo = exported / "set" / "blue" / "2.png"
    expected = suite.predict(exported / "out", photo)
    alone = shutil.copy(exported / "out" / "model.tflite", tmp_path / "alone.tflite")
    assert suite.predict(alone, photo) == expected
    shutil.copy(exported / "labels.txt", tmp_path)
    names = ("model.onnx", "model.keras")
    onnx, keras_file = (shutil.copy(exported / "out" / name, tmp_path / name) for name in names)
    with pytest.raises(ValueError, match="^expected to know the values that .* --scale 0..1$"):
        suite.predict(keras_file, photo)
    for (row,) in (suite.predict(onnx, photo), suite.predict(keras_file, photo, scale="0..1")):
        assert row["classes"][0]["probability"] == pytest.approx(
            expected[0]["classes"][0]["probability"], abs=1e-5
        )


def test_the_code_for_apps_scales_the_pixels(exported):
    mobile, photo = exported / "out" / "mobile", exported / "set" / "red" / "0.png"
    command = [sys.executable, "-I", mobile / "example.py", photo]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (row,) = suite.predict(exported / "out", photo)
    for got, entry in zip(json.loads(done.stdout)["classes"], row["classes"], strict=True):
        assert got["class"] == entry["class"]
        assert got["probability"] == pytest.approx(entry["probability"], abs=1e-5)
    text = " ".join((mobile / "README.md").read_text().split())
    assert "The model takes them in [0, 1], each as pixel / 255, which the code does (mean 0, stan" in text
    assert "Normalization is inside" not in text


def prepared(folder, model, **settings):
    """What would be exported."""
    model.save(folder / "model.keras")
    arguments = {"examples": None, "scale": None, "sides": ()} | settings
    return export_file._prepare(folder / "model.keras", *arguments.values())


def test_the_range_is_from_examples_the_flag_a_layer_or_the_bundle(tmp_path, capsys):
    image = keras.Input((16, 16, 3), name="image")
    raw = keras.Model(image, color_classifier()(layers.Rescaling(1 / 255)(image)))
    assert prepared(tmp_path, raw)[0].ranges == {"image": PIXELS}
    assert "go into 'image' as values in [0, 255], as the layer behind it says" in capsys.readouterr().out
    item, data = prepared(tmp_path, color_classifier(), scale=SIGNED)
    assert item.ranges == {"image": SIGNED} and data["examples"] == "random: image uniform in [-1, 1]"
    assert item.inputs["image"].min() < -0.9 and item.calibration is None

    item, data = prepared(tmp_path, color_classifier())
    assert item.ranges == {"image": None}
    said = capsys.readouterr().err
    assert "which values of 'image' are black and white is not known (nothing says it): there will" in said
    assert (
        "code for pictures; say which values are black and white with --scale, such as --scale 0..1" in said
    )
    np.savez(tmp_path / "x.npz", image=np.random.default_rng(0).normal(size=(4, 16, 16, 3)))
    assert prepared(tmp_path, color_classifier(), examples=tmp_path / "x.npz")[0].ranges == {"image": None}
    assert "is not known (the examples lie in [-" in capsys.readouterr().err
    inputs = {"image": InputFacts("float32", (16, 16, 3), is_image=True, range=(0, 1))}
    write_record(tmp_path, changed(artifacts=(artifact("model.keras", inputs=inputs),), data_score=0.45))
    item, data = prepared(tmp_path, color_classifier())
    assert item.ranges == {"image": UNIT} and data["score"] == 0.45
    assert "as its bundle says" in capsys.readouterr().out


def test_images_of_any_size_need_one_before_anything_is_written(tmp_path, capsys):
    color_classifier((None, None, 3)).save(tmp_path / "any.keras")
    command = ["export", str(tmp_path / "any.keras"), "--out", str(tmp_path / "out" / "any")]
    for size in ([], ["--size", "8,8,8"]):
        assert main.execute([*command, *size]) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert (
            "expected a size for image: float32 (None, None, 3), which takes any, for the TFLite files"
            in said
        )
        assert "--size 224 or 224,224, or --examples of it; received " + (size[1] if size else "none") in said
    for wrong in ("x", "0", "8.5"):
        assert main.execute([*command, "--size", wrong]) == main.BAD_INPUT
        assert f"expected a size in pixels, such as 224 or 224,160 (height, width), received '{wrong}'" in (
            capsys.readouterr().err
        )
    assert not (tmp_path / "out").exists()
    model = color_classifier((None, None, 3))
    item, _ = prepared(tmp_path, model, sides=(8, 24), scale=UNIT)
    assert item.inputs["image"].shape == (8, 8, 24, 3)
    assert prepared(tmp_path, model, sides=(9,))[0].inputs["image"].shape == (8, 9, 9, 3)
    np.savez(tmp_path / "x.npz", image=np.zeros((2, 7, 5, 3), "float32"))
    assert prepared(tmp_path, model, examples=tmp_path / "x.npz")[0].inputs["image"].shape == (2, 7, 5, 3)
    said = capsys.readouterr()
    assert "takes any length or size: the TFLite files are fixed to (7, 5, 3)" in said.out
    assert "probabilities answers the same to all examples: parity proves nothing of it; give" in said.err
    with pytest.raises(ValueError, match="^expected examples of the size .*leave out --size, or give other"):
        prepared(tmp_path, model, examples=tmp_path / "x.npz", sides=(8,))
    with pytest.raises(
        ValueError, match="^expected no --size, the model takes one size only: image.*; leave"
    ):
        prepared(tmp_path, color_classifier(), sides=(8,))


def test_a_length_that_nobody_chose_is_said(tmp_path, capsys):
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, layers.Dense(2, name="y")(layers.GlobalAveragePooling1D()(x)))
    item, _ = prepared(tmp_path, model)
    assert item.inputs["x"].shape == (8, 16, 4)
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "x: float32 (None, 4) takes any length: the TFLite files are fixed to 16; give --examples of the"
        in said
    )


def test_examples_that_do_not_do_are_said_in_a_line(tmp_path):
    color_classifier().save(tmp_path / "model.keras")
    right = np.zeros((2, 16, 16, 3), "float32")
    cases = {
        "expected at least 1 example in .*, received none; add rows to it": {"image": right[:0]},
        "expected inputs named image, received picture .in .*x.npz.": {"picture": right},
        "expected input 'image' of shape .*, received .2, 8, 8, 3. .in ": {"image": right[:, :8, :8]},
        "expected an .npz of inputs by name, .*'image' holds objects; make it one array of numbers": {
            "image": np.array([right[0], None], dtype=object)
        },
        "expected inputs named image, received none": {},
    }
    for message, arrays in cases.items():
        np.savez(tmp_path / "x.npz", **arrays)
        with pytest.raises(ValueError, match=f"^{message}") as failure:
            suite.export(tmp_path / "model.keras", tmp_path / "out" / "x", examples=tmp_path / "x.npz")
        assert "pickle" not in str(failure.value) and "\n" not in str(failure.value)
    (tmp_path / "x.npz").write_text("image")
    with pytest.raises(ValueError, match=r"x.npz cannot be read \(it is no .npz of numbers\); write it"):
        suite.export(tmp_path / "model.keras", tmp_path / "out" / "x", examples=tmp_path / "x.npz")
    assert not (tmp_path / "out").exists()
