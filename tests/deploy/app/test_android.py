"""The project for Android Studio: its files fit together, and its Kotlin compiles against the published API.

`android_api/` has the signatures of Android, CameraX and LiteRT that the code may use, written from their
documentation. The compiler is that of npm: `npm install --no-save kotlin-compiler`.
"""

import importlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import keras
import pytest

from suite.deploy.app.android import SHOWN, android_files
from suite.deploy.app.mobile import write_app_code
from suite.deploy.app.reading import app_model
from suite.evaluation.drawing import BACKGROUNDS, class_colors
from tests.deploy import app_models
from tests.deploy.app_models import KINDS

API = sorted((Path(__file__).parent / "android_api").glob("*.kt"))
ROOT = Path(__file__).parents[3]
KOTLINC = shutil.which("kotlinc") or next(
    map(str, ROOT.glob("node_modules/kotlin-compiler/bin/kotlinc")), None
)
SOURCES = "mobile/android/app/src/main"
DECLARED = re.compile(
    r"^ *(?:(?:abstract|const|enum|final|fun|open|protected) )*(?:class|interface|object|val|fun) `?(\w+)",
    re.M,
)


def make(kind, folder):
    keras.utils.set_random_seed(3)
    getattr(app_models, kind)(folder)
    if kind == "classifier":
        app_models.write_personal(folder)
    model = app_model(folder / "model.tflite", f"my {kind}_2")
    write_app_code(model, folder / "mobile")
    return model


@pytest.fixture(scope="module", params=["classifier", "detector", "segmenter", "text_classifier"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make(request.param, folder)
    return folder


def test_the_project_is_whole(folder):
    app = folder / "mobile/android/app"
    gradle, settings = ((app / name).read_text() for name in ("build.gradle.kts", "../settings.gradle.kts"))
    copied = re.findall(r'from\("(.+?)"\)', gradle)
    assert "../../../model.tflite" in copied and all((app / path).is_file() for path in copied)
    assert (
        'include(":app")' in settings
        and "gradle-9" in (app / "../gradle/wrapper/gradle-wrapper.properties").read_text()
    )
    (package,) = re.findall(r'namespace = "(.+)"', gradle)
    manifest = ElementTree.parse(app / "src/main/AndroidManifest.xml").getroot()
    name = "{http://schemas.android.com/apk/res/android}name"
    assert [each.get(name) for each in manifest.iter("activity")] == [f"{package}.MainActivity"]
    asked = [each.get(name) for each in manifest.iter("uses-permission")]
    assert asked == (["android.permission.CAMERA"] if "camera" in gradle else [])
    model = (folder / SOURCES / "kotlin/Model.kt").read_text()
    assert model.replace(f"\npackage {package}\n", "") == (folder / "mobile/Model.kt").read_text()
    assert "was not built by Gradle, nor run on a phone" in " ".join(
        (app / "../README.md").read_text().split()
    )


def test_all_that_is_imported_is_in_the_published_api(folder):
    known = {
        f"{re.search(r'^package (.+)$', text, re.M)[1]}.{name}"
        for text in (path.read_text() for path in API)
        for name in DECLARED.findall(text)
    }
    used = re.findall(r"^import ((?:android|com\.google|org\.tensorflow).+)$", "".join(_kotlin(folder)), re.M)
    lost = {name for name in used if name not in known and name.rpartition(".")[0] not in known}
    assert len(used) > 8 and not lost


def _kotlin(folder):
    return [path.read_text() for path in sorted((folder / SOURCES).rglob("*.kt"))]


def test_all_files_in_kotlin_parse(folder):
    tree_sitter = pytest.importorskip("tree_sitter", reason="needs tree-sitter")
    pytest.importorskip("tree_sitter_kotlin", reason="needs tree-sitter-kotlin")
    grammar = tree_sitter.Language(importlib.import_module("tree_sitter_kotlin").language())
    scripts = [path.read_text() for path in (folder / "mobile/android").rglob("*.kts")]
    for code in (*_kotlin(folder), *scripts):
        assert not tree_sitter.Parser(grammar).parse(code.encode()).root_node.has_error


@pytest.mark.parametrize(("kind", "answers"), [("detector", "detect"), ("segmenter", "segment")])
def test_the_app_shows_the_picture_with_the_answer_drawn_on_it(tmp_path, kind, answers):
    model = make(kind, tmp_path)
    activity = (tmp_path / SOURCES / "kotlin/MainActivity.kt").read_text()
    assert f"val found = model.{answers}(photo)\n        val drawn = model.draw(photo, found)" in activity
    assert "picture.setImageBitmap(drawn)" in activity and "PreviewView" not in activity
    inks = ", ".join("0x" + bytes(color).hex().upper() for color in class_colors(14))
    for code in ((tmp_path / "mobile" / name).read_text() for name in ("Model.kt", "Model.swift")):
        assert code.count(inks) == 1 and code.count(" draw(") == 1
        if kind == "segmenter":
            _, height, width, _ = model.outputs[0].shape
            assert re.search(
                rf"createBitmap\(colors, {width}, {height},|width: {width}, height: {height},", code
            )
            assert f'"{BACKGROUNDS[0]}"' in code


def test_a_model_whose_answer_is_numbers_gets_no_app(tmp_path):
    assert android_files(make("repainter", tmp_path)) == {}
    assert not (tmp_path / "mobile/android").exists()
    assert "`android/`" not in (tmp_path / "mobile/README.md").read_text()


@pytest.mark.slow
@pytest.mark.skipif(
    not (KOTLINC and shutil.which("java")), reason="needs kotlinc (npm: kotlin-compiler) and Java"
)
def test_the_kotlin_of_every_task_compiles_against_the_published_api(tmp_path):
    tasks = {make(kind, tmp_path / kind / "encoder").task for kind in KINDS}
    assert set(SHOWN) <= tasks
    apps = sorted(tmp_path.glob(f"*/encoder/{SOURCES}/kotlin/*.kt"))
    others = [tmp_path / kind / "encoder/mobile/Model.kt" for kind in ("repainter", "numbers")]
    assert compiled(tmp_path, *apps, *others) == ""
    wrong = tmp_path / "Wrong.kt"
    wrong.write_text(others[0].read_text().replace("createInputBuffer(", "createInput("))
    assert "unresolved reference 'createInput'" in compiled(tmp_path, wrong)


def compiled(folder, *files):
    """What the compiler has against them."""
    command = [KOTLINC, "-nowarn", "-d", str(folder / "classes"), *map(str, API), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    return "\n".join(line for line in done.stderr.splitlines() if "error:" in line)
