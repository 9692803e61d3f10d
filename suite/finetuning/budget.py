"""How many steps a detector or segmenter is trained for: by its photos, and by the minutes given."""

import json
import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from suite import console
from suite.finetuning.config import Config
from suite.runs.recipe import Context

QUARTER = 4  # the images are larger than those of a classifier
LOOKS = 10  # epochs: the training is measured after each
TIMED = 4  # steps
FILE = "steps.json"


class Seen(NamedTuple):
    """How many images a training sees: a photo again and again, in another view.

    Attributes:
        views: Of a photo, between `least` and `most` of all together.
        least: Of all together.
        most: Of all together.
        least_views: Of a photo, however many there are.
    """

    views: int
    least: int
    most: int
    least_views: int

    def steps(self, photos: int, batch_size: int) -> int:
        """Steps of a training on so many photos."""
        seen = max(min(max(self.views * photos, self.least), self.most), self.least_views * photos)
        return -(-seen // batch_size)


def images_a_step(config: Config) -> int:
    """The batch size for photos with boxes or masks."""
    return max(1, config.batch_size // QUARTER)


def within(minutes: float, steps: int, context: Context, seconds_a_step: Callable[[], float]) -> int:
    """At most as many steps as a number of minutes allows; recorded, so that a resumed run takes as many.

    Args:
        minutes: 0 for no limit.
        steps: Of the whole schedule.
        context: Of the run, in whose folder the number is kept.
        seconds_a_step: Measures the duration of a step; called once in a run.

    Returns:
        The number of steps, at least 1.
    """
    if not minutes:
        return steps
    file = context.folder / FILE
    if not file.exists():
        seconds = seconds_a_step()
        allowed = max(1, int(60 * minutes / seconds))
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({"steps": min(steps, allowed), "seconds_a_step": seconds}))
        partial.replace(file)
    kept = json.loads(context.training.machines.broadcast_bytes(file.read_bytes()))
    if kept["steps"] < steps:
        console.say(
            f"{minutes:g} minutes are {kept['steps']:,} of {steps:,} steps at {kept['seconds_a_step']:.2f} s"
        )
    return kept["steps"]


def seconds_a_step(model: keras.Model, batches: tf.data.Dataset) -> float:
    """Times steps of a compiled model that leave it as it is.

    Args:
        model: Compiled with a loss; its optimizer is neither used nor changed.
        batches: As for `suite.training.loop.fit`, at least one.
    """
    variables = model.trainable_variables

    @tf.function
    def step(inputs: tf.Tensor, targets: object) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, targets, model(inputs, training=False))
        return tape.gradient(loss, [variable.value for variable in variables])

    iterator = iter(batches.repeat())
    step(*next(iterator))  # traces
    started = time.perf_counter()
    for _ in range(TIMED):
        tf.nest.flatten(step(*next(iterator)))[0].numpy()
    return (time.perf_counter() - started) / TIMED
