"""How well a detector or segmenter does on photos with boxes or masks."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite import console
from suite.answers.held_out import Chosen, choose
from suite.answers.segments import enlarged
from suite.bundle.record import bundle_of, record_of_bundle
from suite.data.folders.companions import alike
from suite.data.set_aside import SetAside, counted, first_names, printable, with_first
from suite.data.sets.detection_sets import read_boxed_pictures
from suite.data.sets.masked_pictures import read_masked_pictures
from suite.data.sets.picture_set import Store
from suite.deploy.image_input import ImageInput, image_input
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.deploy.task import least_score
from suite.evaluation.baselines import Baseline, constant_boxes
from suite.evaluation.detection import COCO_THRESHOLDS, MatchedDetections, Truths
from suite.evaluation.detection_errors import judge
from suite.evaluation.detection_figures import CHOSEN, class_table, error_table, map_numbers
from suite.evaluation.intervals import Interval
from suite.evaluation.mask_figures import constant_counts, iou_numbers, iou_table
from suite.evaluation.segmentation import IGNORED, boundary_counts, iou_counts, mean_ratio
from suite.evaluation.table import Table

BATCH = 16  # photos in memory at a time


class Figures(NamedTuple):
    """What a model is worth on some photos.

    Attributes:
        metrics: Numbers by name, such as "test_map".
        intervals: Of each of them.
        baseline: The trivial answer to the same photos.
        tables: By class; of a detector also what is wrong.
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    baseline: Baseline
    tables: Sequence[Table]


def evaluate_boxes(
    model: Artifact, root: Path, split: str | None, scale: ValueRange | None
) -> dict[str, float]:
    """Measures a detector on a folder of photos with boxes, prints the figures, and gives the numbers.

    Args:
        model: The detector.
        root: A folder that `read_boxed_pictures` takes.
        split: As of `choose`.
        scale: What the user says of the values of black and white.

    Raises:
        ValueError: The folder cannot be read, none of its classes is one of the model's, or no photo of the
            split has a box.
    """
    image, labels = image_input(model, scale), class_labels(model)
    with tempfile.TemporaryDirectory() as work:
        read = read_boxed_pictures(root, image.tensor.shape[:2], work)
        _warn_of(read.aside)
        label_of = _label_of(read.classes, labels, root, "whose boxes are left out")
        contents = {picture.file: picture.content for picture in read.pictures}
        part_of = {picture.file: picture.part for picture in read.pictures}
        chosen = choose(part_of, split, bundle_of(model.path).resolve(), root)

        def truths_of(files: Sequence[str]) -> Truths:
            boxes = [contents[file][1] for file in files]
            new = [label_of[each.labels] for each in boxes]
            known = [each >= 0 for each in new]
            rows = list(zip(boxes, new, known, strict=True))
            return Truths(
                [each.boxes[is_known] for each, _, is_known in rows],
                [each[is_known] for _, each, is_known in rows],
                [each.is_crowd[is_known] for each, _, is_known in rows],
            )

        truths = truths_of(chosen.files)
        things = sum(int((~crowd).sum()) for crowd in truths.is_crowd or ())
        if not things:
            raise ValueError(
                f"expected boxes of the model's classes in the {chosen.name} photos of {str(root)!r}, "
                f"received none in {counted(len(chosen.files), 'photo')}; name another --split"
            )
        rows = [contents[file][0] for file in chosen.files]
        found: list[dict[str, np.ndarray]] = []
        _run(model, image, read.images, rows, found.append)
    detections = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    matched = MatchedDetections(detections, truths, len(labels))
    known = truths_of(chosen.training)
    known = known if any(map(len, known.boxes)) else truths
    name = f"{chosen.name}_map"
    baseline, trivial = constant_boxes(known, truths, len(labels), name, COCO_THRESHOLDS)
    tables = [
        class_table(matched.average_precisions(), trivial, labels, truths),
        _errors(model, detections, truths),
    ]
    _say_measured(model, chosen, root, counted(things, "box"))
    return _say(Figures(*map_numbers(matched, len(rows), chosen.name), baseline, tables), len(rows))


def _errors(model: Artifact, detections: Mapping[str, np.ndarray], truths: Truths) -> Table:
    """What is wrong with the detections that an app would show."""
    record = record_of_bundle(model.path)
    least, is_chosen = least_score(record), record is not None and record.data.score is not None
    why = CHOSEN if is_chosen else "as none was chosen on validation"
    return error_table(judge(detections, truths, least), least, why)


def evaluate_masks(
    model: Artifact, root: Path, split: str | None, scale: ValueRange | None
) -> dict[str, float]:
    """Measures a segmenter on a folder of photos with masks, prints the figures, and gives the numbers.

    Photos and masks are stretched to what the model takes, as in its own report.

    Args:
        model: The segmenter.
        root: A folder that `read_masked_pictures` takes.
        split: As of `choose`.
        scale: What the user says of the values of black and white.

    Raises:
        ValueError: The folder cannot be read, fewer than two of its classes are the model's, or no pixel of
            the split is of one.
    """
    image, labels = image_input(model, scale), class_labels(model)
    with tempfile.TemporaryDirectory() as work:
        read = read_masked_pictures(root, image.tensor.shape[:2], work)
        _warn_of(read.aside)
        known = _label_of(read.classes, labels, root, "whose pixels are ignored")
        if np.unique(known[known >= 0]).size < 2:
            raise ValueError(
                f"expected masks of at least two of the model's classes ({first_names(labels, 8)}) in "
                f"{str(root)!r}, received {first_names(read.classes, 8)}; name the classes of the masks in "
                "classes.txt"
            )
        label_of = np.full(256, IGNORED, np.uint8)
        label_of[: len(known)] = np.where(known < 0, IGNORED, known)
        row_of = {picture.file: picture.content.row for picture in read.pictures}
        part_of = {picture.file: picture.part for picture in read.pictures}
        chosen = choose(part_of, split, bundle_of(model.path).resolve(), root)
        rows = [row_of[file] for file in chosen.files]
        masks = [label_of[read.masks[row]] for row in rows]
        counts, contours = _mask_counts(model, image, read.images, rows, masks, len(labels))
        training = [label_of[read.masks[row_of[file]]] for file in chosen.training] or masks
        pixels = np.sum([np.bincount(mask.ravel(), minlength=256) for mask in training], axis=0)[
            : len(labels)
        ]
    if not counts[:, 1].any():
        raise ValueError(f"expected pixels of the model's classes in {str(root)!r}, received none; check it")
    most = int(np.argmax(pixels))
    constant = constant_counts(masks, most, len(labels))
    says = f"{labels[most]!r} everywhere"
    baseline = Baseline(f"{chosen.name}_mean_iou", mean_ratio(constant), says)
    table = iou_table(counts, contours, constant, pixels, labels)
    _say_measured(model, chosen, root, counted(int(np.size(known)), "class"))
    return _say(Figures(*iou_numbers(counts, contours, chosen.name), baseline, [table]), len(rows))


def _mask_counts(
    model: Artifact,
    image: ImageInput,
    images: Store,
    rows: Sequence[int],
    masks: Sequence[np.ndarray],
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What `iou_counts` and `boundary_counts` give for the model's answers to some rows."""
    counts: list[np.ndarray] = []
    contours: list[np.ndarray] = []

    def count(outputs: Mapping[str, np.ndarray]) -> None:
        (probabilities,) = outputs.values()
        for each in probabilities:
            truth = masks[len(counts)]
            guess = np.argmax(enlarged(each, (truth.shape[0], truth.shape[1])), axis=-1).astype(np.uint8)
            counts.append(iou_counts(guess[None], truth[None], num_classes))
            contours.append(boundary_counts(guess[None], truth[None], num_classes))

    _run(model, image, images, rows, count)
    return np.concatenate(counts), np.concatenate(contours)


def _run(
    model: Artifact,
    image: ImageInput,
    images: Store,
    rows: Sequence[int],
    take: Callable[[dict[str, np.ndarray]], None],
) -> None:
    """Runs the model on some rows, a few at a time."""
    for start in console.track(range(0, len(rows), BATCH), f"running {model.path.name}"):
        take(model.predict(image.of(np.stack([images[row] for row in rows[start : start + BATCH]]))))


def _label_of(classes: Sequence[str], labels: Sequence[str], root: Path, so: str) -> np.ndarray:
    """The model's label of each class of a folder, by name; -1 where it does not know it, which is told."""
    exact = {name: label for label, name in enumerate(labels)}
    any_case = {alike(name.strip()): label for name, label in exact.items()}
    found = [exact.get(name, any_case.get(alike(name.strip()), -1)) for name in classes]
    if all(label < 0 for label in found):
        raise ValueError(
            f"expected classes that the model knows ({first_names(labels, 8)}) in {str(root)!r}, received "
            f"{first_names(classes, 8)}; give them the model's names"
        )
    strange = [name for name, label in zip(classes, found, strict=True) if label < 0]
    if strange:
        console.warn(
            f"{counted(len(strange), 'class')} that the model does not know, {so}: {first_names(strange, 8)}"
        )
    missing = [name for label, name in enumerate(labels) if label not in found]
    if missing:
        console.say(f"not in {root}: {first_names(missing, 8)}")
    return np.array(found, np.int64)


def _warn_of(aside: Sequence[SetAside]) -> None:
    if aside:
        console.warn(printable(with_first(aside).strip(" ()")))


def _say_measured(model: Artifact, chosen: Chosen, root: Path, what: str) -> None:
    photos = counted(len(chosen.files), "photo")
    console.result(f"{model.path}: {photos} of {root} ({chosen.name}), {what}")


def _say(figures: Figures, photos: int) -> dict[str, float]:
    baseline = figures.baseline
    for name, value in figures.metrics.items():
        beside = f"; {baseline.says}: {baseline.value:.3f}" if name == baseline.metric else ""
        text = figures.intervals[name].beside(value) if photos > 1 else f"{value:.3f} (1 photo)"
        console.result(f"{name} {text}{beside}")
    for table in figures.tables:
        console.table(table.title, table.columns, table.rows)
        console.say(table.note)
    return figures.metrics
