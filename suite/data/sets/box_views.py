"""Photos with boxes for training, each time through another window: a pure function of seed and place."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from suite.data.batches import without_tuning
from suite.data.pictures.augmentation import recolor
from suite.data.sets.detection_sets import DetectionSet

SCALES = (0.5, 1.3)  # sides of a window, as shares of the photo's: beyond 1 there is gray around it
ASPECT = 0.2  # a side of a window against the other, at most
LEAST_VISIBLE = 0.35  # of a box's area, or it is left out
GRAY = 127.0
MOST_REPEATS = 4.0  # of a photo with a rare class in a pass

Targets = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def random_window(
    image: tf.Tensor, boxes: tf.Tensor, side: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Looks at a photo through a random window, half of the time in a mirror.

    Args:
        image: `(height, width, 3)` uint8.
        boxes: `(m, 4)` float32 of (top, left, bottom, right) in [0, 1].
        side: Of the view in pixels.
        seed: Two integers, `(2,)`.

    Returns:
        `(side, side, 3)` float32 in [0, 255], `(m, 4)` in [0, 1] of the view, and `(m,)` bool: whether enough
        of a box is visible.
    """
    drawn = tf.random.stateless_uniform((5,), seed)
    scale = SCALES[0] + (SCALES[1] - SCALES[0]) * drawn[0]
    stretch = tf.exp((2 * drawn[1] - 1) * np.log1p(ASPECT) / 2)
    sides = tf.stack([scale * stretch, scale / stretch])
    # Inside the photo where the window is smaller, else around it.
    first = drawn[2:4] * (1 - sides)
    half = sides / (2 * side)  # from the edge of the window to the middle of a pixel of the view
    middles = tf.concat([first + half, first + sides - half], axis=0)
    size = tf.tile(tf.cast(tf.shape(image)[:2], tf.float32), [2])
    # crop_and_resize counts from the middle of the first pixel to that of the last.
    corners = (middles * size - 0.5) / (size - 1)
    view = tf.image.crop_and_resize(image[None], corners[None], [0], (side, side), extrapolation_value=GRAY)[
        0
    ]
    moved = (boxes - tf.tile(first, [2])) / tf.tile(sides, [2])
    cut = tf.clip_by_value(moved, 0, 1)
    is_visible = _areas(cut) >= LEAST_VISIBLE * _areas(moved)
    if drawn[4] < 0.5:
        view = view[:, ::-1]
        top, left, bottom, right = tf.unstack(cut, axis=-1)
        cut = tf.stack([top, 1 - right, bottom, 1 - left], axis=-1)
    return tf.ensure_shape(view, (side, side, 3)), cut, is_visible


def _areas(boxes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_prod(tf.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def repeats_of(labels: Sequence[np.ndarray], num_classes: int) -> np.ndarray:
    """How often each photo comes in a pass, so that rare classes are seen more often.

    Args:
        labels: A photo, `(m,)` int.
        num_classes: Number of classes.

    Returns:
        `(n,)` float64 of at least 1: the root of how much rarer than the median class its rarest one is.

    Reference:
        Gupta, Dollár, Girshick (2019), LVIS, section 4.1: repeat factor sampling.
    """
    photos = np.array([sum(label in each for each in labels) for label in range(num_classes)])
    factors = np.sqrt(np.median(photos[photos > 0]) / np.maximum(photos, 1))
    wanted = [max((factors[label] for label in each), default=1.0) for each in labels]
    return np.clip(wanted, 1.0, MOST_REPEATS)


def view_order(repeats: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The photos of a training in the order in which they are seen, pass by pass: `(count,)` int64.

    Args:
        repeats: From `repeats_of`.
        count: Number of views.
        seed: Of the passes.
    """
    rng, passes, length = np.random.default_rng(seed), [], 0
    while length < count:
        times = np.floor(repeats + rng.random(len(repeats))).astype(int)  # 1.3: twice in 3 of 10 passes
        passes.append(rng.permutation(np.repeat(np.arange(len(repeats)), times)))
        length += len(passes[-1])
    return np.concatenate(passes)[:count]


def view_batches(
    data: DetectionSet,
    order: np.ndarray,
    *,
    first: int,
    side: int,
    batch_size: int,
    seed: int,
    targets: Targets,
) -> tf.data.Dataset:
    """Gives views of photos of training with what a detector is to give for them.

    Args:
        data: A set.
        order: Numbers of photos, `(n,)`.
        first: Place of the first of them in the whole training, which decides the view.
        side: Of the views in pixels.
        batch_size: Views a batch.
        seed: Of the views.
        targets: Maps boxes `(m, 4)` and labels `(m,)` to what the model is to give.

    Returns:
        Batches of images `(batch, side, side, 3)` uint8 and of the targets.
    """
    images, boxes, labels = data.images["train"], data.boxes["train"], data.labels["train"]
    kept = [~crowd for crowd in data.is_crowd["train"]]
    counts = [int(np.sum(each)) for each in kept]
    boxes, labels = (
        tf.RaggedTensor.from_row_lengths(
            np.concatenate([rows[chosen] for rows, chosen in zip(values, kept, strict=True)]), counts
        )
        for values in (boxes, labels)
    )

    def example(place: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        image = tf.numpy_function(lambda row: images[row], [index], tf.uint8, stateful=False)
        image = tf.ensure_shape(image, images.shape[1:])
        window_seed, color_seed = tf.unstack(tf.random.split(tf.stack([tf.cast(seed, tf.int64), place]), 2))
        view, moved, is_visible = random_window(image, boxes[index], side, window_seed)
        chosen = tf.boolean_mask(moved, is_visible)
        return recolor(view, color_seed), targets(chosen, tf.boolean_mask(labels[index], is_visible))

    places = np.arange(first, first + len(order), dtype=np.int64)
    examples = tf.data.Dataset.from_tensor_slices((places, order)).map(example, tf.data.AUTOTUNE)
    return without_tuning(examples.batch(batch_size).prefetch(2))
