"""The page of all runs: its content, and how it looks on a phone and on a desktop."""

import contextlib
import dataclasses
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from suite.bundle.rows import ClaimRow
from suite.data.source import EMBEDDED
from suite.errors import GateError
from suite.lessons import catalog
from suite.report.gallery import update_gallery, write_gallery
from suite.runs.job import Job, execute
from suite.runs.recipe import Claim, Result
from tests.conftest import NARROW
from tests.records import artifact, changed, write_record

WIDE = {"width": 1440, "height": 900}


def write_bundle(home, folder, name=None, kind="recipe", claims=(), more_rows=(), title="Train a thing."):
    bundle = home / folder
    (bundle / "figures").mkdir(parents=True)
    Image.new("RGB", (1200, 400), "teal").save(bundle / "figures" / "accuracy by epoch.png")
    for file in ("report.html", "model.tflite"):
        (bundle / file).write_text("x")
    about = {"name": name or folder, "kind": kind, "title": title, "wall_seconds": 81.4}
    metrics = {"test_accuracy": 0.97917, "gap": float("nan")}
    write_record(
        bundle, changed(**about, metrics=metrics, claims=tuple(claims), artifacts=(artifact(), *more_rows))
    )
    return bundle


@pytest.fixture
def home(tmp_path):
    return tmp_path / "saved_models"


def cards(home):
    """Texts and links of the cards, by bundle or recipe, in their order on the page."""
    html = write_gallery(home).read_text(encoding="utf-8")
    found = re.findall(r'<article[^>]* aria-label="([^"]*)">(.*?)</article>', html, re.S)
    return {name: " ".join(text.split()) for name, text in found}


def test_every_recipe_has_a_card_in_lecture_order_run_or_not(home):
    write_bundle(home, "dropout")
    names = [entry.split("/")[1] for entry in catalog.catalog()]
    shown = cards(home)
    assert list(shown) == names
    for name in names:
        assert ("suite run " + name in shown[name]) == (name != "dropout")
        assert ("report.html" in shown[name]) == (name == "dropout")
    cost = catalog.about("week1_optimization/regularization").cost
    assert cost in shown["regularization"] and re.match(r"\d+ s on 2 CPU cores", cost)


def test_a_card_has_figure_numbers_claims_artifacts_and_links(home):
    claims = [
        ClaimRow("test_accuracy", 0.97917, True, at_least=0.95),
        ClaimRow("gap", float("nan"), False, at_most=0.1),
    ]
    failed = artifact("model_int8.tflite", "failed", reason="<b>NaN</b>", bytes=None)
    write_bundle(home, "dropout", claims=claims, more_rows=[failed])
    card = cards(home)["dropout"]
    for text in (
        'src="dropout/figures/accuracy%20by%20epoch.png" width="1200" height="400"',
        "Train a thing</h3>",
        "2026-03-14, 81 s",
        "Claims: 1 kept, 1 missed",
        "Artifacts: 1 ok, 1 failed",
        "<dt>Test accuracy</dt><dd>0.9792</dd>",
        "at least 0.95",
        '<a href="dropout/model.tflite">model.tflite</a>',
        '<td class="number">2.34</td> <td class="number">0.9792</td> <td class="number">3.25</td>',
        "&lt;b&gt;NaN",
        'href="dropout/report.html"',
    ):
        assert text in card
    assert "model_int8.tflite</a>" not in card


def test_the_source_is_linked_where_it_lies_beside(tmp_path, monkeypatch, home):
    source = tmp_path / "recipes/week1_x/first.py"
    source.parent.mkdir(parents=True)
    source.write_text('"""Do it.\n\nClaim: it works.\n"""')
    home.mkdir()
    monkeypatch.setattr(catalog, "catalog", lambda: ("week1_x/first",))
    monkeypatch.setattr(catalog, "recipe_file", lambda entry: source)
    assert 'href="../recipes/week1_x/first.py"' in cards(home)["first"]
    monkeypatch.setattr(catalog, "recipe_file", lambda entry: Path(catalog.__file__))
    assert "href" not in cards(home)["first"]


def test_models_of_ones_own_come_first(home):
    write_bundle(home, "dropout")
    write_bundle(home, "my photos #1", kind="finetune", title="Image classifier fine-tuned on <photos>")
    write_bundle(home, "another_run", name="gan")
    shown = cards(home)
    assert next(iter(shown)) == "my photos #1"
    assert 'href="my%20photos%20%231/model.tflite"' in shown["my photos #1"]
    assert "fine-tuned on &lt;photos&gt;" in shown["my photos #1"]
    assert "another_run" in shown and "gan" not in shown  # a run of it stands for it


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"artifacts": [{}]}', '{"artifacts": [], "kind": "recipe", "name": "gan"}', "\xff"],
)
def test_a_damaged_bundle_gets_a_card_that_says_so(home, content):
    write_bundle(home, "dropout")
    write_bundle(home, "gan")
    (home / "gan/result.json").write_bytes(content.encode("latin-1"))
    shown = cards(home)
    assert "gan/result.json is damaged." in shown["gan"]
    assert "report.html" in shown["dropout"]


def test_what_is_in_the_making_or_out_of_date_has_no_card(home):
    write_bundle(home, ".gan.partial", name="gan")
    write_bundle(home, "dropout.failed", name="dropout")
    assert "suite run gan" in cards(home)["gan"]
    assert "dropout.failed" in cards(home)  # alone, or newer than the last that passed
    write_bundle(home, "dropout")
    assert "dropout.failed" not in cards(home) and "dropout" in cards(home)


def test_only_a_folder_named_saved_models_gets_the_page(tmp_path, home):
    update_gallery(write_bundle(tmp_path, "dropout"))
    assert not (tmp_path / "index.html").exists()
    update_gallery(write_bundle(home, "dropout"))
    assert [path.name for path in home.iterdir() if path.is_file()] == ["index.html"]  # and nothing beside


def test_a_page_that_cannot_be_written_is_a_warning(home, capsys):
    bundle = write_bundle(home, "dropout")
    (home / "index.html").mkdir()
    update_gallery(bundle)
    assert "warning: the gallery could not be written" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "scheme"), [(NARROW, "light"), (NARROW, "dark"), (WIDE, "light")])
def test_the_page_in_a_browser(home, browser, size, scheme):
    """Opened from disk: it fits, its pictures load, its links lead to files, and it asks for nothing else."""
    claims = [ClaimRow("the_" + "very_long_" * 9 + "name", 0.5, True, at_least=0.1)]
    long = artifact("decoder_with_a_long_name/model_float16.tflite", "skipped", reason="r " * 60)
    write_bundle(home, "dropout", claims=claims, more_rows=[long])
    write_bundle(home, "photos #1 % " + "x" * 60, kind="finetune")
    address = write_gallery(home).as_uri()
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page, asked, problems = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(address)
    for opened in (False, True):
        page.evaluate(
            "(opened) => document.querySelectorAll('details').forEach((d) => d.open = opened)", opened
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for image in page.locator("article img").all():
        image.scroll_into_view_if_needed()
        page.wait_for_function(
            "(image) => image.complete && image.naturalWidth === 1200", arg=image.element_handle()
        )
    links = page.locator("a[href]").evaluate_all("(all) => all.map((each) => each.href)")
    assert len(links) > 8
    for link in links:
        if not link.startswith(f"{address}#"):
            assert (home / unquote(link.removeprefix(home.as_uri() + "/"))).exists(), link
    assert page.locator("nav a").evaluate_all(
        "(all) => all.every((each) => document.querySelector(each.hash))"
    )
    assert all(url.startswith((home.as_uri(), "data:")) for url in asked) and problems == []
    context.close()


def test_a_run_shows_on_the_page_whether_its_claims_hold_or_not(home):
    def run(config, context):
        return Result({"test_accuracy": 0.5})

    config = dataclasses.make_dataclass("Config", [], frozen=True)()
    for name, bound in (("kept", 0.4), ("missed", 0.6)):
        job = Job(name, "finetune", "A toy", run, [Claim("test_accuracy", at_least=bound)])
        with contextlib.suppress(GateError):
            execute(job, config, source=EMBEDDED, out=home / name, seed=0)
    shown = re.findall(r'aria-label="(kept|missed.*?)"', (home / "index.html").read_text())
    assert shown == ["kept", "missed.failed"]
