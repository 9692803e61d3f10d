"""Saves .keras files that anybody loads, and loads those of anybody in safe mode.

Of what is none it says in a line how to get one from it.
"""

import re
import zipfile
from pathlib import Path
from typing import Any

from suite.console import first_line

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ADVICE = re.compile(r"trust|safe_mode|unsafe", re.I)
_CODE = "only Keras' own layers are loaded: build the model from those and save it anew"
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
        path: A .keras file.

    Returns:
        The `keras.Model`.

    Raises:
        UnloadableModelError: It is something else, or has layers or code that Keras does not know.
    """
    import keras

    import suite.layers  # noqa: F401  registers our layers

    path = Path(path)
    if _is_hdf5(path):
        raise UnloadableModelError(f"expected a .keras file, received {path}{way_from(path)}")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as failure:
        raise UnloadableModelError(
            f"expected a readable .keras model, {path} cannot be loaded: {_reason(path, failure)}"
        ) from failure


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
    rename = "" if name == path.name else f"rename it to {name}; "
    if weights:
        return (
            f", which holds weights only; {rename}build the model, then model.load_weights('{name}') and "
            f"model.save('{stem}.keras')"
        )
    load = f"keras.models.load_model('{name}', compile=False).save('{stem}.keras')"
    return f", which is HDF5, the format before Keras 3; {rename}in Python: {load}"


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
    while inner := failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__):
        failure = inner
    sentences = re.split(r"\.\s", first_line(failure, 2000))
    said = next((each for each in sentences if not _ADVICE.search(each)), "it holds code")
    said = said[:200].rstrip(". ")
    if re.search(r"could not locate|lambda|deserializ", said, re.I):
        return f"{said}; {_CODE}"
    import keras

    return f"{said}; save it anew with Keras {keras.__version__}"
