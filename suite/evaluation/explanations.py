"""Which region of a picture made a classifier say what it says: maps of heat, and how they are shown."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image

from suite.keras_internals import producer_of

CELLS = 8  # along a side; four neighbors at a time are occluded
_OPAQUE = 0.65  # at most, of the color over the picture
_COLORS = "inferno"
# Of a score: the same picture may round otherwise at another place of a batch (measured: by 1.2e-7 of it).
_ROUNDING = 1e-5


def last_map(model: keras.Model) -> Any:
    """The last output of a layer, `(batch, height, width, channels)`, that keeps places apart; or None.

    Args:
        model: A functional model; what is inside of models in it does not count.
    """
    for layer in reversed(model.layers):
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if (
            len(shape) == 4
            and None not in shape[1:3]
            and min(shape[1:3]) > 1
            and layer.output is not model.input
        ):
            return layer.output
    return None


def grad_cam(model: keras.Model, images: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Heat by gradients: the last maps of features, weighed by how much each adds to the class.

    Of a softmax the gradient is that of the class' logit: the probability of a sure answer has none.

    Args:
        model: A functional classifier of one picture that has a `last_map`.
        images: Pictures as the model takes them, `(n, height, width, channels)`.
        labels: `(n,)`, the index of the class of each that is asked about.

    Returns:
        `(n, h, w)` float32 in [0, 1], of the size of the maps; all 0 where no place speaks for the class.

    Raises:
        ValueError: The model has no such maps.

    Reference:
        Selvaraju et al. 2017, "Grad-CAM: Visual explanations from deep networks via gradient-based
        localization".
    """
    maps = last_map(model)
    if maps is None:
        raise ValueError(
            f"expected a model with a layer of several places, received {model.name}; occlude it"
        )
    features = keras.Model(model.inputs, maps)(tf.constant(images), training=False)
    rest = keras.Model(maps, _logits(model))
    with tf.GradientTape() as tape:
        tape.watch(features)
        scores = tf.gather(rest(features, training=False), labels, axis=1, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(scores, features), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(tf.cast(weights * features, tf.float32), axis=-1))
    return np.stack([_to_one(each) for each in heat.numpy()])


def _logits(model: keras.Model) -> Any:
    """What the softmax at the end is taken of, or else the output."""
    last, _ = producer_of(model.outputs[0])
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        return model.outputs[0]
    config = last.get_config() | {"activation": None, "name": f"{last.name}_logits"}
    linear = keras.layers.Dense.from_config(config)
    logits = linear(last.input)
    linear.set_weights(last.get_weights())
    return logits


def occlusion_map(predict: Callable[[np.ndarray], np.ndarray], image: np.ndarray, label: int) -> np.ndarray:
    """Heat by occlusion: how much the score of a class falls where a part of the picture has its mean color.

    Args:
        predict: Pictures as the model takes them, `(n, height, width, channels)`, to scores `(n, classes)`.
        image: One of them.
        label: Index of the class.

    Returns:
        `(CELLS, CELLS)` float32 in [0, 1]; all 0 where nothing lowers the score.

    Reference:
        Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2.
    """
    height, width = image.shape[:2]
    rows, columns = (np.linspace(0, side, CELLS + 1).round().astype(int) for side in (height, width))
    mean = image.mean(axis=(0, 1)).astype(image.dtype)
    windows = [(row, column) for row in range(CELLS - 1) for column in range(CELLS - 1)]
    occluded = np.repeat(image[None], len(windows) + 1, axis=0)  # the last one is whole
    for number, (row, column) in enumerate(windows):
        place = slice(rows[row], rows[row + 2]), slice(columns[column], columns[column + 2])
        occluded[number][place] = mean
    scores = predict(occluded)[:, label]
    heat, times = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    falls = np.float64(scores[-1]) - scores[:-1]
    falls[np.abs(falls) <= _ROUNDING * np.abs(scores[-1])] = 0
    for (row, column), fall in zip(windows, falls, strict=True):
        heat[row : row + 2, column : column + 2] += fall
        times[row : row + 2, column : column + 2] += 1
    return _to_one(np.maximum(heat / times, 0))


def _to_one(heat: np.ndarray) -> np.ndarray:
    """Divides by the largest value, where there is one above 0."""
    return (heat / (heat.max() or 1)).astype(np.float32)


def show_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays heat over a picture, the more of its color the hotter.

    Args:
        image: `(height, width, 3)` uint8.
        heat: `(h, w)` float32 in [0, 1], of any size.

    Returns:
        `(height, width, 3)` uint8.
    """
    height, width = image.shape[:2]
    smooth = Image.fromarray(heat).resize((width, height), Image.Resampling.BICUBIC)
    hot = np.clip(np.asarray(smooth), 0, 1)[..., None]
    color = matplotlib.colormaps[_COLORS](hot[..., 0])[..., :3] * 255
    gray = image.mean(axis=2, keepdims=True) * 0.5 + image * 0.5  # so that the color of heat stands out
    return (gray + _OPAQUE * hot * (color - gray)).round().astype(np.uint8)
