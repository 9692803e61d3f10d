"""Step models of recurrent networks: run from their exported files, and proven there."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from suite.bundle.task import Task
from suite.deploy.convert.onnx import save_onnx
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import CALIBRATION_EXAMPLES, convert_tflite
from suite.deploy.export import Export
from suite.deploy.runtime import Artifact, load_artifact
from suite.evaluation.metrics import Metric, accuracy, cross_entropy
from suite.language.decoding import TOKEN, StepModel, surprisals
from suite.language.encoder_decoder import ENCODER, STEP, EncoderDecoder
from suite.language.vocabulary import PADDING, Vocabulary

PROVING = 500  # tokens of held-out text that every artifact is run on


def exported_artifacts(model: keras.Model, folder: str | Path) -> dict[str, Artifact]:
    """Writes a model as .keras, TFLite and ONNX and loads these files.

    Args:
        model: A functional model.
        folder: Folder for the files; made where there is none.

    Returns:
        Artifacts by format, "keras", "tflite" and "onnx", each in its own runtime; the latter two with one
        thread.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")
    save_saved_model(model, folder / "model", batch_size=1)
    (folder / "model.tflite").write_bytes(convert_tflite(folder / "model", "float32"))
    save_onnx(model, folder / "model.onnx")
    return {name: load_artifact(folder / f"model.{name}", threads=1) for name in ("keras", "tflite", "onnx")}


def exported_steps(model: keras.Model, folder: str | Path) -> dict[str, StepModel]:
    """`exported_artifacts` of a step model, as steps."""
    return {name: StepModel(artifact) for name, artifact in exported_artifacts(model, folder).items()}


def exported_pairs(
    encoder: keras.Model, step: keras.Model, words: Vocabulary, folder: str | Path
) -> dict[str, EncoderDecoder]:
    """`exported_artifacts` of an encoder and of the step of its decoder, ready to write sentences.

    Args:
        encoder: A functional model.
        step: A step model whose states the encoder gives.
        words: The decoder's vocabulary.
        folder: Folder that gets a folder for each.
    """
    encoders = exported_artifacts(encoder, Path(folder) / ENCODER)
    steps = exported_steps(step, Path(folder) / STEP)
    return {name: EncoderDecoder(encoders[name], steps[name], words) for name in encoders}


def reading_gap(step: StepModel, ids: np.ndarray, nats: np.ndarray) -> float:
    """How far an exported step model is from the model that was trained, in mean nats of a text.

    Args:
        step: The step model from its file.
        ids: `(m,)`, a text.
        nats: `(n,)`, n < m, of its tokens after the first, by the model that was trained.
    """
    return abs(float(surprisals(step, step.initial_state(), ids[: len(nats) + 1]).mean() - nats.mean()))


def step_export(
    model: keras.Model, step: StepModel, train: np.ndarray, test: np.ndarray, words: Vocabulary
) -> Export:
    """A step model to deploy, proven on the states that it meets in held-out text.

    Args:
        model: What `build_step_model` gives.
        step: The same from its file, which runs through the texts.
        train: `(n,)` ids of training text, for calibration.
        test: `(m,)` ids of held-out text.
        words: Its vocabulary.

    Returns:
        The export; its metric is the cross-entropy in nats per token.
    """
    inputs = collect_step_inputs(step, test[: PROVING + 1])
    metric = Metric(
        "test_nats",
        lambda outputs, targets: cross_entropy(outputs["probabilities"], targets),
        tolerance=0.05,
        higher_is_better=False,
    )
    calibration = collect_step_inputs(step, train[: CALIBRATION_EXAMPLES + 1])
    targets = test[1 : len(inputs[TOKEN]) + 1]
    return Export(
        model, inputs, calibration, targets, metric, files=words.to_files(), task=Task.LANGUAGE_MODEL
    )


def collect_step_inputs(
    step: StepModel, tokens: np.ndarray, states: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """What a step model is given on its way through a text, or through several.

    Args:
        step: The model.
        tokens: `(length,)` or `(n, length)`.
        states: States before the first tokens, a row a text; None: zeros.

    Returns:
        Inputs by name, a row for each token but the last, text by text.
    """
    tokens = np.atleast_2d(tokens.astype(np.int32))
    states, rows = states or step.initial_state(len(tokens)), []
    for column in tokens.T[:-1]:
        rows.append({TOKEN: column, **states})
        _, states = step(column, states)
    by_text = {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}
    return {name: values.reshape(-1, *values.shape[2:]) for name, values in by_text.items()}


class ForcedTexts(NamedTuple):
    """Texts whose true tokens a decoder is given.

    Attributes:
        states: By name, the encoder's answers on n sources, a row each.
        previous: `(m, length)` int32, m >= n: what `teacher_forcing` gives, of these sources first.
        target: The same.
    """

    states: dict[str, np.ndarray]
    previous: np.ndarray
    target: np.ndarray


def decoder_export(model: keras.Model, pair: EncoderDecoder, train: ForcedTexts, test: ForcedTexts) -> Export:
    """A decoder's step to deploy, proven on what it is given after the true tokens of some texts.

    Args:
        model: The step.
        pair: The same from its file, which runs through the texts, with its vocabulary.
        train: Texts of training, for calibration.
        test: Held-out texts.

    Returns:
        The export, named "decoder_step"; its metric is the share of the tokens that are most probable.
    """
    calibration, _ = _forced_inputs(pair, train)
    inputs, right = _forced_inputs(pair, test)
    metric = Metric("test_tokens", lambda outputs, right: accuracy(outputs["probabilities"], right))
    return Export(
        model, inputs, calibration, right, metric, name=STEP, files=pair.to_files(), task=Task.DECODER_STEP
    )


def _forced_inputs(pair: EncoderDecoder, texts: ForcedTexts) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What the step is given, by name, and what is right, `(tokens,)`."""
    n = len(next(iter(texts.states.values())))
    target = texts.target[:n]
    tokens = np.concatenate([texts.previous[:n], target[:, -1:]], axis=1)
    inputs = collect_step_inputs(pair.step, tokens, texts.states)
    counts = target.ravel() != PADDING
    return {name: values[counts] for name, values in inputs.items()}, target.ravel()[counts]
