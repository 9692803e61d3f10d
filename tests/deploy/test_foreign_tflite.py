"""Other people's .tflite files: quantized inputs and outputs, metadata, numbered labels."""

import numpy as np
import pytest
from PIL import Image

import suite
from suite.bundle.record import foreign_labels
from suite.cli import main
from suite.deploy.convert.metadata import add_metadata
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.deploy.ranges import SIGNED, UNIT, ValueRange
from suite.deploy.runtime import load_artifact
from tests.deploy.foreign_models import COLORS, INTEGERS, colors_in, values, write_quantized


@pytest.fixture(scope="module", params=INTEGERS)
def quantized(request, tmp_path_factory):
    """A classifier as Teachable Machine exports it, and the Keras model."""
    return write_quantized(tmp_path_factory.mktemp(request.param), request.param)


def test_quantized_values_are_real_numbers_on_both_sides(quantized):
    path, model = quantized
    artifact = load_artifact(path)
    assert [x.dtype for x in (*artifact.signature.inputs, *artifact.signature.outputs)] == ["float32"] * 2
    answers = artifact.predict(values())["probabilities"]
    np.testing.assert_allclose(answers, model.predict(values(), verbose=0), atol=0.02)  # measured 0.008
    outside = np.full((1, 4, 4, 3), [[[5.0, -1, -1]]], "float32")  # not wrapped around
    (clipped,) = artifact.predict(outside)["probabilities"]
    np.testing.assert_allclose(clipped, model(np.clip(outside, -1, 1))[0], atol=0.02)


def test_a_quantized_classifier_names_colors(quantized, tmp_path, capsys):
    path, model = quantized
    for color, pixel in zip(COLORS, ((250, 0, 0), (0, 255, 3), (2, 1, 255)), strict=True):
        Image.new("RGB", (20, 17), pixel).save(tmp_path / f"{color}.png")
        (row,) = suite.predict(path, tmp_path / f"{color}.png", top=1)
        expected = model(np.full((1, 4, 4, 3), pixel) / 127.5 - 1)[0, COLORS.index(color)]
        assert row["classes"] == [{"class": color, "probability": pytest.approx(float(expected), abs=0.02)}]
        (tmp_path / "set" / color).mkdir(parents=True)
        Image.new("RGB", (20, 17), pixel).save(tmp_path / "set" / color / "a.png")
    said = capsys.readouterr().err
    assert "is fed values in [-0.996, 1], for which its integers are the pixels; --scale LOW" in said
    metrics = suite.evaluate(path, tmp_path / "set")
    assert metrics["all_accuracy"] == 1 and 0 < metrics["all_loss"] < 0.1


def test_a_float_model_without_metadata_asks_for_its_scale(tmp_path, capsys):
    save_saved_model(colors_in(signed=False), tmp_path / "one", batch_size=1)
    path = tmp_path / "model.tflite"
    path.write_bytes(convert_tflite(tmp_path / "one", "float32"))
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue")
    Image.new("RGB", (20, 17), (255, 51, 0)).save(tmp_path / "a.png")
    for command in (["predict", str(path), str(tmp_path / "a.png")], ["evaluate", str(path), str(tmp_path)]):
        assert main.execute(command) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "expected to know the values that " in said
        assert "say which values are black and white with --scale, such as --scale 0..1" in said
    exps = np.exp([4, 0.8, 0])
    (row,) = suite.predict(path, tmp_path / "a.png", scale="0..1")
    assert [x["probability"] for x in row["classes"]] == pytest.approx(list(exps / exps.sum()), abs=1e-5)
    assert main.execute(["predict", str(path), str(tmp_path / "a.png"), "--scale", "-1..1"]) == 0
    assert "red 0.998, green 0.002" in capsys.readouterr().out
    assert main.execute(["predict", str(path), str(tmp_path / "a.png"), "--scale", "1"]) == main.BAD_INPUT
    assert "expected a scale LOW..HIGH" in capsys.readouterr().err

    add_metadata(path, ranges={"image": UNIT})
    assert suite.predict(path, tmp_path / "a.png") == [row]
    assert not capsys.readouterr().err


def test_metadata_say_a_range_for_all_channels_or_for_each(tmp_path):
    save_saved_model(colors_in(), tmp_path / "one", batch_size=1)
    path = tmp_path / "model.tflite"
    path.write_bytes(convert_tflite(tmp_path / "one", "float32"))
    assert load_artifact(path).ranges == {}
    add_metadata(path)
    assert load_artifact(path).ranges == {}  # not known
    add_metadata(path, ranges={"image": SIGNED})
    assert load_artifact(path).ranges == {"image": SIGNED}
    odd = ValueRange(-2.0, 3.0)
    add_metadata(path, ranges={"image": odd})
    np.testing.assert_allclose(load_artifact(path).ranges["image"], odd, atol=1e-6)

    colored = ValueRange((-10.0, -10.0, -7.5), (245.0, 117.5, 56.25))  # means 10, 20, 30, deviations 1, 2, 4
    add_metadata(path, ranges={"image": colored})
    assert load_artifact(path).ranges == {"image": colored}


def test_a_file_from_elsewhere_is_timed(quantized, capsys):
    path, _ = quantized
    assert main.execute(["benchmark", str(path)]) == main.PASSED
    said = capsys.readouterr().out
    assert f"next: suite predict {path} PHOTO.jpg" in said and "model.tflite" in said
    (row,) = suite.benchmark(path)
    assert row.status == "ok" and row.latency_ms.p50 > 0 and row.bytes == path.stat().st_size
    assert "FULLY_CONNECTED" in row.ops and row.min_runtime


def test_a_running_number_before_every_label_is_left_out():
    assert foreign_labels("0 apple\n1 big pear\n") == ["apple", "big pear"]
    assert foreign_labels("\ufeff0: apple\r\n1: pear") == ["apple", "pear"]
    assert foreign_labels("0 apple\n2 pear") == ["0 apple", "2 pear"]
    assert foreign_labels("apple\n1 pear") == ["apple", "1 pear"]
    assert foreign_labels("0\n1\n2") == ["0", "1", "2"]


def test_labels_of_a_bundle_are_left_as_they_are(quantized, tmp_path):
    (tmp_path / "model.tflite").write_bytes(quantized[0].read_bytes())
    (tmp_path / "labels.txt").write_text("0 red\n1 green\n2 blue\n")
    (tmp_path / "result.json").write_text('{"artifacts": []}')
    Image.new("RGB", (20, 17), (255, 0, 0)).save(tmp_path / "a.png")
    (row,) = suite.predict(tmp_path / "model.tflite", tmp_path / "a.png", top=1)
    assert row["classes"][0]["class"] == "0 red"
