"""What a segmenter is trained with: cross-entropy with class weights, and a soft IoU of the classes."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from suite.data.sets.segmentation_sets import IGNORED

LARGEST_WEIGHT = 10.0
_LEAST = 1e-7


def class_weights(pixels: np.ndarray) -> np.ndarray:
    """Weights by which classes of few pixels are heard: the square root of how much rarer they are.

    The plain ratio makes too much of a class of a few pixels, whose border is drawn too wide then.

    Args:
        pixels: `(num_classes,)` int, how many of each there are in training.

    Returns:
        `(num_classes,)` float32 whose mean over all pixels is 1, but for classes that are held at
        `LARGEST_WEIGHT`, and 0 for a class of no pixel.

    Raises:
        ValueError: There is no pixel.
    """
    shares = np.asarray(pixels, np.float64) / max(1, np.sum(pixels))
    if not shares.any():
        raise ValueError("expected pixels of some class, received none")
    weights = np.divide(1, np.sqrt(shares), out=np.zeros_like(shares), where=shares > 0)
    return np.minimum(weights / np.sum(weights * shares), LARGEST_WEIGHT).astype(np.float32)


def mask_loss(weights: np.ndarray) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The loss of a batch of masks.

    Args:
        weights: `(num_classes,)`, as `class_weights` gives them.

    Returns:
        A function of masks `(batch, height, width)` int, 255 where a pixel counts for nothing, and
        probabilities `(batch, height, width, num_classes)`; gives `(batch,)`: the weighted cross-entropy in
        nats a pixel, plus 1 minus the mean soft IoU over the classes in the batch, which is the same for each
        picture as most lack some classes.

    Reference:
        Rahman, Wang (2016), Optimizing Intersection-Over-Union in Deep Neural Networks.
    """
    weighting = tf.constant(weights)

    def loss(masks: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        masks = tf.cast(masks, tf.int32)
        known = tf.cast(masks != IGNORED, tf.float32)
        truth = tf.one_hot(masks, len(weights))  # zeros where ignored
        p = tf.clip_by_value(probabilities, _LEAST, 1.0)
        pixels = tf.maximum(tf.reduce_sum(known, axis=(1, 2)), 1.0)
        cross_entropy = -tf.reduce_sum(truth * weighting * tf.math.log(p), axis=(1, 2, 3)) / pixels
        shared = tf.reduce_sum(truth * p, axis=(0, 1, 2))
        of_class = tf.reduce_sum(truth, axis=(0, 1, 2))
        united = of_class + tf.reduce_sum(p * known[..., None], axis=(0, 1, 2)) - shared
        present = tf.cast(of_class > 0, tf.float32)
        overlap = tf.reduce_sum(present * shared / tf.maximum(united, 1.0))
        return cross_entropy + 1.0 - overlap / tf.maximum(tf.reduce_sum(present), 1.0)

    return loss
