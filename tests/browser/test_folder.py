"""The page as a folder: any web server has it, a device that opened it once needs none."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import suite
from suite.browser.folder import write_page
from suite.browser.litert import LOCK, PAGE
from suite.browser.site import site_of
from suite.bundle.record import read_result
from suite.cli import main
from suite.deploy.recommendation import recommended
from suite.deploy.task import MIN_SCORE
from tests.browser.pages import SHOWN, answered, pair_of, problem, teach, write_picture
from tests.conftest import NARROW
from tests.records import write_record


def kept(page):
    """Waits until the page is on the device."""
    page.locator("#offline:not([hidden])").wait_for()


def test_a_classifier_is_opened_without_a_server_and_taught(pictures, runtime, host, phone, tmp_path):
    suite.preview(pictures, to=tmp_path / "page", variant="float32")
    address, end = host(tmp_path / "page")
    page = phone(address)
    kept(page)
    end()
    page.context.set_offline(True)
    page.reload()
    page.locator("#status", has_text="is ready").wait_for()
    assert page.locator("#variants input").evaluate_all("(all) => all.map(({ value }) => value)") == [
        "float32",
        "personal",
    ]
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    (row,) = suite.predict(pictures / "model.tflite", tmp_path / "a.png")
    expected = {entry["class"]: entry["probability"] for entry in row["classes"]}
    assert answered(page, 1) == pytest.approx(expected, abs=SHOWN)
    teach(page, "yellow", [write_picture(tmp_path / f"{i}.png", "yellow", seed=i) for i in range(4)])
    page.click("#train")
    page.locator("#lesson", has_text="Trained 20 rounds").wait_for()
    page.set_input_files("#file", write_picture(tmp_path / "b.png", "yellow", seed=9))
    page.locator("#answer .name >> nth=0", has_text="yellow").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert page.problems == []


def test_boxes_and_maps_without_a_server(drawers, runtime, host, phone, tmp_path):
    write_page(site_of(drawers), tmp_path / "page")
    address, end = host(tmp_path / "page")
    page = phone(address)
    kept(page)
    end()
    page.reload()
    page.locator("#status", has_text="is ready").wait_for()
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    for name, rows in {"detector": {"blue": 0.75}, "segmenter": {"green": 0.75, "red": 0.25}}.items():
        page.select_option("#model", label=name)
        page.locator("#status", has_text=f"{name}/model.tflite is ready").wait_for()
        assert answered(page, 1) == rows
    assert page.problems == []


def test_boxes_are_shown_from_the_score_that_validation_chose(drawers, runtime, tmp_path):
    assert site_of(drawers).about["min_score"] == MIN_SCORE
    shutil.copytree(drawers, tmp_path / "bundle")
    record = read_result(drawers)
    data = dataclasses.replace(record.data, score=0.45)
    write_record(tmp_path / "bundle", dataclasses.replace(record, data=data))
    write_page(site_of(tmp_path / "bundle"), tmp_path / "page")
    assert json.loads((tmp_path / "page/about.json").read_text())["min_score"] == 0.45


def test_texts_and_captions_without_a_server(texts, captioner, runtime, host, phone, tmp_path):
    write_page(site_of(texts), tmp_path / "page" / "texts")
    write_page(site_of(captioner), tmp_path / "page" / "captions")
    address, end = host(tmp_path / "page")
    page = phone(f"{address}texts/")
    kept(page)
    page.goto(f"{address}captions/")
    page.locator("#status", has_text="is ready").wait_for()
    kept(page)
    end()
    page.goto(f"{address}texts/")
    page.locator("#status", has_text="is ready").wait_for()
    page.fill("#words", "Don't stop.")
    page.click("#read")
    (row,) = suite.predict(texts / "classifier" / "model.tflite", "Don't stop.")
    expected = {entry["class"]: entry["probability"] for entry in row["classes"]}
    assert answered(page, 1) == pytest.approx(expected, abs=SHOWN)
    page.goto(f"{address}captions/")
    page.locator("#status", has_text="says what it sees").wait_for()
    file = write_picture(tmp_path / "a.png", size=(4, 6))
    page.set_input_files("#file", file)
    said = page.locator("#answer .said").inner_text()
    pair, _ = pair_of(captioner)
    image = np.asarray(Image.open(file))[None]
    assert said == pair.write(pair.encode({"image": image}), 60)[0] and page.problems == []


def test_a_phone_may_put_it_among_its_apps(pictures, runtime, host, phone, tmp_path):
    write_page(site_of(pictures), tmp_path / "page")
    page = phone(host(tmp_path / "page")[0])
    browser = page.context.new_cdp_session(page)
    manifest = browser.send("Page.getAppManifest")
    assert manifest["errors"] == [] and json.loads(manifest["data"])["name"] == "colors"
    obstacles = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [each["errorId"] for each in obstacles] == ["in-incognito"], "that is the browser of the tests"


def test_a_changed_page_replaces_what_a_device_keeps(pictures, runtime, host, phone, tmp_path):
    folder = tmp_path / "page"
    write_page(site_of(pictures), folder, "int8")
    address, end = host(folder)
    page = phone(address)
    kept(page)
    bundle = shutil.copytree(pictures, tmp_path / "bundle")
    (bundle / "labels.txt").write_text("crimson\ngreen\nblue\n")
    write_page(site_of(bundle), folder, "float32")
    page.reload()
    kept(page)
    assert len(page.evaluate("caches.keys()")) == 1
    end()
    page.reload()
    page.locator("#status", has_text="model.tflite is ready").wait_for()
    page.set_input_files("#file", write_picture(tmp_path / "a.png"))
    assert "crimson" in answered(page, 1)


def test_a_page_that_is_opened_as_a_file_says_what_to_do(pictures, runtime, browser, tmp_path):
    write_page(site_of(pictures), tmp_path / "page")
    page = browser.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri())
    assert problem(page) == (
        "expected a page from a web server, received a file; run `python -m http.server` in this folder and "
        "open http://localhost:8000"
    )
    page.close()


def test_the_folder_is_what_is_served_and_says_nothing_else(pictures, runtime, tmp_path):
    site, folder = site_of(pictures), tmp_path / "page"
    page = write_page(site, folder, "int8")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    made = {"about.json", "bundle/result.json"}
    for address in files.keys() - made:
        served = site.source(f"/{address}")
        assert files[address].read_bytes() == (served if isinstance(served, bytes) else served.read_bytes())
    assert {path.name for path in PAGE.iterdir()} - {*LOCK} <= files.keys()
    models = {name for name in files if name.endswith(".tflite")}
    assert models == {"bundle/model_int8.tflite", "bundle/model_personal.tflite"}
    result, about = (json.loads(files[name].read_text()) for name in sorted(made, reverse=True))
    assert [row["variant"] for row in result["artifacts"]] == ["int8", "personal"]
    assert set(result) == {"name", "kind", "metrics", "artifacts"}
    assert about["tasks"] == {name.removeprefix("bundle/"): "classifier" for name in models}
    sizes = {name: path.stat().st_size for name, path in files.items()}
    builds = [size for name, size in sizes.items() if name.startswith("litert/core/wasm/")]
    assert page.files == len(files) and page.bytes == sum(sizes.values())
    assert page.loaded == page.bytes - sum(builds) + max(builds)


def test_it_has_the_file_that_is_recommended(pictures, runtime, tmp_path):
    site = site_of(pictures)
    advice = recommended([row for row in site.record.shipped if row.variant != "personal"])["browser"]
    write_page(site, tmp_path / "page")
    about = json.loads((tmp_path / "page" / "about.json").read_text())
    assert about["tasks"].keys() == {advice.path, "model_personal.tflite"}


def test_only_a_folder_of_a_page_is_replaced(pictures, runtime, tmp_path, capsys):
    for _ in range(2):
        assert main.execute(["preview", str(pictures), "--to", str(tmp_path / "page")]) == main.PASSED
        said = capsys.readouterr().out
        assert "files, " in said and "MB, of which a device loads" in said and "python -m http.server" in said
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    assert main.execute(["preview", str(pictures), "--to", str(tmp_path / "mine")]) == main.BAD_INPUT
    assert capsys.readouterr().err == (
        "error: expected a new or empty folder, or an earlier page, "
        f"{tmp_path / 'mine'} has other files; choose another folder\n"
    )
    command = ["preview", str(pictures), "--to", str(tmp_path / "b"), "--variant", "int4"]
    assert main.execute(command) == main.BAD_INPUT and not (tmp_path / "b").exists()
    message = "error: expected a variant among float32, int8, personal, received 'int4'\n"
    assert capsys.readouterr().err == message
