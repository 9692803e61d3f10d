import base64
import os
import subprocess
import sys

import pytest

from suite.bundle.data_facts import DataFacts
from suite.bundle.rows import BaselineRow, ClaimRow, Latency
from suite.data.set_aside import SetAside
from suite.evaluation.table import Table
from suite.report.run_page import write_report
from tests.records import RECORD, artifact, changed
from tests.report.report_pages import ARTIFACTS, page, save_figure


def test_everything_is_inside_the_file(tmp_path):
    save_figure(tmp_path, "confusion_matrix.png")
    report = page(tmp_path, tables=[ARTIFACTS])
    links = [
        e[key] for e in report.elements for key in ("src", "href", "srcset", "action", "data") if key in e
    ]
    assert links and all(link.startswith("data:") for link in links)
    assert not report.all("script") and not report.all("iframe")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http" not in html.replace("http-equiv", "") and "url(" not in html and "@import" not in html


def test_page_is_made_for_phones_and_for_the_dark(tmp_path):
    save_figure(tmp_path, "curves.png")
    report = page(tmp_path, tables=[ARTIFACTS])
    metas = {
        element.get("name"): element["content"] for element in report.all("meta") if "content" in element
    }
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    style = report.texts("style")[0]
    assert "prefers-color-scheme: dark" in style
    assert "overflow: auto" in style.split(".box {")[1].split("}")[0]
    assert "max-width: 100%" in style.split("figure img {")[1].split("}")[0]
    assert len(report.all("table")) == 3  # claims, artifacts, set aside
    assert all(any(box.split()[:1] == ["box"] for box in table["boxes"]) for table in report.all("table"))


def test_figures_are_embedded_in_the_order_of_the_run(tmp_path):
    saved = [
        save_figure(tmp_path, "most_wrong.png", (1000, 40), time=3),
        save_figure(tmp_path, "learning_curves.png", time=1),
        save_figure(tmp_path, "confusion-matrix.png", time=2),
    ]
    report = page(tmp_path)
    assert report.texts("figcaption") == ["Learning curves", "Confusion matrix", "Most wrong"]
    images = report.all("img")
    for image, path in zip(images, [saved[1], saved[2], saved[0]], strict=True):
        assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == path.read_bytes()
    assert (images[0]["alt"], images[0]["width"], images[0]["height"]) == ("Learning curves", "60", "40")
    assert [figure.get("class") for figure in report.all("figure")] == [None, None, "wide"]


def test_verdict_says_metrics_claims_and_artifacts(tmp_path):
    report = page(tmp_path)
    assert report.texts("h1") == ["Image classifier fine-tuned on surfaces"]
    verdict = list(zip(report.texts("dt"), report.texts("dd"), strict=True))[:4]
    assert verdict == [
        ("Test accuracy", "0.9792"),
        ("Test loss", "0.0713"),
        ("Claims", "1 kept"),
        ("Artifacts", "2 ok, 1 skipped"),
    ]
    assert [element.get("class") for element in report.all("dd")[:4]] == ["", "", "good", "fair"]


def test_a_miss_and_a_failure_show(tmp_path):
    claims = (*RECORD.claims, ClaimRow("test_loss", 0.0713, False, at_most=0.05))
    artifacts = (*RECORD.artifacts, artifact("model.onnx", "failed", reason="gives NaN"))
    report = page(tmp_path, changed(claims=claims, artifacts=artifacts))
    assert report.facts()["Claims"] == "1 kept, 1 missed"
    assert report.facts()["Artifacts"] == "2 ok, 1 skipped, 1 failed"
    assert report.texts("tr")[:3] == [
        "status metric claimed measured",
        "kept Test accuracy at least 0.95 0.97917",
        "missed Test loss at most 0.05 0.0713",
    ]
    pills = [element for element in report.all("span") if element.get("class", "").startswith("pill")]
    assert [pill["class"] for pill in pills] == ["pill good", "pill bad"]


def test_the_trivial_answer_stands_in_the_head_and_in_a_table(tmp_path):
    row = BaselineRow("test_loss", 0.05, "the <mean>", 0.0713, beaten=False, higher_is_better=False)
    close = BaselineRow("test_accuracy", 0.97, "always 'brick'", 0.97917, beaten=True, may_be_chance=True)
    report = page(tmp_path, changed(baselines=(row, close)))
    verdict = dict(list(zip(report.texts("dt"), report.texts("dd"), strict=True))[:2])
    assert verdict == {"Test loss": "0.0713 (trivial: 0.0500)", "Test accuracy": "0.9792 (trivial: 0.9700)"}
    assert [element.get("class") for element in report.all("dd")[:2]] == ["bad", ""]
    assert report.texts("tr")[1:3] == [
        "not beaten Test loss 0.0713 the <mean> 0.0500",
        "beaten Test accuracy 0.9792 always 'brick' 0.9700",
    ]
    assert "Test accuracy: may be chance, with so few held-out examples." in report.texts("p")


def test_a_claim_with_two_bounds_and_no_number(tmp_path):
    claim = ClaimRow("test_loss", float("nan"), False, at_least=1, at_most=2)
    metrics = {"test_loss": float("inf"), "test_gap": float("nan")}
    report = page(tmp_path, changed(claims=(claim,), metrics=metrics))
    assert report.texts("tr")[1] == "missed Test loss at least 1 and at most 2 none"
    assert report.facts()["Test gap"] == "none"


def test_numbers_are_short_and_whole_ones_whole(tmp_path):
    metrics = {
        "a": 1.0,
        "b": 4694024.0,
        "c": 3.2e-9,
        "d": 0.0,
        "e": 123.45678,
        "f": 1e30,
        "g": -0.25,
        "h": 2.0,
    }
    facts = page(tmp_path, changed(metrics=metrics, claims=())).facts()
    values = [facts[name.upper()] for name in metrics]
    assert values == ["1.0000", "4,694,024", "3.2e-09", "0.0000", "123.4568", "1e+30", "-0.2500", "2"]


def test_tables_come_artifacts_first_with_every_row(tmp_path):
    scores = Table("Classes", ("class", "F1"), [("brick", "0.99")], note="F1 is a mean.")
    report = page(tmp_path, tables=[scores, ARTIFACTS])
    headings = report.texts("h2")
    assert headings.index("Artifacts") < headings.index("Classes")
    rows = report.texts("tr")
    for row in ARTIFACTS.rows:
        assert " ".join(cell for cell in row if cell) in rows
    assert "F1 is a mean." in report.texts("p")


def test_numbers_stand_flush_right_and_other_cells_do_not(tmp_path):
    table = Table(
        "T", ("class", "x", "version"), [("7", "1,024.5", "1.2.3"), ("8", "-3e-07", "2"), ("9", "", "3")]
    )
    report = page(tmp_path, changed(claims=(), data_quarantined=()), [table])
    assert [cell.get("class") for cell in report.all("th")] == [None, "number", None]
    assert [cell.get("class") for cell in report.all("td")][:3] == [None, "number", None]


def test_long_tables_scroll_in_their_box(tmp_path):
    for rows, expected in ((25, "box"), (26, "box tall")):
        table = Table("T", ("class",), [(f"class {index}",) for index in range(rows)])
        report = page(tmp_path, changed(claims=(), data_quarantined=()), [table])
        assert report.all("table")[0]["boxes"][-1] == expected


def test_names_from_users_are_text(tmp_path):
    name, file = "<script>alert('brick')</script>", 'größe/図 & "<b>.jpg'
    data = DataFacts(
        "/photos/<i>",
        (name, "grass"),
        images_per_class={name: 1, "grass": 2},
        quarantined=(SetAside(file, "<img src=x>"),),
    )
    save_figure(tmp_path, '"><u>.png')
    record = changed(data=data, title="<h1>a</h1>", name="<p>", config={"<k>": "<v>"})
    report = page(tmp_path, record, [Table("<t>", ("<c>",), [(name,)], "<n>")])
    assert not {"script", "b", "i", "u", "k", "v", "t", "c", "n"} & {
        element["tag"] for element in report.elements
    }
    assert f"{name} 1" in report.texts("li") and name in report.texts("td")
    assert f"{file} <img src=x>" in report.texts("tr")
    assert report.texts("h1") == ["<h1>a</h1>"] and report.all("img")[0]["alt"] == '"><u>'
    assert report.facts()["<k>"] == "<v>"


def test_a_file_name_that_is_no_text_is_written_all_the_same(tmp_path):
    file = os.fsdecode(b"caf\xe9.jpg")
    report = page(tmp_path, changed(data_quarantined=(SetAside(file, "corrupt"),)))
    assert "caf\\udce9.jpg corrupt" in report.texts("tr")


def test_many_files_set_aside_are_folded_and_counted(tmp_path):
    entries = [SetAside(f"{index}.jpg", "truncated" if index < 7 else "zero bytes") for index in range(10)]
    report = page(tmp_path, changed(data_quarantined=tuple(entries)))
    assert not report.all("details") and "7 truncated, 3 zero bytes" in report.texts("p")
    entries.append(SetAside("10.jpg", "the same picture as '1.jpg'"))
    report = page(tmp_path, changed(data_quarantined=tuple(entries)))
    assert report.texts("summary") == ["All 11 files"]
    rows = [row for row in report.all("tr") if "details" in row["within"]]
    assert len(rows) == 12
    assert "7 truncated, 3 zero bytes" in report.texts(
        "p"
    )  # a reason that only one file has says nothing here


def test_many_classes_are_folded(tmp_path):
    names = [f"class {index}" for index in range(100)]
    report = page(tmp_path, changed(data=DataFacts("embedded", tuple(names))))
    assert report.texts("summary") == ["All 100 classes"]
    assert report.texts("li") == names
    assert report.facts()["Classes"] == "100"


def test_data_and_settings_hold_what_the_record_holds(tmp_path):
    facts = page(tmp_path).facts()
    expected = {
        "Source": "/photos/surfaces",
        "Train": "1,120",
        "Validation": "240",
        "Test": "240",
        "Set aside": "1",
    }
    expected |= {
        "Augmented views": "4",
        "Classes": "2",
        "Seed": "7",
        "Wall time": "1,142 s",
        "Device": "CPU x86_64",
    }
    expected |= {"Commit": "3f9a2c81d0b7", "python": "3.11.2", "keras": "3.15.1", "blocks": "1, 2"}
    expected |= {"backbone": "efficientnet_lite0", "learning_rate": "0.0003", "batch_size": "1024"}
    assert expected.items() <= facts.items()
    assert "onnxruntime" not in facts


def test_commands_name_an_artifact_that_was_shipped(tmp_path):
    commands = ["suite verify BUNDLE", "suite benchmark BUNDLE"]
    assert page(tmp_path, changed(data_images_per_class=None)).texts("pre") == commands
    on_photos = ["suite predict BUNDLE/model.tflite photo.jpg", "suite evaluate BUNDLE/model.tflite PHOTOS"]
    assert page(tmp_path).texts("pre") == on_photos + commands
    fast = artifact("model_int8.tflite", variant="int8", latency_ms=Latency(1.0))
    recommended = page(tmp_path, changed(artifacts=(*RECORD.artifacts[:2], fast)))
    assert recommended.texts("pre")[0] == "suite predict BUNDLE/model_int8.tflite photo.jpg"
    without_tflite = page(tmp_path, changed(artifacts=RECORD.artifacts[:1]))
    assert without_tflite.texts("pre")[0] == "suite predict BUNDLE/model.keras photo.jpg"
    failed = artifact("model.tflite", "failed")
    assert "How to use it" not in page(tmp_path, changed(artifacts=(failed,))).texts("h2")


@pytest.mark.parametrize("figures_folder", [False, True])
def test_sections_without_content_are_left_out(tmp_path, figures_folder):
    if figures_folder:
        (tmp_path / "figures").mkdir()
    nothing = changed(claims=(), metrics={}, artifacts=(), data=DataFacts("embedded"), config={}, commit=None)
    report = page(tmp_path, nothing)
    assert report.texts("h2") == ["Data", "Settings"]
    assert not report.all("table") and not report.all("img") and not report.all("li")
    assert {"Claims", "Artifacts", "Set aside", "Commit", "Classes"}.isdisjoint(report.facts())


def test_report_needs_neither_tensorflow_nor_matplotlib():
    code = (
        "import sys, suite.report.run_page; sys.exit(bool({'tensorflow', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_page_says_where_the_time_went(tmp_path):
    record = changed(stage_seconds={"head": 12.2, "conversion": 30.4, "proof": 0.3})
    page = write_report(tmp_path, record, []).read_text()
    assert "conversion 30 s, head 12 s" in page and "proof" not in page
    assert "Of which" not in write_report(tmp_path, changed(stage_seconds={}), []).read_text()
