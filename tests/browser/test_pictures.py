"""Pictures on the page in a real browser, with real clicks and files, held to LiteRT in Python."""

import base64
import dataclasses
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.bundle.rows import InputFacts, Latency
from suite.data.pictures.images import load_image
from tests.browser import bundles
from tests.browser.pages import SHOWN, answered, bars, choose, problem, write_picture
from tests.conftest import PHONE


def rotated(path):
    """A JPEG that its EXIF orientation turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return write_picture(path, size=(90, 60), seed=1, exif=exif, quality=95)


def transparent(path):
    pixels = np.random.default_rng(2).integers(256, size=(41, 83, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, 255)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_picture_is_answered_as_litert_answers(variant, pictures, open_page, tmp_path):
    page = open_page(pictures)
    choose(page, variant)
    files = [write_picture(tmp_path / "a.png"), rotated(tmp_path / "b.jpg"), transparent(tmp_path / "c.png")]
    for number, file in enumerate(files, 1):
        page.set_input_files("#file", file)
        shown = answered(page, number)
        path = pictures / ("model.tflite" if variant == "float32" else f"model_{variant}.tflite")
        (row,) = suite.predict(path, file)
        assert list(shown) == [entry["class"] for entry in row["classes"]]
        expected = [entry["probability"] for entry in row["classes"]]
        np.testing.assert_allclose(list(shown.values()), expected, atol=SHOWN)
    assert page.problems == []


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_large_pictures_are_shrunk_faithfully(name, pictures, open_page, tmp_path):
    """Of 4.3 million pixels; by less than one level on average, measured: 0.6."""
    page = open_page(pictures)
    small = Image.fromarray(bundles.noise((150, 100, 3)))
    small.resize((1800, 2400), Image.Resampling.BICUBIC).save(tmp_path / name, quality=95, compress_level=1)
    pixels = page.evaluate(
        """async ([content, name]) => {
            const { decode, pixelsOf } = await import("./picture.js");
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            return [...pixelsOf(await decode(new File([bytes], name)), [1, 224, 224, 3])];
        }""",
        [base64.b64encode((tmp_path / name).read_bytes()).decode(), name],
    )
    differences = np.abs(
        np.reshape(pixels, (224, 224, 3)) - load_image(tmp_path / name, (224, 224)).astype(int)
    )
    assert differences.mean() < 1 and differences.max() < 10


def test_another_variant_answers_the_same_picture(pictures, open_page, tmp_path):
    page = open_page(pictures)
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    float32 = answered(page, 1)
    choose(page, "int8")
    int8 = answered(page, 1)
    assert float32.keys() == int8.keys() and 0 < max(abs(float32[name] - int8[name]) for name in int8) < 0.05


def test_a_picture_may_be_dropped(pictures, open_page, tmp_path):
    page = open_page(pictures)
    content = list(write_picture(tmp_path / "a.png").read_bytes())
    data = page.evaluate_handle(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
            return data;
        }""",
        content,
    )
    page.dispatch_event("#stage", "drop", {"dataTransfer": data})
    (row,) = suite.predict(pictures / "model.tflite", tmp_path / "a.png", top=1)
    assert next(iter(answered(page, 1))) == row["classes"][0]["class"]


def test_a_file_that_is_no_picture_is_one_line(pictures, open_page, tmp_path):
    page = open_page(pictures)
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    before = answered(page, 1)
    (tmp_path / "notes.jpg").write_text("bought at the market")
    page.set_input_files("#file", tmp_path / "notes.jpg")
    assert problem(page) == (
        "expected a picture that this browser reads (JPEG, PNG, WebP, GIF), received notes.jpg; "
        "choose another file"
    )
    assert bars(page) == before
    page.set_input_files("#file", tmp_path / "a.png")
    assert answered(page, 2) == before and page.inner_text("#problem") == ""


def test_a_refused_camera_is_one_line(pictures, open_page):
    page = open_page(pictures)
    page.click("#camera")
    assert problem(page) == "the camera was refused; allow it for this page, or choose a picture instead"


@pytest.mark.parametrize(
    ("name", "what"), [("NotFoundError", "was not found"), ("NotReadableError", "did not start (it is busy)")]
)
def test_a_camera_that_does_not_start_is_one_line(name, what, pictures, open_page):
    page = open_page(pictures)
    page.evaluate(
        """(name) => {
            navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("it is busy", name));
        }""",
        name,
    )
    page.click("#camera")
    assert problem(page) == f"the camera {what}; allow it for this page, or choose a picture instead"


def test_a_phone_in_the_network_gets_answers_but_no_camera(pictures, open_page, tmp_path):
    """Over http and not from localhost there are no threads and no camera, as browsers have it."""
    page = open_page(pictures, host=PHONE)
    assert not page.evaluate("isSecureContext || crossOriginIsolated")
    page.click("#camera")
    assert problem(page) == (
        "the camera needs https or localhost; choose a picture instead, which offers a phone's camera, too"
    )
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    (row,) = suite.predict(pictures / "model.tflite", tmp_path / "a.png")
    assert list(answered(page, 1)) == [entry["class"] for entry in row["classes"]]
    assert page.problems == []


def test_the_camera_is_answered_until_it_is_stopped(pictures, open_page):
    page = open_page(pictures, permissions=["camera"])
    page.click("#camera")
    answered(page, r"\d+")
    assert page.locator("#video").is_visible() and not page.locator("#shown").is_visible()
    page.get_by_role("button", name="Stop the camera").click()
    page.locator("#shown").wait_for()
    assert not page.locator("#video").is_visible() and len(bars(page)) == 3
    assert page.problems == []


def test_a_model_without_a_form_is_one_line(tmp_path, open_page):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    code = keras.layers.Flatten(name="code")(keras.layers.Rescaling(1 / 255)(image))
    features = keras.Input((4,), name="features")
    models = {
        "searcher": keras.Model(image, code),
        "other": keras.Model(features, keras.layers.Dense(2, name="scores")(features)),
    }
    page = open_page(bundles.write_bundle(tmp_path / "others", models), ready=False)
    assert problem(page) == (
        "this page does not draw the answer of a model that gives code (1,192); `suite predict` may"
    )
    page.select_option("#model", label="other")
    page.locator("#problem", has_text="has no form").wait_for()
    assert problem(page) == (
        "this page has no form for a model that takes features float32 (1,4); use `suite predict` or "
        "`suite benchmark`"
    )


def test_a_picture_is_fed_in_the_range_that_the_bundle_records(tmp_path, open_page):
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 12, 3), name="picture")
    scores = keras.layers.Dense(3, "softmax", name="probabilities")(keras.layers.Flatten()(image))
    names = {"labels.txt": "red\ngreen\nblue\n"}
    bundle = bundles.write_bundle(tmp_path / "floats", {"": keras.Model(image, scores)}, names)
    page = open_page(bundle, ready=False)
    assert problem(page) == (
        "it is not known which values of picture are black and white; export the model again with --scale, "
        "such as --scale 0..1"
    )
    (row,) = bundles.rows_of(bundle)
    bundles.write_result(
        bundle,
        [dataclasses.replace(row, inputs={"picture": InputFacts("float32", (32, 48, 3), True, (-1, 1))})],
    )
    page.reload()
    page.locator("#status", has_text="is ready").wait_for()
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    (row,) = suite.predict(bundle, tmp_path / "a.png")
    assert row == suite.predict(bundle, tmp_path / "a.png", scale="-1..1")[0]
    expected = {entry["class"]: entry["probability"] for entry in row["classes"]}
    assert answered(page, 1) == pytest.approx(expected, abs=SHOWN) and page.problems == []


def test_the_page_opens_with_the_file_that_is_recommended(pictures, open_page, tmp_path):
    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    fast = {"int8": Latency(1.0)}
    bundles.write_result(
        bundle,
        [
            dataclasses.replace(row, latency_ms=fast.get(row.variant, row.latency_ms))
            for row in bundles.rows_of(bundle)
        ],
    )
    page = open_page(bundle)
    assert page.locator("#status").text_content().startswith("model_int8.tflite is ready")
    assert page.locator("#variants input:checked").get_attribute("value") == "int8"


def test_a_file_that_is_damaged_while_it_is_served_is_one_line(pictures, open_page, tmp_path):
    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    page = open_page(bundle)
    (bundle / "model_int8.tflite").write_bytes(b"TFL3 but not really")
    page.locator("#variants label", has_text="int8").click()
    assert problem(page).startswith("expected a readable .tflite file, model_int8.tflite cannot be loaded: ")
    (bundle / "model_int8.tflite").unlink()
    page.locator("#variants label", has_text="float32").click()
    page.locator("#status", has_text="model.tflite is ready").wait_for()
    page.locator("#variants label", has_text="int8").click()
    assert problem(page) == (
        "expected a readable .tflite file, model_int8.tflite cannot be loaded: the server answers 404"
    )


def test_files_that_are_lost_while_they_are_served_are_one_line(pictures, open_page, tmp_path):
    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    page = open_page(bundle)
    (bundle / "labels.txt").write_text("red\ngreen\n")
    page.locator("#variants label", has_text="int8").click()
    assert problem(page) == "expected 3 class names in labels.txt, received 2; export it again"
    (bundle / "labels.txt").unlink()
    page.reload()
    page.locator("#problem", has_text="no such file").wait_for()
    assert problem(page) == (
        "expected the class names in labels.txt, found no such file; put it beside the model"
    )
    (bundle / "result.json").unlink()
    page.reload()
    page.locator("#problem", has_text="result.json").wait_for()
    assert problem(page) == "expected a bundle, found no result.json; start `suite preview` again"


def test_boxes_and_maps_are_drawn(drawers, tmp_path, open_page):
    page = open_page(drawers)
    Image.new("RGB", (80, 40), "white").save(tmp_path / "white.png")
    page.set_input_files("#file", tmp_path / "white.png")
    expected = {
        "detector": ({"blue": 0.75}, "#009e73"),
        "localizer": ({"green": 0.7, "red": 0.2, "blue": 0.1}, "#0072b2"),
        "segmenter": ({"green": 0.75, "red": 0.25}, None),
        "painter": ({}, None),
    }
    for name, (rows, color) in expected.items():
        page.select_option("#model", label=name)
        page.locator("#status", has_text=f"{name}/model.tflite is ready").wait_for()
        answered(page, 1)
        assert bars(page) == rows
        if color:  # the right edge of the box is drawn, what lies beyond is not
            assert [pixel(page, 40, 20), pixel(page, 70, 20)] == [color, "#ffffff"]
        elif name == "painter":
            assert pixel(page, 40, 20) == "#484848"  # 200 - 255 / 2, rounded
        else:
            assert pixel(page, 5, 20) != pixel(page, 25, 20) == pixel(page, 75, 20) != "#ffffff"
    assert page.problems == []


def pixel(page, x, y):
    """The color of the picture on the page, as #rrggbb."""
    script = (
        "([x, y]) => [...document.getElementById('shown').getContext('2d').getImageData(x, y, 1, 1).data]"
    )
    return "#" + "".join(f"{value:02x}" for value in page.evaluate(script, [x, y])[:3])
