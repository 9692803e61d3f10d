"""Settings of fine-tuning."""

import dataclasses
from typing import Annotated

from suite.bundle.task import Task
from suite.data.folders.labeling import Labeling
from suite.deploy.export import SPARE_CLASSES

TASKS = (Task.CLASSIFIER, Task.DETECTOR, Task.SEGMENTER)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a fine-tuning run.

    Attributes: the help texts of the flags.
    """

    backbone: Annotated[str, "efficientnet_lite0, _lite1, _lite2, or a model of keras.applications."] = (
        "efficientnet_lite0"
    )
    task: Annotated[
        str, "classifier, detector or segmenter; by default what the folder holds: classes, boxes or masks."
    ] = ""
    side: Annotated[
        int,
        "Height and width in pixels, a multiple of 32, of the images that a detector or segmenter sees; 0: "
        "chosen by the sizes of what is to be found.",
    ] = 0
    minutes: Annotated[
        float,
        "Most minutes that the layers of the backbone are trained for, before measuring and exporting; 0: as "
        "long as the schedule takes.",
    ] = 0.0
    steps: Annotated[int, "Steps of training a detector or segmenter; 0: by the number of photos."] = 0
    epochs: Annotated[int, "Epochs of phase 2 of a classifier; 0 trains the head only."] = 8
    batch_size: Annotated[int, "Images a step of phase 2; for boxes and masks a quarter of it."] = 16
    learning_rate: Annotated[
        float,
        "Highest rate of the pretrained layers, after a tenth of the steps; it decays to 0 along a cosine.",
    ] = 3e-4
    ignore: Annotated[
        str,
        'Pixels of masks that count for nothing: names of classes, indices or colors, such as "void" or '
        '"11,#000000".',
    ] = ""
    turns: Annotated[
        bool | None, "Whether photos with masks are turned in training; by default where they have no up."
    ] = None
    unfreeze: Annotated[float, "Share of the backbone's layers, from the end, that phase 2 trains."] = 1.0
    views: Annotated[
        int, "Augmented views of each training image for the head, besides the image itself."
    ] = 4
    spare_classes: Annotated[int, "Further classes that model_personal.tflite can learn on the phone."] = (
        SPARE_CLASSES
    )

    label_column: Annotated[
        str, "Column of the classes in the table (CSV, TSV) beside the photos, by name or number; else found."
    ] = ""
    depth: Annotated[int, "Folders down to a class: 2 makes fruit/apple one."] = 1
    class_from_name: Annotated[
        str,
        "Where file names hold the class: prefix (cat of cat_001.jpg), or a regular expression with a group.",
    ] = ""

    @property
    def labeling(self) -> Labeling:
        """What says the classes of the photos."""
        return Labeling(self.label_column, self.depth, self.class_from_name)

    def __post_init__(self) -> None:
        lowest = {"epochs": 0, "batch_size": 1, "views": 0, "spare_classes": 0}
        lowest |= {"steps": 0, "minutes": 0, "side": 0}
        _ = self.labeling
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise ValueError(f"expected {name} of at least {low}, received {getattr(self, name)}")
        if self.task not in ("", *TASKS):
            raise ValueError(f"expected a task among {', '.join(TASKS)}, received {self.task!r}")
        if self.side % 32:
            raise ValueError(f"expected a side that is a multiple of 32 pixels, received {self.side}")
        if not 0 < self.unfreeze <= 1:
            raise ValueError(f"expected unfreeze in (0, 1], received {self.unfreeze}")
        if not self.learning_rate > 0:
            raise ValueError(f"expected a learning_rate above 0, received {self.learning_rate}")
