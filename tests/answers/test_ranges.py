"""`predict` and `evaluate` on models whose values of black and white, sizes or batches are of any kind."""

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.bundle.rows import InputFacts
from suite.cli import main
from suite.deploy.runtime import load_artifact
from tests.answers.pictures import LABELS, pixels
from tests.records import artifact, changed, write_record


def floats(labels=3, activation="softmax", shape=(4, 4, 3), **settings):
    """Gives each class the mean of a color, of which it takes any values."""
    image = keras.Input(shape, name="image", **settings)
    mean = keras.layers.GlobalAveragePooling2D()(image)
    kernel = keras.initializers.Identity(4)
    return keras.Model(image, keras.layers.Dense(labels, activation, kernel_initializer=kernel)(mean))


def record(folder, **inputs):
    facts = {name: InputFacts.from_json(content) for name, content in inputs.items()}
    write_record(folder, changed(artifacts=(artifact("model.keras", inputs=facts),)))


def test_the_record_of_a_bundle_says_what_a_model_of_floats_takes(save, capsys):
    path, photo = save(floats())
    for command in (["predict", str(path), str(photo)], ["evaluate", str(path), str(path.parent)]):
        assert main.execute(command) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.startswith("error: expected to know the values that ")
        assert "its float32 input 'image' may want 0..1, -1..1 or 0..255; say which values are bl" in said
        assert said.endswith("with --scale, such as --scale 0..1\n")
    mean = pixels(floats()).mean(axis=(0, 1, 2)) / 127.5 - 1
    expected = np.exp(4 * mean) / np.exp(4 * mean).sum()
    record(path.parent, image={"dtype": "float32", "shape": [4, 4, 3], "range": [-1, 1]})
    for scale in (None, "-1..1", (-1, 1)):
        (row,) = suite.predict(path, photo, scale=scale)
        found = {entry["class"]: entry["probability"] for entry in row["classes"]}
        assert [found[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
    assert not capsys.readouterr().err
    record(path.parent, image={"dtype": "float32", "shape": [4, 4, 3], "range": None})
    with pytest.raises(ValueError, match="^expected to know the values that "):
        suite.predict(path, photo)


def test_a_layer_that_scales_says_it_where_nothing_else_does(save, capsys):
    image = keras.Input((4, 4, 3), name="picture")  # whatever it is called
    path, photo = save(keras.Model(image, floats()(keras.layers.Rescaling(1 / 255)(image))))
    (row,) = suite.predict(path, photo)
    assert row == suite.predict(path, photo, scale="0..255")[0] != suite.predict(path, photo, scale="0..1")[0]
    said = capsys.readouterr().err
    assert "is fed values in [0, 255], for which the layer behind its input is made; --scale LOW..HIG" in said


def test_a_model_of_any_size_is_fed_the_size_of_the_record(save):
    path, photo = save(floats(shape=(None, None, 3)))
    with pytest.raises(ValueError, match="^expected a model of one size, .* takes images of any; make a"):
        suite.predict(path, photo, scale="0..1")
    record(path.parent, image={"dtype": "float32", "shape": [5, 9, 3], "range": [0, 1]})
    sized = pixels(floats(shape=(5, 9, 3))).mean(axis=(0, 1, 2)) / 255
    (row,) = suite.predict(path, photo, top=1)
    expected = np.exp(4 * sized.max()) / np.exp(4 * sized).sum()
    best = LABELS[int(np.argmax(sized))]
    assert row["classes"] == [{"class": best, "probability": pytest.approx(expected, abs=1e-5)}]


def test_logits_are_scores_and_have_no_loss(save, tmp_path, capsys):
    path, photo = save(floats(activation=None))
    (row,) = suite.predict(path, photo, scale="-1..1")
    assert [set(entry) for entry in row["classes"]] == [{"class", "score"}] * 3
    assert min(entry["score"] for entry in row["classes"]) < 0
    assert main.execute(["predict", str(path), str(photo), "--scale", "-1..1"]) == 0
    said = ", ".join(f"{entry['class']} {entry['score']:.3f}" for entry in row["classes"])
    assert said in capsys.readouterr().out
    for place, label in enumerate(LABELS):
        (tmp_path / "set" / label).mkdir(parents=True)
        color = np.full((20, 20, 3), 255 * np.eye(3)[place]).astype("uint8")
        Image.fromarray(color).save(tmp_path / "set" / label / "a.png")
    assert suite.evaluate(path, tmp_path / "set", scale="0..1") == {"all_accuracy": 1.0}
    assert "gives are no probabilities, which are in [0, 1], sum 1" in capsys.readouterr().err


def test_a_batch_that_is_fixed_is_filled_up(save):
    path, _ = save(floats(batch_size=2))
    model = load_artifact(path)
    values = np.random.default_rng(0).uniform(size=(5, 4, 4, 3)).astype("float32")
    (found,) = model.predict(values).values()
    expected = np.exp(4 * values.mean(axis=(1, 2)))
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((3, 8, 8), "channels first, as from torch, is not supported; export it with channels last"),
        ((8, 8, 4), "a channel of transparency is not supported"),
    ],
)
def test_pictures_of_other_layouts_are_refused_in_a_line(save, shape, hint):
    image = keras.Input(shape, name="image")
    path, photo = save(keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image))))
    message = f"^expected a model that takes one RGB or gray image, .* takes image: float32 .* \\({hint}\\)$"
    with pytest.raises(ValueError, match=message):
        suite.predict(path, photo)


def test_a_file_of_onnx_may_say_its_range(save, tmp_path):
    """One of another tool: one example a call, in float16."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    image = helper.make_tensor_value_info("input.1", onnx.TensorProto.FLOAT16, [1, 4, 4, 3])
    scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT16, [1, 3])
    mean = helper.make_node("ReduceMean", ["input.1"], ["scores"], axes=[1, 2], keepdims=0)
    graph = helper.make_graph([mean], "mean", [image], [scores])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    _, photo = save(floats())
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(ValueError, match="its float16 input 'input.1' may want"):
        suite.predict(path, photo)
    helper.set_model_props(model, {"Image.NominalPixelRange": "Normalized_0_1"})
    onnx.save(model, path)
    rows = suite.predict(path, photo, photo, top=1)
    best = pixels(floats()).mean(axis=(0, 1, 2)).max() / 255
    assert [row["classes"][0]["score"] for row in rows] == pytest.approx([best] * 2, abs=2e-3)
    values = np.ones((3, 4, 4, 3), "float16")
    assert load_artifact(path).predict(values)["scores"].shape == (3, 3)
