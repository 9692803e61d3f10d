"""The main job: a folder of images in, a verified model for a phone out.

Phase 1 fits a linear head on frozen features, a convex problem that is solved exactly in seconds. Phase 2
trains the last layers of the backbone at a low rate with augmentation, and is kept only where it helps on
the validation split. The model takes raw uint8 pixels; the whole picture is stretched to the input size, as
phones do.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.data.source import EMBEDDED, Source
from suite.deploy.convert.tflite import calibration_rows
from suite.deploy.export import SPARE_CLASSES
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion, most_wrong
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import Metric, accuracy, cross_entropy
from suite.finetuning.data import describe, image_source, images_on_disk, open_folder
from suite.finetuning.head import class_weights, train_head
from suite.models.backbones import build_backbone
from suite.report.gallery import FOLDER
from suite.runs.job import Job, execute
from suite.runs.options import split_options
from suite.runs.recipe import Context, Export, Result, Task

SMALLEST_GAIN = 1e-3  # nats of validation loss: less is no improvement
WRONG_SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a fine-tuning run.

    Attributes: the help texts of the flags.
    """

    backbone: Annotated[str, "efficientnet_lite0, _lite1, _lite2, or a model of keras.applications."] = (
        "efficientnet_lite0"
    )
    epochs: Annotated[int, "At most this many epochs of phase 2; 0 trains the head only."] = 8
    batch_size: Annotated[int, "Images a step of phase 2."] = 16
    learning_rate: Annotated[float, "Rate of phase 2 at its start; it decays to 0 along a cosine."] = 1e-4
    unfreeze: Annotated[float, "Share of the backbone's layers, from the end, that phase 2 trains."] = 0.3
    patience: Annotated[int, "Epochs of phase 2 without improvement before it stops."] = 3
    views: Annotated[
        int, "Augmented views of each training image for the head, besides the image itself."
    ] = 4
    spare_classes: Annotated[int, "Further classes that model_personal.tflite can learn on the phone."] = (
        SPARE_CLASSES
    )

    def __post_init__(self) -> None:
        lowest = {"epochs": 0, "batch_size": 1, "patience": 1, "views": 0, "spare_classes": 0}
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise ValueError(f"expected {name} of at least {low}, received {getattr(self, name)}")
        if not 0 < self.unfreeze <= 1:
            raise ValueError(f"expected unfreeze in (0, 1], received {self.unfreeze}")
        if not self.learning_rate > 0:
            raise ValueError(f"expected a learning_rate above 0, received {self.learning_rate}")


def finetune(
    directory: str | Path | None = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    **settings: Any,
) -> Path | None:
    """Fine-tunes a pretrained CNN on a folder of images, exports it, and proves the exports.

    Args:
        directory: One subfolder a class, with or without train, validation and test folders around them, or
            TFRecord files as `read_shards` takes; the embedded texture photos by default.
        out: Folder of the bundle; `saved_models/NAME-OF-DIRECTORY` by default.
        seed: Seed of the split, the augmentation and the training: the same seed gives the same weights on
            the same machine.
        resume: Whether to go on with an interrupted run of the same settings.
        **settings: Fields of `Config`, and of `suite.runs.options.RunOptions`.

    Returns:
        The bundle's folder; None on a machine that only helps the first one of a cluster.

    Raises:
        ValueError: Bad input, in one line.
        GateError: An export failed its gates.

    Example:
        >>> bundle = suite.finetune("photos/", out="saved_models/photos", epochs=0)
        >>> sorted(path.name for path in bundle.glob("*.tflite"))[0]
        'model.tflite'
    """
    options, settings = split_options(settings)
    if options.input_service:
        raise ValueError(
            "expected no input_service, pictures of a folder are decoded by the process that trains; "
            "spread them over machines with strategy multi_worker"
        )
    config = Config(**settings)
    source = EMBEDDED if directory is None else Source.parse(Path(directory))
    name = "textures" if source.path is None else re.sub(r"[^\w.-]+", "_", source.path.name) or "model"
    job = Job(name, "finetune", f"Image classifier fine-tuned on {name}", run)
    return execute(
        job, config, source=source, out=out or Path(FOLDER) / name, seed=seed, resume=resume, options=options
    )


def run(config: Config, context: Context) -> Result:
    """Trains the classifier of a folder: what `finetune` does before the export."""
    folder = open_folder(context)
    with mixed_precision_on_gpu():
        backbone = build_backbone(config.backbone)
    sources = {part: image_source(folder, part, backbone, context.folder) for part in folder.splits}
    num_classes = len(folder.classes)

    kernel, bias = train_head(
        backbone, sources["train"], num_classes, config.views, context.seed, context.folder
    )
    model = classifier(backbone, kernel, bias)
    curves = fine_tune(model, sources, num_classes, config, context)

    return report(model, folder, sources, curves, context.folder, config.spare_classes)


@contextlib.contextmanager
def mixed_precision_on_gpu() -> Iterator[None]:
    """Lets layers built inside compute in float16 where there is a GPU; their weights stay float32."""
    before = keras.config.dtype_policy()
    if tf.config.list_physical_devices("GPU"):
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def classifier(backbone: keras.Model, kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Puts the trained head on the backbone: raw pixels in, class probabilities out.

    Args:
        backbone: Gives a vector for an image.
        kernel: `(features, num_classes)`, as `train_head` gives it.
        bias: `(num_classes,)`.
    """
    head = keras.layers.Dense(len(bias), activation="softmax", dtype="float32", name="probabilities")
    model = keras.Model(backbone.input, head(backbone.output), name="classifier")
    head.set_weights([kernel, bias])
    return model


def fine_tune(
    model: keras.Model, sources: dict[str, ImageSource], num_classes: int, config: Config, context: Context
) -> dict[str, list[float]]:
    """Phase 2: trains the last layers; keeps the best weights on validation, perhaps those of phase 1.

    Args:
        model: From `classifier`; is changed.
        sources: Images by part, of which "train" and "validation" are read.
        num_classes: Number of classes.
        config: Of the run.
        context: Of the run; its seed is that of order and augmentation.

    Returns:
        The curves of `suite.training.loop.fit`.
    """
    train_source, validation = sources["train"], sources["validation"]
    weights = tf.constant(class_weights(train_source.labels, num_classes))
    unfreeze(model, config.unfreeze)
    steps = config.epochs * -(-len(train_source) // config.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, max(1, steps))

    def batches(epoch: int) -> Iterator[Any]:
        seed = context.seed * 1000 + epoch
        return train_source.batches(config.batch_size, order_seed=seed, augment_seed=seed)

    def loss(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        return losses * tf.gather(weights, tf.cast(labels, tf.int32))

    def evaluate() -> dict[str, float]:
        probabilities = predict(model, validation)
        return {
            "validation_accuracy": accuracy(probabilities, validation.labels),
            "validation_loss": cross_entropy(probabilities, validation.labels),
        }

    def better(new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        not_worse = new["validation_accuracy"] >= old["validation_accuracy"]
        return not_worse and new["validation_loss"] < old["validation_loss"] - SMALLEST_GAIN

    console.say(f"phase 2: up to {config.epochs} epochs on the last {config.unfreeze:.0%} of the layers")
    model.compile(keras.optimizers.Adam(schedule), loss)
    curves = context.fit(
        model, batches, epochs=config.epochs, measure=evaluate, better=better, patience=config.patience
    )
    best = curves["best_epoch"][0]
    console.say(f"kept epoch {best} of phase 2" if best else "phase 2 did not help: kept the head of phase 1")
    return curves


def unfreeze(model: keras.Model, share: float) -> None:
    """Makes the last `share` of the layers trainable, the head included, batch normalization never."""
    first = len(model.layers) - max(1, round(share * len(model.layers)))
    for index, layer in enumerate(model.layers):
        layer.trainable = index >= first and not isinstance(layer, keras.layers.BatchNormalization)
    model.layers[-1].trainable = True


def predict(model: keras.Model, source: ImageSource) -> np.ndarray:
    """Class probabilities of every image in order, `(n, num_classes)` float32."""
    return np.concatenate([model.predict_on_batch(images) for images, _ in source.batches(32)])


def report(
    model: keras.Model,
    folder: ImageFolder,
    sources: dict[str, ImageSource],
    curves: dict[str, list[float]],
    work: Path,
    spare_classes: int = SPARE_CLASSES,
) -> Result:
    """Measures the model on the held-out images and collects what the bundle shows.

    Args:
        model: The trained classifier.
        folder: From `open_folder`.
        sources: Its images by part.
        curves: From `fine_tune`.
        work: Where decoded images are kept for the export.
        spare_classes: As of `Export`.
    """
    held_out = "test" if len(sources["test"]) else "validation"
    probabilities = {part: predict(model, sources[part]) for part in {"validation", held_out}}
    metrics = {}
    for part, values in sorted(probabilities.items()):
        metrics[f"{part}_accuracy"] = accuracy(values, sources[part].labels)
        metrics[f"{part}_loss"] = cross_entropy(values, sources[part].labels)
    measured, labels = probabilities[held_out], sources[held_out].labels

    figures = {
        "confusion_matrix": confusion_matrix(confusion(measured, labels, len(folder.classes)), folder.classes)
    }
    if len(curves["train_loss"]) > 1:
        losses = {name: values for name, values in curves.items() if name.endswith("loss")}
        figures["learning_curves"] = plots.learning_curves(
            losses, ylabel="loss, nats per image", title="Phase 2", first_epoch=0
        )
    wrong = most_wrong(measured, labels, WRONG_SHOWN)
    if len(wrong):
        figures["most_wrong"] = plots.image_grid(
            np.stack([sources[held_out].image(index) for index in wrong]),
            [_wrong_caption(folder.classes, measured[index], labels[index]) for index in wrong],
            columns=4, title=f"Most wrong of {len(labels)} ({held_out})",
        )  # fmt: skip
    return Result(
        metrics=metrics,
        figures=figures,
        exports=[
            Export(
                model,
                inputs=images_on_disk(sources[held_out], work / "held_out.npy"),
                calibration=_calibration(sources["train"]),
                targets=labels,
                metric=Metric(
                    f"{held_out}_accuracy", lambda outputs, truth: accuracy(outputs["probabilities"], truth)
                ),
                labels=folder.classes,
                spare_classes=spare_classes,
                task=Task.CLASSIFIER,
            )
        ],
        data=describe(folder),
        tables=classification_tables(measured, labels, folder.classes),
    )


def _wrong_caption(classes: Sequence[str], probabilities: np.ndarray, label: int) -> str:
    guess = int(np.argmax(probabilities))
    return f"{classes[label]}, not {classes[guess]} ({probabilities[guess]:.0%})"


def _calibration(source: ImageSource) -> np.ndarray:
    return np.stack([source.image(index) for index in calibration_rows(len(source))])
