"""Fine-tune a pretrained CNN on a handful of photos, beside a CNN trained from scratch on the same.

Week 3, "Learning new tasks with pre-trained CNNs", "Transfer Learning".
Claim: with 5 training photos a class, a linear head on the frozen features of EfficientNet-Lite0 and the
       model after two-phase fine-tuning both reach a test accuracy of at least 0.98; a small CNN from scratch
       has an accuracy on validation that averages at most 0.93 over its 40 epochs, and it ends no better on
       test (gain at least 0).
Cost:  100 s on 2 CPU cores.
Run:   suite run transfer_learning [--data tfds | --data FOLDER]
"""

import dataclasses

import keras
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.finetuning import phases
from suite.finetuning.config import Config as FineTuning
from suite.finetuning.data import image_source, open_folder
from suite.finetuning.head import train_head
from suite.finetuning.measure import measure
from suite.models.efficientnet_lite import EfficientNetLite0
from suite.runs.recipe import Claim, Context, Result, at_least


@dataclasses.dataclass(frozen=True)
class Config:
    images_per_class: int = 5  # training photos; validation and test stay whole
    epochs: int = 6  # of phase 2, at most
    batch_size: int = 5
    learning_rate: float = 1e-4  # of phase 2
    scratch_epochs: int = 40
    scratch_learning_rate: float = 1e-3


SMOKE = Config(images_per_class=3, epochs=1, scratch_epochs=2)

DATA = ("embedded", "tfds", "path")

CLAIMS = (
    *at_least(0.98, "test_accuracy_head", "test_accuracy", data="embedded"),
    Claim("validation_accuracy_from_scratch_mean", at_most=0.93, data="embedded"),
    Claim("test_accuracy_gain", at_least=0, data="embedded"),
)


def build_backbone() -> keras.Model:
    """Raw pixels -> 1280 features, pretrained on ImageNet."""
    return EfficientNetLite0(include_top=False, weights="imagenet", input_shape=(224, 224, 3), pooling="avg")


def build_from_scratch(num_classes: int) -> keras.Model:
    """A small CNN, since the large one has no chance with so few photos."""
    image = keras.Input((224, 224, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.5)(x)  # three steps an epoch: averages must follow fast
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(num_classes, activation="softmax", name="probabilities")(x))


def keep_few(folder: ImageFolder, images_per_class: int) -> ImageFolder:
    """Keeps the first training photos of each class."""
    kept = []
    for label in range(len(folder.classes)):
        of_class = [pair for pair in folder.splits["train"] if pair[1] == label]
        kept += of_class[:images_per_class]
    return dataclasses.replace(folder, splits={**folder.splits, "train": tuple(kept)})


def train_from_scratch(
    model: keras.Model, train: ImageSource, validation: ImageSource, config: Config, context: Context
) -> list[float]:
    """Trains every weight with the same augmentation; gives the validation accuracy after each epoch."""
    model.compile(keras.optimizers.Adam(config.scratch_learning_rate), "sparse_categorical_crossentropy")

    def batches(epoch: int) -> tf.data.Dataset:
        return train.batches(
            config.batch_size, order_seed=context.seed + epoch, augment_seed=context.seed + epoch
        )

    def measure() -> dict[str, float]:
        return {"validation_accuracy": accuracy(phases.predict(model, validation), validation.labels)}

    return context.fit(model, batches, epochs=config.scratch_epochs, measure=measure)["validation_accuracy"]


def run(config: Config, context: Context) -> Result:
    folder = keep_few(open_folder(context), config.images_per_class)
    num_classes = len(folder.classes)
    settings = FineTuning(
        epochs=config.epochs, batch_size=config.batch_size, learning_rate=config.learning_rate
    )

    backbone = build_backbone()
    sources = {part: image_source(folder, part, backbone, context.folder) for part in folder.splits}
    held_out = "test" if len(sources["test"]) else "validation"
    test = sources[held_out]

    # Phase 1: the backbone is frozen, so its features are computed once and the head is a convex problem.
    kernel, bias = train_head(
        backbone, sources["train"], num_classes, settings.views, context.seed, context.folder
    )
    model = phases.classifier(backbone, kernel, bias)
    head_accuracy = accuracy(phases.predict(model, test), test.labels)

    # Phase 2: all layers follow; as much of it is kept as validation speaks for.
    trained = phases.fine_tune(model, sources, num_classes, settings, context)

    scratch = build_from_scratch(num_classes)
    scratch_curve = train_from_scratch(scratch, sources["train"], sources["validation"], config, context)
    scratch_accuracy = accuracy(phases.predict(scratch, test), test.labels)

    result = measure(model, folder, sources, trained, context.folder)
    metrics = {
        **result.metrics,
        f"{held_out}_accuracy_head": head_accuracy,
        f"{held_out}_accuracy_from_scratch": scratch_accuracy,
        f"{held_out}_accuracy_gain": result.metrics[f"{held_out}_accuracy"] - scratch_accuracy,
        "validation_accuracy_from_scratch_mean": sum(scratch_curve) / len(scratch_curve),
    }
    figure = draw_scratch(scratch_curve, trained.curves["validation_accuracy"][0])
    return dataclasses.replace(result, metrics=metrics, figures={"from_scratch": figure, **result.figures})


def draw_scratch(accuracies: list[float], head_accuracy: float) -> Figure:
    figure, axes = plots.new_figure("Validation accuracy on the same few photos")
    axes.axhline(head_accuracy, color=plots.COLORS[1], label="head on frozen features, no epoch")
    axes.plot(range(1, len(accuracies) + 1), accuracies, label="small CNN from scratch")
    axes.set(xlabel="epoch from scratch", ylabel="validation accuracy", ylim=(0, 1.05))
    axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
