"""Photos with boxes to a detector for a phone.

The head and the pyramid are trained from the start, the upper half of the pretrained encoder after a warm-up
and at a lower rate, the lower half not at all. Each step sees photos through other windows. The weights are
moving averages, those of the epoch after which the validation photos were answered best.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.folders.boxes import Boxes
from suite.data.folders.paired import stretch
from suite.data.row_file import RowFile
from suite.data.sets.box_views import repeats_of, view_batches, view_order
from suite.data.sets.detection_sets import DetectionSet, read_detection_folder
from suite.deploy.convert.tflite import calibration_rows
from suite.evaluation.detection import COCO_THRESHOLDS, Truths, mean_average_precision
from suite.evaluation.detection_errors import best_score
from suite.finetuning import budget
from suite.finetuning.box_settings import (
    Grid,
    choose_grid,
    choose_suppression,
    most_detections,
    sizes_of,
    suppressed,
    suppression_gap,
)
from suite.finetuning.config import Config
from suite.finetuning.detector_result import Measured, result_of
from suite.finetuning.phases import mixed_precision_on_gpu
from suite.models.detector import encode
from suite.models.encoder import build_encoder, freeze_up_to
from suite.models.pyramid_detector import build_pyramid_detector, with_suppression
from suite.runs.recipe import Context, Result
from suite.training.box_losses import box_loss, center_focal_loss
from suite.training.part_rates import part_rates

FROZEN_UP_TO = 8  # the stride whose map is computed as in pretraining
HEAD_RATE = 6.0  # of the head, times that of the pretrained layers
BOX_WEIGHT = 5.0  # of the box loss
LEAST_SPREAD = 0.7  # cells
STORED = 1.25  # side of the photos as they are kept, for windows that are smaller than a photo
SEEN = budget.Seen(views=30, least=4000, most=8000, least_views=2)
MOST_LOOKED_AT = 300  # photos of validation after each epoch
PATIENCE = 4  # epochs without a better look
SCORES = tuple(round(score / 20, 2) for score in range(1, 20))  # from which detections may count
BATCH = 16  # images at a time where nothing is trained


class Cells(NamedTuple):
    """What the maps say of n images: boxes `(n, cells, 4)` and scores `(n, cells, num_classes)`."""

    boxes: np.ndarray
    scores: np.ndarray


def run(config: Config, context: Context) -> Result:
    """Trains the detector of a folder: what `finetune` does before the export."""
    data, grid = read(config, context)
    images = {
        part: at_side(data.images[part], grid.side, context.folder / f"{part}.npy")
        for part in ("validation", "test")
    }
    with mixed_precision_on_gpu():
        encoder = build_encoder(config.backbone, grid.side)
        typical = float(np.median(sizes_of(data.boxes["train"])))
        maps = build_pyramid_detector(encoder, len(data.classes), stride=grid.stride, typical_side=typical)
    freeze_up_to(encoder, FROZEN_UP_TO)
    curves = train(maps, encoder, data, images["validation"], grid, config, context)
    num_classes, detections = len(data.classes), most_detections(data.boxes["train"])
    held_out, truths = cells_of(maps, images["validation"]), truths_of(data, "validation")
    suppression = choose_suppression(*held_out, truths, num_classes, detections)
    found = suppressed(*held_out, suppression)
    metrics = {
        "validation_map_50": mean_average_precision(found, truths, num_classes),
        "validation_map": mean_average_precision(found, truths, num_classes, COCO_THRESHOLDS),
    }
    least = best_score(found, truths, SCORES)
    cells = cells_of(maps, images["test"])
    found = suppressed(*cells, suppression)
    metrics["greedy_suppression_gap"] = suppression_gap(found, *cells, suppression)
    result = result_of(
        with_suppression(maps, **suppression),
        data,
        images["test"],
        calibration_photos(data, grid.side),
        Measured(found, truths_of(data, "test"), metrics, least),
        curves,
    )
    about = {"side": grid.side, "stride": grid.stride, "suppression": suppression}
    name = Path(data.source).name
    return dataclasses.replace(
        result, title=f"Detector fine-tuned on {name}", data=dict(result.data) | {"detector": about}
    )


def read(config: Config, context: Context) -> tuple[DetectionSet, Grid]:
    """Reads the folder of a run at a size that small things of training are seen at.

    Args:
        config: Its `side` stands above what is chosen.
        context: Of the run.

    Raises:
        ValueError: As `read_detection_folder`, or no validation photo has a box to choose weights by.
    """
    chosen: list[Grid] = []

    def size(boxes: Sequence[Boxes]) -> tuple[int, int]:
        chosen.append(choose_grid(boxes, config.side))
        kept = round(STORED * chosen[0].side)
        return kept, kept

    data = read_detection_folder(str(context.source.path), context.seed, size, context.folder)
    (grid,) = chosen
    if not any((~crowd).any() for crowd in data.is_crowd["validation"]):
        raise ValueError(
            f"expected boxes in the validation pictures of {str(context.source.path)!r}, received none in "
            f"{len(data.boxes['validation'])} pictures; annotate some of them, or leave the part out"
        )
    console.say(f"seen at {grid.side} x {grid.side} pixels, a cell every {grid.stride}")
    return data, grid


def truths_of(data: DetectionSet, part: str, count: int | None = None) -> Truths:
    """What is to be found in the photos of a part.

    Args:
        data: The set.
        part: "train", "validation" or "test".
        count: How many photos, from the first; None for all.
    """
    return Truths(data.boxes[part][:count], data.labels[part][:count], data.is_crowd[part][:count])


def at_side(images: Any, side: int, path: Path) -> RowFile:
    """Stretches images to a square, into a file.

    Args:
        images: `(n, height, width, 3)` uint8.
        side: Pixels of a side.
        path: The file.

    Returns:
        `(n, side, side, 3)` uint8.
    """
    made = RowFile.create(path, (len(images), side, side, 3), np.uint8)
    for index in range(len(images)):
        made.write(index, stretch(images[index], (side, side))[None])
    return made


def calibration_photos(data: DetectionSet, side: int) -> np.ndarray:
    """Photos of training, as the detector takes them, evenly spread: `(n, side, side, 3)` uint8."""
    images = data.images["train"]
    return np.stack([stretch(images[row], (side, side)) for row in calibration_rows(len(images))])


def train(
    maps: keras.Model,
    encoder: keras.Model,
    data: DetectionSet,
    validation: RowFile,
    grid: Grid,
    config: Config,
    context: Context,
) -> dict[str, list[float]]:
    """Trains the maps, and keeps the weights of the epoch that is best on validation.

    Args:
        maps: Gives the heatmap and the boxes of every cell; is changed.
        encoder: Its pretrained part, which learns at a lower rate.
        data: The photos with their boxes.
        validation: Photos of validation at the side of the model, `(n, side, side, 3)` uint8.
        grid: Side and stride of the model, in pixels.
        config: Of the run.
        context: Of the run.

    Returns:
        The curves of `suite.training.loop.fit`.
    """
    num_classes, photos = len(data.classes), len(data.images["train"])
    batch_size = budget.images_a_step(config)
    repeats = repeats_of(data.labels["train"], num_classes)
    cells = (grid.side // grid.stride,) * 2

    def targets(boxes: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        heatmap, cells_of_boxes = encode(boxes, labels, cells, num_classes, LEAST_SPREAD)
        return {"heatmap": heatmap, "boxes": cells_of_boxes}

    def views(first: int, count: int) -> tf.data.Dataset:
        order = view_order(repeats, first + count, context.seed)[first:]
        return view_batches(
            data,
            order,
            first=first,
            side=grid.side,
            batch_size=batch_size,
            seed=context.seed,
            targets=targets,
        )

    compile_maps(maps, encoder, config, 1)
    steps = config.steps or SEEN.steps(photos, batch_size)
    steps = budget.within(
        config.minutes, steps, context,
        lambda: budget.seconds_a_step(maps, views(0, batch_size * budget.TIMED)),
    )  # fmt: skip
    epochs = min(budget.LOOKS, steps)
    an_epoch = -(-steps // epochs) * batch_size  # images
    compile_maps(maps, encoder, config, epochs * an_epoch // batch_size)
    console.say(f"training on {epochs * an_epoch:,} views of {photos:,} photos")
    looked_at = min(len(validation), MOST_LOOKED_AT)
    seen, truths = validation[:looked_at], truths_of(data, "validation", looked_at)
    detections = {"max_detections": most_detections(data.boxes["train"]), "candidates": 300}

    def look() -> dict[str, float]:
        found = suppressed(*cells_of(maps, seen), detections)
        return {
            "validation_map_50": mean_average_precision(found, truths, num_classes),
            "validation_map": mean_average_precision(found, truths, num_classes, COCO_THRESHOLDS),
        }

    return context.fit(
        maps,
        lambda epoch: views((epoch - 1) * an_epoch, an_epoch),
        epochs=epochs,
        measure=look,
        better=_is_better,
        patience=PATIENCE,
    )


def _is_better(new: Mapping[str, float], best: Mapping[str, float]) -> bool:
    """Whether the mAP is higher; as long as nothing is found at all, later is better."""
    return new["validation_map"] > best["validation_map"] or not best["validation_map"]


def compile_maps(maps: keras.Model, encoder: keras.Model, config: Config, steps: int) -> None:
    """Compiles the maps with their losses, and a rate for each part.

    Args:
        maps: The model that is trained.
        encoder: Its pretrained part.
        config: Has the highest learning rate of the pretrained part.
        steps: Of the whole training.
    """
    rate = config.learning_rate
    optimizer = part_rates(encoder.trainable_variables, steps, rate=HEAD_RATE * rate, pretrained_rate=rate)
    losses = {"heatmap": center_focal_loss, "boxes": box_loss}
    maps.compile(optimizer, losses, loss_weights={"heatmap": 1.0, "boxes": BOX_WEIGHT})


def cells_of(maps: keras.Model, images: Any) -> Cells:
    """What the maps say of images `(n, side, side, 3)`, a few at a time."""
    parts = [maps.predict_on_batch(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    boxes, logits = (
        np.concatenate([part[key].reshape(len(part[key]), -1, part[key].shape[-1]) for part in parts])
        for key in ("boxes", "heatmap")
    )
    return Cells(boxes, 1 / (1 + np.exp(-logits)))
