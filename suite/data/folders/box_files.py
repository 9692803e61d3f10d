"""The forms in which a folder says which boxes are in its pictures. No picture is decoded here."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.folders import paired, scan
from suite.data.folders.boxes import Boxes, Listing
from suite.data.folders.coco import find_coco, find_json, list_coco
from suite.data.folders.createml import find_createml, list_createml
from suite.data.folders.csv_boxes import find_csv, list_csv
from suite.data.folders.cvat import find_cvat, list_cvat
from suite.data.folders.label_studio import find_label_studio, list_label_studio
from suite.data.folders.labelme import find_labelme, list_labelme
from suite.data.folders.supervisely import find_supervisely, list_supervisely
from suite.data.folders.via import find_via, list_via
from suite.data.folders.voc import find_voc, list_voc
from suite.data.folders.yolo import find_yolo, list_yolo
from suite.data.pictures.images import UndecodableImageError
from suite.data.set_aside import SetAside, UnusableError, first_names, with_reasons


class Form(NamedTuple):
    """A form of annotation files.

    Attributes:
        name: Of the form.
        find: Gives the files or folders of this form in a root; nothing where it has none.
        list: Takes the root and those.
    """

    name: str
    find: Callable[[Path], Any]
    list: Callable[[Path, Any], Listing]


FORMS = (
    Form("Pascal VOC", find_voc, list_voc),
    Form("YOLO", find_yolo, list_yolo),
    Form("LabelMe", find_labelme, list_labelme),
    Form("Supervisely", find_supervisely, list_supervisely),
    Form("VIA", find_via, list_via),
    Form("CVAT", find_cvat, list_cvat),
    Form("Label Studio", find_label_studio, list_label_studio),
    Form("Create ML", find_createml, list_createml),
    Form("COCO", find_coco, list_coco),
    Form("CSV", find_csv, list_csv),
)


def find_form(root: Path) -> str:
    """The name of the first form that a folder has; "" where it has none."""
    return next((form.name for form in FORMS if form.find(root)), "")


def list_boxes(root: Path) -> Listing:
    """Lists the pictures of a folder in the first form that it has.

    Raises:
        ValueError: It has none, or class names or annotation files are missing or broken.
    """
    for form in FORMS:
        found = form.find(root)
        if found:
            return form.list(root, found)
    if files := find_json(root):  # which says what is expected of them
        return list_coco(root, files)
    raise ValueError(
        f"expected boxes as {', '.join(form.name for form in FORMS)} or Darknet have them in {str(root)!r}, "
        f"received {paired.contents(root)}; put the pictures in images/ and a YOLO label file for each in "
        "labels/, or a COCO file in annotations/"
    )


def read_all_boxes(root: Path, listing: Listing) -> dict[Path, Boxes | Exception]:
    """The boxes of every picture of a listing, or why it has none: `UnusableError`, or it does not open.

    Args:
        root: The folder.
        listing: Of it.

    Raises:
        ValueError: The listing has problems; the message tells what is wrong with the pictures, too.
    """

    def read(path: Path) -> Boxes | Exception:
        try:
            return listing.read_boxes(path)
        except (UnusableError, UndecodableImageError, OSError) as error:
            return error

    paths = [path for path, _ in listing.files]
    found = dict(zip(paths, scan.in_threads(read, paths, "Reading boxes"), strict=True))
    if listing.problems:
        wrong = [(path, each) for path, each in found.items() if isinstance(each, UnusableError)]
        aside = [*listing.aside, *(SetAside.below(root, path, error.reason) for path, error in wrong)]
        raise ValueError("; ".join(listing.problems) + with_reasons(aside))
    return found


def drop_unused(
    classes: Sequence[str], boxes_of: Mapping[Path, Boxes | Exception]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[Path, Boxes | Exception]]:
    """Leaves out the classes that no picture has.

    Args:
        classes: Names by label.
        boxes_of: As `read_all_boxes` gives them.

    Returns:
        The names that are left, a sentence of the others if there are any, and the boxes with new labels.
    """
    sound = [boxes for boxes in boxes_of.values() if isinstance(boxes, Boxes)]
    is_used = np.zeros(len(classes), bool)
    for boxes in sound:
        is_used[boxes.labels] = True
    if is_used.all() or not is_used.any():
        return tuple(classes), (), dict(boxes_of)
    new = np.cumsum(is_used) - 1
    used = tuple(name for name, used in zip(classes, is_used, strict=True) if used)
    unused = [repr(name) for name, used in zip(classes, is_used, strict=True) if not used]
    one = len(unused) == 1
    note = f"{len(unused)} class{'' if one else 'es'} without a box, left out: {first_names(unused)}"
    return (
        used,
        (note,),
        {
            path: boxes._replace(labels=new[boxes.labels]) if isinstance(boxes, Boxes) else boxes
            for path, boxes in boxes_of.items()
        },
    )
