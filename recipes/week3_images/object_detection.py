"""Find every thing in an image: a single-shot detector without anchors, suppression inside the export.

Week 3, "Object Detection + localization".
Claim: on drawn scenes with one to three things, some partly hidden, mAP@0.5 is at least 0.9 and COCO's
       mAP@[.5:.95] at least 0.65 on test; without non-maximum suppression the same boxes reach an mAP@0.5 at
       least 0.05 lower; suppression inside the graph keeps the same boxes as TensorFlow's greedy one (gap of
       their scores at most 1e-5).
Cost:  150 s on 2 CPU cores.
Run:   suite run object_detection [--data tfds | --data FOLDER]

For photos of your own: suite finetune FOLDER, which starts from a pretrained encoder.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.sets import detection_sets
from suite.data.sets.boxes import box_examples, random_mirror
from suite.data.sets.detection_sets import DetectionSet
from suite.evaluation import plots
from suite.evaluation.baselines import constant_boxes
from suite.evaluation.detection import COCO_THRESHOLDS, Truths, average_precisions, mean_average_precision
from suite.evaluation.metrics import Metric
from suite.evaluation.table import Table
from suite.layers import NonMaximumSuppression
from suite.models.detector import STRIDE, build_detector, encode
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task
from suite.training.box_losses import box_loss, center_focal_loss
from suite.training.loop import epochs_for, lower


@dataclasses.dataclass(frozen=True)
class Config:
    side: int = 64  # pixels, of the images as the network sees them; a multiple of 8
    epochs: int = 11
    least_steps: int = 1000  # of all epochs: small data is passed over more often
    batch_size: int = 16
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine
    box_weight: float = 5.0  # of the box loss
    images: int = 3000  # for training, and of scenes for a part, at most


SMOKE = Config(side=32, epochs=2, least_steps=0, images=96)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    Claim("test_map_50", at_least=0.9, data="embedded"),
    Claim("test_map", at_least=0.65, data="embedded"),
    Claim("map_50_gain_of_suppression", at_least=0.05, data="embedded"),
    # The layer looks at 100 candidates in 10 rounds, which crowded photos may exceed.
    Claim("greedy_suppression_gap", at_most=1e-5, data="embedded"),
)


def batches(data: DetectionSet, part: str, config: Config, seed: int | None = None) -> tf.data.Dataset:
    """Images, and boxes as maps; with a seed shuffled, each image mirrored at random with its boxes."""
    grid, num_classes = (config.side // STRIDE,) * 2, len(data.classes)

    def prepare(
        image: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        if seed is not None:
            image, boxes = random_mirror(image, boxes)
        heatmap, cells = encode(boxes, labels, grid, num_classes)
        return image, {"heatmap": heatmap, "boxes": cells}

    examples = box_examples(data, part, config.images)
    if seed is not None:
        examples = examples.shuffle(config.images, seed=seed)
    prepared = examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return prepared.batch(config.batch_size).prefetch(2)


def train(maps: keras.Model, data: DetectionSet, config: Config, context: Context) -> dict[str, list[float]]:
    """Trains on the sum of both losses, to the best epoch; gives them by epoch."""
    examples = batches(data, "train", config, context.seed)
    epochs = epochs_for(len(examples), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(examples))
    losses = {"heatmap": center_focal_loss, "boxes": box_loss}
    maps.compile(Adam(schedule), losses, loss_weights={"heatmap": 1.0, "boxes": config.box_weight})
    held_out = batches(data, "validation", config)
    return context.fit(maps, examples, epochs=epochs, validation=held_out, better=lower("validation_loss"))


def every_cell(maps: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `(n, cells, 4)` and scores `(n, cells, num_classes)` before suppression."""
    outputs = maps.predict(images, verbose=0)
    boxes, logits = (
        outputs[key].reshape(len(images), -1, outputs[key].shape[-1]) for key in ("boxes", "heatmap")
    )
    return boxes, 1 / (1 + np.exp(-logits))


def best_cells(boxes: np.ndarray, scores: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """The cells with the highest scores as detections, whether they overlap or not."""
    order = np.argsort(-scores.max(axis=-1), axis=1)[:, :count]
    labels, best = scores.argmax(axis=-1), scores.max(axis=-1)
    return {
        "boxes": np.take_along_axis(boxes, order[..., None], axis=1),
        "scores": np.take_along_axis(best, order, axis=1),
        "labels": np.take_along_axis(labels, order, axis=1),
    }


def greedy_gap(
    detections: dict, boxes: np.ndarray, scores: np.ndarray, layer: NonMaximumSuppression
) -> float:
    """Largest difference of the scores kept from those that TensorFlow's greedy suppression keeps."""
    best = np.where(scores == scores.max(axis=-1, keepdims=True), scores, 0)  # one class a cell, as ours
    greedy = tf.image.combined_non_max_suppression(
        boxes[:, :, None], best, layer.max_detections, layer.max_detections,
        layer.iou_threshold, layer.score_threshold,
    )  # fmt: skip
    return float(np.abs(greedy.nmsed_scores.numpy() - detections["scores"]).max())


def run(config: Config, context: Context) -> Result:
    data = detection_sets.load(context.source, context.seed, (config.side, config.side), config.images)
    num_classes, images = len(data.classes), data.images["test"]
    truths = Truths(data.boxes["test"], data.labels["test"], data.is_crowd["test"])
    maps, detector = build_detector((config.side, config.side, 3), num_classes)
    curves = train(maps, data, config, context)

    detections = detector.predict(images, verbose=0)
    boxes, scores = every_cell(maps, images)
    precisions = average_precisions(detections, truths, num_classes)
    unsuppressed = best_cells(boxes, scores, detections["scores"].shape[1])
    map_50 = np.nanmean(precisions[0])
    metrics = {
        "test_map_50": map_50,
        "test_map": np.nanmean(precisions),
        "map_50_gain_of_suppression": map_50 - mean_average_precision(unsuppressed, truths, num_classes),
        "greedy_suppression_gap": greedy_gap(detections, boxes, scores, detector.get_layer("suppression")),
    }
    metric = Metric(
        "test_map_50",
        lambda outputs, truths: mean_average_precision(outputs, truths, num_classes),
        tolerance=0.02,
    )
    rows = [
        (name, *(f"{precisions[row, label]:.3f}" for row in (0, 5)), f"{precisions[:, label].mean():.3f}")
        for label, name in enumerate(data.classes)
    ]
    return Result(
        metrics=metrics,
        figures={
            "boxes": draw_boxes(images, detections, data.classes),
            "precision": draw_precisions(precisions, data.classes),
            "loss": plots.learning_curves(
                {"train": curves["train_loss"], "validation": curves["validation_loss"]},
                ylabel="sum of the losses",
                title="Training",
                first_epoch=0,
            ),
        },
        exports=[
            Export(
                detector, images, data.images["train"][:300], truths, metric, data.classes, task=Task.DETECTOR
            )
        ],
        data=data.describe(),
        baselines=[
            constant_boxes(
                Truths(data.boxes["train"], data.labels["train"], data.is_crowd["train"]),
                truths,
                num_classes,
                "test_map_50",
                (0.5,),
            )[0]
        ],
        tables=[Table("Average precision", ("class", "AP@.5", "AP@.75", "AP@[.5:.95]"), rows)],
    )


def draw_boxes(images: np.ndarray, detections: dict, classes: Sequence[str]) -> Figure:
    figure, grid = plots.new_figure("Found on test images", 11, 5, 2, 5)
    for index, cell in enumerate(grid.ravel()[: len(images)]):
        cell.imshow(images[index])
        cell.set_axis_off()
        sure = detections["scores"][index] >= 0.3
        boxes, scores, labels = (detections[key][index][sure] for key in ("boxes", "scores", "labels"))
        captions = [f"{classes[label]} {score:.2f}" for label, score in zip(labels, scores, strict=True)]
        plots.boxes(cell, boxes, images.shape[1:3], captions)
    return figure


def draw_precisions(precisions: np.ndarray, classes: Sequence[str]) -> Figure:
    figure, axes = plots.new_figure("How exact a box has to be", width=7, height=3.6)
    lines = {name: (COCO_THRESHOLDS, precisions[:, label], "o-") for label, name in enumerate(classes)}
    plots.curves(
        axes, lines, xlabel="IoU from which a box counts as right", ylabel="average precision", ylim=(0, 1.02)
    )
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
