"""What is wrong with a folder of photos: `suite check`, and a table in the report of fine-tuning."""

import dataclasses
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders import layout, scan
from suite.data.folders.annotations import CLASSIFIER, DETECTOR, find_kind
from suite.data.folders.labeled import MINIMUM_SIDE, ImageFolder
from suite.data.folders.labeling import UNSAID, find_labels
from suite.data.pictures.facts import PictureFacts, read_facts
from suite.data.pictures.image_source import ImageSource
from suite.data.pictures.images import load_image
from suite.data.set_aside import SetAside, UnusableError, with_first
from suite.data.splits import SPLITS
from suite.evaluation.findings import Finding, Photo
from suite.evaluation.photo_findings import find_faults
from suite.finetuning.check_annotated import check_boxes, check_masks
from suite.finetuning.config import Config
from suite.finetuning.head import FOLDS, HEAD_FILE, frozen_features
from suite.linear.softmax_regression import deal_folds, predict_held_out
from suite.models.backbones import build_backbone
from suite.report.check_page import PAGE, write_check_page
from suite.report.gallery import FOLDER

L2 = 0.01  # of the head that is asked about labels: so strong that wrong ones are not learned by heart


@dataclasses.dataclass(frozen=True)
class PhotoCheck:
    """What `suite check` found.

    Attributes:
        directory: The folder.
        photos: Number of sound photos in it.
        classes: Names of its classes.
        findings: The most serious first.
        page: The page with thumbnails.
        says: What the folder was taken for, such as "Pascal VOC: 364 photos, 4,886 boxes in 3 classes".
    """

    directory: str
    photos: int
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    page: Path
    says: str

    def to_json(self) -> dict[str, Any]:
        """As `suite check --json` prints it."""
        findings = [finding.to_json() for finding in self.findings]
        return {**dataclasses.asdict(self), "findings": findings, "page": str(self.page)}

    def __str__(self) -> str:
        found = [str(finding) for finding in self.findings] or ["nothing found"]
        return "\n\n".join([self.says, *found, f"open {console.shown(self.page)}"])


def check(directory: str | Path, *, out: str | Path | None = None, task: str = "") -> PhotoCheck:
    """Lists what a careful colleague would see in a folder of photos; trains and changes nothing.

    Photos that are probably in the wrong class, near-copies within and across parts and classes, classes that
    are told apart by their files alone, blurred, tiny and empty photos, classes with too few, broken files.
    Of boxes: those outside, doubled, of no area, small ones; rare and unused classes; photos without any. Of
    masks: rare and small classes, photos of one class, what was assumed of their values.

    Args:
        directory: One subfolder a class, with or without train, validation and test folders around them; or
            photos with boxes or masks, as `suite finetune` takes them.
        out: Folder of the page `check.html`; `saved_models/check-NAME-OF-DIRECTORY` by default.
        task: "classifier", "detector" or "segmenter", where a folder can be read in two ways.

    Returns:
        The findings, and where the page is.

    Raises:
        ValueError: There is no such folder, it has fewer than two class folders with photos, or its boxes or
            masks cannot be read.

    Example:
        >>> checked = suite.check("photos/")
        >>> checked.photos, checked.page.name
        (24, 'check.html')
    """
    root = Path(directory)
    name = re.sub(r"[^\w.-]+", "_", root.resolve().name) or "photos"
    page = Path(out or Path(FOLDER) / f"check-{name}") / PAGE
    kind = find_kind(root, task) if root.is_dir() and any(root.iterdir()) else None
    if kind and kind.task != CLASSIFIER:
        found = check_boxes(root) if kind.task == DETECTOR else check_masks(root)
        write_check_page(page, root, kind.says, found.findings, found.boxes)
        return PhotoCheck(str(directory), found.photos, found.classes, found.findings, page, kind.says)
    photos, classes, aside = _read(root)
    findings = find_faults(
        photos, classes, aside=aside, features=_features(root, photos), predict=predict_labels
    )
    says = f"{len(photos):,} photos in {len(classes)} classes"
    write_check_page(page, root, says, findings)
    return PhotoCheck(str(directory), len(photos), classes, tuple(findings), page, says)


def check_training(
    folder: ImageFolder, work: Path, facts: Mapping[str, PictureFacts] | None = None
) -> list[Finding] | None:
    """Finds what is wrong with the photos of a training, with the labels of those that the head learned.

    Args:
        folder: From `open_folder`.
        work: Where `train_head` left the features of the train part.
        facts: Of the pictures that were measured when they were loaded, by file; the others are measured now.

    Returns:
        As `find_faults`; None where the pictures are not files of their own.
    """
    if folder.load is not load_image:
        return None
    photos = [
        Photo(file, label, part, (facts or {}).get(str(folder.root / file)) or read_facts(folder.root / file))
        for part in SPLITS
        for file, label in folder.splits.get(part, ())
    ]
    with np.load(work / HEAD_FILE) as arrays:
        of_train = arrays["features"]
    row_of = {file: row for row, (file, _) in enumerate(folder.splits["train"])}
    features = np.full((len(photos), of_train.shape[1]), np.nan, np.float32)
    for index, photo in enumerate(photos):
        if photo.part == "train":
            features[index] = of_train[row_of[photo.file]]
    return find_faults(photos, folder.classes, features=features, predict=predict_labels)


def predict_labels(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Out-of-fold probabilities `(n, K)` of a softmax head in which every class counts the same.

    Args:
        features: `(n, d)` float32.
        labels: `(n,)` integers in [0, K), each present.
        groups: `(n,)`; rows of one are in one fold.
    """
    num_classes = int(labels.max()) + 1
    folds = deal_folds(labels, groups, FOLDS)
    probabilities, _ = predict_held_out(features, labels, num_classes, l2=L2, fold_of_row=folds)
    return probabilities


def _read(root: Path) -> tuple[list[Photo], tuple[str, ...], list[SetAside]]:
    """The sound photos, the names of the classes, and what is no sound photo."""
    found = find_labels(root, UNSAID)
    pictures, unusable = scan.inspect_files(found.files, root, _facts, "Checking pictures")
    aside = [*found.aside, *unusable]
    if not pictures:
        raise ValueError(
            f"expected photos in the class folders of {str(root)!r}, received none{with_first(aside)}; "
            "put the photos of each class in a folder of their own"
        )
    class_of = {path.relative_to(root).as_posix(): name for path, name in found.class_of.items()}
    classes = tuple(sorted({class_of[each.file] for each in pictures}, key=layout.natural))
    photos = [
        Photo(each.file, classes.index(class_of[each.file]), each.part, each.content) for each in pictures
    ]
    return photos, classes, aside


def _facts(path: Path) -> PictureFacts:
    facts = read_facts(path)
    if min(facts.height, facts.width) < MINIMUM_SIDE:
        raise UnusableError(f"only {facts.width} x {facts.height} pixels, less than {MINIMUM_SIDE} on a side")
    return facts


def _features(root: Path, photos: Sequence[Photo]) -> np.ndarray:
    """What the backbone of fine-tuning makes of every photo."""
    backbone = build_backbone(Config.backbone)
    with tempfile.TemporaryDirectory() as folder:
        files, labels = [root / photo.file for photo in photos], [photo.label for photo in photos]
        source = ImageSource(files, labels, backbone.input_shape[1:3], folder=folder)
        return frozen_features(backbone, source, 0, 0, Path(folder) / "features.npy")[:]
