"""Of a file that is no .keras model, one line says how to get one from it."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from suite.cli import main
from suite.deploy.keras_file import UnloadableModelError, load_keras, save_keras, way_from
from suite.deploy.runtime import load_artifact
from suite.runs.export_file import export_file


class Foreign(layers.Layer):
    def call(self, inputs):
        return inputs + 1


def model_of(*between):
    x = features = keras.Input((4,), name="features")
    for layer in between:
        x = layer(x)
    return keras.Model(features, layers.Dense(2, name="y")(x))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = model_of()
    model.save(folder / "whole.keras")
    model.save(folder / "old.h5")
    model.save_weights(folder / "only.weights.h5")
    shutil.copy(folder / "old.h5", folder / "named.keras")
    shutil.copy(folder / "only.weights.h5", folder / "weights.keras")
    model_of(Foreign()).save(folder / "foreign.keras")
    inner = keras.Input((4,))
    model_of(keras.Model(inner, Foreign()(inner))).save(folder / "nested.keras")
    model_of(layers.Lambda(lambda x: 2 * x)).save(folder / "code.keras")
    model_of(layers.Lambda(lambda x: 2 * x)).save(folder / "code.h5")
    model_of(Foreign()).save(folder / "foreign.h5")
    with zipfile.ZipFile(folder / "whole.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["flavor"] = "sour"
    write(folder / "argument.keras", parts | {"config.json": json.dumps(config)})
    write(folder / "plan.keras", {name: x for name, x in parts.items() if "weights" not in name})
    write(folder / "parts.keras", {name: x for name, x in parts.items() if name != "config.json"})
    (folder / "text.keras").write_text("no model")
    return folder


def write(path, parts):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


ONLY_KERAS = "; only Keras' own layers are loaded: build the model from those and save it anew"
MESSAGES = {
    "foreign.keras": f"foreign.keras cannot be loaded: Could not locate class 'Foreign'{ONLY_KERAS}",
    "nested.keras": f"nested.keras cannot be loaded: Could not locate class 'Foreign'{ONLY_KERAS}",
    "code.keras": "Requested the deserialization of a `Lambda` layer whose `function` is a Python lambda"
    + ONLY_KERAS,
    "argument.keras": "Unrecognized keyword arguments passed to Dense: {'flavor': 'sour'}; save it anew with "
    f"Keras {keras.__version__}",
    "plan.keras": "it has no weights; save the whole model with model.save('model.keras')",
    "parts.keras": "it has no config.json, so no layers; save the whole model with model.save('model.keras')",
    "text.keras": "it is no zip archive, as .keras files are; save the model anew with "
    "model.save('model.keras')",
    "code.h5": "Requested the deserialization of a Lambda layer" + ONLY_KERAS,
    "foreign.h5": f"foreign.h5 cannot be loaded: Unknown layer: 'Foreign'{ONLY_KERAS}",
    "only.weights.h5": "which holds weights only; build the model, then "
    "model.load_weights('only.weights.h5') and model.save('only.keras')",
    "weights.keras": "which holds weights only; rename it to weights.weights.h5; build the model, then "
    "model.load_weights('weights.weights.h5') and model.save('weights.keras')",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_innermost_reason_is_said_and_never_to_trust_the_file(files, name, capsys):
    for command in (["predict", str(files / name), "x.jpg"], ["export", str(files / name), "--out", "x"]):
        assert main.execute(command) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert said.startswith("error: expected a ") and said.count("\n") == 1
        assert said.rstrip().endswith(MESSAGES[name])
        assert "safe" not in said and "trust" not in said


def test_hdf5_and_other_formats_are_told_the_way(files, tmp_path):
    shutil.copy(files / "old.h5", tmp_path / "old.model")
    way = "received .*old.model, which is HDF5, the format before Keras 3; rename it to old.h5$"
    with pytest.raises(ValueError, match=way):
        load_artifact(tmp_path / "old.model")
    assert "holds weights only; build the model" in way_from(files / "only.weights.h5")
    (tmp_path / "net.pth").write_bytes(b"PK")
    with pytest.raises(ValueError, match="received .*net.pth; export it by `torch.onnx.export`$"):
        load_artifact(tmp_path / "net.pth")
    (tmp_path / "torn.h5").write_bytes((files / "old.h5").read_bytes()[:2000])
    with pytest.raises(
        UnloadableModelError, match="^expected a readable .h5 model, .*torn.h5 cannot be loaded"
    ):
        load_artifact(tmp_path / "torn.h5")


def test_a_whole_file_is_loaded(files):
    features = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    expected = load_keras(files / "whole.keras").predict(features, verbose=0)
    for name in ("old.h5", "named.keras"):
        assert load_artifact(files / name).format == "keras"
        np.testing.assert_array_equal(load_artifact(files / name).predict(features)["y"], expected)
    with pytest.raises(UnloadableModelError):
        load_artifact(files / "foreign.keras")


def images_of_keras_2(keras_2):
    """As Teachable Machine has it: a body in a Sequential, with depthwise convolutions, no bias."""
    k = keras_2.layers
    first = k.Conv2D(4, 3, strides=2, padding="same", use_bias=False, input_shape=(8, 8, 3))
    depthwise = k.DepthwiseConv2D(3, padding="same", use_bias=False)
    body = [first, k.BatchNormalization(), k.ReLU(6.0), depthwise, k.GlobalAveragePooling2D()]
    return keras_2.Sequential([keras_2.Sequential(body), k.Dense(3, activation="softmax")])


def tokens_of_keras_2(keras_2):
    k = keras_2.layers
    tokens = keras_2.Input((6,), dtype="int32", name="tokens")
    x = k.Bidirectional(k.LSTM(5, return_sequences=True))(k.Embedding(20, 8, mask_zero=True)(tokens))
    return keras_2.Model(tokens, k.Dense(2, activation="softmax")(k.GRU(4)(x)))


@pytest.mark.parametrize("build", [images_of_keras_2, tokens_of_keras_2])
def test_a_model_of_keras_2_answers_as_it_did_there(build, tmp_path, capsys):
    keras_2 = pytest.importorskip("tf_keras")
    keras_2.utils.set_random_seed(0)
    model = build(keras_2)
    generator = np.random.default_rng(0)
    images = build is images_of_keras_2
    inputs = generator.random((3, 8, 8, 3), "float32") if images else generator.integers(20, size=(3, 6))
    expected = model.predict(inputs, verbose=0)
    model.save(tmp_path / "old.h5")
    (found,) = load_artifact(tmp_path / "old.h5").predict(inputs).values()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    if images:
        model.save(tmp_path / "saved", save_format="tf")
        assert (
            main.execute(["export", str(tmp_path / "saved"), "--out", str(tmp_path / "x")]) == main.BAD_INPUT
        )
        said = capsys.readouterr().err
        way = f"tf_keras.models.load_model('{tmp_path / 'saved'}').save('saved.h5')"
        assert said.endswith(
            f"a SavedModel of Keras 2; in Python: import tf_keras; {way}; then export saved.h5\n"
        )


def test_a_model_with_a_loss_of_its_own_is_loaded_by_keras_alone(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(50)])
    model.compile("adam", lambda truth, guess: keras.ops.mean((truth - guess) ** 2, axis=-1))
    inputs = np.ones((2, 4), np.float32)
    model.fit(inputs, np.zeros((2, 50)), verbose=0)
    save_keras(model, tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
    assert not loaded.compiled and (tmp_path / "model.keras").stat().st_size < 30_000
    assert model.compiled and int(model.optimizer.iterations) == 1
    model.fit(inputs, np.zeros((2, 50)), verbose=0)
    assert int(model.optimizer.iterations) == 2


class Trainer(keras.Model):
    """As people write it to have a training step of their own."""

    def train_step(self, data):
        return super().train_step(data)


class Stack(keras.Sequential):
    pass


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, units=3, **settings):
        super().__init__(**settings)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, inputs):
        return keras.ops.relu(self.dense(inputs))

    def get_config(self):
        return super().get_config() | {"units": self.units}


@pytest.mark.parametrize("kind", ["Functional", "Sequential"])
def test_layers_under_a_class_of_somebodys_own_are_read_without_its_code(tmp_path, kind, capsys):
    features = keras.Input((4,), name="features")
    body = [layers.Dense(5, "tanh"), layers.Dense(2, name="y")]
    if kind == "Functional":
        model = Trainer(features, body[1](body[0](features)))
    else:
        model = Stack([features, *body])
    model.save(tmp_path / "own.keras")
    inputs = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    (found,) = load_artifact(tmp_path / "own.keras").predict(inputs).values()
    np.testing.assert_array_equal(found, model.predict(inputs, verbose=0))
    said = capsys.readouterr().err
    assert f"the class {type(model).__name__} of " in said and f"layers are read as a {kind} model" in said


def test_a_subclassed_model_whose_class_is_registered_is_called(tmp_path):
    model = Subclassed()
    inputs = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    expected = model.predict(inputs, verbose=0)
    model.save(tmp_path / "own.keras")
    loaded = load_keras(tmp_path / "own.keras")
    assert [tuple(tensor.shape) for tensor in loaded.inputs] == [(None, 4)]
    np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), expected)
    export_file(tmp_path / "own.keras", tmp_path / "bundle", precisions="float32")
    assert (tmp_path / "bundle" / "model.tflite").is_file()


def test_export_takes_keras_files_only(files, tmp_path, capsys):
    keras.Model.export(model_of(), str(tmp_path / "saved"), verbose=False)
    (tmp_path / "a.tflite").write_bytes(b"")
    assert main.execute(["export", str(tmp_path / "saved"), "--out", str(tmp_path / "x")]) == main.BAD_INPUT
    said = capsys.readouterr().err
    assert "saved, a SavedModel, which Keras cannot load as a model; save it as model.keras where" in said
    assert (
        main.execute(["export", str(tmp_path / "a.tflite"), "--out", str(tmp_path / "x")]) == main.BAD_INPUT
    )
    assert "which is exported already; give the Keras model that it is from" in capsys.readouterr().err


def test_commands_on_bundles_say_so_of_a_file(files, tmp_path, capsys):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "result.json").write_text('{"artifacts": []}')
    (tmp_path / "b" / "model.tflite").write_bytes(b"")
    for command in ("verify", "benchmark", "preview"):
        assert main.execute([command, str(tmp_path / "b" / "model.tflite")]) == main.BAD_INPUT
        said = " ".join(capsys.readouterr().err.split())
        assert said.startswith("error: expected the folder of a bundle, received the file ")
        assert said.endswith(f"model.tflite; give {tmp_path / 'b'}")
        assert main.execute([command, str(files / "whole.keras")]) == main.BAD_INPUT
        assert "; make one of a model by `suite export`" in capsys.readouterr().err
