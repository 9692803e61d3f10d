# %% [markdown]
# # Learn a new task with a pretrained network
#
# A network that has seen a million photos learns from twenty-five images a class what a fresh one does not.
# First a new last layer is fitted to what it sees; then all its layers follow, by small steps.
#
# *Week 3, "Learning new tasks with pre-trained CNNs", "Transfer Learning". Takes SECONDS on one core.
# `suite run transfer_learning [--data tfds | --data FOLDER]`*
#
# ## Why not from the start?
#
# The first layers of a network for photos find edges, spots and textures, whatever it was trained for. They
# take many images to learn, and can be had ready: ImageNet's million photos are in them. What is new in a new
# task is the end, and often only that has to be learned.
#
# ## The method
#
# EfficientNet-Lite0 without its last layer, the **backbone**, makes 1,280 numbers of a photo, its *features*.
#
# 1. **Freeze** it. What it says of a photo never changes then, so it is asked once, and its answers are kept.
# 2. A new last layer, the **head**, is a linear classifier of the features. For four classes it has
#    `1280 * 4 + 4 = 5124` weights, where the backbone has 3.4 million. To fit it is a convex problem with one
#    solution ([linear_classification](linear_classification.md)), which no rate can spoil.
# 3. **Unfreeze**: all layers may change now, so that the features become those of the new task. Two things
#    have to be minded. The *rate*: the weights that one starts from are worth keeping, and one large step
#    loses them for good. And *batch normalization*: while it is trained it takes mean and variance from a
#    batch of ten images, not from the million that the weights were made for
#    ([batch_normalization](batch_normalization.md)). So it stays frozen.
#
# How low is low? One tries rates a factor of three apart, and asks validation images. The rate rises over a
# tenth of the steps, as the first gradients are large, and then falls along a cosine.

# %%
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.folders.labeled import ImageFolder, read_folder
from suite.data.generated.scenes import write_shapes
from suite.data.pictures.image_source import ImageSource
from suite.data.sets.tfds_images import write_image_dataset
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.finetuning.data import image_source, open_folder
from suite.finetuning.estimate import held_out_part
from suite.finetuning.head import train_head
from suite.finetuning.measure import measure
from suite.finetuning.phases import Trained, keep_share, predict
from suite.models.efficientnet_lite import EfficientNetLite0
from suite.runs.recipe import Claim, Context, Result


def freeze(model: keras.Model) -> None:
    model.trainable = False


def add_head(backbone: keras.Model, num_classes: int) -> keras.Model:
    """From pixels to probabilities.

    >>> backbone = keras.Sequential([keras.Input((1280,)), layers.Dense(1280)])
    >>> freeze(backbone)
    >>> sum(weights.numpy().size for weights in add_head(backbone, 4).trainable_variables)
    5124
    """
    head = layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")
    return keras.Model(backbone.inputs, head(backbone.outputs[0]), name="classifier")


def unfreeze(model: keras.Model, normalization: bool = False) -> None:
    """All layers may be trained, batch normalization only where that is asked for.

    >>> model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    >>> unfreeze(model)
    >>> [layer.trainable for layer in model.layers]
    [True, False]
    """
    model.trainable = True
    for layer in model.layers:
        layer.trainable = normalization or not isinstance(layer, layers.BatchNormalization)


def train(
    model: keras.Model, photos: ImageSource, rate: float, epochs: int, config: "Config", context: Context
) -> list[float]:
    """Trains what is not frozen; the rate rises over a tenth of the steps and falls along a cosine."""

    def batches(epoch: int) -> tf.data.Dataset:
        seed = context.seed * 1000 + epoch
        return photos.batches(config.batch_size, order_seed=seed, augment_seed=seed)

    steps = epochs * -(-len(photos) // config.batch_size)
    rises = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - rises), warmup_target=rate, warmup_steps=rises
    )
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=0.01), "sparse_categorical_crossentropy")
    return context.fit(model, batches, epochs=epochs)["train_loss"]


# %% [markdown]
# ## A task that is not ImageNet's
#
# Photos of one's own are often near to what ImageNet shows, and then the head alone is right about most of
# them. So here is a task that is far: drawn shapes, a circle, square, triangle or star, in any color, turned
# at random, on photos of brick, grass and gravel. ImageNet has no class for a shape, and color and texture,
# which tell so many of its classes, say nothing here. Twenty-five images of each shape are for training.
#
# `--data tfds` takes 6,000 photos of CIFAR-10 instead, and `--data FOLDER` yours, a folder a class; of each
# class as many are trained on, and all that are held out are measured on.


# %%
COLORED = 6000  # photos of a set of TensorFlow Datasets that are looked at


def open_photos(config: "Config", context: Context) -> ImageFolder:
    """Classes and parts, with the first training photos of each class alone."""
    source, side = context.source, config.side or 64
    if source.is_embedded:
        # Classes are drawn at random: of twice as many scenes, each has enough.
        counts = {"train": 8 * config.images_per_class + 16, "validation": config.drawn // 3}
        counts["test"] = config.drawn
        folder = read_folder(write_shapes(context.folder / "shapes", counts, context.seed, (side, side)))
    elif source.path is None:
        name = source.name or "cifar10"
        folder = read_folder(write_image_dataset(name, context.folder / name, COLORED), context.seed)
    else:
        folder = open_folder(context)
    kept, counts = [], [0] * len(folder.classes)
    for file, label in folder.splits["train"]:
        counts[label] += 1
        if counts[label] <= config.images_per_class:
            kept.append((file, label))
    return dataclasses.replace(folder, splits={**folder.splits, "train": tuple(kept)})


# %% [markdown]
# ## From the start
#
# Beside it a small network learns the same task from random numbers, with the same changes to its images and
# four times as many passes over them.


# %%
def build_small(side: int, num_classes: int) -> keras.Model:
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(num_classes, activation="softmax", name="probabilities")(x))


# %% The figures
NAMES = {"from_scratch": "from random numbers", "careless": "pretrained, carelessly trained further"}
NAMES |= {"head": "the head alone", "kept": "all layers, by small steps"}


def draw_accuracies(measured: dict[str, float], part: str) -> Figure:
    figure, axes = plots.new_figure(f"Accuracy ({part})", width=8, height=2.6)
    known = {NAMES[name]: measured[name] for name in reversed(NAMES) if name in measured}
    bars = axes.barh(list(known), list(known.values()), color=plots.COLORS[0], height=0.6)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlim=(0, 1.1))
    axes.grid(axis="y", visible=False)
    return figure


def draw_photos(photos: ImageSource, classes: Sequence[str]) -> Figure:
    rows = [np.flatnonzero(photos.labels == label)[:6] for label in range(min(4, len(classes)))]
    shown = [index for row in rows for index in row]
    captions = [classes[photos.labels[index]] for index in shown]
    images = np.stack([photos.image(index) for index in shown])
    return plots.image_grid(images, captions, columns=6, title="Training images")


# %% [markdown]
# ## Run it
#
# `train_head` fits the head to the features of the images and of four changed copies of each, with a penalty
# chosen by cross-validation. From there all layers are trained twice: with care, and carelessly, at ten times
# the rate; a third of the epochs is enough to see what comes of that. The rate with care, and that of the
# small network, were chosen on validation images, once.
#
# Where validation speaks for the head, or for the middle between its weights and the trained ones, these are
# kept (`keep_share`), so that photos of yours are not named worse for it.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    images_per_class: Annotated[int, "training images at most; validation and test stay whole"] = 25
    epochs: Annotated[int, "of all layers; 0: the head alone"] = 12
    batch_size: Annotated[int, "images a step"] = 10
    learning_rate: Annotated[float, "of all layers at its highest"] = 3e-4
    careless_learning_rate: Annotated[float, "of the training without care"] = 3e-3
    scratch_epochs: Annotated[int, "of the small network"] = 48
    scratch_learning_rate: Annotated[float, "of the small network"] = 3e-3
    side: Annotated[int, "of the images in pixels; 0: 64, and of a folder 160"] = 0
    normalization: Annotated[bool, "whether batch normalization is trained with the other layers"] = False
    drawn: Annotated[int, "test images, and three times as many as for validation"] = 600


SMOKE = Config(images_per_class=2, epochs=1, scratch_epochs=1, side=32, drawn=24)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    folder = open_photos(config, context)
    side, num_classes = config.side or (64 if context.source.path is None else 160), len(folder.classes)
    backbone = EfficientNetLite0(
        include_top=False, weights="imagenet", input_shape=(side, side, 3), pooling="avg"
    )
    sources = {part: image_source(folder, part, backbone, context.folder) for part in folder.splits}
    photos, part = sources["train"], held_out_part(sources)

    def score(model: keras.Model) -> float:
        return accuracy(predict(model, sources[part]), sources[part].labels)

    small = build_small(side, num_classes)
    train(small, photos, config.scratch_learning_rate, config.scratch_epochs, config, context)
    measured = {"from_scratch": score(small)}

    freeze(backbone)
    model = add_head(backbone, num_classes)
    weights = train_head(backbone, photos, num_classes, 4, context.seed, context.folder)
    model.layers[-1].set_weights(weights)
    measured["head"] = measured["careless"] = score(model)
    with_head, losses = model.get_weights(), {}
    if config.epochs:
        unfreeze(model, config.normalization)
        rate, epochs = config.careless_learning_rate, -(-config.epochs // 3)
        losses["carelessly"] = train(model, photos, rate, epochs, config, context)
        measured["careless"] = score(model)
        model.set_weights(with_head)
        unfreeze(model, config.normalization)
        rate = config.learning_rate
        losses["by small steps"] = train(model, photos, rate, config.epochs, config, context)
    share, answers = keep_share(model, with_head, sources["validation"])
    trained = Trained({"train_loss": [], "kept_share": [share]}, answers)
    result = measure(model, folder, sources, trained, context.folder)

    measured["kept"] = result.metrics[f"{part}_accuracy"]
    metrics = {f"{part}_accuracy_{name}": each for name, each in measured.items() if name != "kept"}
    metrics[f"{part}_accuracy_gain_of_head"] = measured["head"] - measured["from_scratch"]
    metrics[f"{part}_accuracy_gain"] = measured["kept"] - measured["head"]
    metrics["kept_share"] = share
    figures = {"photos": draw_photos(photos, folder.classes), "accuracy": draw_accuracies(measured, part)}
    if losses:
        figures["loss"] = plots.learning_curves(
            losses, ylabel="training loss, nats an image", title="All layers are trained"
        )
    return dataclasses.replace(
        result, metrics={**result.metrics, **metrics}, figures={**figures, **result.figures}
    )


# %% [markdown]
# ## What was measured
#
# ![Six training images of each class](figures/photos.png)
#
# Four classes; who guesses is right about a quarter.
#
# ![Test accuracies from random numbers, carelessly, of the head, and by small steps](figures/accuracy.png)
#
# The head is far above a guess, though ImageNet has no class for a shape: edges and corners are in the
# features anyway. Yet a head can only weigh what is there. All layers together bend the features towards
# outlines and away from colors. What that is worth depends on the task; `--data photos/` measures it on
# yours.
#
# ![Training losses of both trainings of all layers](figures/loss.png)
#
# At ten times the rate the loss does not fall below that of guessing, ln 4 = 1.39, though training began at
# weights that were right about many: the first large steps have thrown them away, and a hundred images do not
# bring them back.
#
# ![True classes in rows, answers in columns](figures/confusion_matrix.png)
#
# Rows are what the shapes are, columns what they were taken for.

# %%
CLAIMS = (
    Claim(
        "test_accuracy_head",
        at_least=0.45,
        data="embedded",
        says="From twenty-five images a class, a head on frozen features names far more than a quarter,",
        lecture="Transfer Learning",
    ),
    Claim(
        "test_accuracy_gain_of_head",
        at_least=0.03,
        data="embedded",
        says="and more than a network that starts from random numbers.",
    ),
    Claim(
        "test_accuracy_gain",
        at_least=0.1,
        data="embedded",
        says="All layers together, by small steps, name more than the head,",
    ),
    Claim("test_accuracy", at_least=0.65, data="embedded", says="about three of four;"),
    Claim(
        "test_accuracy_careless",
        at_most=0.35,
        data="embedded",
        says="at ten times the rate they lose what they knew, and end as who guesses.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** The head alone: `suite run transfer_learning --epochs 0`. Which claims can no longer be measured?
#
# <details><summary>Answer</summary>
#
# TODO
#
# </details>
#
# **2.** On paper: a backbone answers 30 photos a second, and a step of training takes three times as long a
# photo. What do eight passes over 1,000 photos cost with the backbone frozen, and what with all layers?
#
# <details><summary>Answer</summary>
#
# Frozen, each photo is asked once, whatever the number of passes: 33 s, and the head after that takes next to
# nothing. All layers take 8 * 1000 * 3 / 30 = 800 s, as every photo has new features after each step.
#
# </details>
#
# ## To take away
#
# - Frozen features and a linear head are the first thing to try: minutes, one solution, nothing to spoil.
# - The further a task is from what the network was trained on, the more the second phase is worth.
# - Unfrozen, mind the rate: a good start is lost in a few steps. Leave batch normalization as it is.
# - `suite finetune photos/` does both phases with your folder, checks the labels, and makes the files for a
#   phone.
#
# *Before: [learned_filters](learned_filters.md). Next: [semantic_segmentation](semantic_segmentation.md), a
# class for each pixel.*
