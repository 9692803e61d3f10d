"""A classifier that goes on learning on the phone, with built-in operators only.

The frozen model up to its last layer gives features; the head, a softmax regression on them, is kept in
variables that the phone trains. TFLite has no gradients, so that of the cross-entropy is written out. The app
keeps the head's two arrays: operators that save variables to files are not built in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from suite.deploy.signature import signature_of
from suite.keras_internals import calls_of, freeze, producer_of
from suite.linear.untrained import UNTRAINED_BIAS, is_untrained

# Of the frozen part, smallest first. Not int8: the calibrator refuses signatures without inputs (`weights`).
PRECISIONS = ("dynamic", "float16", "float32")

CENTERED_ON = 32  # images: what is centered need not be centered exactly


class Head(NamedTuple):
    """A softmax regression on features: `softmax((x - mean) / scale @ kernel + bias)`.

    Attributes:
        kernel: `(features, classes)` float32.
        bias: `(classes,)` float32.
        mean: `(features,)` float32.
        scale: A float above 0.
    """

    kernel: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: float


def base_of(model: keras.Model, labels: Sequence[str]) -> keras.Model | None:
    """Gives the part of an image classifier before its last layer.

    Args:
        model: A functional model.
        labels: Its class names.

    Returns:
        The model from the input `image`, uint8 of one size, to the features of its last layer; None where
        there are no labels, the input is another, or the last layer is no dense softmax on a vector.
    """
    image = model.inputs[0]
    pixels = image.name == "image" and image.dtype == "uint8" and None not in image.shape[1:]
    if not labels or len(model.inputs) != 1 or len(model.outputs) != 1 or not pixels:
        return None
    last, call = producer_of(model.outputs[0])  # a layer may be called in other models, too
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        return None
    is_picture = len(image.shape) == 4 and image.shape[-1] in (1, 3)
    (features,) = calls_of(last)[call].input_tensors
    return keras.Model(model.inputs, features) if is_picture and len(features.shape) == 2 else None


def personal_head(kernel: np.ndarray, bias: np.ndarray, features: np.ndarray, spare_classes: int = 0) -> Head:
    """Centers and scales the features of a trained head, which goes on giving the same probabilities.

    Features of a network share a large mean, which makes plain gradient descent slow and lets a new class
    take over old ones. Centered, and scaled to a mean square length of 1, one learning rate fits all models.

    Args:
        kernel: `(features, classes)`.
        bias: `(classes,)`.
        features: `(n, features)` of typical images, n >= 1.
        spare_classes: Number of unused classes to append.

    Returns:
        A head of `classes + spare_classes` classes. The logits of those in use have mean 0, so that a new
        class starts among them at 0.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(np.mean(np.sum((features - mean) ** 2, axis=1)))) or 1.0
    bias = bias + mean @ kernel
    used = ~is_untrained(bias)
    kernel = scale * (kernel - kernel[:, used].mean(axis=1, keepdims=True))
    bias = np.where(used, bias - bias[used].mean(), UNTRAINED_BIAS)
    return Head(
        np.pad(kernel, ((0, 0), (0, spare_classes))).astype(np.float32),
        np.pad(bias, (0, spare_classes), constant_values=UNTRAINED_BIAS).astype(np.float32),
        mean.astype(np.float32),
        scale,
    )


def save_personal(
    model: keras.Model, base: keras.Model, path: str | Path, images: np.ndarray, spare_classes: int
) -> None:
    """Writes the SavedModel that `convert_tflite` makes a personal model of.

    Its signatures, all for one image: `infer(image) -> probabilities`, `(1, classes + spare_classes)`;
    `train(image, label, learning_rate) -> loss`, one step of gradient descent, in nats before the step, where
    `label` is `(1,)` int32 and `learning_rate` a float32 scalar; `weights() -> kernel, bias`;
    `restore(kernel, bias) -> done`; and, so that the frozen part runs once a picture however often it is
    trained on, `infer_features(image) -> features`, `(1, features)`, and
    `train_on_features(features, label, learning_rate) -> loss`. A label outside of the classes changes
    nothing and gives the loss -1.

    Args:
        model: A classifier in float32.
        base: What `base_of` gives for it.
        path: Folder to write.
        images: Training images `(n, height, width, channels)` uint8, by which features are centered.
        spare_classes: Number of classes that the phone may add.
    """
    last, _ = producer_of(model.outputs[0])
    kernel = last.kernel.numpy()
    bias = last.bias.numpy() if last.use_bias else np.zeros(kernel.shape[1], np.float32)
    features = base.predict(images, verbose=0)
    module = _Personal(base, personal_head(kernel, bias, features, spare_classes))
    tf.saved_model.save(module, str(path), signatures=module.signatures())


class _Personal(tf.Module):
    def __init__(self, base: keras.Model, head: Head):
        super().__init__()
        image = signature_of(base).inputs[0]
        self.image = tf.TensorSpec((1, *image.shape), image.dtype, name="image")
        infer = tf.function(lambda image: base(image, training=False))
        # As constants: the variables of a Keras model that a tf.Module holds are written without values.
        self.base = freeze(infer.get_concrete_function(self.image))
        self.kernel, self.bias = tf.Variable(head.kernel), tf.Variable(head.bias)
        self.mean, self.scale = tf.constant(head.mean), head.scale

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Concrete functions by name; runtimes without signatures run the first in alphabetical order."""
        label = tf.TensorSpec((1,), tf.int32, name="label")
        rate = tf.TensorSpec((), tf.float32, name="learning_rate")
        features = tf.TensorSpec((1, self.kernel.shape[0]), tf.float32, name="features")
        kernel = tf.TensorSpec(self.kernel.shape, tf.float32, name="kernel")
        bias = tf.TensorSpec(self.bias.shape, tf.float32, name="bias")
        functions = {
            "infer": (self._infer, (self.image,)),
            "train": (self._train, (self.image, label, rate)),
            "weights": (self._weights, ()),
            "restore": (self._restore, (kernel, bias)),
            "infer_features": (lambda image: {"features": self._features(image)}, (self.image,)),
            "train_on_features": (self._train_on_features, (features, label, rate)),
        }
        return {
            name: tf.function(function, input_signature=specs).get_concrete_function()
            for name, (function, specs) in functions.items()
        }

    def _features(self, image: tf.Tensor) -> tf.Tensor:
        features = tf.reshape(self.base(image)[0], (1, len(self.mean)))
        return (features - self.mean) / self.scale

    def _infer(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.matmul(self._features(image), self.kernel) + self.bias
        return {"probabilities": tf.nn.softmax(logits)}

    def _train(self, image: tf.Tensor, label: tf.Tensor, learning_rate: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._train_on_features(self._features(image), label, learning_rate)

    def _train_on_features(
        self, features: tf.Tensor, label: tf.Tensor, learning_rate: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        target = tf.one_hot(label, self.bias.shape[0])
        known = tf.reduce_sum(target)  # 0 for a label outside of the classes
        awake = tf.where((target[0] > 0) & is_untrained(self.bias), 0.0, self.bias)
        logits = tf.matmul(features, self.kernel) + awake
        loss = -tf.reduce_sum(target * tf.nn.log_softmax(logits))
        error = (tf.nn.softmax(logits) - target) * known  # d loss / d logits
        self.kernel.assign_sub(learning_rate * tf.matmul(features, error, transpose_a=True))
        self.bias.assign(awake - learning_rate * error[0])
        return {"loss": loss * known - (1.0 - known)}

    def _weights(self) -> dict[str, tf.Tensor]:
        return {"kernel": self.kernel.read_value(), "bias": self.bias.read_value()}

    def _restore(self, kernel: tf.Tensor, bias: tf.Tensor) -> dict[str, tf.Tensor]:
        self.kernel.assign(kernel)
        self.bias.assign(bias)
        return {"done": tf.constant(1)}
