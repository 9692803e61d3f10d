"""A .keras file from anywhere -> a bundle of proven artifacts."""

import dataclasses
from pathlib import Path
from typing import cast

import keras
import numpy as np

from suite import console
from suite.export.bundle import LABELS_FILE, VERIFICATION_FILE, load_verification, read_arrays, split_labels
from suite.export.runtime import format_of
from suite.export.signature import Signature, Tensor, signature_of
from suite.job import Job, execute
from suite.language.tagging import CHARACTERS_FILE
from suite.language.vocabulary import VOCABULARY_FILE
from suite.recipe import Context, Export, Result

RANDOM_EXAMPLES = 8
RANDOM_LENGTH = 16  # where a model takes any length


@dataclasses.dataclass(frozen=True)
class Config:
    """What is recorded of a re-export.

    Attributes:
        model: The .keras file.
        examples: The .npz of inputs, or empty.
    """

    model: str
    examples: str = ""


def export_file(model: str | Path, out: str | Path, *, examples: str | Path | None = None) -> Path:
    """Exports a functional Keras model to every format and proves that each answers the same.

    Args:
        model: A .keras file, loaded in safe mode. Of a bundle's model, the labels, the vocabulary and the
            examples beside it are used.
        out: Folder of the bundle.
        examples: An .npz with inputs by name, batch first: real ones, on which parity is measured and the
            integer variant is calibrated. Without any, parity is measured on random inputs and the integer
            variant is left out.

    Returns:
        The bundle's folder.

    Raises:
        ValueError: The model is not a functional .keras model, or the examples do not fit.
        GateError: An export failed its gates.
    """
    model = Path(model)
    if format_of(model) != "keras":
        raise ValueError(f"expected a .keras file, received {model}")
    config = Config(str(model), str(examples or ""))
    job = Job(model.stem, "export", f"{model.name}, exported", _run)
    # Never None: no other machine helps with an export.
    return cast(Path, execute(job, config, source=str(examples or "bundle"), out=out, seed=0))


def _run(config: Config, context: Context) -> Result:
    path = Path(config.model)
    try:
        import suite.layers  # noqa: F401  registers our layers

        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as failure:
        reason = console.first_line(failure)
        raise ValueError(
            f"expected a model that Keras loads in safe mode, received {path}: {reason}"
        ) from failure
    labels = path.parent / LABELS_FILE
    texts = {
        name: (path.parent / name).read_text(encoding="utf-8")
        for name in (VOCABULARY_FILE, CHARACTERS_FILE)
        if (path.parent / name).is_file()
    }
    inputs, are_real = _examples(config, signature_of(model))
    item = Export(
        model,
        inputs=inputs,
        calibration=inputs if are_real else None,
        labels=split_labels(labels.read_text(encoding="utf-8")) if labels.is_file() else (),
        files=texts,
    )
    return Result(metrics={}, exports=[item], data={"test": len(next(iter(inputs.values())))})


def _examples(config: Config, signature: Signature) -> tuple[dict[str, np.ndarray], bool]:
    """Inputs by name, and whether they are real: the given ones, those of the bundle, or random ones."""
    if config.examples:
        return read_arrays(config.examples, "an .npz of inputs by name"), True
    beside = Path(config.model).parent / VERIFICATION_FILE
    if beside.is_file():
        return load_verification(beside)[0], True
    console.warn("no examples: parity is measured on random inputs, and there will be no int8 variant")
    generator = np.random.default_rng(0)
    return {tensor.name: _random(tensor, generator) for tensor in signature.inputs}, False


def _random(tensor: Tensor, generator: np.random.Generator) -> np.ndarray:
    shape = (RANDOM_EXAMPLES, *(RANDOM_LENGTH if size is None else size for size in tensor.shape))
    if tensor.dtype == "uint8":
        return generator.integers(0, 256, shape).astype("uint8")
    if np.issubdtype(tensor.dtype, np.integer):
        return generator.integers(0, 2, shape).astype(tensor.dtype)  # 0 and 1 are in every vocabulary
    return generator.normal(size=shape).astype(tensor.dtype)
