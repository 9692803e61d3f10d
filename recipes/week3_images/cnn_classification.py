# %% [markdown]
# # Put the pieces together and train a classifier
#
# Shortcuts and an average take the place of the course's large dense layer, which on photos is better with a
# quarter of the weights. Images that change from step to step and a rate that falls do the rest.
#
# *Week 3, "Introduction to CNN", "Modern CNNs". Takes 60 s on 2 CPU cores; mnist 4 min
# and cifar10 17 min on two. `suite run cnn_classification [--data tfds | --data tfds:cifar10]`*
#
# ## Why put it together
#
# The lessons before took one piece at a time: kernels, pooling, normalization, dropout, shortcuts. A
# classifier needs all of them, and a training to go with it. This lesson is that whole, in a size for phones
# and for the minutes of a processor. `--data tfds:NAME` gives it any set of small labeled images.
#
# ## The method
#
# The course's network has four layers of kernels and then a dense one of 256 units on all 4,096 numbers of
# the last maps: 1,048,832 of its 1,084,234 weights stand there. It learns for each place anew what the maps
# mean. Ours takes the *average* of each map instead, as what is seen matters and not where, and spends
# weights on depth: four layers of kernels with normalization, and four more with a shortcut around each two.
#
#     3 x 3, 3 to 24 maps       3*3*3*24 + 4*24    =     744
#     24 to 24                                         5,280       and pooling
#     24 to 48                                        10,560       and pooling
#     48 to 48, twice                                 41,856       added to what came in
#     48 to 96                                        41,856       and pooling
#     96 to 96, twice                                166,656       added to what came in
#     average, 96 to 10         96*10 + 10         =     970       in all 267,922
#
# (The 4 of a map are the normalization's: gamma, beta, and two moving averages, which are not trained.)
#
# The rate falls along half a **cosine**: in step t of T it is `rate * (1 + cos(pi t / T)) / 2`, all of it at
# first, half in the middle, nothing at the end. Large steps find a good region, small ones its bottom, and
# nobody has to say when.
#
# **Augmentation**: a sign that is turned a little, zoomed and shifted is the same sign, a photo in the mirror
# the same photo. So each batch shows images that were never there. Which changes are harmless is for us to
# say: a 6 in the mirror is no 6.

# %%
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.models.blocks import convolution
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about, classifier_export


def build_model(shape: tuple[int, ...], classes: int, filters: Sequence[int]) -> keras.Model:
    """Raw pixels in, probabilities out.

    >>> build_model((32, 32, 3), 10, (24, 48, 96)).count_params()
    267922
    """
    image = keras.Input(shape, dtype="uint8", name="image")
    x = convolution(layers.Rescaling(1 / 127.5, -1)(image), filters[0])  # and normalization, ReLU
    for index, width in enumerate(filters):
        x = layers.MaxPooling2D()(convolution(x, width))
        if index:  # the first map is the largest: a block there costs most
            x = layers.Add()([x, convolution(convolution(x, width), width)])
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(classes, "softmax", name="probabilities")(x)
    return keras.Model(image, x, name="small")


def build_course_model(shape: tuple[int, ...], classes: int) -> keras.Model:
    image = keras.Input(shape, dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, -1)(image)
    for pair in ((16, 32), (32, 64)):
        for filters in pair:
            x = layers.LeakyReLU(0.1)(layers.Conv2D(filters, 3, padding="same")(x))
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    x = layers.LeakyReLU(0.1)(layers.Dense(256)(layers.Flatten()(x)))
    x = layers.Dense(classes, "softmax", name="probabilities")(layers.Dropout(0.5)(x))
    return keras.Model(image, x, name="course")


# %% [markdown]
# ## Images that were never there
#
# Photos move by whole pixels only: interpolation would blur what little they show.


# %%
SIGNS = ("digits", "mnist", "emnist", "kmnist", "svhn_cropped")  # mirrored, they would be others


def training_batches(
    data: image_sets.ImageSet, batch_size: int, seed: int, augmented: bool
) -> tf.data.Dataset:
    """Shuffled, without end: signs a little turned, zoomed and shifted; photos mirrored and shifted."""

    def distort(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moved = image_sets.random_affine(tf.cast(images, tf.float32), turn=0.15, zoom=0.1, shift=0.1)
        return tf.cast(tf.round(moved), tf.uint8), labels

    def mirror_and_shift(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        margin = image.shape[0] // 10
        padded = tf.pad(image, [[margin, margin], [margin, margin], [0, 0]], "REFLECT")
        return tf.image.random_flip_left_right(tf.image.random_crop(padded, image.shape)), label

    images, labels = data.images["train"], data.labels["train"]
    examples = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels), seed=seed).repeat()
    if augmented and data.source not in SIGNS:
        examples = examples.map(mirror_and_shift, num_parallel_calls=tf.data.AUTOTUNE)
    batches = examples.batch(batch_size, drop_remainder=True)
    if augmented and data.source in SIGNS:
        batches = batches.map(distort, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(2)


# %% [markdown]
# ## Train both
#
# Both see the same batches for as many steps. Each has the rate that suits it: with normalization a network
# bears three times as much. Of digits there are few, 1,258, so there ours is trained once more on the images
# as they are: what are the changed ones worth?


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    filters: Annotated[tuple[int, ...], "of the small network, before each pooling"] = (24, 48, 96)
    steps: Annotated[int, "of each training; 0: 500 for digits, 1,000 for other signs, 4,500 for photos"] = 0
    batch_size: Annotated[int, "images a step"] = 128
    learning_rate: Annotated[float, "of the small network at first; it falls along a cosine"] = 3e-3
    course_learning_rate: Annotated[float, "of the course's, which has no normalization"] = 1e-3


SMOKE = Config(filters=(4, 8, 8), steps=20, batch_size=16)
DATA = ("embedded", "tfds")
ROUNDS = 20  # of a training at most, each with a look at validation


def train(
    model: keras.Model, data: image_sets.ImageSet, config: Config, context: Context, augmented: bool = True
) -> list[float]:
    """Trains a model; gives its validation accuracy round by round."""

    def measure() -> dict[str, float]:
        probabilities = model.predict(data.images["validation"], batch_size=500, verbose=0)
        return {"validation_accuracy": accuracy(probabilities, data.labels["validation"])}

    steps = config.steps or {"digits": 500}.get(data.source, 1000 if data.source in SIGNS else 4500)
    rate = config.course_learning_rate if model.name == "course" else config.learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    batches = training_batches(data, config.batch_size, context.seed, augmented)
    rounds = max(1, min(ROUNDS, steps // 10))
    curves = context.fit(model, batches, epochs=rounds, steps_per_epoch=steps // rounds, measure=measure)
    return curves["validation_accuracy"]


# %% The figures
def draw_hardest(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> Figure:
    of_the_truth = probabilities[np.arange(len(labels)), labels]
    rows, guesses = np.argsort(of_the_truth)[:8], probabilities.argmax(axis=1)
    captions = [
        f"{classes[labels[row]]} ({of_the_truth[row]:.2f}), named {classes[guesses[row]]}" for row in rows
    ]
    pictures = images[rows] if images.shape[-1] == 3 else images[rows, ..., 0]
    return plots.image_grid(pictures, captions, columns=4, title="Least probable truths")


# %% [markdown]
# ## Run it
#
# The rates were chosen on validation data, once. Nothing is chosen from the curves: the last weights are
# measured, which the falling rate has brought to rest.


# %%
COURSE_PARAMETERS = 1_084_234  # on 32 x 32 x 3 pixels


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed)
    shape, classes = data.images["train"].shape[1:], len(data.classes)
    images, labels = data.images["test"], data.labels["test"]
    course, model = build_course_model(shape, classes), build_model(shape, classes, config.filters)
    start = model.get_weights()
    curves = {
        name: train(each, data, config, context) for name, each in (("course", course), ("small", model))
    }
    probabilities = model.predict(images, batch_size=500, verbose=0)
    course_accuracy = accuracy(course.predict(images, batch_size=500, verbose=0), labels)
    metrics = {
        "course_parameters_gap": abs(build_course_model((32, 32, 3), 10).count_params() - COURSE_PARAMETERS),
        "parameters": model.count_params(),
        "parameters_over_course": model.count_params() / course.count_params(),
        "validation_accuracy": curves["small"][-1],
        "test_accuracy": accuracy(probabilities, labels),
        "test_accuracy_course": course_accuracy,
        "test_accuracy_gain": accuracy(probabilities, labels) - course_accuracy,
    }
    if context.source.is_embedded:
        unchanged = build_model(shape, classes, config.filters)
        unchanged.set_weights(start)
        curves["small, images as they are"] = train(unchanged, data, config, context, augmented=False)
        without = cross_entropy(unchanged.predict(images, batch_size=500, verbose=0), labels)
        metrics["loss_without_augmentation"] = without / cross_entropy(probabilities, labels)
    return Result(
        metrics=metrics,
        figures={
            "accuracy": plots.learning_curves(curves, ylabel="validation accuracy", title="By rounds"),
            "confusion": confusion_matrix(confusion(probabilities, labels, classes), data.classes),
            "hardest": draw_hardest(images, labels, probabilities, data.classes),
        },
        exports=[classifier_export(model, data)],
        data=data.describe(),
        tables=classification_tables(probabilities, labels, data.classes),
    )


# %% [markdown]
# ## What was measured
#
# ![Validation accuracy of three trainings over twenty rounds](figures/accuracy.png)
#
# Digits are easy: all three end near one, and 270 test images cannot tell them apart. (So the comparison with
# the course's network is claimed on photos alone.) Yet trained on the images as they are, ours has several
# times the test *loss*. It learns faster, as it soon knows every image by heart; and where it is wrong it is
# sure, as it was never shown that a digit may stand a little aslant.
#
# ![True classes in rows, answers in columns](figures/confusion.png)
#
# Rows are what the digits are, columns what they were read as.
#
# ![Eight images to whose class the network gives the least probability](figures/hardest.png)
#
# The images to whose class the network gives the least probability, wrong or nearly so: the first place to
# look. Often one finds a wrong label there, or a kind of image that the training part lacks.

# %%
CLAIMS = (
    Claim(
        "course_parameters_gap",
        at_most=0,
        says="The course's network has the 1,084,234 weights that its notes count.",
    ),
    *about(
        ("embedded", "tfds", "tfds:cifar10"),
        Claim("parameters", at_most=300000, says="Ours has at most 300,000, on whatever images."),
    ),
    Claim("test_accuracy", at_least=0.985, data="embedded", says="It reads digits,"),
    Claim("test_accuracy", at_least=0.993, data="tfds", says="It reads MNIST."),
    Claim("test_accuracy", at_least=0.82, data="tfds:cifar10", says="It names photos of 32 x 32 pixels,"),
    Claim(
        "loss_without_augmentation",
        at_least=1.2,
        data="embedded",
        says="and trained on the same images unchanged its test loss is higher.",
    ),
    Claim(
        "test_accuracy_gain",
        at_least=0.02,
        data="tfds:cifar10",
        says="and after as many steps does so more often than the course's network,",
    ),
    Claim("parameters_over_course", at_most=0.35, data="tfds:cifar10", says="with a third of its weights."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** A fifth of the steps: `suite run cnn_classification --steps 100`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# None. After a fifth of the steps ours reads 0.996 of the digits (seed 0) already, the course's network
# 0.874: what normalization and shortcuts buy is, first of all, speed. What more steps are good for shows in
# the loss. On images as they are it was 1.6 times as high after these, and is 4.8 times as high after all.
#
# </details>
#
# **2.** How many multiply-adds does the small network take for one photo of 32 x 32 pixels, and which layer
# takes most?
#
# <details><summary>Answer</summary>
#
# The second: from 24 to 24 maps at 32 x 32 places, 9 * 24 * 24 * 1,024 = 5.3 million, of 16.6 in all. In
# order they take 0.7, 5.3, 2.7, 1.3, 1.3, 2.7, 1.3 and 1.3 million. A pooling leaves a quarter of the places,
# and twice the maps have four times the weights: so layers far apart cost the same, and most of the *weights*
# are at the end.
#
# </details>
#
# ## To take away
#
# - An average over places needs no weights, and takes any size of image.
# - Changes that leave the class alone are free images. Which ones do is knowledge, and yours.
# - A rate that falls to nothing ends the training by itself.
#
# *Before: [one_budget](one_budget.md). Next: [learned_filters](learned_filters.md), what came of it.*
