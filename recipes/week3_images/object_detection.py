# %% [markdown]
# # Find every thing, and each one once
#
# A detector asks every cell of a coarse map whether something has its middle there, and how far its sides
# are. Neighbors answer for the same thing, so the best box of each is kept and the others are suppressed.
#
# *Week 3, "Object Detection + localization". Takes 90 s on 2 CPU cores.
# `suite run object_detection [--data tfds | --data FOLDER]`*
#
# ## Why is one box not enough?
#
# [object_localization](object_localization.md) gives one box, because it is told that there is one thing.
# Here a picture has any number of things, and a network has a fixed number of outputs. The way out is to ask
# the same question everywhere: a convolution answers for each cell of a map, "is the middle of a thing here,
# of which class, and where are its sides?" Then there are too many answers, and this lesson is mostly about
# what to do with them: which of them to learn from, which to keep, and how to say how good they are.
#
# ## The method
#
# **Maps.** An image of 64 x 64 gives a map of 16 x 16 cells. For each class there is a *heatmap*: 1 in the
# cell that has the middle of a thing, and around it a little hill, so that a neighbor which answers as well
# is not called wrong altogether. Four more maps have the distances from the cell to the sides of the box, as
# shares of the image.
#
# **IoU**, intersection over union, says how much two boxes are the same: the area that they share over the
# area that they cover together. Two squares of 2 x 2, one moved by 1, share 2 and cover 6: 1/3.
#
# **Non-maximum suppression.** Take the box with the highest score, drop all of its class that overlap it with
# an IoU above one half, go on with the next that is left.
#
# **Average precision.** Go through the detections of all images, best first. One is right if it fits a thing
# that no better one has taken already. After k of them, *precision* is the share of right ones among k,
# *recall* the share of all things that are found. Say there are two things, and three detections are right,
# wrong, right:
#
#     detection           1st right     2nd wrong     3rd right
#     recall                 1/2           1/2            1
#     precision               1            1/2           2/3
#
# Up to a recall of 1/2 the precision is 1, beyond that it is 2/3; the mean over 101 recalls, 0 to 1, is
# (51 * 1 + 50 * 2/3) / 101 = 0.835. A double in front of the third would have pushed it back and cost
# precision: so this measure notices doubles. **mAP@.5** is the mean over the classes, where a box fits from
# an IoU of one half on; **mAP** is the mean over ten such thresholds, 0.5 to 0.95.

# %%
import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf

from suite.data.sets import detection_sets
from suite.data.sets.boxes import box_examples, random_mirror
from suite.data.sets.detection_sets import DetectionSet
from suite.evaluation import detection, detection_figures
from suite.evaluation.baselines import constant_boxes
from suite.evaluation.detection import Truths, box_iou
from suite.evaluation.metrics import Metric
from suite.layers import NonMaximumSuppression
from suite.models.detector import SPREAD, STRIDE, build_detector, encode
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task
from suite.training.box_losses import box_loss, center_focal_loss, per_thing
from suite.training.loop import lower


def hill(box: np.ndarray, cells: int) -> np.ndarray:
    """The heat of one thing, `(cells, cells)`; a box is (top, left, bottom, right) in [0, 1]."""
    middle = np.floor((box[:2] + box[2:]) / 2 * cells)
    away = (np.arange(cells) - middle[:, None]) / cells / (SPREAD * (box[2:] - box[:2]))[:, None]
    down, across = np.exp(-0.5 * away**2)
    return down[:, None] * across


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Of a box with each of others, `(n, 4)`.

    >>> iou(np.array([0, 0, 2, 2]), np.array([[0, 0, 2, 2], [0, 1, 2, 3], [2, 2, 3, 3]])).round(2).tolist()
    [1.0, 0.33, 0.0]
    """
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared)


def suppress(boxes: np.ndarray, scores: np.ndarray, most: float = 0.5) -> list[int]:
    """Which boxes of a class are kept, best first."""
    waiting, kept = np.argsort(-scores, kind="stable"), []
    while len(waiting):
        best, *_ = waiting
        kept.append(int(best))
        waiting = waiting[1:][iou(boxes[best], boxes[waiting[1:]]) <= most]
    return kept


def are_right(boxes: np.ndarray, things: np.ndarray, least: float = 0.5) -> list[bool]:
    """Whether each box of an image, best first, fits a thing that is still free."""
    is_free, found = np.ones(len(things)), []
    for box in boxes:
        fits = iou(box, things) * is_free
        found.append(bool(fits.max() >= least))
        is_free[fits.argmax()] *= not found[-1]
    return found


def average_precision(is_right: Sequence[bool], things: int) -> float:
    """Of detections of all images, best first.

    >>> round(average_precision([True, False, True], 2), 3)
    0.835
    """
    right = np.cumsum(is_right)
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    reached = np.searchsorted(right, np.linspace(0, 1, 101) * things - 1e-9)
    return float(np.append(precision, 0)[reached].mean())


# %% [markdown]
# ## Is it right?
#
# The suite has the same for many images at a time: a layer that suppresses without a loop, so that it can be
# exported with the network, and COCO's evaluation. Both sides get random boxes.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    """Largest difference of these, and of the loss below, to those of the suite."""
    corner, side = rng.uniform(0, 0.5, (2, 60, 2))
    boxes, scores = (
        np.concatenate([corner, corner + 0.1 + side], axis=1),
        np.sort(rng.uniform(0.1, 1, 60))[::-1],
    )
    things = boxes[:9] + rng.normal(0, 0.03, (9, 4))
    kept, right = suppress(boxes, scores), are_right(boxes, things)
    layer = NonMaximumSuppression(max_detections=60, candidates=60, rounds=60)
    theirs = layer([tf.constant(each[None], tf.float32) for each in (boxes, scores[:, None])])["scores"][0]
    detections = {"boxes": boxes[None], "scores": scores[None], "labels": np.zeros((1, 60))}
    expected = detection.mean_average_precision(detections, Truths([things], [np.zeros(9, int)]), 1)
    heat = encode(tf.constant(boxes[:1], tf.float32), tf.zeros(1, tf.int64), (16, 16), 1)[0][None]
    logits = tf.constant(rng.normal(size=heat.shape), tf.float32)
    gaps = (
        [iou(box, boxes) - row for box, row in zip(boxes, box_iou(boxes, boxes), strict=True)],
        np.pad(scores[kept], (0, 60 - len(kept))) - theirs,
        average_precision(right, 9) - expected,
        hill(boxes[0], 16) - heat[0, ..., 0],
        heat_loss()(heat, logits) / center_focal_loss(heat, logits) - 1,
    )
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% [markdown]
# ## What to learn from
#
# Of the 1,024 answers of a heatmap, 16 x 16 cells for four classes, one to three should be 1. The loss is
# cross-entropy in each, with two weights. The **focal weight**, `(1 - p)^2` where the answer should be 1 and
# `p^2` where it should be 0, takes from answers that are right already: 0.01 where a 0 got p = 0.1. Otherwise
# a thousand cells that are nearly right would outvote the few that matter. And `(1 - heat)^4` forgives
# neighbors of a middle. What are they worth? The same network is trained without both, at the same rates.
#
# The boxes are learned near the middles only, by one minus an IoU that has a gradient even where the boxes do
# not meet ("generalized").


# %%
def heat_loss(focus: float = 2, forgiveness: float = 4) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Cross-entropy `(batch,)` of `(batch, rows, columns, classes)`, in nats a thing."""

    def loss(heat: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        p, is_middle = tf.sigmoid(logits), tf.cast(heat == 1, tf.float32)
        ones = is_middle * (1 - p) ** focus * tf.math.log_sigmoid(logits)
        zeros = (1 - is_middle) * (1 - heat) ** forgiveness * p**focus * tf.math.log_sigmoid(-logits)
        return per_thing(-tf.reduce_sum(ones + zeros, axis=(1, 2, 3)), tf.reduce_sum(is_middle), least=1)

    return loss


def batches(data: DetectionSet, part: str, config: "Config", seed: int | None = None) -> tf.data.Dataset:
    """Images, and boxes as maps; with a seed shuffled without end, each mirrored at random with its boxes."""
    grid, num_classes = (config.side // STRIDE,) * 2, len(data.classes)

    def prepare(image: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, dict]:
        if seed is not None:
            image, boxes = random_mirror(image, boxes)
        heatmap, cells = encode(boxes, labels, grid, num_classes)
        return image, {"heatmap": heatmap, "boxes": cells}

    examples = box_examples(data, part)
    if seed is not None:
        examples = examples.shuffle(len(data.images[part]), seed=seed).repeat()
    return examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).batch(config.batch_size).prefetch(2)


# %% [markdown]
# ## Training
#
# The network looks at the image in halves, quarters and eighths of its size and adds what it saw there on the
# map of quarters (`suite.models.detector`). It comes twice, on the same weights: one gives the maps, to be
# trained, the other has the suppression behind them, to be used. At two rates; the one with the lower loss on
# validation counts.


# %%
LOSS_WEIGHTS = {"heatmap": 1, "boxes": 5}


def train(data: DetectionSet, loss: Callable, config: "Config", context: Context) -> tuple[keras.Model, ...]:
    tried, steps = {}, config.steps or (600 if context.source.is_embedded else 1500)
    for rate in config.rates:
        maps, detector = build_detector((config.side, config.side, 3), len(data.classes), config.filters)
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        maps.compile(Adam(schedule), {"heatmap": loss, "boxes": box_loss}, loss_weights=LOSS_WEIGHTS)
        rounds = max(1, min(4, steps // 10))
        curves = context.fit(
            maps,
            batches(data, "train", config, context.seed),
            epochs=rounds,
            steps_per_epoch=steps // rounds,
            validation=batches(data, "validation", config),
            better=lower("validation_loss"),
        )
        tried[min(curves["validation_loss"])] = maps, detector
    return tried[min(tried)]


# %% [markdown]
# ## What suppression is worth
#
# The same maps, suppressed at another IoU each time: at 1 nothing is dropped, and each thing is found many
# times; at 0 whatever touches a better box of its class is dropped, things included.


# %%
def detect(found: dict[str, np.ndarray], most: float = 0.5) -> dict[str, np.ndarray]:
    scores = tf.sigmoid(found["heatmap"])
    outputs = NonMaximumSuppression(iou_threshold=most)([tf.constant(found["boxes"]), scores])
    return {name: values.numpy() for name, values in outputs.items()}


# %% [markdown]
# ## Run it
#
# The images are drawn: one to three shapes, turned, textured, some partly hidden, on photos of grass, gravel
# and brick. Color says nothing about the class. The trivial answer is the same in every image: for each class
# its mean box, or the whole image, whichever is better.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    side: Annotated[int, "pixels, of the images as the network sees them; a multiple of 8"] = 64
    filters: Annotated[tuple[int, int, int], "at a half, a quarter, an eighth of the size"] = (16, 32, 64)
    steps: Annotated[int, "of each training; 0: 600 for drawn scenes, 1,500 for other pictures"] = 0
    batch_size: Annotated[int, "images a step"] = 16
    rates: Annotated[tuple[float, ...], "of Adam, tried; each falls to 0 along a cosine"] = (3e-3, 8e-3)
    images: Annotated[int, "scenes drawn for a part, at most"] = 2000


SMOKE = Config(side=32, filters=(8, 8, 8), steps=4, rates=(3e-3,), images=48)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    data = detection_sets.load(context.source, context.seed, (config.side, config.side), config.images)
    num_classes, images = len(data.classes), data.images["test"]
    given = images, data.images["train"][:300]
    truths, known = (
        Truths(data.boxes[part], data.labels[part], data.is_crowd[part]) for part in ("test", "train")
    )
    maps, detector = train(data, heat_loss(), config, context)
    found, detections = maps.predict(images, verbose=0), detector.predict(images, verbose=0)
    trivial, _ = constant_boxes(known, truths, num_classes, "test_map_50", (0.5,))
    metric = Metric(
        "test_map_50",
        lambda outputs, truths: detection.mean_average_precision(outputs, truths, num_classes),
        tolerance=0.02,
    )
    suppressed = {most: detect(found, most) for most in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)}
    by_suppression = {most: metric.function(each, truths) for most, each in suppressed.items()}
    of_both = detection.average_precisions(detections, truths, num_classes)
    by_iou = {"both weights": np.nanmean(of_both, axis=1)}
    metrics = {
        "test_map_50": by_iou["both weights"][0],
        "test_map": np.mean(by_iou["both weights"]),
        "map_50_over_trivial": by_iou["both weights"][0] - trivial.value,
        "map_50_gain_of_suppression": by_suppression[0.5] - by_suppression[1],
        "map_50_lost_to_zeal": by_suppression[0.5] - by_suppression[0],
        "reference_gap": reference_gap(np.random.default_rng(context.seed)),
    }
    if context.source.is_embedded:
        _, plain = train(data, heat_loss(0, 0), config, context)
        of_plain = detection.average_precisions(plain.predict(images, verbose=0), truths, num_classes)
        by_iou["plain cross-entropy"] = np.nanmean(of_plain, axis=1)
        metrics["map_50_gain_of_weights"] = metrics["test_map_50"] - by_iou["plain cross-entropy"][0]
    heat = tf.sigmoid(found["heatmap"]).numpy().max(axis=-1)
    return Result(
        metrics=metrics,
        figures={
            "boxes": detection_figures.heat_and_boxes(images, heat, suppressed[1], detections, data.classes),
            "thresholds": detection_figures.thresholds(by_suppression, by_iou),
        },
        exports=[Export(detector, *given, truths, metric, data.classes, task=Task.DETECTOR)],
        data=data.describe(),
        baselines=[trivial],
    )


# %% [markdown]
# ## What was measured
#
# ![Heat, all boxes and those that are kept, on six images](figures/boxes.png)
#
# Where a thing has its middle the heat is high in a cell and in some of its neighbors, and every one of them
# gives nearly the same box (second row). Suppression keeps one of them (third row). The trivial answer, a box
# that does not look at the image, finds next to nothing.
#
# ![mAP by what is suppressed, and by how exact a box has to be](figures/thresholds.png)
#
# On the left: without suppression (1) each thing is found several times, once rightly and the rest as
# doubles, and the precision falls. Who suppresses whatever touches (0) loses things that stand close to
# another of their class; on these scenes, with one to three things, there are few of those. Between the two
# it hardly matters where one cuts.
#
# On the right: the stricter one is about where the sides of a box lie, the less is right. A score without its
# IoU says little. FOCUS

# %%
CLAIMS = (
    Claim(
        "test_map_50",
        at_least=0.8,
        data="embedded",
        says="Things are found, with their class and a box that overlaps theirs by half and more,",
        lecture="Object Detection + localization",
    ),
    Claim("test_map", at_least=0.5, data="embedded", says="and with boxes that are nearly exact,"),
    Claim(
        "map_50_over_trivial",
        at_least=0.7,
        data="embedded",
        says="far better than by one answer to every image.",
    ),
    Claim(
        "map_50_gain_of_suppression",
        at_least=0.05,
        data="embedded",
        says="Without suppression the same boxes are worth less, as things are found twice;",
    ),
    Claim(
        "map_50_lost_to_zeal",
        at_least=0.002,
        data="embedded",
        says="and less, too, where whatever touches a better box of its class is suppressed.",
    ),
    Claim(
        "map_50_gain_of_weights",
        at_least=0.01,
        data="embedded",
        says="Without the focal weight and the forgiveness fewer things are found, after as many steps.",
    ),
    Claim(
        "reference_gap",
        at_most=1e-5,
        says="Hills, IoU, suppression, precision and loss are as those of the suite.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run object_detection --side 32`: the same scenes with half as many pixels to a side, on a
# map of 8 x 8 cells. Which claims fall?
#
# <details><summary>Answer</summary>
#
# ANSWER1
#
# </details>
#
# **2.** On paper: two things, and the detections, best first, are right, right, wrong, wrong. What is the
# average precision? And what if the two wrong ones come first?
#
# <details><summary>Answer</summary>
#
# 1: when everything is found the precision is still 1, and what comes after costs nothing. If they come
# first, the precision is 1/3 when one thing is found and 1/2 when both are; made non-increasing from the
# end it is 1/2 at every recall, so 0.5. Average precision is about the *order* of the scores, and does not
# ask for one above which to believe a box. A program that shows boxes needs one; `suite finetune` chooses
# it on validation.
#
# </details>
#
# **3.** Two things of a class stand so that their boxes have an IoU of 0.6. What can the detector say at
# best, with the suppression of this lesson? And if they are of two classes?
#
# <details><summary>Answer</summary>
#
# If both boxes are exact the one with the lower score is dropped, and one thing is missed. Boxes of another
# class are not touched, so of two classes both are kept. Crowds, where many things of a class overlap, are
# the hard case for this method.
#
# </details>
#
# ## Photos of your own
#
# `--data FOLDER` takes pictures with boxes in many forms, at 64 x 64 pixels and from nothing. That shows
# the method and is a toy. For a model to use, annotate some dozens of photos with any tool (Pascal VOC,
# YOLO, COCO and others are read), and let an encoder that has seen a million photos do the looking:
#
#     suite check FOLDER        what a careful colleague would see in the annotations; no training
#     suite finetune FOLDER     pretrained encoder, maps of several sizes, files for a phone
#
# ## To take away
#
# - Ask every cell the same question; a convolution does.
# - Many cells answer for one thing: keep the best box, drop what overlaps it.
# - Average precision goes by the order of the scores, and counts doubles as wrong.
# - Hardly any cell has a middle: weigh what is learned from by how wrong it is.
#
# *Before: [object_localization](object_localization.md), one thing and its box. Next:
# [pca_versus_autoencoder](pca_versus_autoencoder.md), images without labels.*
