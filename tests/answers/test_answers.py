"""What `predict` and `evaluate` make of numbers, where the parts of an answer could be exchanged."""

import dataclasses
import json
import types

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.answers import api, continuations, sentences
from suite.deploy.signature import Signature, Tensor
from suite.evaluation.intervals import wilson
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.language.decoding import TEMPERATURE
from suite.language.encoder_decoder import ENCODER, MAX_TOKENS, STEP
from suite.language.vocabulary import Vocabulary
from tests.records import changed, write_record

LABELS = ("room 10", "zebra", "ant")  # in no order but that of the outputs: red, green, blue
KERNEL = np.float32([[5, 1, 0], [0, 3, 1], [1, 0, 4]])


def color_model() -> keras.Model:
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(3, "softmax", name="probabilities")
    model = keras.Model(image, dense(x))
    dense.set_weights([KERNEL, np.float32([0.1, 0.2, 0])])
    return model


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    color_model().save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    return folder / "model.keras"


def write(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), tuple(int(level) for level in color)).save(path)
    return path


def expected_of(colors):
    return np.asarray(
        color_model()(np.uint8(np.broadcast_to(np.array(colors)[:, None, None], (len(colors), 8, 8, 3))))
    )


def test_classes_have_the_names_of_their_outputs(artifact, tmp_path):
    for color, names in (
        ((255, 0, 0), ["room 10", "zebra", "ant"]),
        ((20, 9, 240), ["ant", "room 10", "zebra"]),
    ):
        (row,) = suite.predict(artifact, write(tmp_path / "photo.png", color))
        assert [entry["class"] for entry in row["classes"]] == names
        expected = np.sort(expected_of([color])[0])[::-1]
        np.testing.assert_allclose([entry["probability"] for entry in row["classes"]], expected, atol=1e-6)


@pytest.fixture
def divided(tmp_path):
    """Pictures of random colors in three parts; the colors of a part by the paths in it."""
    rng, parts = np.random.default_rng(0), {}
    for part, count in (("train", 5), ("validation", 3), ("test", 4)):
        parts[part] = {}
        for name in LABELS:
            for index in range(count):
                color = rng.integers(0, 256, 3)
                path = f"{part}/{name}/{index}.png"
                write(tmp_path / "photos" / path, color)
                parts[part][path] = (color, LABELS.index(name))
    return tmp_path / "photos", parts


def measured(colors_and_labels):
    colors, labels = zip(*colors_and_labels, strict=True)
    probabilities, labels = expected_of(colors), np.array(labels)
    return accuracy(probabilities, labels), cross_entropy(probabilities, labels)


@pytest.mark.parametrize("split", [None, "train", "validation", "test", "all"])
def test_evaluate_measures_the_part_that_is_asked_for(artifact, divided, split, monkeypatch):
    monkeypatch.setattr(api, "BATCH", 5)  # of 12, 9 or 15: the last batch is not whole
    root, parts = divided
    name = split or "test"
    rows = [row for part, files in parts.items() if name in ("all", part) for row in files.values()]
    wanted = measured(rows)
    assert 0 < wanted[0] < 1
    found = suite.evaluate(artifact, root, split=split)
    assert list(found) == [f"{name}_accuracy", f"{name}_loss"]
    assert list(found.values()) == pytest.approx(list(wanted), abs=1e-5)


def test_evaluate_prints_the_interval_of_the_accuracy(artifact, divided, capsys):
    found = suite.evaluate(artifact, divided[0])["test_accuracy"]
    interval = wilson(found, 12, "photos")
    assert capsys.readouterr().out.splitlines()[-2] == f"test_accuracy {found:.3f} ({interval}, 12 photos)"


@pytest.mark.parametrize("same_folder", [True, False])
def test_evaluate_divides_a_folder_as_its_own_run_did(artifact, tmp_path, same_folder):
    rng, colors = np.random.default_rng(1), {}
    for name in LABELS:
        for index in range(4):
            colors[f"{name}/{index}.png"] = rng.integers(0, 256, 3), LABELS.index(name)
            write(tmp_path / "photos" / name / f"{index}.png", colors[f"{name}/{index}.png"][0])
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for file in artifact.parent.iterdir():
        (bundle / file.name).write_bytes(file.read_bytes())
    source = tmp_path / "photos" if same_folder else tmp_path / "other"
    write_record(bundle, changed(data_source=str(source.resolve())))
    split = {
        file: "test" if "/1" in file else "train" for file in colors if "/3" not in file
    }  # 3: added later
    (bundle / "split.json").write_text(json.dumps({"files": split}))
    found = suite.evaluate(bundle / "model.keras", tmp_path / "photos")
    chosen = [row for file, row in colors.items() if "/1" in file] if same_folder else list(colors.values())
    name = "test" if same_folder else "all"
    assert list(found.values()) == pytest.approx(list(measured(chosen)), abs=1e-5)
    assert f"{name}_loss" in found


def test_evaluate_finds_the_classes_of_a_folder_as_its_own_run_did(artifact, tmp_path):
    rng, rows = np.random.default_rng(2), []
    for name in LABELS:
        for index in range(3):
            rows.append((rng.integers(0, 256, 3), LABELS.index(name)))
            write(tmp_path / "photos" / f"{name}_{index}.png", rows[-1][0])
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for file in artifact.parent.iterdir():
        (bundle / file.name).write_bytes(file.read_bytes())
    record = changed(data_source=str((tmp_path / "photos").resolve()))
    write_record(bundle, dataclasses.replace(record, config={"class_from_name": r"^(.+)_\d", "depth": 1}))
    found = suite.evaluate(bundle / "model.keras", tmp_path / "photos")
    assert list(found.values()) == pytest.approx(list(measured(rows)), abs=1e-5)


def language_model(words):
    """The reader of a step without states that has these words."""
    token = Tensor("token", "int32", ())
    step = types.SimpleNamespace(signature=Signature((token,), ()), beside=lambda *_: words.to_text())
    return continuations.language_model(step, None)


def translator(words, length, monkeypatch, write):
    monkeypatch.setattr(sentences, "sentence_writer", lambda _: write)
    source = Tensor("source", "int32", (length,))
    encoder = types.SimpleNamespace(signature=Signature((source,), ()), beside=lambda *_: words.to_text())
    return sentences.translator(encoder, None)


def test_a_continuation_is_drawn_softly_without_padding_after_a_break(monkeypatch):
    drawn = []

    def generate(step, state, prompt, length, rng, **settings):
        drawn.append((prompt.tolist(), length, settings, rng.random()))
        return np.array([3, 4])

    monkeypatch.setattr(continuations, "generate", generate)
    step = types.SimpleNamespace(initial_state=lambda: {})
    monkeypatch.setattr(continuations, "StepModel", lambda _: step)
    answer = language_model(Vocabulary(["\n", "a", "b"]))("ab", 3)
    assert answer.to_json() == {"continuations": ["ab"] * 3} and len(drawn) == 3
    for prompt, length, settings, _ in drawn:
        assert prompt == [2, 3, 4] and length == 120  # characters
        assert settings == {"temperature": TEMPERATURE, "forbidden": (0, 1)} and TEMPERATURE == 0.7
    assert len({number for *_, number in drawn}) == 3  # one stream of draws
    drawn.clear()
    language_model(Vocabulary(["sun", "moon", "star"]))("Moon sun", 1)
    assert drawn[0][:2] == ([3, 2], 30)  # words, of a vocabulary without a break


def test_a_capital_that_the_model_never_saw_is_read_as_a_small_letter(monkeypatch):
    given = []

    def write_sentences(inputs, top):
        given.append((inputs["source"].tolist(), top))
        return []

    translator(Vocabulary(list("abB")), None, monkeypatch, write_sentences)("aABb?", 2)
    assert given == [([[2, 2, 4, 3, 1]], 2)]
    translator(Vocabulary(["the", "cat"]), 4, monkeypatch, write_sentences)("The CAT", 1)
    assert given[1] == ([[2, 3, 0, 0]], 1)


@pytest.mark.parametrize("top", [1, 3, 5])
def test_the_beam_is_as_wide_as_there_are_sentences_asked_for(top, tmp_path, monkeypatch):
    for name in (ENCODER, STEP):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.tflite").write_bytes(b"")
    asked = []

    class Pair:
        def __init__(self, *parts):
            pass

        def encode(self, inputs):
            return inputs

        def search(self, states, row, width, length, *more):
            asked.append((row, width, length))
            return [(f"sentence {place}", -float(place)) for place in range(width)]

    stub = types.SimpleNamespace(artifact=types.SimpleNamespace(beside=lambda *_: "<pad>\n<unk>\na\n"))
    monkeypatch.setattr(sentences, "load_artifact", lambda *_, **__: None)
    monkeypatch.setattr(sentences, "StepModel", lambda _: stub)
    monkeypatch.setattr(sentences, "EncoderDecoder", Pair)
    encoder = types.SimpleNamespace(path=tmp_path / ENCODER / "model.tflite")
    found = sentences.sentence_writer(encoder)({}, top)
    assert asked == [(0, max(top, 3), MAX_TOKENS)]
    assert found == [(f"sentence {place}", -place) for place in range(top)]
