"""The other side of a comparison: a small network that learns the same photos from random numbers."""

import keras
import tensorflow as tf
from keras import layers

from suite.data.pictures.image_source import ImageSource
from suite.evaluation.metrics import accuracy
from suite.finetuning.phases import predict
from suite.runs.recipe import Context


def build_small(side: int, num_classes: int) -> keras.Model:
    """Four convolutions of stride 2 and an average: a large network has no chance with few photos.

    Args:
        side: Of an image in pixels.
        num_classes: Number of classes.

    Returns:
        A model from "image", `(batch, side, side, 3)` uint8, to "probabilities", `(batch, num_classes)`.
    """
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.5)(x)  # few steps an epoch: averages must follow fast
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(num_classes, activation="softmax", name="probabilities")(x))


def train_small(
    model: keras.Model,
    sources: dict[str, ImageSource],
    learning_rate: float,
    epochs: int,
    batch_size: int,
    context: Context,
) -> list[float]:
    """Trains every weight on photos, which are changed at random as those of fine-tuning are.

    Args:
        model: From `build_small`; is changed.
        sources: Photos by part, of which "train" and "validation" are read.
        learning_rate: Of Adam.
        epochs: Passes over the photos.
        batch_size: Photos a step.
        context: Of the run; its seed is that of order and augmentation.

    Returns:
        The accuracy on validation after each epoch.
    """
    validation = sources["validation"]
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")

    def batches(epoch: int) -> tf.data.Dataset:
        seed = context.seed + epoch
        return sources["train"].batches(batch_size, order_seed=seed, augment_seed=seed)

    def measure() -> dict[str, float]:
        return {"validation_accuracy": accuracy(predict(model, validation), validation.labels)}

    return context.fit(model, batches, epochs=epochs, measure=measure)["validation_accuracy"]
