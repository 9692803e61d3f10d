"""Teaching a personal model in the page, held to LiteRT in Python."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from suite.data.pictures.images import load_image
from tests.browser import bundles
from tests.browser.pages import COLORS, SHOWN, answered, choose, problem, teach, write_picture


def test_it_learns_new_classes_and_keeps_them_in_a_file(pictures, open_page, tmp_path):
    page = open_page(pictures)
    assert page.get_by_role("button", name="Train").is_disabled()
    for name in COLORS:  # known ones too, lest it forgets them
        files = [write_picture(tmp_path / f"{name}{i}.png", name, seed=i) for i in range(3)]
        teach(page, name, files)
    page.fill("#class-name", "black")
    page.get_by_role("button", name="Add class").click()
    assert problem(page) == "expected at most 2 new classes; teach it more of one of these"
    page.fill("#class-name", " ")
    page.get_by_role("button", name="Add class").click()
    assert problem(page) == "expected a name of the class, received none; write one"
    page.fill("#rounds", "0")
    page.get_by_role("button", name="Train").click()
    assert problem(page) == "expected at least 1 round, received 0; change it"
    page.fill("#rounds", "60")
    page.fill("#rate", "")
    page.get_by_role("button", name="Train").click()
    assert problem(page) == "expected a learning rate above 0, received none; change it"
    page.fill("#rate", "1")
    page.get_by_role("button", name="Train").click()
    lesson = page.locator("#lesson", has_text="Trained 60 rounds")
    lesson.wait_for()
    assert float(re.search(r"loss ([\d.]+)\.", lesson.inner_text()).group(1)) < 0.3
    assert page.locator("#variants input:checked").get_attribute("value") == "personal"
    unseen = [write_picture(tmp_path / f"new_{name}.png", name, seed=9) for name in COLORS]
    learned = []
    for number, (name, file) in enumerate(zip(COLORS, unseen, strict=True), 1):
        page.set_input_files("#file", file)
        learned.append(answered(page, number))
        assert next(iter(learned[-1])) == name
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the weights").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert json.loads(saved.read_text())["classes"] == [*bundles.LABELS, "yellow", "white"]
    check_in_python(pictures, saved, unseen, learned)

    again = open_page(pictures)
    again.locator("#teach").wait_for()
    again.set_input_files("#load", saved)
    again.locator("#lesson", has_text="Loaded personal_weights.json.").wait_for()
    again.locator("#status", has_text="model_personal.tflite is ready").wait_for()
    for number, (file, answer) in enumerate(zip(unseen, learned, strict=True), 1):
        again.set_input_files("#file", file)
        assert answered(again, number) == answer
    assert page.problems == again.problems == []


def check_in_python(pictures, saved, files, answers):
    """The saved arrays, put into the same file by LiteRT in Python, give what the page showed."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(pictures / "model_personal.tflite"))
    weights = json.loads(saved.read_text())
    kernel, bias = np.float32(weights["kernel"]), np.float32(weights["bias"])
    interpreter.get_signature_runner("restore")(kernel=kernel, bias=bias)
    for file, shown in zip(files, answers, strict=True):
        image = load_image(file, (32, 48))[None]
        (probabilities,) = interpreter.get_signature_runner("infer")(image=image)["probabilities"]
        expected = dict(zip(weights["classes"], probabilities, strict=True))
        assert {name: pytest.approx(expected[name], abs=SHOWN) for name in shown} == shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no weights", "expected the weights as JSON, received w.json; choose a file that was saved here"),
        (
            '{"classes": ["red"], "kernel": [[1]], "bias": [1]}',
            "expected weights of 3 features and 5 classes, received others; "
            "choose a file that was saved here",
        ),
        (
            json.dumps(
                {"classes": ["ant", "bee", None, None, None], "kernel": [[0] * 5] * 3, "bias": [0] * 5}
            ),
            "expected weights of a model whose class 1 is red, received ant; choose another file",
        ),
    ],
)
def test_weights_that_do_not_fit_are_one_line(content, message, pictures, open_page, tmp_path):
    page = open_page(pictures)
    page.locator("#teach").wait_for()
    (tmp_path / "w.json").write_text(content)
    page.set_input_files("#load", tmp_path / "w.json")
    assert problem(page) == message


def test_pictures_for_a_class_come_from_the_camera_too(pictures, open_page):
    page = open_page(pictures, permissions=["camera"])
    page.fill("#class-name", "test pattern")
    page.keyboard.press("Enter")
    shoot = page.get_by_role("button", name="From the camera")
    shoot.click()
    page.locator("#classes", has_text="1 picture").wait_for()
    shoot.click()
    page.locator("#classes", has_text="2 pictures").wait_for()
    page.get_by_role("button", name="Train").click()
    page.locator("#lesson", has_text="Trained 20 rounds").wait_for()
    assert page.problems == []


def test_a_model_keeps_what_it_learned_while_another_is_shown(pictures, open_page, tmp_path):
    rows = bundles.rows_of(pictures)
    for name in ("one", "two"):
        shutil.copytree(pictures, tmp_path / "both" / name, ignore=shutil.ignore_patterns("*.json"))
    rows = [dataclasses.replace(row, path=f"{name}/{row.path}") for name in ("one", "two") for row in rows]
    bundles.write_result(tmp_path / "both", rows)
    page = open_page(tmp_path / "both")
    teach(page, "white", [write_picture(tmp_path / f"{i}.png", "white", seed=i) for i in range(2)])
    page.get_by_role("button", name="Train").click()
    page.locator("#status", has_text="one/model_personal.tflite is ready").wait_for()
    page.set_input_files("#file", tmp_path / "0.png")
    learned = answered(page, 1)
    assert "white" in learned
    page.select_option("#model", label="two")
    page.locator("#status", has_text="two/model.tflite is ready").wait_for()
    page.locator("#teach-help", has_text="2 new classes left").wait_for()
    assert page.locator("#classes li").count() == 0
    page.select_option("#model", label="one")
    page.locator("#classes li", has_text="2 pictures").wait_for()
    choose(page, "personal")
    assert answered(page, 1) == learned
    assert page.get_by_role("button", name="Save the weights").is_enabled() and page.problems == []


def test_a_learning_rate_that_is_too_high_is_one_line(pictures, open_page, tmp_path):
    page = open_page(pictures)
    teach(page, "white", [write_picture(tmp_path / f"{i}.png", "white", seed=i) for i in range(2)])
    page.fill("#rate", "1e38")
    page.get_by_role("button", name="Train").click()
    assert problem(page) == (
        "the loss is no longer a number; load the page again and lower the learning rate"
    )
    assert page.get_by_role("button", name="Save the weights").is_disabled()
