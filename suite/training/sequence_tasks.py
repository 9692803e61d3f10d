"""Networks that read a sequence and answer once, trained at several rates on new draws at every step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.generated.sequences import adding_problem, more_before
from suite.language.streams import windows
from suite.language.vocabulary import Vocabulary
from suite.optimizers import Adam

Pair = tuple[np.ndarray, np.ndarray]
SHORTER = 1 / 3  # of the steps, which see sequences half as long


class SequenceTask(NamedTuple):
    """What is to be answered.

    Attributes:
        draw: From the part, a count, a length and a generator to inputs `(count, length, features)` and
            targets `(count, 1)`, both float32.
        features: Numbers a step.
        outputs: Numbers an answer.
        activation: Of the answer; None for a plain sum.
        loss: Of targets and answers, a value an example.
        length: Steps of a sequence.
    """

    draw: Callable[[str, int, int, np.random.Generator], Pair]
    features: int
    outputs: int
    activation: str | None
    loss: Callable[..., Any]
    length: int


def adding(length: int) -> SequenceTask:
    """The sum of two marked numbers, as `adding_problem` has it."""
    return SequenceTask(
        lambda _, *how: adding_problem(*how), 2, 1, None, keras.losses.mean_squared_error, length
    )


def counting(length: int) -> SequenceTask:
    """Whether there are more a than b, as `more_before` has it."""
    return SequenceTask(
        lambda _, *how: more_before(*how), 2, 1, "sigmoid", keras.losses.binary_crossentropy, length
    )


def next_letter(texts: Mapping[str, Sequence[str]], length: int) -> SequenceTask:
    """The next character of short texts, or their end, from those before it.

    Args:
        texts: By part, "train" among them, whose characters are the known ones.
        length: Characters before; fewer are filled up with a column of their own.
    """
    letters = Vocabulary.fit([*texts["train"], "\n"])
    cut = {part: windows([letters.ids(f"{text}\n") for text in texts[part]], length + 1) for part in texts}
    columns = np.eye(len(letters), dtype=np.float32)

    def draw(part: str, count: int, length: int, rng: np.random.Generator) -> Pair:
        before, after = cut[part]
        rows = rng.integers(0, len(after), count)
        return columns[before[rows, -length:]], after[rows, None].astype(np.float32)

    loss = keras.losses.sparse_categorical_crossentropy
    return SequenceTask(draw, len(letters), len(letters), "softmax", loss, length)


def training_step(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Callable[..., Any]
) -> Callable[..., tf.Tensor]:
    """Compiles a step on sequences of any number and length.

    Args:
        model: From `(batch, length, features)` float32.
        optimizer: Not built.
        loss: Of targets `(batch, 1)` float32 and answers, a value an example.

    Returns:
        From inputs and targets to the loss, the mean over the batch.
    """
    optimizer.build(model.trainable_variables)
    sequences = tf.TensorSpec((None, None, model.input_shape[-1]))

    @tf.function(input_signature=[sequences, tf.TensorSpec((None, 1))])
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean(loss(targets, model(inputs, training=True)))
        gradients = tape.gradient(cost, [each.value for each in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return cost

    return step


def fit_at_rates(
    model: keras.Model,
    task: SequenceTask,
    rates: Sequence[float],
    *,
    steps: int,
    batch_size: int,
    clip_norm: float,
    seed: int,
) -> Callable[[np.ndarray], tf.Tensor]:
    """Trains a model with Adam at each rate, which falls along a cosine, and keeps the best on validation.

    The first third of the steps sees sequences of half the length, where every network learns.

    Args:
        model: As `training_step`; ends with the weights of the rate with the least loss on validation.
        task: What it is to answer.
        rates: Tried; each training begins at the model's weights and sees the same draws.
        steps: Of each training.
        batch_size: Sequences a step.
        clip_norm: Largest length of a gradient.
        seed: Of the draws.

    Returns:
        The model's answers to inputs, compiled.
    """
    optimizer = Adam(1e-3, clipnorm=clip_norm)
    step = training_step(model, optimizer, task.loss)
    answer = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    variables = [*model.trainable_variables, *optimizer.variables]
    begin, tried = [each.numpy() for each in variables], []
    held_out, targets = task.draw("validation", 1000, task.length, np.random.default_rng([seed, 1]))
    for rate in rates:
        for variable, value in zip(variables, begin, strict=True):
            variable.assign(value)
        rng = np.random.default_rng([seed, 0])
        for now in np.linspace(0, 1, steps):
            optimizer.learning_rate = rate * (1 + np.cos(np.pi * now)) / 2
            length = task.length // 2 if now < SHORTER else task.length
            step(*task.draw("train", batch_size, length, rng))
        loss = float(np.mean(task.loss(targets, answer(held_out))))
        console.say(f"rate {rate:g}: loss on validation {loss:.4g}")
        tried.append((np.nan_to_num(loss, nan=np.inf), model.get_weights()))
    model.set_weights(min(tried, key=lambda each: each[0])[1])
    return answer
