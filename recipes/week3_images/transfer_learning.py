"""Fine-tune a pretrained CNN on a few photos, against the same network trained from scratch.

Week 3, "Learning new tasks with pre-trained CNNs", "Transfer Learning".
Claim: with 12 training photos a class, test accuracy at least 0.98 with a linear head on the frozen features
of
       EfficientNet-Lite0 (test_accuracy_head) and after two-phase fine-tuning (test_accuracy), at least 0.15
       above the same network trained from scratch on the same photos (test_accuracy_gain).
Cost:  90 s on 2 CPU cores.
Run:   suite run transfer_learning [--data tfds | --data FOLDER]
"""

if __name__ == "__main__":  # before the imports below, so that TensorFlow starts quietly
    from suite.cli import run_script

    run_script(__file__)

import dataclasses

import keras

from suite import finetune
from suite.data.folder import ImageFolder
from suite.data.images import ImageSource
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.models.efficientnet_lite import EfficientNetLite0
from suite.recipe import Claim, Context, Result


@dataclasses.dataclass(frozen=True)
class Config:
    images_per_class: int = 12  # training photos; validation and test stay whole
    epochs: int = 6  # of phase 2, at most
    batch_size: int = 12
    learning_rate: float = 1e-4  # of phase 2
    scratch_epochs: int = 15
    scratch_learning_rate: float = 1e-3


SMOKE = Config(images_per_class=4, epochs=1, scratch_epochs=1)

CLAIMS = (
    Claim("test_accuracy_head", at_least=0.98),
    Claim("test_accuracy", at_least=0.98),
    Claim("test_accuracy_gain", at_least=0.15),
)


def build_backbone() -> keras.Model:
    """Raw pixels -> 1280 features, pretrained on ImageNet."""
    return EfficientNetLite0(include_top=False, weights="imagenet", input_shape=(224, 224, 3), pooling="avg")


def build_from_scratch(num_classes: int) -> keras.Model:
    """The same network with random weights."""
    base = EfficientNetLite0(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    probabilities = keras.layers.Dense(num_classes, activation="softmax", name="probabilities")(base.output)
    return keras.Model(base.input, probabilities, name="from_scratch")


def keep_few(folder: ImageFolder, images_per_class: int) -> ImageFolder:
    """Keeps the first training photos of each class."""
    kept = []
    for label in range(len(folder.classes)):
        of_class = [pair for pair in folder.splits["train"] if pair[1] == label]
        kept += of_class[:images_per_class]
    return dataclasses.replace(folder, splits={**folder.splits, "train": tuple(kept)})


def train_from_scratch(model: keras.Model, train: ImageSource, config: Config, seed: int) -> list[float]:
    """Ordinary training of every weight with augmentation; gives the training loss of each epoch."""
    model.compile(keras.optimizers.Adam(config.scratch_learning_rate), "sparse_categorical_crossentropy")
    losses = []
    for epoch in range(config.scratch_epochs):
        batches = train.batches(config.batch_size, order_seed=seed + epoch, augment_seed=seed + epoch)
        losses += model.fit(batches, verbose=0).history["loss"]
    return losses


def run(config: Config, context: Context) -> Result:
    folder = keep_few(finetune.open_folder(context), config.images_per_class)
    num_classes = len(folder.classes)
    settings = finetune.Config(
        epochs=config.epochs, batch_size=config.batch_size, learning_rate=config.learning_rate
    )

    backbone = build_backbone()
    sources = {part: finetune.image_source(folder, part, backbone) for part in folder.splits}
    test = sources["test"]

    # Phase 1: the backbone is frozen, so its features are computed once and the head is a convex problem.
    kernel, bias = finetune.train_head(backbone, sources["train"], num_classes, settings, context)
    model = finetune.classifier(backbone, kernel, bias)
    head_accuracy = accuracy(finetune.predict(model, test), test.labels)

    # Phase 2: the last layers follow at a low rate; kept only where validation improves.
    curves = finetune.fine_tune(model, sources, num_classes, settings, context)

    scratch = build_from_scratch(num_classes)
    scratch_losses = train_from_scratch(scratch, sources["train"], config, context.seed)
    scratch_accuracy = accuracy(finetune.predict(scratch, test), test.labels)

    result = finetune.report(model, folder, sources, curves, context.folder)
    accuracies = {
        "from scratch": scratch_accuracy,
        "frozen features": head_accuracy,
        "fine-tuned": result.metrics["test_accuracy"],
    }
    metrics = {
        **result.metrics,
        "test_accuracy_head": head_accuracy,
        "test_accuracy_from_scratch": scratch_accuracy,
        "test_accuracy_gain": result.metrics["test_accuracy"] - scratch_accuracy,
    }
    figures = {
        "accuracy": draw_accuracies(accuracies, len(sources["train"])),
        "scratch_loss": plots.learning_curves(
            {"training loss": scratch_losses}, ylabel="nats per image", title="From scratch"
        ),
    }
    return dataclasses.replace(result, metrics=metrics, figures={**figures, **result.figures})


def draw_accuracies(accuracies: dict[str, float], train_size: int):
    figure, axes = plots.new_figure(f"Test accuracy with {train_size} training photos", height=2.6)
    bars = axes.barh(list(accuracies), list(accuracies.values()))
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set(xlim=(0, 1.12), xlabel="test accuracy")
    return figure
