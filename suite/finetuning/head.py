"""Phase 1 of fine-tuning: a linear head on frozen features, a convex problem that is solved exactly.

The features of all images and views go to a file as they are computed: memory does not grow with them, and an
interrupted run goes on where it stopped.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from suite import console
from suite.data.pictures.image_source import ImageSource
from suite.data.row_file import RowFile
from suite.deploy.feature_extractor import BATCH_SIZE, feature_extractor
from suite.linear.softmax_regression import choose_l2, deal_folds, fit_softmax_regression

L2_CANDIDATES = tuple(float(10.0**exponent) for exponent in np.arange(-1, -6.1, -0.5))
FOLDS = 5
INDISTINGUISHABLE = 0.005  # nats: of penalties this close, the strongest gives the least overconfident model
FOR_CHOOSING = 1000  # images that the penalty is chosen on, at most
HEAD_FILE = "head.npz"  # with it the features of the images themselves, by which labels are checked
UNCHOSEN_L2 = L2_CANDIDATES[len(L2_CANDIDATES) // 2]  # where no class has two images to compare penalties on
MOST_FEATURES = 20_000  # rows of augmented features; a larger data set needs fewer views an image


class PlainFeatures(NamedTuple):
    """What `train_head` keeps of photos for an estimate by folds.

    Attributes:
        features: `(n, features)` float32 of the photos as they are: those of training, then those held out.
        l2: The strength of the head's penalty.
    """

    features: np.ndarray
    l2: float


def train_head(
    backbone: keras.Model,
    source: ImageSource,
    num_classes: int,
    views: int,
    seed: int,
    folder: Path,
    held_out: Sequence[ImageSource] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Fits softmax regression to the features of every image and its augmented views.

    The L2 strength is chosen by cross-validation over images, so that views of one image are never on both
    sides. Classes weigh the same in the loss, however many images they have.

    Args:
        backbone: Gives a vector for an image.
        source: The training images.
        num_classes: Number of classes, each with an image.
        views: Augmented views of each image besides the image itself; fewer where they are many.
        seed: Of the augmentation and the choice.
        folder: Where features are kept until the head is trained, and the head then.
        held_out: Photos whose plain features are kept after those of the source, for `plain_features`; they
            do not touch the head.

    Returns:
        `kernel (features, num_classes)` and `bias (num_classes,)` float32 of the head.
    """
    saved = folder / HEAD_FILE
    if saved.exists():
        with np.load(saved) as arrays:
            return arrays["kernel"], arrays["bias"]
    views = min(views, max(0, MOST_FEATURES // len(source) - 1))
    kept = folder / "features.npy"
    extractor = functools.cache(feature_extractor)  # converted once for all
    features = frozen_features(backbone, source, views, seed, kept, extractor)
    plain = _plain(backbone, source, features, held_out, folder, extractor)
    labels = np.tile(source.labels, views + 1)
    groups = np.tile(np.arange(len(source)), views + 1)
    weights = class_weights(labels, num_classes)[labels]
    console.say(f"phase 1: head on {len(features)} feature vectors")
    l2 = _choose_l2(features, labels, groups, weights, num_classes, seed)
    kernel, bias = fit_softmax_regression(features, labels, num_classes, l2=l2, sample_weight=weights)
    partial = folder / "head.partial.npz"
    np.savez(partial, kernel=kernel, bias=bias, l2=l2, features=plain)
    partial.replace(saved)
    for path in (kept, *folder.glob("held_out_features_*.npy")):
        path.unlink()
    return kernel, bias


def _plain(
    backbone: keras.Model,
    source: ImageSource,
    features: RowFile,
    held_out: Sequence[ImageSource],
    folder: Path,
    extractor: Callable[[keras.Model], Callable[[np.ndarray], np.ndarray]],
) -> np.ndarray:
    """The plain features of the source and of what is held out, one after the other."""
    parts = [features[: len(source)]]
    for number, part in enumerate(held_out):
        path = folder / f"held_out_features_{number}.npy"
        parts += [frozen_features(backbone, part, 0, 0, path, extractor)[:]] if len(part) else []
    return np.concatenate(parts)


def plain_features(folder: Path) -> PlainFeatures:
    """What `train_head` kept in its folder."""
    with np.load(folder / HEAD_FILE) as arrays:
        return PlainFeatures(arrays["features"], float(arrays["l2"]))


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Weights `(num_classes,)` that let every class count the same; the mean over examples is 1."""
    counts = np.bincount(labels, minlength=num_classes)
    return (len(labels) / (num_classes * np.maximum(counts, 1))).astype(np.float32)


def frozen_features(
    backbone: keras.Model,
    source: ImageSource,
    views: int,
    seed: int,
    path: Path,
    extractor: Callable[[keras.Model], Callable[[np.ndarray], np.ndarray]] | None = None,
) -> RowFile:
    """Runs the frozen backbone over every image and `views` augmented copies of each.

    Args:
        backbone: Gives a vector for an image.
        source: n images.
        views: Number of augmented copies.
        seed: Of the augmentation.
        path: The file; rows that an interrupted call left there are not computed again.
        extractor: Gives the way through the backbone; `feature_extractor` by default.

    Returns:
        Features `((views + 1) * n, features)` float32, view by view in the order of the images.
    """
    shape = ((views + 1) * len(source), backbone.output_shape[1])
    features = RowFile.open(path) if path.exists() else RowFile.create(path, shape, np.float32)
    if features.shape != shape:
        features = RowFile.create(path, shape, np.float32)
    done = features.written()
    extract = (extractor or feature_extractor)(backbone)
    for view in range(done // len(source), views + 1):
        # Whole batches only: what is computed together with what must not depend on the interruption.
        start = max(0, done - view * len(source)) // BATCH_SIZE * BATCH_SIZE
        row = view * len(source) + start
        # Keyed by view, unshuffled: row i of a view is image i.
        batches = source.batches(BATCH_SIZE, augment_seed=seed * 1000 + view if view else None, start=start)
        for images, _ in console.track(batches, f"features, view {view} of {views}"):
            features.write(row, extract(images.numpy()))
            row += len(images)
    return features


def _choose_l2(
    features: RowFile,
    labels: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray,
    num_classes: int,
    seed: int,
) -> float:
    """The strongest penalty that is as good as the best one; a fixed one where every class has one image."""
    # The penalty does not need every row of a large set; the head does.
    images = len(np.unique(groups))
    chosen = np.random.default_rng(seed).permutation(images)[:FOR_CHOOSING]
    if np.bincount(labels[chosen]).max() < 2:  # the first rows are the images themselves
        console.say(f"no class has two images to choose the L2 strength on: taken as {UNCHOSEN_L2:.1e}")
        return UNCHOSEN_L2
    some = np.flatnonzero(np.isin(groups, chosen))
    _, losses = choose_l2(
        features[some],
        labels[some],
        num_classes,
        candidates=L2_CANDIDATES,
        fold_of_row=deal_folds(labels[some], groups[some], FOLDS, seed),
        sample_weight=weights[some],
        margin=INDISTINGUISHABLE,
    )
    return max(l2 for l2, value in losses.items() if value <= min(losses.values()) + INDISTINGUISHABLE)
