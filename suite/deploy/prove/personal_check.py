"""Proves in LiteRT that a personal model learns as it should and that what it learned can be put back."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.deploy.convert.tflite import PERSONAL_LEARNING_RATE
from suite.linear.untrained import is_untrained

PARITY = 1e-4  # of losses, in nats or in units of a loss above 1, and of weights, in units of the largest

REHEARSED_IMAGES = 8

ROUNDS = 3

SIGNATURES = ("infer", "train", "weights", "restore", "infer_features", "train_on_features")


def known_classes(
    outputs: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Gives the answers of a personal model for the classes of the classifier that it was made of.

    Args:
        outputs: {"probabilities": `(n, classes with the spare ones)`}; empty where it failed.
        reference: The classifier's only output by name, `(n, classes)`.

    Returns:
        `(n, classes)` under the classifier's name; empty where it failed.
    """
    ((name, values),) = reference.items()
    return {name: outputs["probabilities"][:, : values.shape[1]]} if outputs else {}


def rehearse(path: str | Path, images: np.ndarray, threads: int) -> dict[str, float]:
    """Trains and restores a personal model, held to a softmax regression in float64 on its features.

    Args:
        path: The TFLite file.
        images: `(n, height, width, channels)` uint8; the first few are learned, as one class after another.
        threads: Threads of a call.

    Returns:
        {"loss_difference": largest difference of the losses, in nats, or in units of a loss above 1;
        "train_ms": median time of `train`; "train_on_features_ms": that of `train_on_features`}.

    Raises:
        ValueError: What does not hold: a signature is missing, a loss or the weights differ, a class that was
            not trained is seen, a label outside of the classes changes something, or `restore` is not exact.
    """
    run = _signatures(path, threads)
    photos = [np.asarray(image)[None] for image in images[:REHEARSED_IMAGES]]
    given = run["weights"](), [run["infer"](image=photo)["probabilities"] for photo in photos]
    if np.any(np.concatenate(given[1])[:, is_untrained(given[0]["bias"])]):
        raise ValueError("sees classes that it was not taught")
    difference, times = _learn(run, photos, _Regression(**given[0]))
    learned = run["weights"](), [run["infer"](image=photo)["probabilities"] for photo in photos]
    for label in (-1, len(learned[0]["bias"])):
        loss = run["train"](image=photos[0], label=np.array([label], np.int32), learning_rate=np.float32(1))[
            "loss"
        ]
        if loss != -1 or not _same(run["weights"](), learned[0]):
            raise ValueError(f"takes label {label} for a class")
    for arrays, answers in (given, learned):
        run["restore"](**arrays)
        again = [run["infer"](image=photo)["probabilities"] for photo in photos]
        if not _same(run["weights"](), arrays) or not np.array_equal(again, answers):
            raise ValueError("does not restore the weights exactly")
    return {"loss_difference": difference} | {
        f"{name}_ms": round(float(np.median(values)), 4) for name, values in times.items()
    }


def _signatures(path: str | Path, threads: int) -> dict[str, Callable[..., Any]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    missing = set(SIGNATURES) - interpreter.get_signature_list().keys()
    if missing:
        raise ValueError(f"lacks the signatures {', '.join(sorted(missing))}")
    return {name: interpreter.get_signature_runner(name) for name in SIGNATURES}


def _learn(
    run: Mapping[str, Callable[..., Any]], photos: list[np.ndarray], expected: "_Regression"
) -> tuple[float, dict[str, list[float]]]:
    """Trains on pictures and on features in turn; gives the largest difference of losses, and the times."""
    features = [run["infer_features"](image=photo)["features"] for photo in photos]
    classes, differences = len(expected.bias), []
    times: dict[str, list[float]] = {"train": [], "train_on_features": []}
    for step in range(ROUNDS * max(len(photos), classes)):
        index, label = step % len(photos), step % classes
        given = {"label": np.array([label], np.int32), "learning_rate": np.float32(PERSONAL_LEARNING_RATE)}
        for name, example in (
            ("train", {"image": photos[index]}),
            ("train_on_features", {"features": features[index]}),
        ):
            start = time.perf_counter()
            loss = run[name](**example, **given)["loss"]
            times[name].append((time.perf_counter() - start) * 1000)
            wanted = expected.step(features[index][0], label, PERSONAL_LEARNING_RATE)
            differences.append((float(loss) - wanted) / max(1.0, wanted))
    worst = float(np.max(np.abs(differences)))
    if not worst <= PARITY:  # NaN never passes
        raise ValueError(f"learns with losses that differ from those in float64 by {worst:.2g}")
    for name, values in run["weights"]().items():
        weights = getattr(expected, name)
        apart = float(np.max(np.abs(values - weights)) / max(1.0, np.max(np.abs(weights))))
        if not apart <= PARITY:
            raise ValueError(f"learns a {name} that differs from that in float64 by {apart:.2g}")
    return worst, times


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in ("kernel", "bias"))


class _Regression:
    """Softmax regression by gradient descent, in float64."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray):
        self.kernel, self.bias = kernel.astype(np.float64), bias.astype(np.float64)

    def step(self, features: np.ndarray, label: int, learning_rate: float) -> float:
        """Takes a step on one example `(features,)`; gives its loss before, in nats."""
        if is_untrained(self.bias[label]):
            self.bias[label] = 0.0
        logits = features @ self.kernel + self.bias
        powers = np.exp(logits - logits.max())
        error = powers / powers.sum()
        loss = -np.log(error[label])
        error[label] -= 1
        self.kernel -= learning_rate * np.outer(features, error)
        self.bias -= learning_rate * error
        return float(loss)
