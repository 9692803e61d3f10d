"""Saves .keras files that anybody loads; loads those of anybody, and .h5 files of Keras 2, in safe mode.

Of what is none it says in a line how to get one from it.
"""

import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from suite import console
from suite.console import first_line

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ADVICE = re.compile(r"trust|safe_mode|unsafe", re.I)
_CODE = "only Keras' own layers are loaded: build the model from those and save it anew"
_OF_KERAS_2 = {"groups": 1, "time_major": False}  # of depthwise convolutions and of recurrent layers
_WAYS = {
    ".pt": "export it by `torch.onnx.export`",
    ".pth": "export it by `torch.onnx.export`",
    ".pb": "give the folder of its SavedModel",
    ".json": "it describes a model without weights: build that, load the weights, save it as model.keras",
    ".zip": "unpack it",
}


class UnloadableModelError(ValueError):
    """No .keras model, or one that Keras does not load in safe mode; the message says it all."""


def load_keras(path: str | Path) -> Any:
    """Loads a model in safe mode, without its optimizer.

    Args:
        path: A .keras file, or a whole model as HDF5, the format before Keras 3.

    Returns:
        The `keras.Model`.

    Raises:
        UnloadableModelError: It is something else, or has layers or code that Keras does not know.
    """
    import keras

    import suite.layers  # noqa: F401  registers our layers

    path = Path(path)
    if _is_hdf5(path):
        return _load_hdf5(path)
    try:
        return traced(keras.models.load_model(path, compile=False, safe_mode=True))
    except Exception as failure:
        try:
            model = _load_as_graph(path)
        except Exception:  # the first failure says what is wrong with the file
            model = None
        if model is not None:
            return model
        raise UnloadableModelError(
            f"expected a readable .keras model, {path} cannot be loaded: {_reason(path, failure)}"
        ) from failure


def traced(model: Any) -> Any:
    """A model of a class of one's own as a functional one, by calling it on the input that it was built for.

    Args:
        model: A loaded `keras.Model`; one that is functional or Sequential is given as it is.

    Returns:
        A functional model that shares its layers; the model itself where it was built for no single input,
        or does more than Keras' operations.
    """
    import keras

    if isinstance(model, keras.Sequential) or getattr(model, "inputs", None):
        return model
    shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple | list) or not all(
        side is None or isinstance(side, int) for side in shape
    ):
        return model
    given = keras.Input(tuple(shape[1:]), name="input")
    try:
        # Its layers one by one, not the whole as a layer, whose class nobody else knows.
        return keras.Model(given, model.call(given), name=model.name)
    except Exception:  # of whoever wrote it; that its graph is not known is said where one is needed
        return model


def _load_as_graph(path: Path) -> Any:
    """A functional or Sequential model under a class of somebody's own, whose file has all of its layers.

    Such a class gives a model its own training step. What else it does when it is called is not in the file.

    Returns:
        The model; None where the file does not have its layers, or it is one of Keras' own classes.
    """
    import keras

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    top = json.loads(parts["config.json"])
    config = top.get("config", {})
    if top["class_name"] in ("Functional", "Model", "Sequential") or "layers" not in config:
        return None
    kind = "Functional" if "output_layers" in config else "Sequential"
    name = "Model" if kind == "Functional" else kind  # as Keras exports them
    known = {"module": "keras", "class_name": name, "registered_name": None}
    parts["config.json"] = json.dumps({**top, **known}).encode()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(folder) / "model.keras", "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        model = keras.models.load_model(Path(folder) / "model.keras", compile=False, safe_mode=True)
    console.warn(
        f"the class {top['class_name']} of {path} is code, which is not run: its layers are read as a {kind} "
        "model"
    )
    return model


def _load_hdf5(path: Path) -> Any:
    """A whole model of Keras 2 or 3, of known layers only: its file has their settings and weights."""
    import h5py
    import keras

    if _holds_weights_only(path):
        raise UnloadableModelError(f"expected a .keras file, received {path}{way_from(path)}")
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, Path(folder) / "model.h5")
        try:
            with h5py.File(copy, "r+") as file:
                config = json.loads(file.attrs["model_config"])
                file.attrs["model_config"] = json.dumps(_of_keras_3(config))
            return keras.models.load_model(copy, compile=False, safe_mode=True)
        except Exception as failure:
            raise UnloadableModelError(
                f"expected a readable .h5 model, {path} cannot be loaded: {_said(failure)}"
            ) from failure


def _of_keras_3(config: Any) -> Any:
    """A model's settings in the words of Keras 3, without those that say what it does anyway."""
    if isinstance(config, list):
        return [_of_keras_3(each) for each in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "Lambda":  # whatever a version of Keras makes of it
        raise ValueError("Requested the deserialization of a Lambda layer")
    found = {}
    for name, value in config.items():
        if name in _OF_KERAS_2 and value == _OF_KERAS_2[name]:
            continue
        if name == "batch_input_shape" and "sparse" not in config:  # that is an InputLayer, which keeps it
            found["input_shape"] = value[1:]
        elif name == "axis" and isinstance(value, list) and len(value) == 1:
            found[name] = value[0]
        else:
            found[name] = _of_keras_3(value)
    return found


def save_keras(model: Any, path: str | Path) -> None:
    """Saves a model without its optimizer, which is two thirds of the file, and without its loss.

    A loss of one's own would keep everybody else from loading the file: Keras does not know its code.

    Args:
        model: A functional or built Sequential model; is left as it was.
        path: A .keras file.
    """
    if not model.compiled:
        model.save(path)
        return
    optimizer = model.optimizer
    model.compiled, model.optimizer = False, None
    try:
        model.save(path)
    finally:
        model.compiled, model.optimizer = True, optimizer


def way_from(path: str | Path) -> str:
    """How to get a model that the suite takes from a file of another kind: "; ...", or nothing."""
    path = Path(path)
    if not (path.is_file() and _is_hdf5(path)):
        way = _WAYS.get(path.suffix.lower())
        return f"; {way}" if way else ""
    weights = _holds_weights_only(path)
    stem = path.name.split(".")[0]
    name = path.name if path.suffix == ".h5" else f"{stem}{'.weights' if weights else ''}.h5"
    if not weights:
        return f", which is HDF5, the format before Keras 3; rename it to {name}"
    rename = "" if name == path.name else f"rename it to {name}; "
    return (
        f", which holds weights only; {rename}build the model, then model.load_weights('{name}') and "
        f"model.save('{stem}.keras')"
    )


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5


def _holds_weights_only(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path) as file:
            return "model_config" not in file.attrs
    except OSError:  # damaged
        return False


def _reason(path: Path, failure: BaseException) -> str:
    """Why Keras does not load a file, in its innermost words, and what to do."""
    if not zipfile.is_zipfile(path):
        return "it is no zip archive, as .keras files are; save the model anew with model.save('model.keras')"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if "config.json" not in names:
        return "it has no config.json, so no layers; save the whole model with model.save('model.keras')"
    if not any(name.startswith("model.weights.") for name in names):
        return "it has no weights; save the whole model with model.save('model.keras')"
    return _said(failure)


def _said(failure: BaseException) -> str:
    """What a failure says in its innermost words, and what to do."""
    while inner := failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__):
        failure = inner
    sentences = re.split(r"\.\s", first_line(failure, 2000))
    said = next((each for each in sentences if not _ADVICE.search(each)), "it holds code")
    said = said[:200].rstrip(". ")
    if re.search(r"could not locate|unknown layer|lambda|deserializ", said, re.I):
        return f"{said}; {_CODE}"
    import keras

    return f"{said}; save it anew with Keras {keras.__version__}"
