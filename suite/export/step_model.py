"""Step models of recurrent networks: run from their exported files, and proven there."""

from pathlib import Path

import keras
import numpy as np

from suite.evaluation.metrics import Metric, cross_entropy
from suite.export.onnx import save_onnx
from suite.export.pipeline import Export
from suite.export.runtime import Artifact, load_artifact
from suite.export.saved_model import save_saved_model
from suite.export.tflite import CALIBRATION_EXAMPLES, convert_tflite
from suite.language.decoding import TOKEN, StepModel, surprisals

PROVING = 500  # tokens of held-out text that every artifact is run on


def exported_artifacts(model: keras.Model, folder: str | Path) -> dict[str, Artifact]:
    """Writes a model as TFLite and ONNX and loads these files.

    Args:
        model: A functional model.
        folder: Folder for the files; made where there is none.

    Returns:
        Artifacts by format, "tflite" and "onnx", each in its own runtime with one thread.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    save_saved_model(model, folder / "model", batch_size=1)
    (folder / "model.tflite").write_bytes(convert_tflite(folder / "model", "float32"))
    save_onnx(model, folder / "model.onnx")
    return {name: load_artifact(folder / f"model.{name}", threads=1) for name in ("tflite", "onnx")}


def exported_steps(model: keras.Model, folder: str | Path) -> dict[str, StepModel]:
    """`exported_artifacts` of a step model, as steps."""
    return {name: StepModel(artifact) for name, artifact in exported_artifacts(model, folder).items()}


def reading_gap(step: StepModel, ids: np.ndarray, nats: np.ndarray) -> float:
    """How far an exported step model is from the model that was trained, in mean nats of a text.

    Args:
        step: The step model from its file.
        ids: `(m,)`, a text.
        nats: `(n,)`, n < m, of its tokens after the first, by the model that was trained.
    """
    return abs(float(surprisals(step, step.initial_state(), ids[: len(nats) + 1]).mean() - nats.mean()))


def step_export(model: keras.Model, step: StepModel, train: np.ndarray, test: np.ndarray) -> Export:
    """A step model to deploy, proven on the states that it meets in held-out text.

    Args:
        model: What `build_step_model` gives.
        step: The same from its file, which runs through the texts.
        train: `(n,)` ids of training text, for calibration.
        test: `(m,)` ids of held-out text.

    Returns:
        The export; its metric is the cross-entropy in nats per token.
    """
    inputs = met(step, test[: PROVING + 1])
    metric = Metric(
        "test_nats",
        lambda outputs, targets: cross_entropy(outputs["probabilities"], targets),
        tolerance=0.05,
        higher_is_better=False,
    )
    calibration = met(step, train[: CALIBRATION_EXAMPLES + 1])
    return Export(model, inputs, calibration, test[1 : len(inputs[TOKEN]) + 1], metric)


def met(step: StepModel, ids: np.ndarray, state: dict | None = None) -> dict[str, np.ndarray]:
    """What a step model is given on its way through a text.

    Args:
        step: The model.
        ids: `(n,)` tokens.
        state: State before the first one; None: zeros.

    Returns:
        Inputs by name, a row for each token but the last.
    """
    state, rows = state or step.initial_state(), []
    for token in ids[:-1]:
        rows.append({TOKEN: np.int32([token]), **state})
        _, state = step(rows[-1][TOKEN], state)
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
