"""What the head is worth where few photos are held out: by folds of all photos, copies together.

Each photo is answered by a head that was fitted to the other folds' frozen features, view 0, with the penalty
that was chosen on the training part. The held-out parts are measured here and chosen by nowhere.

The interval of such an estimate is Wilson's, as if the answers were independent; heads that share most of
their photos are not quite, and no exact one exists (Bengio, Grandvalet, 2004, No unbiased estimator of the
variance of k-fold cross-validation).
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from suite import console
from suite.data.pictures.image_source import ImageSource
from suite.finetuning.head import FOLDS, PlainFeatures
from suite.linear.softmax_regression import deal_folds, predict_held_out

FEW = 50  # held-out photos: of fewer, the interval of an accuracy is more than 20 points wide
LEAVE_ONE_OUT = 30  # photos, copies apart, up to which each is a fold of its own
MOST = 2000  # photos that are dealt to folds


class FoldEstimate(NamedTuple):
    """The answers of the head to photos that it was not fitted to.

    Attributes:
        probabilities: `(n, K)` float32.
        labels: `(n,)` int.
        known: `(n,)` bool, whether the head that answered had another photo of the class.
        folds: How many there were.
        all_photos: How many there are in all; n are in the estimate.
        single_classes: Number of classes with a single photo, copies apart.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    folds: int
    all_photos: int
    single_classes: int

    def __str__(self) -> str:
        count = len(self.labels)
        photos = f"all {count:,}" if count == self.all_photos else f"{count:,} of the {self.all_photos:,}"
        text = f"by {self.folds} folds of the head over {photos} photos"
        if not self.single_classes:
            return text
        classes = "1 class has" if self.single_classes == 1 else f"{self.single_classes} classes have"
        return f"{text}; {classes} a single photo, which counts as wrong: nothing else shows the class"


def has_few(sources: dict[str, ImageSource]) -> bool:
    """Whether photos are too few to choose a temperature, or to tell the accuracy, without the folds."""
    return min(len(sources["validation"]), len(sources[held_out_part(sources)])) < FEW


def held_out_part(sources: dict[str, ImageSource]) -> str:
    """The part that the model and its artifacts are measured on: test, else validation, else train."""
    return next((part for part in ("test", "validation") if len(sources[part])), "train")


def estimate_by_folds(
    plain: PlainFeatures, sources: Sequence[ImageSource], num_classes: int, seed: int
) -> FoldEstimate | None:
    """Answers each photo by a head that was fitted to the others' folds.

    Args:
        plain: The frozen features of the photos, and the strength of the penalty.
        sources: The photos, in the order of the features.
        num_classes: Number of classes.
        seed: Of the folds.

    Returns:
        The answers; None where no class has two different photos.
    """
    labels = np.concatenate([source.labels for source in sources])
    groups = _groups(sources, labels)
    photos_of_class = np.bincount(labels[np.unique(groups, return_index=True)[1]], minlength=num_classes)
    if photos_of_class.max() < 2:
        return None
    chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST])
    labels, groups = labels[chosen], np.unique(groups[chosen], return_inverse=True)[1]
    count = int(groups.max()) + 1
    folds = groups if count <= LEAVE_ONE_OUT else deal_folds(labels, groups, FOLDS, seed)
    console.say(f"estimating by {folds.max() + 1} folds of the head over {len(labels)} photos")
    probabilities, known = predict_held_out(
        plain.features[chosen], labels, num_classes, l2=plain.l2, fold_of_row=folds
    )
    return FoldEstimate(
        probabilities,
        labels,
        known,
        int(folds.max()) + 1,
        len(plain.features),
        int(np.sum(photos_of_class == 1)),
    )


def _groups(sources: Sequence[ImageSource], labels: np.ndarray) -> np.ndarray:
    """`(n,)` int, the same number for photos of a class with the same pixels at the size of the model."""
    digests = [
        hashlib.sha256(source.image(index).tobytes()).digest()
        for source in sources
        for index in range(len(source))
    ]
    numbers = np.unique(np.array(digests, "S32"), return_inverse=True)[1]
    return np.unique(np.stack([numbers, labels]), axis=1, return_inverse=True)[1].reshape(-1)
