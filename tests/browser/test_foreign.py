"""The page of a .tflite file that the suite did not make."""

import pytest

import suite
from suite.browser.folder import write_page
from suite.browser.site import site_of
from suite.cli import main
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.deploy.ranges import parse_scale
from tests.browser.pages import SHOWN, answered, write_picture
from tests.deploy.foreign_models import colors_in, write_quantized


def answers_of(path, picture, scale=None):
    (row,) = suite.predict(path, picture, scale=scale)
    return pytest.approx({each["class"]: each["probability"] for each in row["classes"]}, abs=SHOWN)


def test_a_quantized_classifier_answers_as_the_suite_does(open_site, tmp_path):
    """As Teachable Machine exports it: uint8 on both sides, numbered labels, no metadata."""
    path, _ = write_quantized(tmp_path, "uint8")
    (tmp_path / "diary.txt").write_text("private")
    site = site_of(path)
    assert (
        site.source("/bundle/diary.txt") is None
        and site.source("/bundle/labels.txt") == b"red\ngreen\nblue\n"
    )
    page = open_site(site)
    for number, color in enumerate(("red", "green", "white"), 1):
        picture = write_picture(tmp_path / f"{color}.png", color)
        page.set_input_files("#file", picture)
        assert answered(page, number) == answers_of(path, picture)
    assert page.inner_text("#title") == "model" and page.problems == []
    write_page(site, tmp_path / "page")
    assert (tmp_path / "page" / "bundle" / "model.tflite").read_bytes() == path.read_bytes()


def test_a_file_of_floats_takes_what_the_user_says(open_site, tmp_path, capsys):
    save_saved_model(colors_in(), tmp_path / "one", batch_size=1)
    path = tmp_path / "net of mine.tflite"
    path.write_bytes(convert_tflite(tmp_path / "one", "float32"))
    command = ["preview", str(path), "--to", str(tmp_path / "page")]
    for label_text, message in (
        (None, "expected to know the values that "),
        ("red\n", f"expected 3 class names in {tmp_path / 'labels.txt'}, received 1"),
    ):
        if label_text:
            (tmp_path / "labels.txt").write_text(label_text)
            command += ["--scale", "-1..1"]
        assert main.execute(command) == main.BAD_INPUT
        assert capsys.readouterr().err.startswith(f"error: {message}")
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue")
    page = open_site(site_of(path, parse_scale("-1..1")))
    picture = write_picture(tmp_path / "a.png")
    page.set_input_files("#file", picture)
    assert answered(page, 1) == answers_of(path, picture, "-1..1") and page.problems == []


def test_numbers_that_browsers_do_not_take_are_one_line(tmp_path, capsys):
    path, _ = write_quantized(tmp_path, "int8")
    assert main.execute(["preview", str(path), "--to", str(tmp_path / "page")]) == main.BAD_INPUT
    assert capsys.readouterr().err == (
        f"error: expected tensors of float32, int32, uint8, which is what browsers run, {path} has 'image' "
        "of int8; convert it anew with inference_input_type and inference_output_type tf.uint8\n"
    )
