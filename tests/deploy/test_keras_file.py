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
    "named.keras": "which is HDF5, the format before Keras 3; rename it to named.h5; in Python: "
    "keras.models.load_model('named.h5', compile=False).save('named.keras')",
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
    load = "keras.models.load_model('old.h5', compile=False).save('old.keras')"
    assert way_from(files / "old.h5") == f", which is HDF5, the format before Keras 3; in Python: {load}"
    assert "holds weights only; build the model" in way_from(files / "only.weights.h5")
    (tmp_path / "net.pth").write_bytes(b"PK")
    with pytest.raises(ValueError, match="received .*net.pth; export it by `torch.onnx.export`$"):
        load_artifact(tmp_path / "net.pth")
    with pytest.raises(ValueError, match="received .*old.h5, which is HDF5"):
        load_artifact(files / "old.h5")


def test_a_whole_file_is_loaded(files):
    assert load_keras(files / "whole.keras").input_shape == (None, 4)
    with pytest.raises(UnloadableModelError):
        load_artifact(files / "foreign.keras")


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
