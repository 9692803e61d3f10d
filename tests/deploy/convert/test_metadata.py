"""A .tflite file describes itself and carries its labels and words; it computes what it did."""

import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

import suite
from suite.bundle.task import Task
from suite.deploy.convert.metadata import add_metadata
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite, min_runtime, tflite_ops
from suite.deploy.export import Export
from suite.deploy.pipeline import export_model
from suite.deploy.ranges import PIXELS, SIGNED
from suite.deploy.runtime import load_artifact
from suite.deploy.tflite_metadata import read_associated_file
from suite.language.vocabulary import Vocabulary
from tests.references.mediapipe_tasks import classify
from tests.references.tflite_metadata import described

VARIANTS = ("model.tflite", "model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")
COLORS = ("red", "green", "blue")
AXIS_LABELS, VALUE_LABELS, VOCABULARY = 2, 3, 5


def convert(model: keras.Model, folder, variant="float32"):
    save_saved_model(model, folder / "one", batch_size=1)
    path = folder / "bare.tflite"
    path.write_bytes(convert_tflite(folder / "one", variant))
    return path


@pytest.fixture
def bare(exported_images, tmp_path):
    """The classifier of colors as the converter gives it."""
    return convert(exported_images.item.model, tmp_path)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_a_classifier_describes_itself(exported_images, name):
    path = exported_images.folder / name
    assert described(path.read_bytes()) == {
        "parser": "1.0.0",
        "files": {},
        "graphs": [
            {
                "inputs": [
                    {"name": "image", "files": {}, "image": (1, 32, 32), "normalization": ([0.0], [1.0])}
                ],
                "outputs": [{"name": "probabilities", "files": {"labels.txt": AXIS_LABELS}}],
            }
        ],
    }
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt") == b"red\ngreen\nblue\n"
        assert archive.getinfo("labels.txt").compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize("variant", ["float32", "dynamic"])
def test_the_answers_the_operators_and_the_runtime_stay(exported_images, variant, tmp_path):
    bare = convert(exported_images.item.model, tmp_path, variant)
    path = shutil.copy(bare, tmp_path / "described.tflite")
    add_metadata(path, COLORS)
    images = exported_images.item.inputs
    answers, expected = (load_artifact(each).predict(images)["probabilities"] for each in (path, bare))
    np.testing.assert_array_equal(answers, expected)
    assert tflite_ops(path) == tflite_ops(bare) and min_runtime(path) == min_runtime(bare)
    once = path.read_bytes()
    add_metadata(path, COLORS)
    assert path.read_bytes() == once and once != bare.read_bytes()

    model = schema.Model.GetRootAs(once, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    weights = [buffer.DataAsNumpy() for buffer in buffers if not buffer.DataIsNone()]
    begin = np.frombuffer(once, np.uint8).ctypes.data
    assert len(weights) > 5 and {(each.ctypes.data - begin) % 16 for each in weights} == {0}


def test_a_file_alone_names_what_it_sees(exported_images, tmp_path):
    Image.fromarray(exported_images.item.inputs[1]).save(tmp_path / "green.png")
    for name in VARIANTS:
        path = shutil.copy(exported_images.folder / name, tmp_path / "alone.tflite")
        (beside,), (row,) = (
            suite.predict(each, tmp_path / "green.png") for each in (exported_images.folder / name, path)
        )
        assert row["classes"] == beside["classes"] and row["classes"][0]["class"] == "green"
    (tmp_path / "labels.txt").write_text("rot\ngrün\nblau")  # what lies beside a file is preferred
    (row,) = suite.predict(path, tmp_path / "green.png")
    assert row["classes"][0]["class"] == "grün"
    (tmp_path / "labels.txt").write_text("rot\ngrün\n")
    message = "^expected 3 class names in .*/labels.txt, received 2; give one for each number of the output "
    with pytest.raises(ValueError, match=f"{message}'probabilities'$"):
        suite.predict(path, tmp_path / "green.png")


def test_a_gray_image_several_outputs_and_no_image(tmp_path):
    image = keras.Input((6, 9, 1), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    outputs = {"scores": keras.layers.Dense(5)(x), "labels": keras.layers.Dense(5)(x)}
    path = convert(keras.Model(image, outputs), tmp_path)
    add_metadata(path, COLORS)
    (graph,) = described(path.read_bytes())["graphs"]
    assert graph["inputs"][0]["image"] == (2, 9, 6)  # gray; width before height
    files = {each["name"]: each["files"] for each in graph["outputs"]}
    assert files == {"scores": {}, "labels": {"labels.txt": VALUE_LABELS}}

    features = keras.Input((4,), name="features")
    path = convert(keras.Model(features, keras.layers.Dense(2, name="y")(features)), tmp_path)
    add_metadata(path)
    (graph,) = described(path.read_bytes())["graphs"]
    plain = [{"name": name, "files": {}} for name in ("features", "y")]
    assert graph == {"inputs": plain[:1], "outputs": plain[1:]}
    assert not zipfile.is_zipfile(path) and read_associated_file(path, "labels.txt") is None


def test_labels_go_to_the_signature_that_gives_probabilities(tmp_path):
    class Learner(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.ones((27, 3)))

        @tf.function(input_signature=[tf.TensorSpec((1, 3, 3, 3), tf.uint8, "image")])
        def infer(self, image):
            x = tf.reshape(tf.cast(image, tf.float32), (1, 27))
            return {"probabilities": tf.nn.softmax(x @ self.kernel)}

        @tf.function(input_signature=[tf.TensorSpec((), tf.float32, "rate")])
        def train(self, rate):
            self.kernel.assign_sub(rate * tf.ones((27, 3)))
            return {"loss": rate}

    learner = Learner()
    functions = {name: getattr(learner, name).get_concrete_function() for name in ("infer", "train")}
    tf.saved_model.save(learner, str(tmp_path / "learner"), signatures=functions)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "learner"))
    converter.experimental_enable_resource_variables = True
    path = tmp_path / "learner.tflite"
    path.write_bytes(converter.convert())
    add_metadata(path, COLORS)
    graphs = [graph for graph in described(path.read_bytes())["graphs"] if graph["outputs"]]
    outputs = {graph["outputs"][0]["name"]: graph["outputs"][0]["files"] for graph in graphs}
    assert outputs == {"probabilities": {"labels.txt": AXIS_LABELS}, "loss": {}}


WORDS = Vocabulary(["purr", "!", "bark", "line\nbreak", "Müller"])


def text_export(files):
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    one_hot = keras.ops.one_hot(keras.ops.mod(tokens, 3), 3, dtype="float32")  # (B, T, 3)
    probabilities = keras.layers.Softmax(name="probabilities")(keras.ops.sum(one_hot, axis=1))
    ids = np.random.default_rng(0).integers(2, 7, (20, 6), dtype=np.int32)
    return Export(
        keras.Model(tokens, probabilities), ids, ids, labels=COLORS, files=files, task=Task.TEXT_CLASSIFIER
    )


def test_a_model_of_texts_carries_its_words(tmp_path):
    (tmp_path / "a").mkdir()
    files = {"vocabulary.txt": WORDS.to_text(), "characters.txt": "<pad>\n<unk>\né\n"}
    rows = export_model(text_export(files), tmp_path / "a")
    exported = [row.path for row in rows if row.format == "tflite" and row.is_shipped]
    assert "model.tflite" in exported and len(exported) > 1
    expected = suite.predict(tmp_path / "a" / "model.onnx", "Purr! Müller?")
    for name in exported:
        content = described((tmp_path / "a" / name).read_bytes())
        assert content["files"] == dict.fromkeys(files, VOCABULARY) and content["parser"] == "1.0.1"
        path = shutil.copy(tmp_path / "a" / name, tmp_path / "alone.tflite")
        for file, text in files.items():
            assert read_associated_file(path, file) == (tmp_path / "a" / file).read_text() == text
        (row,) = suite.predict(path, "Purr! Müller?")
        assert [each["class"] for each in row["classes"]] == [
            each["class"] for each in expected[0]["classes"]
        ]

    again = suite.export(tmp_path / "a" / "model.keras", tmp_path / "again")
    for name in (*files, "labels.txt"):
        text = (tmp_path / "a" / name).read_text()
        assert (again / name).read_text() == text
        assert read_associated_file(again / "model.tflite", name) == text
    assert all(row.passed for row in suite.verify(again))


def test_another_number_of_labels_stops_an_export_before_it_begins(exported_images, bare, tmp_path):
    message = (
        "^expected 3 class names in labels.txt, received 2; give one for each number of the output "
        "'probabilities'$"
    )
    before = bare.read_bytes()
    with pytest.raises(ValueError, match=message):
        add_metadata(bare, COLORS[:2])
    assert bare.read_bytes() == before
    (tmp_path / "out").mkdir()
    item = exported_images.item
    with pytest.raises(ValueError, match=message):
        export_model(
            Export(item.model, item.inputs, labels=COLORS[:2], task=Task.CLASSIFIER), tmp_path / "out"
        )
    assert not list((tmp_path / "out").iterdir())


def test_damaged_files(bare):
    content = bare.read_bytes()
    cuts = [content[: len(content) * part // 40] for part in range(40)]
    for damaged in (*cuts, b"PK" + content, bytes(len(content))):
        bare.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"^expected a readable TFLite model, .*bare.tflite is damaged \(.*\); export it"
        ) as failure:
            add_metadata(bare, COLORS)
        assert "\n" not in str(failure.value) and bare.read_bytes() == damaged
    bare.write_bytes(content)
    add_metadata(bare, COLORS)
    described_content = bare.read_bytes()
    assert described_content.count(b"red\ngreen\nblue\n") == 1
    bare.write_bytes(described_content.replace(b"red\ngreen\nblue\n", b"red\ngreen\nblau\n"))
    with pytest.raises(
        ValueError, match="^expected a readable labels.txt in .*, it is damaged; export the model again$"
    ):
        read_associated_file(bare, "labels.txt")


@pytest.mark.parametrize("name", ["model.tflite", "model_int8.tflite"])
def test_mediapipe_gives_the_same_classes_and_probabilities(exported_images, name):
    images = exported_images.item.inputs[:6]
    found = classify(exported_images.folder / name, images)
    expected = load_artifact(exported_images.folder / name).predict(images)["probabilities"]
    for scores, row in zip(found, expected, strict=True):
        assert next(iter(scores)) == COLORS[int(row.argmax())]  # best first
        np.testing.assert_allclose([scores[color] for color in COLORS], row, atol=1e-6)  # measured 0


def test_mediapipe_needs_the_metadata(exported_images, bare, tmp_path):
    """Without it a class has no name, and a model that takes pixels in float32 is refused."""
    image = exported_images.item.inputs[:1]
    assert set(classify(bare, image)[0]) == {None}
    add_metadata(bare, COLORS)
    assert set(classify(bare, image)[0]) == set(COLORS)

    pixels = keras.Input((32, 32, 3), name="image")
    model = keras.Model(pixels, exported_images.item.model(pixels))
    bare = convert(model, tmp_path)
    with pytest.raises(Exception, match="requires specifying NormalizationOptions metadata"):
        classify(bare, image)
    add_metadata(bare, COLORS)  # of unknown range
    with pytest.raises(Exception, match="requires specifying NormalizationOptions metadata"):
        classify(bare, image)
    add_metadata(bare, COLORS, ranges={"image": PIXELS})
    assert classify(bare, image)[0].keys() == set(COLORS)


def test_mediapipe_gives_a_model_the_values_that_its_metadata_say(exported_images, tmp_path):
    """A model that takes [-1, 1] answers there as here, where it is told so."""
    values = keras.Input((32, 32, 3), name="image")
    raw = keras.layers.Rescaling(127.5, offset=127.5)(values)
    bare = convert(keras.Model(values, exported_images.item.model(raw)), tmp_path)
    add_metadata(bare, COLORS, ranges={"image": SIGNED})
    (graph,) = described(bare.read_bytes())["graphs"]
    assert graph["inputs"][0]["normalization"] == ([127.5], [127.5])
    images = exported_images.item.inputs[:3]
    expected = exported_images.item.model.predict(images, verbose=0)
    for scores, row in zip(classify(bare, images), expected, strict=True):
        np.testing.assert_allclose([scores[color] for color in COLORS], row, atol=1e-4)
