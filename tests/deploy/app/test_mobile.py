"""The code in `mobile/`: Python and JavaScript run on LiteRT and answer as `suite.predict`.

Kotlin and Swift are parsed, and have the names and sizes of the model.
"""

import importlib
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.bundle.record import Record
from suite.bundle.rows import MetricValue
from suite.bundle.task import Task
from suite.deploy.app.app_model import AppModel
from suite.deploy.app.mobile import write_app_code, write_mobile
from suite.deploy.app.reading import app_model
from suite.deploy.convert.metadata import add_metadata
from suite.deploy.runtime import load_artifact
from suite.language.decoding import StepModel
from suite.language.encoder_decoder import EncoderDecoder
from suite.language.vocabulary import Vocabulary
from tests.deploy import app_models
from tests.deploy.app_models import KINDS, PIXELS, WORDS
from tests.deploy.node import run_in_node
from tests.records import artifact, changed

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
PRINT = """
console.log(JSON.stringify(answer, (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)));
stop();
"""


class Case(NamedTuple):
    kind: str  # of `KINDS`
    folder: Path  # of the model
    argument: str
    model: AppModel

    def code(self, name):
        return (self.folder / "mobile" / name).read_text(encoding="utf-8")

    def run(self, *arguments):
        """Runs the example without the suite on its path; gives what it prints."""
        command = [sys.executable, "-I", "-X", "utf8", self.folder / "mobile/example.py", *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def pixels(self):
        height, width = self.model.inputs[0].shape[1:3]
        photo = Image.fromarray(PIXELS).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(photo.convert("L"))[None, ..., None] if "gray" in self.kind else np.array(photo)[None]


def make_case(kind, folder):
    keras.utils.set_random_seed(3)
    argument = getattr(app_models, kind)(folder)
    Image.fromarray(PIXELS).save(folder / "photo.png")
    if kind == "classifier":
        app_models.write_personal(folder)
    model = app_model(folder / "model.tflite", f"my {kind}_2")
    write_app_code(model, folder / "mobile")
    return Case(kind, folder, str(folder / argument) if argument == "photo.png" else argument, model)


@pytest.fixture(scope="module", params=KINDS)
def case(request, tmp_path_factory):
    made = make_case(request.param, tmp_path_factory.mktemp(request.param) / "encoder")
    assert made.model.task == KINDS[request.param]
    return made


@pytest.fixture(scope="module")
def personal(tmp_path_factory):
    return make_case("classifier", tmp_path_factory.mktemp("personal") / "encoder")


def expected_answer(case):
    """What the suite answers, in the form of the generated code."""
    if case.model.task is Task.TENSORS:
        return _expected_tensors(case)
    (row,) = suite.predict(case.folder / "model.tflite", case.argument)
    row = {name: value for name, value in row.items() if name not in ("file", "text")}
    if case.model.step:
        ((kind, found),) = row.items()
        greedy = _most_probable_words(case)  # which is what an app writes
        # The models of these tests are sure: no search finds a better one.
        assert greedy == found[0]["text"] != ""
        return {kind: [greedy]}
    if case.model.task is Task.LANGUAGE_MODEL:
        return {"continuations": row["continuations"][:1]}
    return row


def _expected_tensors(case):
    if case.model.picture:
        inputs = {"image": case.pixels()}
    else:
        values = json.loads(case.argument)
        inputs = {tensor.name: np.array([values[tensor.name]], tensor.dtype) for tensor in case.model.inputs}
    outputs = load_artifact(case.folder / "model.tflite", threads=1)(inputs).items()
    return {name: {"shape": list(x.shape), "first": x.ravel()[:8].tolist()} for name, x in outputs}


def _most_probable_words(case):
    encoder = load_artifact(case.folder / "model.tflite", threads=1)
    step = StepModel(load_artifact(case.folder.with_name("decoder_step") / "model.tflite", threads=1))
    pair = EncoderDecoder(
        encoder, step, Vocabulary.from_text(step.artifact.beside("vocabulary.txt", "words"))
    )
    if case.model.picture:
        return pair.write(pair.encode({"image": case.pixels()}), 60)[0]
    known = Vocabulary.from_text(encoder.beside("vocabulary.txt", "words"))
    return pair.write(pair.encode({"source": known.ids(case.argument, 5)[None]}), 60)[0]


def assert_close(got, expected, tolerance=1e-5):
    if isinstance(expected, dict):
        assert set(got) == set(expected)
        for key in expected:
            assert_close(got[key], expected[key], tolerance)
    elif isinstance(expected, list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_close(one, other, tolerance)
    else:
        assert got == (expected if isinstance(expected, str) else pytest.approx(expected, abs=tolerance))


def test_the_python_twin_answers_as_the_suite(case):
    (got,) = case.run(case.argument)
    assert_close(got, expected_answer(case))


@needs_node
def test_javascript_answers_as_the_suite(case, tmp_path):
    script = "const answer = await (await code.load(folder))(rgba.length ? {} : argument);" + PRINT
    got, expected = _in_node(case, tmp_path, script), expected_answer(case)
    if case.kind == "repainter" or case.kind == "numbers":
        got = {name: {"shape": expected[name]["shape"], "first": values[:8]} for name, values in got.items()}
    if case.kind == "segmenter":  # it gives the class of each pixel
        shares = {row["class"]: row["share"] for row in expected["classes"]}
        got, expected = {label: got.count(label) / len(got) for label in set(got)}, shares
    if case.kind == "model_of_words":  # it draws at random
        drawn = got["continuations"][0].split(" ")
        assert len(drawn) == 30 and set(drawn) <= set(WORDS.words[2:])
    else:
        # Pillow rounds the gray of a pixel, JavaScript cuts it off.
        assert_close(got, expected, tolerance=0.02 if "gray" in case.kind else 1e-5)


def _in_node(case, folder, script):
    assets = folder / "assets"
    assets.mkdir()
    for name, prefix in (("encoder", ""), ("encoder", "encoder"), ("decoder_step", "decoder_step")):
        for path in case.folder.with_name(name).glob("*.t*"):
            inside = path.name if not prefix else f"{prefix}_{path.name}".replace("_model.", ".")
            shutil.copy(path, assets / inside)
    argument = json.loads(case.argument) if case.argument.startswith("{") else case.argument
    rgba = []
    if case.model.picture:
        height, width = case.model.inputs[0].shape[1:3]
        photo = Image.fromarray(PIXELS).resize((width, height), Image.Resampling.BILINEAR)
        rgba = np.array(photo.convert("RGBA")).ravel().tolist()
    return run_in_node(case.folder / "mobile/model.js", assets, folder, argument, rgba, script)


def tensors_of(model):
    every = {tensor.name: tensor for tensor in (*model.inputs, *model.outputs)}
    return every | (tensors_of(model.step) if model.step else {})


def test_kotlin_and_swift_have_the_names_shapes_and_sizes_of_the_model(case):
    tensors = tensors_of(case.model)
    for name in ("Model.kt", "Model.swift", "model.js", "example.py"):
        described = re.findall(r"(\w+): (\w+) (\([\d, ]*\))", case.code(name))
        found = {tensor: (dtype, shape) for tensor, dtype, shape in described if tensor in tensors}
        assert found == {tensor.name: (tensor.dtype, str(tensor.shape)) for tensor in tensors.values()}
    kotlin, swift = case.code("Model.kt"), case.code("Model.swift")
    assert 'implementation("com.google.ai.edge.litert:litert:2.3' in kotlin and '"serving_default"' in kotlin
    assert "https://github.com/google-ai-edge/LiteRT of the branch release/2.3" in swift
    class_name = f"class My{''.join(word.capitalize() for word in case.kind.split('_'))}2"
    assert f"{class_name}(\n    context" in kotlin and f"{class_name} {{" in swift
    # What learns on the phone is the only thing that runs in the interpreter.
    assert ("Interpreter" in kotlin, "Interpreter" in swift) == (bool(case.model.personal),) * 2
    kotlin = kotlin.partition("Personal(")[0]
    listed = re.findall(r"listOf\((.*)\),\n +listOf\((.*)\),\n", kotlin)
    made = [case.model, *([case.model.step] if case.model.step else [])]
    assert [[side.replace('"', "").split(", ") for side in pair] for pair in listed] == [
        [[tensor.name for tensor in side] for side in (each.inputs, each.outputs)] for each in made
    ]
    swift = swift.partition("Personal {")[0]
    names = r'(?:getValue\(|bytes\(|values\(|mapOf\(|mapOf<String, Any>\(\s*|with: \[)"(\w+)"'
    used = re.findall(names, kotlin + swift)
    assert used and set(used) <= {*tensors, "new_"}


@pytest.mark.parametrize(("language", "name"), [("kotlin", "Model.kt"), ("swift", "Model.swift")])
def test_kotlin_and_swift_parse(case, language, name):
    tree_sitter = pytest.importorskip("tree_sitter", reason="needs tree-sitter")
    pytest.importorskip(f"tree_sitter_{language}", reason=f"needs tree-sitter-{language}")
    grammar = tree_sitter.Language(importlib.import_module(f"tree_sitter_{language}").language())

    def fails(code):
        return tree_sitter.Parser(grammar).parse(code.encode()).root_node.has_error

    assert not fails(case.code(name))
    assert fails(case.code(name).rstrip()[:-1])


def test_the_python_twin_teaches_the_personal_model(personal):
    photo = str(personal.folder / "photo.png")
    (learned,) = personal.run("--teach", "4", photo)
    assert len(learned[0]) == 5 and learned[0][4] > 0.9 and sum(learned[0]) == pytest.approx(1)


@needs_node
def test_javascript_teaches_the_personal_model_and_puts_it_back(personal, tmp_path):
    script = """
await code.load(folder);
const model = await code.loadPersonal(folder), losses = [], before = await model.weights();
for (let round = 0; round < 4; round++) losses.push(await model.train({}, 3));
const learned = await model.infer({});
await model.restore(before);
const answer = { losses, learned, restored: await model.infer({}) };
"""
    answer = _in_node(personal, tmp_path, script + PRINT)
    assert answer["losses"][0] == pytest.approx(math.log(5), abs=1e-5)  # of five equal classes
    assert answer["losses"] == sorted(answer["losses"], reverse=True) and answer["losses"][-1] < 0.5
    assert np.argmax(answer["learned"]) == 3 and answer["restored"] == pytest.approx([0.2] * 5)


def test_kotlin_and_swift_have_the_signatures_of_the_personal_model(personal):
    kotlin, swift = (personal.code(name).partition("Personal")[2] for name in ("Model.kt", "Model.swift"))
    sizes = re.findall(r'"(\w+)" to mapOf\((.*)\)', kotlin)
    assert dict(sizes) == {
        "infer": '"probabilities" to 20',
        "train": '"loss" to 4',
        "weights": '"bias" to 20, "kernel" to 5760',
        "restore": '"done" to 4',
    }
    for name in ("image", "label", "learning_rate"):
        assert f'"{name}" to' in kotlin and f'"{name}": ' in swift
    assert set(re.findall(r'signatureRunner\(with: "(\w+)"\)', swift)) == set(personal.model.personal)


def test_the_readme_names_files_labels_and_shapes(personal):
    row = artifact(
        "encoder/model_int8.tflite",
        variant="int8",
        bytes=1234567,
        metric=MetricValue("test_accuracy", 0.9),
        cpu_ops=("CAST",),
        min_runtime="2.3.0",
        arena_bytes=45678,
    )
    write_app_code(personal.model, personal.folder / "mobile", [row])
    text = personal.code("README.md")
    assert (
        "| input | `image` | uint8 | (1, 8, 12, 3) |\n| output | `probabilities` | float32 | (1, 3) |" in text
    )
    assert "\n0. cat\n1. big dog\n2. hen\n" in text and "stretched to 12 x 8" in text
    assert "Into the app go `model.tflite`, `labels.txt`, `model_personal.tflite`.\n" in text
    assert "| `model_int8.tflite` | 1.23 | 0.9000 | 3.25 | 45.7 | CAST | 2.3.0 |" in text
    said = "the fastest, 3.25 ms, 1.2 MB, test_accuracy 0.9000"
    assert f"- **For a phone's CPU: `model_int8.tflite`**: {said}.\n" in text
    assert "- a GPU leaves CAST to the CPU: model_int8.tflite\n" in text
    assert "| `train` | image: uint8 (1, 8, 12, 3), label: int32 (1,), learning_rate: float32 () |" in text


def test_the_code_loads_the_file_that_is_recommended(tmp_path):
    keras.utils.set_random_seed(3)
    app_models.captioner(tmp_path / "encoder")
    for name in ("encoder", "decoder_step"):
        shutil.copy(tmp_path / name / "model.tflite", tmp_path / name / "model_int8.tflite")
    rows = [
        artifact(f"{name}/{file}", bytes=size, variant=variant)
        for name, file, size, variant in (
            ("encoder", "model.tflite", 4_000_000, "float32"),
            ("encoder", "model_int8.tflite", 1_000_000, "int8"),
            ("decoder_step", "model.tflite", 4_000_000, "float32"),
        )
    ]
    write_mobile(tmp_path, Record(name="captions", artifacts=tuple(rows)))
    readme = (tmp_path / "encoder/mobile/README.md").read_text()
    into = "`model_int8.tflite` as `encoder.tflite`, `../decoder_step/model.tflite` as `decoder_step.tflite`"
    assert f"Into the app go {into}" in readme and "- **For a browser: `model_int8.tflite`**" in readme
    assert 'load(FOLDER / "model_int8.tflite")' in (tmp_path / "encoder/mobile/example.py").read_text()
    gradle = (tmp_path / "encoder/mobile/android/app/build.gradle.kts").read_text()
    assert 'from("../../../model_int8.tflite") { rename { "encoder.tflite" } }' in gradle


def test_each_model_of_a_bundle_gets_its_folder(tmp_path):
    keras.utils.set_random_seed(3)
    app_models.captioner(tmp_path / "encoder")
    rows = [
        artifact(f"{name}/model.tflite", status, metric=MetricValue())
        for name, status in (("encoder", "ok"), ("decoder_step", "ok"), ("other", "failed"))
    ]
    write_mobile(tmp_path, Record(name="captions", artifacts=tuple(rows)))
    assert "class CaptionsEncoder(" in (tmp_path / "encoder/mobile/Model.kt").read_text()
    assert [path.name for path in (tmp_path / "decoder_step/mobile").iterdir()] == ["README.md"]
    readme = (tmp_path / "encoder/mobile/README.md").read_text()
    assert "`../decoder_step/model.tflite` as `decoder_step.tflite`" in readme
    assert "`../../encoder/mobile/`" in (tmp_path / "decoder_step/mobile/README.md").read_text()


def test_apps_leave_out_what_scores_below_what_validation_chose(tmp_path):
    keras.utils.set_random_seed(3)
    app_models.detector(tmp_path)
    for score, shown in ((0.45, "0.45"), (None, "0.3")):
        write_mobile(tmp_path, changed(artifacts=(artifact(),), data_score=score))
        code = {path.name: path.read_text() for path in (tmp_path / "mobile").glob("*.*")}
        assert f"least: Float = {shown}f)" in code["Model.kt"]
        assert f"least: Float = {shown})" in code["Model.swift"]
        assert f"leaves out scores below {shown} unless" in code["README.md"]


def test_a_model_of_other_types_gets_no_code_for_apps(tmp_path):
    flags = keras.Input((2,), dtype="bool", name="flags")
    app_models.write_tflite(keras.Model(flags, {"none": ~flags}), tmp_path)
    write_app_code(app_model(tmp_path / "model.tflite", ""), tmp_path / "mobile")
    assert {path.name for path in (tmp_path / "mobile").iterdir()} == {"README.md", "example.py"}
    assert "# Model in an app\n" in (tmp_path / "mobile/README.md").read_text()
    assert "`bool`" not in (tmp_path / "mobile/README.md").read_text()
    text = (tmp_path / "mobile/README.md").read_text()
    assert "There is no code for apps: it takes or gives other types than float32, int32 and uint8." in text


def test_code_for_a_picture_says_and_makes_its_range(tmp_path):
    app_models.scaled(tmp_path / "signed")
    write_app_code(app_model(tmp_path / "signed/model.tflite", ""), tmp_path / "signed/mobile")
    made = {
        "Model.kt": "= value.toFloat() / 127.5f - 1f }",
        "Model.swift": "data(values.map { Float($0) / 127.5 - 1 })",
        "model.js": "% 4 < 3), (value) => value / 127.5 - 1)",
        "example.py": 'np.asarray(picture, "float32")[None] / 127.5 - 1\n',
    }
    for name, expected in made.items():
        code = (tmp_path / "signed/mobile" / name).read_text()
        assert (
            expected in code and "in [-1, 1]: the whole picture, stretched; each value is pixel / 127" in code
        )
    text = " ".join((tmp_path / "signed/mobile/README.md").read_text().split())
    assert "takes them in [-1, 1], each as pixel / 127.5 - 1, which the code does (mean 127.5, stand" in text


def test_an_image_of_unknown_range_gets_no_code_for_pictures(tmp_path):
    app_models.scaled(tmp_path)
    add_metadata(tmp_path / "model.tflite", app_models.LABELS)
    model = app_model(tmp_path / "model.tflite", "")
    assert model.task is Task.TENSORS and not model.picture and model.lacks_range
    write_app_code(model, tmp_path / "mobile")
    for name in ("Model.kt", "Model.swift", "model.js", "example.py"):
        code = (tmp_path / "mobile" / name).read_text()
        assert "pixels(" not in code and "255" not in code
    text = " ".join((tmp_path / "mobile/README.md").read_text().split())
    assert "which of its values are black and white is not known, so there is no code for pictures" in text
    assert "raw pixels" not in text
