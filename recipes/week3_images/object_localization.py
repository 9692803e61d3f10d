"""Say what it is and where it is: one class and one box for the one thing in an image.

Week 3, "Object Detection + localization".
Claim: on drawn scenes with one thing, the mean IoU of the box is at least 0.8 on test, the accuracy of the
       class at least 0.9, and both are right (class, and IoU at least 0.5) for at least 0.9 of the images;
       a linear model of all pixels, trained alike, fails: mean IoU at most 0.5, accuracy at most 0.5.
Cost:  2 min on 2 CPU cores.
Run:   suite run object_localization [--data FOLDER]
"""

import dataclasses
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.sets import detection_sets
from suite.data.sets.boxes import random_mirror
from suite.data.sets.detection_sets import DetectionSet
from suite.data.splits import SPLITS
from suite.evaluation import plots
from suite.evaluation.baselines import Baseline, most_frequent_class
from suite.evaluation.classification import classification_tables
from suite.evaluation.detection import box_iou
from suite.evaluation.metrics import Metric, accuracy
from suite.layers import BoxesFromDistances
from suite.models.detector import feature_map
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_least, at_most
from suite.training.box_losses import generalized_iou
from suite.training.loop import epochs_for, lower


@dataclasses.dataclass(frozen=True)
class Config:
    side: int = 64  # pixels, of the images as the network sees them
    epochs: int = 10
    least_steps: int = 1000  # of all epochs: small data is passed over more often
    batch_size: int = 16
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine
    linear_learning_rate: float = 1e-4
    scenes: int = 3000  # drawn for a part, at most


SMOKE = Config(side=32, epochs=1, least_steps=0, scenes=16)
DATA = ("embedded", "path")

CLAIMS = (
    Claim("test_mean_iou", at_least=0.8, data="embedded"),
    *at_least(0.9, "test_accuracy", "test_localization_accuracy", data="embedded"),
    *at_most(0.5, "test_mean_iou_linear", "test_accuracy_linear", data="embedded"),
)


def build_model(side: int, num_classes: int) -> keras.Model:
    """Each cell of a map says what it sees, a box, and how much to listen to it; the answer is the mean.

    The box tells the weights where the thing is, and there the class has to be read.
    """
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    x = feature_map(image)
    distances = layers.Conv2D(4, 1, activation="sigmoid", bias_initializer=keras.initializers.Constant(-2))(x)
    boxes = layers.Reshape((-1, 4))(BoxesFromDistances()(distances))  # (B, cells, 4)
    scores = layers.Reshape((-1, num_classes))(layers.Conv2D(num_classes, 1)(x))  # (B, cells, C)
    weights = layers.Softmax(axis=1)(layers.Reshape((-1, 1))(layers.Conv2D(1, 1)(x)))  # (B, cells, 1)
    box = keras.ops.sum(weights * boxes, axis=1)
    probabilities = layers.Softmax(name="probabilities")(keras.ops.sum(weights * scores, axis=1))
    return keras.Model(image, {"probabilities": probabilities, "box": box}, name="localizer")


def build_linear(side: int, num_classes: int) -> keras.Model:
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    pixels = layers.Flatten()(layers.Rescaling(1 / 127.5, -1)(image))
    probabilities = layers.Dense(num_classes, "softmax", name="probabilities")(pixels)
    center, half = layers.Dense(2, "sigmoid")(pixels), layers.Dense(2, "sigmoid")(pixels)
    box = layers.Concatenate(name="box")([center - half, center + half])
    return keras.Model(image, {"probabilities": probabilities, "box": box}, name="linear")


def box_loss(boxes: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    return 2 * (1 - generalized_iou(boxes, predicted))  # (B,)


def single_boxes(data: DetectionSet, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, boxes and labels of the images with one thing: `(n, ...)`, `(n, 4)`, `(n,)`."""
    crowds = data.is_crowd[part]
    rows = [row for row, crowd in enumerate(crowds) if len(crowd) == 1 and not crowd[0]]
    if not rows:
        raise ValueError(f"expected {part} images with one box in {data.source}, received none")
    boxes, labels = (
        np.concatenate([values[part][row] for row in rows]) for values in (data.boxes, data.labels)
    )
    return data.images[part][rows], boxes, labels


def training_batches(
    images: np.ndarray, boxes: np.ndarray, labels: np.ndarray, config: Config, seed: int
) -> tf.data.Dataset:
    """Shuffled batches; each image is mirrored at random along both axes, its box with it."""

    def mirror(image: tf.Tensor, box: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        image, box = random_mirror(image, box)
        return image, {"probabilities": label, "box": box}

    examples = tf.data.Dataset.from_tensor_slices((images, boxes, labels)).shuffle(len(labels), seed=seed)
    mirrored = examples.map(mirror, num_parallel_calls=tf.data.AUTOTUNE)
    return mirrored.batch(config.batch_size).prefetch(2)


def train(
    model: keras.Model, parts: Mapping[str, tuple], learning_rate: float, config: Config, context: Context
) -> list[float]:
    """Trains both outputs on the sum of their losses, to the best epoch; gives those on validation."""
    images, boxes, labels = parts["train"]
    batches = training_batches(images, boxes, labels, config, context.seed)
    epochs = epochs_for(len(batches), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches))
    losses = {"probabilities": keras.losses.sparse_categorical_crossentropy, "box": box_loss}
    model.compile(Adam(schedule), losses)
    images, boxes, labels = parts["validation"]
    held_out = tf.data.Dataset.from_tensor_slices((images, {"probabilities": labels, "box": boxes}))
    curves = context.fit(
        model, batches, epochs=epochs, validation=held_out.batch(50), better=lower("validation_loss")
    )
    return curves["validation_loss"]


def ious(outputs: Mapping, boxes: np.ndarray) -> np.ndarray:
    """IoU of each box with its own: `(n,)`."""
    pairs = zip(outputs["box"][:, None], boxes[:, None], strict=True)
    return np.array([box_iou(*pair)[0, 0] for pair in pairs])


def run(config: Config, context: Context) -> Result:
    size = (config.side, config.side)
    if context.source.is_embedded:
        data = detection_sets.draw_detection_set(context.seed, size, (1, 1), config.scenes)
    else:
        data = detection_sets.load(context.source, context.seed, size)
    parts = {part: single_boxes(data, part) for part in SPLITS}
    images, boxes, labels = parts["test"]

    # Of what is trained and measured on; validation only chooses the epoch.
    described, used = data.describe(), {part: len(parts[part][0]) for part in ("train", "test")}
    left_out = sum(described[part] - count for part, count in used.items())
    described["without_exactly_one_box"] = left_out
    if left_out:
        note = f"{left_out} pictures without exactly one box are left out"
        described["notes"] = [*described.get("notes", ()), note]

    num_classes = len(data.classes)
    model, linear = build_model(config.side, num_classes), build_linear(config.side, num_classes)
    losses = train(model, parts, config.learning_rate, config, context)
    train(linear, parts, config.linear_learning_rate, config, context)

    outputs, linear_outputs = (network.predict(images, verbose=0) for network in (model, linear))
    overlaps = ious(outputs, boxes)
    is_right = outputs["probabilities"].argmax(axis=1) == labels
    metrics = {
        "test_mean_iou": overlaps.mean(),
        "test_accuracy": is_right.mean(),
        "test_localization_accuracy": np.mean(is_right & (overlaps >= 0.5)),
        "test_mean_iou_linear": ious(linear_outputs, boxes).mean(),
        "test_accuracy_linear": accuracy(linear_outputs["probabilities"], labels),
    }

    metric = Metric("test_mean_iou", lambda outputs, truth: ious(outputs, truth).mean(), tolerance=0.02)
    return Result(
        metrics=metrics,
        figures={
            "boxes": draw_boxes(images, boxes, labels, outputs, data.classes),
            "iou": draw_ious({"CNN": overlaps, "linear": ious(linear_outputs, boxes)}),
            "loss": plots.learning_curves(
                {"CNN": losses}, ylabel="sum of the losses", title="Loss on validation", first_epoch=0
            ),
        },
        exports=[
            Export(model, images, parts["train"][0][:300], boxes, metric, data.classes, task=Task.LOCALIZER)
        ],
        data=described | used,
        baselines=constant_answer(parts["train"], parts["test"], data.classes),
        tables=classification_tables(outputs["probabilities"], labels, data.classes),
    )


def constant_answer(train: tuple, test: tuple, classes: Sequence[str]) -> list[Baseline]:
    """The mean IoU of the mean box of training, and the accuracy of its most frequent class."""
    _, known, labels = train
    mean = np.broadcast_to(known.mean(axis=0), test[1].shape)
    box = Baseline("test_mean_iou", ious({"box": mean}, test[1]).mean(), "the mean box, whatever the image")
    return [box, most_frequent_class(labels, test[2], classes)]


def draw_boxes(
    images: np.ndarray, boxes: np.ndarray, labels: np.ndarray, outputs: dict, classes: Sequence[str]
) -> Figure:
    """The true box, dotted, and the network's."""
    figure, grid = plots.new_figure("On test images", 11, 5, 2, 5)
    overlaps, guesses = ious(outputs, boxes), outputs["probabilities"].argmax(axis=1)
    for index, cell in enumerate(grid.ravel()[: len(images)]):
        cell.imshow(images[index])
        cell.set_axis_off()
        plots.boxes(cell, boxes[index : index + 1], images.shape[1:3], linestyle=":")
        plots.boxes(cell, outputs["box"][index : index + 1], images.shape[1:3])
        wrong = "" if guesses[index] == labels[index] else f" (is {classes[labels[index]]})"
        cell.set_title(f"{classes[guesses[index]]}{wrong}, IoU {overlaps[index]:.2f}", fontsize=9)
    return figure


def draw_ious(overlaps: dict) -> Figure:
    figure, axes = plots.new_figure("How well the box fits", width=7, height=3.4)
    share = np.linspace(1, 0, len(overlaps["CNN"]))
    lines = {name: (np.sort(values), share) for name, values in overlaps.items()}
    plots.curves(axes, lines, xlabel="IoU", ylabel="share of test images with at least", xlim=(0, 1))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
