"""Phase 2 of fine-tuning: all layers follow, and as much of it is kept as held-out photos speak for.

In the first epochs the photos are told apart worse than by the head alone, as the features move away from it:
so the whole schedule is trained, and only then compared. What is compared are points on the way between the
two sets of weights; the middle is often better than either.

Reference:
    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (interpolated weights).
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.pictures.image_source import ImageSource
from suite.evaluation.calibration import fit_temperature, with_temperature
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.finetuning.budget import seconds_a_step, within
from suite.finetuning.config import Config
from suite.finetuning.head import class_weights
from suite.runs.recipe import Context

LABEL_SMOOTHING = 0.1
WARM_UP = 0.1  # share of the steps
WEIGHT_DECAY = 0.05
# Of the way from the head's weights to the trained ones; one of them is kept.
SHARES = (0.0, 0.5, 1.0)
KEPT = {
    0.0: "did not help: kept the head of phase 1",
    0.5: "kept half-way: the mean of its weights and those of phase 1",
    1.0: "kept",
}
SURE = 0.05  # nats of validation loss
ENOUGH = 50  # validation photos to choose by; fewer only tell whether the middle does harm
SMALLEST_GAIN = 1e-3  # nats: less is no improvement


class Trained(NamedTuple):
    """What `fine_tune` tells of its training.

    Attributes:
        curves: Those of `suite.training.loop.fit`, whose first values are those before training, and one
            value of `SHARES` as "kept_share".
        validation: `(n, num_classes)` float32, the answers of the model to the validation part.
    """

    curves: dict[str, list[float]]
    validation: np.ndarray


@contextlib.contextmanager
def mixed_precision_on_gpu() -> Iterator[None]:
    """Lets layers built inside compute in float16 where there is a GPU; their weights stay float32."""
    before = keras.config.dtype_policy()
    if tf.config.list_physical_devices("GPU"):
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def classifier(backbone: keras.Model, kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Puts the trained head on the backbone: raw pixels in, class probabilities out.

    Args:
        backbone: Gives a vector for an image.
        kernel: `(features, num_classes)`, as `train_head` gives it.
        bias: `(num_classes,)`.
    """
    head = keras.layers.Dense(len(bias), activation="softmax", dtype="float32", name="probabilities")
    model = keras.Model(backbone.input, head(backbone.output), name="classifier")
    head.set_weights([kernel, bias])
    return model


def fine_tune(
    model: keras.Model, sources: dict[str, ImageSource], num_classes: int, config: Config, context: Context
) -> Trained:
    """Trains the layers, and keeps what validation speaks for: the head alone, all of it, or the middle.

    Args:
        model: From `classifier`; is changed.
        sources: Images by part, of which "train" and "validation" are read.
        num_classes: Number of classes.
        config: Of the run.
        context: Of the run; its seed is that of order and augmentation.

    Returns:
        The curves, and the answers of what is kept.
    """
    train, validation = sources["train"], sources["validation"]
    head_weights, answers = model.get_weights(), predict(model, validation)
    unfreeze(model, config.unfreeze)
    config = _within_minutes(model, train, num_classes, config, context)
    compile_classifier(model, train, num_classes, config)

    def batches(epoch: int) -> Iterator[Any]:
        seed = context.seed * 1000 + epoch
        return train.batches(config.batch_size, order_seed=seed, augment_seed=seed)

    def measure() -> dict[str, float]:
        is_untrained = not int(model.optimizer.iterations)
        probabilities = answers if is_untrained else predict(model, validation)
        return {
            "validation_accuracy": accuracy(probabilities, validation.labels),
            "validation_loss": cross_entropy(probabilities, validation.labels),
        }

    epochs = 0 if config.epochs and _leaves_nothing(measure(), len(validation)) else config.epochs
    if epochs:
        console.say(f"phase 2: {epochs} epochs on the last {config.unfreeze:.0%} of the layers")
    elif config.epochs:
        console.say("phase 2 left out: the head is right about every validation photo")
    curves = context.fit(model, batches, epochs=epochs, measure=measure, better=lambda _new, _best: True)
    share = 0.0
    if epochs:
        share, answers = keep_share(model, head_weights, validation)
        console.say(f"phase 2 {KEPT[share]}")
    return Trained(curves | {"kept_share": [share]}, answers)


def _within_minutes(
    model: keras.Model, train: ImageSource, num_classes: int, config: Config, context: Context
) -> Config:
    """The settings with as many epochs as their minutes allow; without any, the head is what there is."""
    if not config.minutes or not config.epochs:
        return config
    compile_classifier(model, train, num_classes, config)
    batches = train.batches(config.batch_size, order_seed=context.seed, augment_seed=context.seed)
    steps = -(-len(train) // config.batch_size)
    allowed = within(config.minutes, steps * config.epochs, context, lambda: seconds_a_step(model, batches))
    if allowed < steps:
        console.say("phase 2 left out: there is no time for an epoch")
    return dataclasses.replace(config, epochs=allowed // steps)


def _leaves_nothing(measured: Mapping[str, float], photos: int) -> bool:
    """Whether the head is right, and sure of it, about as many photos as a choice can be made by."""
    is_right = measured["validation_accuracy"] == 1 and measured["validation_loss"] < SURE
    return photos >= ENOUGH and is_right


def compile_classifier(model: keras.Model, train: ImageSource, num_classes: int, config: Config) -> None:
    """Compiles with AdamW, whose rate rises over a tenth of the steps and falls along a cosine.

    The loss is the cross-entropy with smoothed labels; classes weigh the same, however many photos they have.

    Args:
        model: Classifier that answers with probabilities of shape `(batch, num_classes)`.
        train: Photos that it will be trained on; they give the class weights and the number of steps.
        num_classes: Number of classes, above 1.
        config: Learning rate, batch size and epochs.
    """
    weights = tf.constant(class_weights(train.labels, num_classes))
    steps = max(1, config.epochs * -(-len(train) // config.batch_size))
    warm_up = max(1, round(WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=config.learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias"])

    def loss(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        smoothed = tf.one_hot(tf.cast(labels, tf.int32), num_classes) * (1 - LABEL_SMOOTHING)
        smoothed += LABEL_SMOOTHING / num_classes
        losses = keras.losses.categorical_crossentropy(smoothed, probabilities)
        return losses * tf.gather(weights, tf.cast(labels, tf.int32))

    model.compile(optimizer, loss)


def keep_share(
    model: keras.Model, head_weights: Sequence[np.ndarray], validation: ImageSource
) -> tuple[float, np.ndarray]:
    """Gives a trained model the weights of `SHARES` that validation speaks for.

    The loss is compared, at the temperature that is best for each: smoothed labels make a model that is less
    sure, which is no fault. Of fewer than `ENOUGH` photos the middle is taken, but for the head where that is
    worse by more than two standard errors.

    Args:
        model: After training; is changed.
        head_weights: Its weights before.
        validation: Held-out images.

    Returns:
        The share, and the answers of the model with these weights, `(n, num_classes)`.
    """
    trained = model.get_weights()
    answers, losses = {}, {}
    for share in SHARES:
        mixed = [(1 - share) * old + share * new for old, new in zip(head_weights, trained, strict=True)]
        model.set_weights(mixed)
        answers[share] = predict(model, validation)
        losses[share] = _scaled_losses(answers[share], validation.labels)
    if len(validation) >= ENOUGH:
        best = min(SHARES, key=lambda share: losses[share].mean() + SMALLEST_GAIN * (share > 0))
    else:
        harm = losses[0.5] - losses[0.0]
        best = 0.0 if harm.mean() > 2 * harm.std() / np.sqrt(len(harm)) else 0.5
    model.set_weights([(1 - best) * old + best * new for old, new in zip(head_weights, trained, strict=True)])
    return best, answers[best]


def _scaled_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The cross-entropy of each example at the temperature that is best for all, `(n,)` in nats."""
    scaled = with_temperature(probabilities, fit_temperature(probabilities, labels))
    return -np.log(np.maximum(scaled[np.arange(len(labels)), labels], np.finfo(np.float32).tiny))


def unfreeze(model: keras.Model, share: float) -> None:
    """Makes the last `share` of the layers trainable, the head included, batch normalization never."""
    first = len(model.layers) - max(1, round(share * len(model.layers)))
    for index, layer in enumerate(model.layers):
        layer.trainable = index >= first and not isinstance(layer, keras.layers.BatchNormalization)
    model.layers[-1].trainable = True


def predict(model: keras.Model, source: ImageSource) -> np.ndarray:
    """Class probabilities of every image in order, `(n, num_classes)` float32."""
    return np.concatenate([model.predict_on_batch(images) for images, _ in source.batches(32)])
