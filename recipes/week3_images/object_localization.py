# %% [markdown]
# # Say what it is and where it is
#
# A network that names the one thing in an image can say where it stands, too: four more numbers, a box. What
# a wrong box costs in training decides how well boxes fit in the end.
#
# *Week 3, "Object Detection + localization", "A glimpse of other Computer Vision tasks". Takes SECONDS on one
# core. `suite run object_localization [--data FOLDER]`*
#
# ## Why a box
#
# "A bee" is little to know about a photo of a meadow. Whoever wants to count, crop, follow or grasp needs the
# place. A **box** around the thing, (top, left, bottom, right), is the least that says it: four numbers, each
# a share of the image's height or width. So localization is classification and regression by one network, and
# [object_detection](object_detection.md) is the same for any number of things.
#
# ## The method
#
# **How well does a box fit?** Of two boxes, take the area that both cover, and divide it by the area that at
# least one covers: the *intersection over union*, **IoU**, is 1 for the same box and 0 for boxes that do not
# meet. By hand: (0, 0, 0.5, 0.5) and (0.25, 0.25, 0.75, 0.75) share a quarter by a quarter, 0.0625. Together
# they cover 0.25 + 0.25 - 0.0625 = 0.4375. So the IoU is 1/7. It counts as found from 1/2 on, by custom.
#
# **What does a wrong box cost?** Two answers:
#
#     squared error      sum over the four numbers of (given - true)^2
#     1 - GIoU           GIoU = IoU - (empty part of the smallest box around both) / (that box)
#
# The first is that of any regression, and does not know that the four numbers are a box: to be wrong by 0.05
# costs the same for a thing that fills the image as for one that is hardly wider than that. The second asks
# what will be asked in the end. (Why the G, for *generalized*? Where boxes do not meet the IoU is 0 and its
# derivative, too: nothing says which way to go. The empty part does.)
#
# **The loss of both** is a sum, the cross-entropy of the class and a weight times the loss of the box: one
# network and one descent serve two questions.

# %%
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib.figure import Figure

from suite.data.sets import detection_sets
from suite.data.sets.boxes import random_mirror, single_boxes
from suite.data.sets.detection_sets import DetectionSet
from suite.data.splits import SPLITS
from suite.evaluation import plots
from suite.evaluation.baselines import Baseline, most_frequent_class
from suite.evaluation.classification import classification_tables
from suite.evaluation.detection import box_iou
from suite.evaluation.metrics import Metric
from suite.layers import BoxesFromDistances
from suite.models.detector import feature_map
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task
from suite.training import box_losses
from suite.training.loop import epochs_for, lower

Labeled = tuple[np.ndarray, np.ndarray, np.ndarray]  # images, boxes and labels


def area(top_left: Any, bottom_right: Any) -> Any:
    sides = ops.maximum(bottom_right - top_left, 0)
    return sides[..., 0] * sides[..., 1]


def iou_and_giou(a: Any, b: Any) -> tuple[Any, Any]:
    """The IoU and the GIoU of boxes `(..., 4)` with boxes, one by one.

    >>> a, b = np.array([0, 0, 0.5, 0.5]), np.array([0.25, 0.25, 0.75, 0.75])
    >>> iou, giou = iou_and_giou(a, b)
    >>> round(float(iou), 4), round(float(giou), 4)  # 1/7, and 1/7 - (0.5625 - 0.4375) / 0.5625
    (0.1429, -0.0794)
    """
    shared = area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    around = area(ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:]))
    covered = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - shared
    iou = shared / (covered + 1e-7)
    return iou, iou - (around - covered) / (around + 1e-7)


def overlap_loss(true: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    return 2 * (1 - iou_and_giou(true, given)[1])  # (B,)


def squared_loss(true: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    return 20 * ops.sum((given - true) ** 2, axis=-1)  # (B,)


# %% [markdown]
# ## Is it right?
#
# Against the two that the suite measures and trains detectors by, on random boxes, of which some do not meet.


# %%
def reference_gap(rng: np.random.Generator, count: int = 200) -> float:
    corners = np.sort(rng.uniform(size=(2, count, 2, 2)).astype(np.float32), axis=2)
    a, b = corners.reshape(2, count, 4)  # (top, left, bottom, right), as both pairs are sorted
    iou, giou = iou_and_giou(a, b)
    theirs = np.diagonal(box_iou(a, b)), box_losses.generalized_iou(a, b)
    return max(
        np.abs(np.asarray(ours) - np.asarray(each)).max()
        for ours, each in zip((iou, giou), theirs, strict=True)
    )


# %% [markdown]
# ## The network
#
# Convolutions make a map of the image, each of whose cells sees a part of it. Each cell gives three answers:
# scores of the classes; a box, by the distances from its own middle to the four sides; and how much to listen
# to it. The shares of attention add up to 1 over all cells, and both answers are the mean by these shares.
# So a cell on the thing may speak for both questions, and one on the grass be silent.


# %%
def build_model(side: int, num_classes: int, filters: Sequence[int]) -> keras.Model:
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    x = feature_map(image, filters)  # a fourth of each side
    distances = layers.Conv2D(4, 1, activation="sigmoid", bias_initializer=keras.initializers.Constant(-2))(x)
    boxes = layers.Reshape((-1, 4))(BoxesFromDistances()(distances))  # (B, cells, 4)
    scores = layers.Reshape((-1, num_classes))(layers.Conv2D(num_classes, 1)(x))  # (B, cells, C)
    weights = layers.Softmax(axis=1)(layers.Reshape((-1, 1))(layers.Conv2D(1, 1)(x)))  # (B, cells, 1)
    box = ops.sum(weights * boxes, axis=1)
    probabilities = layers.Softmax(name="probabilities")(ops.sum(weights * scores, axis=1))
    return keras.Model(image, {"probabilities": probabilities, "box": box}, name="localizer")


# %% [markdown]
# ## Images with one thing
#
# Drawn shapes in any color, turned at random, on photos of brick, grass and gravel: a circle, a square, a
# triangle or a star. `--data FOLDER` takes pictures of yours with a box each, in any form that
# `suite finetune` reads. A box is mirrored with its image, so each epoch shows another three quarters of
# images that were never drawn.


# %%
def training_batches(train: Labeled, batch_size: int, seed: int) -> tf.data.Dataset:
    def mirror(image: tf.Tensor, box: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        image, box = random_mirror(image, box)
        return image, {"probabilities": label, "box": box}

    examples = tf.data.Dataset.from_tensor_slices(train).shuffle(len(train[2]), seed=seed)
    mirrored = examples.map(mirror, num_parallel_calls=tf.data.AUTOTUNE)
    return mirrored.batch(batch_size).prefetch(2)


# %% [markdown]
# ## Train and measure
#
# Keras adds the losses of the outputs by itself. The weights of the two losses of a box, 2 and 20, and the
# rate were chosen on validation images, once; so is the epoch that is kept, by the loss itself.


# %%
BOX_LOSSES = {"overlap": overlap_loss, "squared": squared_loss}


def train(
    model: keras.Model, parts: Mapping[str, Labeled], loss: str, config: "Config", context: Context
) -> None:
    """Trains to the best epoch."""
    batches = training_batches(parts["train"], config.batch_size, context.seed)
    epochs = epochs_for(len(batches), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    of_class = keras.losses.sparse_categorical_crossentropy
    model.compile(Adam(schedule), {"probabilities": of_class, "box": BOX_LOSSES[loss]})
    images, boxes, labels = parts["validation"]
    held_out = tf.data.Dataset.from_tensor_slices((images, {"probabilities": labels, "box": boxes}))
    context.fit(model, batches, epochs=epochs, validation=held_out.batch(50), better=lower("validation_loss"))


def ious(outputs: Mapping[str, np.ndarray], boxes: np.ndarray) -> np.ndarray:
    """IoU of each box with its own: `(n,)`."""
    return np.asarray(iou_and_giou(outputs["box"], boxes)[0])


def constant_answer(train: tuple, test: tuple, classes: Sequence[str]) -> list[Baseline]:
    """The mean IoU of the mean box of training, and the accuracy of its most frequent class."""
    _, known, labels = train
    mean = np.broadcast_to(known.mean(axis=0), test[1].shape)
    box = Baseline("test_mean_iou", ious({"box": mean}, test[1]).mean(), "the mean box, whatever the image")
    return [box, most_frequent_class(labels, test[2], classes)]


# %% The figures
def draw_boxes(test: Labeled, outputs: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """The true box, dotted, and the network's."""
    images, boxes, labels = test
    figure, grid = plots.new_figure("On test images", 11, 5, 2, 5)
    overlaps, guesses = ious(outputs, boxes), outputs["probabilities"].argmax(axis=1)
    for index, cell in enumerate(grid.ravel()[: len(images)]):
        cell.imshow(images[index])
        plots.boxes(cell, boxes[index : index + 1], images.shape[1:3], linestyle=":")
        plots.boxes(cell, outputs["box"][index : index + 1], images.shape[1:3])
        wrong = "" if guesses[index] == labels[index] else f" (is {classes[labels[index]]})"
        cell.set_title(f"{classes[guesses[index]]}{wrong}, IoU {overlaps[index]:.2f}", fontsize=9)
    for cell in grid.ravel():
        cell.set_axis_off()
    return figure


def draw_ious(overlaps: Mapping[str, np.ndarray]) -> Figure:
    figure, axes = plots.new_figure("How well the boxes fit", width=7, height=3.4)
    lines = {name: (np.sort(each), np.linspace(1, 0, len(each))) for name, each in overlaps.items()}
    plots.curves(axes, lines, xlabel="IoU", ylabel="share of test images with at least", xlim=(0, 1))
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    side: Annotated[int, "of the images in pixels, a multiple of 8; 0: 48, and of a folder 96"] = 0
    filters: Annotated[tuple[int, ...], "of the map, at 1/2, 1/4 and 1/8 of the side"] = (16, 32, 64)
    epochs: Annotated[int, "of each training"] = 5
    least_steps: Annotated[int, "of all epochs: small data is passed over more often"] = 900
    batch_size: Annotated[int, "images a step"] = 16
    learning_rate: Annotated[float, "at first; it falls to 0 along a cosine"] = 5e-3
    scenes: Annotated[int, "drawn for a part, at most"] = 3000


SMOKE = Config(side=32, filters=(4, 8, 8), epochs=1, least_steps=0, scenes=16)
DATA = ("embedded", "path")
SMALL = 0.1  # of the image, that a box covers


def describe(data: DetectionSet, parts: Mapping[str, Labeled]) -> dict[str, Any]:
    """Of what is trained and measured on; validation only chooses the epoch."""
    described, used = data.describe(), {part: len(parts[part][0]) for part in ("train", "test")}
    left_out = sum(described[part] - count for part, count in used.items())
    if left_out:
        note = f"{left_out} pictures without exactly one box are left out"
        described["notes"] = [*described.get("notes", ()), note]
    return described | used | {"without_exactly_one_box": left_out}


def run(config: Config, context: Context) -> Result:
    is_drawn = context.source.is_embedded
    side = config.side or (48 if is_drawn else 96)
    if is_drawn:
        data = detection_sets.draw_detection_set(context.seed, (side, side), (1, 1), config.scenes)
    else:
        data = detection_sets.load(context.source, context.seed, (side, side))
    parts = {part: single_boxes(data, part) for part in SPLITS}
    images, boxes, labels = test = parts["test"]
    model, answers = build_model(side, len(data.classes), config.filters), {}
    start = model.get_weights()
    for loss in ("squared", "overlap") if is_drawn else ("overlap",):  # the last is the one to keep
        model.set_weights(start)
        train(model, parts, loss, config, context)
        answers[loss] = model.predict(images, verbose=0)

    overlaps = {f"by {loss}": ious(outputs, boxes) for loss, outputs in answers.items()}
    fits, is_right = overlaps["by overlap"], answers["overlap"]["probabilities"].argmax(axis=1) == labels
    baselines = constant_answer(parts["train"], test, data.classes)
    metrics = {
        "reference_gap": reference_gap(np.random.default_rng(context.seed)),
        "test_mean_iou": fits.mean(),
        "test_accuracy": is_right.mean(),
        "test_localization_accuracy": np.mean(is_right & (fits >= 0.5)),
        "test_mean_iou_gain_on_mean_box": fits.mean() - baselines[0].value,
    }
    if is_drawn:
        gain, is_small = fits - overlaps["by squared"], (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) < SMALL
        metrics["test_mean_iou_gain"] = gain.mean()
        metrics |= {"gain_small": gain[is_small].mean(), "gain_large": gain[~is_small].mean()}
    metric = Metric("test_mean_iou", lambda outputs, truth: ious(outputs, truth).mean(), tolerance=0.02)
    export = Export(model, images, parts["train"][0][:300], boxes, metric, data.classes, task=Task.LOCALIZER)
    return Result(
        metrics=metrics,
        figures={
            "boxes": draw_boxes(test, answers["overlap"], data.classes),
            "iou": draw_ious(overlaps),
        },
        exports=[export],
        data=describe(data, parts),
        baselines=baselines,
        tables=classification_tables(answers["overlap"]["probabilities"], labels, data.classes),
    )


# %% [markdown]
# ## What was measured
#
# ![Ten test images, each with its true box and the one that was given](figures/boxes.png)
#
# ![Share of test images with at least an IoU, by both losses](figures/iou.png)
#
# TODO: what the squared error costs, and of which things.

# %%
CLAIMS = (
    Claim(
        "reference_gap",
        at_most=1e-5,
        data="embedded",
        says="Overlaps by hand are those that the suite measures and trains by.",
    ),
    Claim(
        "test_mean_iou",
        at_least=0.75,
        data="embedded",
        says="One network finds the box",
        lecture="Object Detection + localization",
    ),
    Claim("test_accuracy", at_least=0.85, data="embedded", says="and names the class,"),
    Claim("test_localization_accuracy", at_least=0.85, data="embedded", says="for most images both at once;"),
    Claim(
        "test_mean_iou_gain_on_mean_box",
        at_least=0.5,
        data="embedded",
        says="the mean box of training fits far worse.",
    ),
    Claim(
        "test_mean_iou_gain",
        at_least=0.005,
        data="embedded",
        says="Trained by overlap, boxes fit better than by squared error,",
    ),
    Claim("gain_small", at_least=0.01, data="embedded", says="small ones above all."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** A tenth of the scenes: `suite run object_localization --scenes 300`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# TODO
#
# </details>
#
# **2.** On paper: a box of 0.4 by 0.4 is given 0.05 too far right. What is its IoU, and what is that of a box
# of 0.1 by 0.1, wrong by as much? What does the squared error say?
#
# <details><summary>Answer</summary>
#
# Shared are 0.35 * 0.4 = 0.14, covered 2 * 0.16 - 0.14 = 0.18: an IoU of 0.78. Of the small box 0.05 * 0.1 =
# 0.005 of 0.015, an IoU of 1/3, below what counts as found. The squared error is 2 * 0.05^2 = 0.005 for both.
#
# </details>
#
# ## With photos of your own
#
# This lesson is small: one thing, drawn, 48 pixels. For photos with boxes, one or many each, there is
# `suite finetune photos/`: it reads the files of the usual labeling programs, puts a detector on a pretrained
# network, and makes the files for a phone. `--data photos/` of this lesson starts from random numbers, and
# where it is no better than the mean box of your pictures, the run says so and fails.
#
# ## To take away
#
# - A box is four numbers, and IoU says how well it fits.
# - A loss that is the measure, or near it, beats one that only knows numbers.
# - One network can answer both questions, and where to look is the same for both.
#
# *Before: [semantic_segmentation](semantic_segmentation.md). Next: [object_detection](object_detection.md),
# any number of things.*
