# %% [markdown]
# # Learn a new task with a pretrained network
#
# A network that has seen a million photos learns from twenty-five images a class what a fresh one does not.
# First a new last layer is fitted to what it sees; then all its layers follow, by small steps.
#
# *Week 3, "Learning new tasks with pre-trained CNNs", "Transfer Learning". Takes 2 min on one core.
# `suite run transfer_learning [--data tfds | --data PHOTOS/]`*
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
#    have to be minded. The *rate*: the weights that one starts from are worth keeping, and a few large steps
#    lose them for good. And *batch normalization*: while it is trained it takes mean and variance from a
#    batch of five images, not from the million that the weights were made for
#    ([batch_normalization](batch_normalization.md)). So it stays frozen.
#
# How low is low? One tries rates a factor of two or three apart, and asks validation images. The rate rises
# over a tenth of the steps, as the first gradients are large, and then falls along a cosine.

# %%
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.optimizers.schedules import CosineDecay
from matplotlib.figure import Figure

from suite.data.folders.labeled import ImageFolder, read_folder
from suite.data.generated.scenes import write_shapes
from suite.data.pictures.image_source import ImageSource
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.finetuning import phases
from suite.finetuning.config import Config as FineTuning
from suite.finetuning.data import image_source, open_folder
from suite.finetuning.estimate import held_out_part
from suite.finetuning.from_scratch import build_small, train_small
from suite.finetuning.head import train_head
from suite.finetuning.measure import measure
from suite.models.efficientnet_lite import EfficientNetLite0
from suite.runs.recipe import Claim, Context, Result

Images = tuple[np.ndarray, np.ndarray]  # with their labels


def freeze(model: keras.Model) -> None:
    model.trainable = False


def add_head(backbone: keras.Model, num_classes: int) -> keras.Model:
    """From pixels to probabilities.

    >>> image = keras.Input((1280,))
    >>> backbone = keras.Model(image, layers.Dense(1280)(image))
    >>> freeze(backbone)
    >>> sum(weights.numpy().size for weights in add_head(backbone, 4).trainable_variables)
    5124
    """
    head = layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")
    return keras.Model(backbone.input, head(backbone.output), name="classifier")


def unfreeze(model: keras.Model) -> None:
    """All layers may be trained but batch normalization.

    >>> model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    >>> unfreeze(model)
    >>> [layer.trainable for layer in model.layers]
    [True, False]
    """
    model.trainable = True
    for layer in model.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def train(
    model: keras.Model, data: Images, rate: float, epochs: int, batch_size: int, context: Context
) -> list[float]:
    """Trains what is not frozen; an epoch shows each image twice, mirrored at random along both axes."""
    images, labels = data

    def batches(epoch: int) -> tf.data.Dataset:
        rng = np.random.default_rng((context.seed, epoch))
        order = np.tile(rng.permutation(len(labels)), 2)
        upside, sideways = rng.random((2, len(order), 1, 1, 1)) < 0.5
        mirrored = np.where(upside, images[order, ::-1], images[order])
        mirrored = np.where(sideways, mirrored[:, :, ::-1], mirrored)
        return tf.data.Dataset.from_tensor_slices((mirrored, labels[order])).batch(batch_size)

    steps = epochs * -(-2 * len(labels) // batch_size)
    rises = max(1, steps // 10)
    schedule = CosineDecay(0.0, max(1, steps - rises), warmup_target=rate, warmup_steps=rises)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=0.01), "sparse_categorical_crossentropy")
    return context.fit(model, batches, epochs=epochs)["train_loss"]


# %% [markdown]
# ## A task that is not ImageNet's
#
# Photos of one's own are often near to what ImageNet shows, and then the head alone is right about most of
# them. So here is a task that is far: drawn shapes, a circle, square, triangle or star, in any color, turned
# at random, on photos of brick, grass and gravel. ImageNet has no class for a shape, and color and texture,
# which tell so many of its classes, say nothing here. There are twenty-five training images of each shape;
# validation and test show other shapes before other parts of the photos. In training images are mirrored, and
# nothing else: a crop could cut off the corners by which one knows a shape.


# %%
def open_images(config: "Config", context: Context) -> ImageFolder:
    """Classes and parts, with the first training images of each class alone."""
    if not context.source.is_embedded:
        folder = open_folder(context)
    else:  # of twice as many shapes, drawn at random, each has enough
        counts = {"train": 8 * config.images_per_class + 16, "validation": config.drawn // 3}
        size, counts["test"] = (config.side, config.side), config.drawn
        folder = read_folder(write_shapes(context.folder / "shapes", counts, context.seed, size))
    train, few = folder.splits["train"], config.images_per_class
    of_class = [[pair for pair in train if pair[1] == label][:few] for label in range(len(folder.classes))]
    return dataclasses.replace(folder, splits={**folder.splits, "train": tuple(itertools.chain(*of_class))})


# %% [markdown]
# ## From the start
#
# Beside it a small network learns the same task from random numbers, since the large one has no chance with
# so few images. It sees them mirrored, too, in more passes and in batches four times as large, at three
# rates, of which validation chooses.


# %%
def learn_from_scratch(
    sources: dict[str, ImageSource], data: Images, config: "Config", context: Context
) -> dict[str, float]:
    """Accuracies of the small network, by part, at the rate that is best on validation."""
    found = []
    for rate in config.scratch_rates:
        small = build_small(config.side, int(data[1].max()) + 1)
        train(small, data, rate, -(-config.scratch_epochs // 2), 4 * config.batch_size, context)
        found.append({part: score(small, source) for part, source in sources.items()})
    return max(found, key=lambda accuracies: accuracies["validation"])


def score(model: keras.Model, images: ImageSource) -> float:
    return accuracy(phases.predict(model, images), images.labels)


# %% The figures
NAMES = {"from_scratch": "from random numbers", "careless": "pretrained, all layers, carelessly"}
NAMES |= {"head": "pretrained, the head alone", "layers": "pretrained, all layers, by small steps"}


def draw_accuracies(measured: dict[str, float]) -> Figure:
    figure, axes = plots.new_figure("Test accuracy", width=8, height=2.6)
    bars = axes.barh(list(NAMES.values()), [measured[name] for name in NAMES], color=plots.COLORS[0])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(0.25, color=plots.COLORS[1], linestyle="--")
    axes.set(xlim=(0, 1.1))
    axes.grid(axis="y", visible=False)
    return figure


def draw_images(data: Images, classes: Sequence[str]) -> Figure:
    shown = np.concatenate([np.flatnonzero(data[1] == label)[:6] for label in range(len(classes))])
    captions = [classes[label] for label in data[1][shown]]
    return plots.image_grid(data[0][shown], captions, columns=6, title="Training images")


# %% [markdown]
# ## Run it
#
# `train_head` fits the head to the features of the images and of four changed copies of each, with a penalty
# chosen by cross-validation. From there all layers are trained twice: by small steps, and carelessly, at ten
# times the rate, for a third of the epochs, which are enough to see what comes of it. The small rate was
# chosen on validation images, once. Where validation speaks for the head, or for the middle between its
# weights and the trained ones, these are kept (`keep_share`).
#
# `--data PHOTOS/` takes photos of yours, a folder for each class, and `--data tfds` those of tf_flowers: five
# of each class for training, at 224 pixels. Their second phase is that of `suite finetune`, which lets
# classes count alike, crops and recolors, and smooths labels.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    images_per_class: Annotated[int, "training images; 0: 25 drawn ones, 5 photos; others stay whole"] = 0
    epochs: Annotated[int, "of all layers, at most; 0: the head alone"] = 6
    batch_size: Annotated[int, "images a step"] = 5
    learning_rate: Annotated[float, "of all layers at its highest; 0: 5e-4 on shapes, 1e-4 on photos"] = 0.0
    careless_learning_rate: Annotated[float, "of the training without care, on shapes; 0: none"] = 5e-3
    scratch_epochs: Annotated[
        int, "of the small network; half of them on shapes, where each shows an image twice"
    ] = 40
    scratch_learning_rate: Annotated[float, "of the small network on photos"] = 1e-3
    scratch_rates: Annotated[tuple[float, ...], "of the small network, tried on shapes"] = (1e-3, 3e-3, 1e-2)
    side: Annotated[int, "of a drawn image in pixels"] = 64
    drawn: Annotated[int, "test images, and three times as many as for validation"] = 400


SMOKE = Config(images_per_class=3, epochs=1, careless_learning_rate=0, scratch_rates=(3e-3,), drawn=24)
DATA = ("embedded", "tfds", "path")


def learn_shapes(
    model: keras.Model, sources: dict[str, ImageSource], data: Images, config: Config, context: Context
) -> tuple[phases.Trained, dict[str, float], dict[str, list[float]]]:
    """All layers follow the head; gives what validation speaks for, accuracies, and losses in training."""
    with_head, losses = model.get_weights(), {}
    measured = dict.fromkeys(("head", "careless", "layers"), score(model, sources["test"]))
    careless = "careless", config.careless_learning_rate, -(-config.epochs // 3)
    for name, rate, epochs in (careless, ("layers", config.learning_rate, config.epochs)):
        if epochs * rate:
            model.set_weights(with_head)
            unfreeze(model)
            losses[NAMES[name]] = train(model, data, rate, epochs, config.batch_size, context)
            measured[name] = score(model, sources["test"])
    share, answers = phases.keep_share(model, with_head, sources["validation"])
    return phases.Trained({"train_loss": [], "kept_share": [share]}, answers), measured, losses


def run(config: Config, context: Context) -> Result:
    is_drawn = context.source.is_embedded
    few, rate, side = (25, 5e-4, config.side) if is_drawn else (5, 1e-4, 224)
    few, rate = config.images_per_class or few, config.learning_rate or rate
    config = dataclasses.replace(config, images_per_class=few, learning_rate=rate)
    folder, shape = open_images(config, context), (side, side, 3)
    backbone = EfficientNetLite0(include_top=False, weights="imagenet", input_shape=shape, pooling="avg")
    sources = {part: image_source(folder, part, backbone, context.folder) for part in folder.splits}
    photos, classes, part = sources["train"], folder.classes, held_out_part(sources)

    freeze(backbone)
    model = add_head(backbone, len(classes))
    weights = train_head(backbone, photos, len(classes), 4, context.seed, context.folder)
    model.layers[-1].set_weights(weights)
    head_accuracy = score(model, sources[part])
    if is_drawn:
        data = np.stack([photos.image(index) for index in range(len(photos))]), photos.labels
        trained, measured, losses = learn_shapes(model, sources, data, config, context)
        known = learn_from_scratch(sources, data, config, context)
        scratch = measured["from_scratch"] = known["test"]
        figures = {"images": draw_images(data, classes), "accuracy": draw_accuracies(measured)}
        if losses:
            figures |= {"loss": plots.learning_curves(losses, ylabel="training loss", title="All layers")}
    else:
        settings = FineTuning(epochs=config.epochs, batch_size=config.batch_size, learning_rate=rate)
        trained = phases.fine_tune(model, sources, len(classes), settings, context)
        small = build_small(side, len(classes))
        rate, epochs = config.scratch_learning_rate, config.scratch_epochs
        curves = {"from scratch": train_small(small, sources, rate, epochs, config.batch_size, context)}
        curves["head on frozen features"] = [trained.curves["validation_accuracy"][0]] * config.scratch_epochs
        title, scratch = "On the same few photos", score(small, sources[part])
        figures = {"from_scratch": plots.learning_curves(curves, ylabel="validation accuracy", title=title)}
    result = measure(model, folder, sources, trained, context.folder)
    kept = result.metrics[f"{part}_accuracy"]
    metrics = {
        f"{part}_accuracy_head": head_accuracy,
        f"{part}_accuracy_from_scratch": scratch,
        f"{part}_accuracy_gain": kept - scratch,
        f"{part}_accuracy_gain_of_head": head_accuracy - scratch,
        f"{part}_accuracy_gain_of_layers": kept - head_accuracy,
    }
    if is_drawn:
        metrics["test_accuracy_careless"] = measured["careless"]
        metrics["train_accuracy_from_scratch"] = known["train"]
    metrics, figures = {**result.metrics, **metrics}, {**figures, **result.figures}
    return dataclasses.replace(result, metrics=metrics, figures=figures)


# %% [markdown]
# ## What was measured
#
# ![Six training images of each shape](figures/images.png)
#
# Four classes; who guesses is right about a quarter.
#
# ![Test accuracies from random numbers, carelessly, of the head, and by small steps](figures/accuracy.png)
#
# The dashed line is a guess. The small network that starts from random numbers gets no further, at any of
# three rates, though it knows most of its training images by heart: a hundred images fit many rules, and it
# took one that holds for these alone. The head is far above, though ImageNet has no class for a shape: edges
# and corners are in the features anyway. Yet a head can only weigh what is there. All layers together bend
# the features towards outlines and away from colors. What that is worth depends on the task: where photos
# are near to ImageNet's, the head may leave nothing to gain. `--data PHOTOS/` measures it on yours.
#
# ![Training losses of both trainings of all layers](figures/loss.png)
#
# At ten times the rate the loss stays above that of guessing, ln 4 = 1.39, though training began at weights
# that were right about half: the first large steps have thrown away what these knew.

# %%
CLAIMS = (
    Claim(
        "test_accuracy_head",
        at_least=0.42,
        data="embedded",
        says="From twenty-five images a class, a head on frozen features names far more than a quarter,",
        lecture="Transfer Learning",
    ),
    Claim(
        "test_accuracy_gain_of_head",
        at_least=0.15,
        data="embedded",
        says="and more than a network that starts from random numbers, at the best of three rates,",
    ),
    Claim(
        "train_accuracy_from_scratch",
        at_least=0.7,
        data="embedded",
        says="though that knows most of its training images by heart.",
    ),
    Claim(
        "test_accuracy_gain_of_layers",
        at_least=0.12,
        data="embedded",
        says="All layers together, by small steps, name more than the head,",
    ),
    Claim("test_accuracy", at_least=0.7, data="embedded", says="seven of ten and more;"),
    Claim(
        "test_accuracy_careless",
        at_most=0.37,
        data="embedded",
        says="at ten times the rate they lose what they knew, and end near a guess.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** The head alone: `suite run transfer_learning --epochs 0`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# Three: `test_accuracy_gain_of_layers` is 0, `test_accuracy` is the head's, 0.60 (seed 2), and so is
# `test_accuracy_careless`, as nothing was trained that could have spoiled it. What the head is worth does not
# depend on what comes after it.
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
