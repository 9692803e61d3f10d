"""Phase 2 of fine-tuning: the upper layers of the backbone follow at a low rate."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.pictures.image_source import ImageSource
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.finetuning.config import Config
from suite.finetuning.head import class_weights
from suite.runs.recipe import Context

SMALLEST_GAIN = 1e-3  # nats of validation loss: less is no improvement


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
) -> dict[str, list[float]]:
    """Phase 2: trains the last layers; keeps the best weights on validation, perhaps those of phase 1.

    Args:
        model: From `classifier`; is changed.
        sources: Images by part, of which "train" and "validation" are read.
        num_classes: Number of classes.
        config: Of the run.
        context: Of the run; its seed is that of order and augmentation.

    Returns:
        The curves of `suite.training.loop.fit`.
    """
    train_source, validation = sources["train"], sources["validation"]
    weights = tf.constant(class_weights(train_source.labels, num_classes))
    unfreeze(model, config.unfreeze)
    steps = config.epochs * -(-len(train_source) // config.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, max(1, steps))

    def batches(epoch: int) -> Iterator[Any]:
        seed = context.seed * 1000 + epoch
        return train_source.batches(config.batch_size, order_seed=seed, augment_seed=seed)

    def loss(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        return losses * tf.gather(weights, tf.cast(labels, tf.int32))

    def evaluate() -> dict[str, float]:
        probabilities = predict(model, validation)
        return {
            "validation_accuracy": accuracy(probabilities, validation.labels),
            "validation_loss": cross_entropy(probabilities, validation.labels),
        }

    def better(new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        not_worse = new["validation_accuracy"] >= old["validation_accuracy"]
        return not_worse and new["validation_loss"] < old["validation_loss"] - SMALLEST_GAIN

    console.say(f"phase 2: up to {config.epochs} epochs on the last {config.unfreeze:.0%} of the layers")
    model.compile(keras.optimizers.Adam(schedule), loss)
    curves = context.fit(
        model, batches, epochs=config.epochs, measure=evaluate, better=better, patience=config.patience
    )
    best = curves["best_epoch"][0]
    console.say(f"kept epoch {best} of phase 2" if best else "phase 2 did not help: kept the head of phase 1")
    return curves


def unfreeze(model: keras.Model, share: float) -> None:
    """Makes the last `share` of the layers trainable, the head included, batch normalization never."""
    first = len(model.layers) - max(1, round(share * len(model.layers)))
    for index, layer in enumerate(model.layers):
        layer.trainable = index >= first and not isinstance(layer, keras.layers.BatchNormalization)
    model.layers[-1].trainable = True


def predict(model: keras.Model, source: ImageSource) -> np.ndarray:
    """Class probabilities of every image in order, `(n, num_classes)` float32."""
    return np.concatenate([model.predict_on_batch(images) for images, _ in source.batches(32)])
