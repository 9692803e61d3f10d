# %% [markdown]
# # Read what a famous network costs off its layers
#
# AlexNet, VGG, Inception and ResNet are a page of layers each, and a page can be counted. Built from the
# papers, ours have the published numbers of weights and answer as Keras' own do.
#
# *Week 3, "Overview of modern CNN architectures", "AlexNet", "VGG", "Inception V3", "1x1 Convolutions",
# "Basic Inception Block", "ResNet". Takes 43 s on one CPU core, and 3.5 GB. `suite run architectures`*
#
# ## Why count
#
# A network that is too large for a phone, or too slow for a film, need not be trained to find that out. Two
# numbers say most of it, and both can be read off the layers:
#
# * **weights**: what has to be stored and sent; four bytes each, or one in int8;
# * **multiply-adds**: what has to be computed for one image, each weight as often as it is used.
#
# They are not the same number in two units. A weight of a kernel is used at every place of a map, one of a
# dense layer once.
#
# ## The method
#
# A kernel of k x k over C maps gives one number for k k C multiply-adds, so a layer with F filters that gives
# maps of h x w has
#
#     k k C F  weights       and       h w k k C F  multiply-adds
#
# By hand, 3 x 3 from 64 to 128 maps at 56 x 56: 9 * 64 * 128 = 73,728 weights, used at 3,136 places: 231
# million multiply-adds. That is more than all three dense layers of VGG-16 take together (124 million), which
# have 1,677 times as many weights.
#
# **VGG** (2015) has nothing but 3 x 3. Three of them see what one of 7 x 7 sees, and cost 27 C C instead of
# 49 C C, with two more activations in between.
#
# **Inception** asks several questions side by side, 1 x 1, 5 x 5, two times 3 x 3 and a pooling, and puts the
# answers beside each other. Of 192 maps that is dear. A **1 x 1 convolution** before the large kernels mixes
# the 192 to 48 or 64 first: a dense layer at every pixel.
#
# **ResNet**, from 50 layers on, uses the same trick around each of its 3 x 3: down to a few maps, 3 x 3, up.
# What its shortcuts do is the subject of [residual_connections](residual_connections.md).
#
# The maps become smaller toward the end of all of them, and more. Halve the sides and double the filters: a
# layer of 3 x 3 then costs what it did before, and has four times the weights.

# %%
import dataclasses
import functools
import gc
import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.evaluation import plots
from suite.evaluation.table import Table
from suite.models import alexnet, inception, resnet, vgg
from suite.models.layer_summary import multiplications
from suite.runs.recipe import Claim, Context, Result


def vgg16(shape: tuple[int, int, int], classes: int = 1000) -> keras.Model:
    """All of it."""
    x = image = keras.Input(shape)
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(4096, "relu")(x)
    return keras.Model(image, layers.Dense(classes)(x))


def inception_block(x: keras.KerasTensor, reduce: bool) -> keras.KerasTensor:
    """The first of Inception V3, without its normalizations, with 1 x 1 convolutions before, or not."""

    def conv(x: keras.KerasTensor, filters: int, size: int) -> keras.KerasTensor:
        return layers.Conv2D(filters, size, padding="same", activation="relu", use_bias=False)(x)

    five, three = (conv(x, 48, 1), conv(x, 64, 1)) if reduce else (x, x)
    pooled = layers.AveragePooling2D(3, 1, "same")(x)
    branches = [conv(x, 64, 1), conv(five, 64, 5), conv(conv(three, 96, 3), 96, 3), conv(pooled, 32, 1)]
    return layers.Concatenate()(branches)


def bottleneck(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """ResNet-50's block, without its normalizations: down, 3 x 3, up, and the input added."""
    y = layers.Conv2D(filters, 1, activation="relu", use_bias=False)(x)
    y = layers.Conv2D(filters, 3, padding="same", activation="relu", use_bias=False)(y)
    y = layers.Conv2D(4 * filters, 1, use_bias=False)(y)
    return layers.ReLU()(layers.Add()([x, y]))


def cost(model: keras.Model) -> tuple[int, int]:
    """Trained weights, and multiply-adds with kernels for one image.

    >>> image = keras.Input((56, 56, 64))
    >>> cost(keras.Model(image, layers.Conv2D(128, 3, padding="same", use_bias=False)(image)))
    (73728, 231211008)
    """
    products = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            places = math.prod(layer.output.shape[1:-1])  # 1 of a dense layer
            products += places * math.prod(layer.kernel.shape)
    return sum(math.prod(weight.shape) for weight in model.trainable_weights), products


# %% [markdown]
# ## Blocks
#
# The three tricks, each against what one would do without it: one 7 x 7 instead of three 3 x 3; an Inception
# block without its 1 x 1 convolutions; two 3 x 3 at full width instead of a bottleneck. Where maps keep their
# size, weights and multiply-adds shrink alike; we take the larger ratio of the two.


# %%
def stack(x: keras.KerasTensor, size: int, depth: int) -> keras.KerasTensor:
    for _ in range(depth):
        x = layers.Conv2D(x.shape[-1], size, padding="same", use_bias=False)(x)
    return x


def block_ratios() -> dict[str, float]:
    """Weights and multiply-adds of a block over those without its trick: the larger of the two ratios."""

    def costs(features: keras.KerasTensor, block: keras.KerasTensor) -> np.ndarray:
        return np.array(cost(keras.Model(features, block)))

    small, large, wide = (keras.Input(shape) for shape in ((28, 28, 64), (35, 35, 192), (14, 14, 256)))
    pairs = {
        "vgg": (small, stack(small, 3, depth=3), stack(small, 7, depth=1)),
        "inception": (large, inception_block(large, reduce=True), inception_block(large, reduce=False)),
        "resnet": (wide, bottleneck(wide, 64), stack(wide, 3, depth=2)),
    }
    return {
        f"{name}_block_ratio": float(max(costs(features, block) / costs(features, without)))
        for name, (features, block, without) in pairs.items()
    }


# %% [markdown]
# ## Whole networks
#
# `suite.models` has the eight, each from its paper, block by block. Beside each stands the published number:
# Keras', or where Keras has none, torchvision's (ResNet-18, 34, 50 without biases) and Caffe's (AlexNet).
# (Keras counts the moving averages of the normalizations as weights, the others do not;
# ResNet-50 comes with biases that the normalization takes out again, and without.)
#
# A count can be right and the network wrong, an activation forgotten or two layers swapped. So Keras' own
# networks get *the same random weights*, layer by layer in their order, and have to give the same logits.


# %%
class Published(NamedTuple):
    """How to build a network, and what is known of it."""

    build: Callable[..., keras.Model]
    parameters: int
    keras_build: Callable[..., keras.Model] | None = None
    billions: float | None = None  # multiply-adds an image


NETWORKS = {
    "AlexNet": Published(alexnet.AlexNet, 60_965_224),
    "VGG16": Published(vgg.VGG16, 138_357_544, keras.applications.VGG16),
    "VGG19": Published(vgg.VGG19, 143_667_240, keras.applications.VGG19, 19.6),
    "InceptionV3": Published(inception.InceptionV3, 23_851_784, keras.applications.InceptionV3),
    "ResNet18": Published(resnet.ResNet18, 11_689_512, billions=1.8),
    "ResNet34": Published(resnet.ResNet34, 21_797_672, billions=3.6),
    "ResNet50": Published(
        functools.partial(resnet.ResNet50, use_bias=True), 25_636_712, keras.applications.ResNet50, 3.8
    ),
    "ResNet50_without_biases": Published(resnet.ResNet50, 25_557_032),
}


def logits_gap(ours: keras.Model, theirs: keras.Model, rng: np.random.Generator) -> float:
    """With the same random weights, of the largest logit."""
    for weight in filter(lambda weight: len(weight.shape) == 1, ours.weights):
        weight.assign(rng.uniform(0.3, 2, weight.shape))  # 0 and 1 would hide a swap or a wrong epsilon
    theirs.set_weights(ours.get_weights())
    images = rng.normal(size=(1, *ours.input_shape[1:]))
    logits, expected = (np.array(model(images, training=False)) for model in (ours, theirs))
    return float(np.abs(logits - expected).max() / np.abs(expected).max())


def look_at(published: Published, side: int, rng: np.random.Generator) -> dict[str, float]:
    keras.backend.clear_session()
    gc.collect()  # the network before: half a gigabyte
    shape = (side, side, 3) if side else None
    model = published.build(classifier_activation=None, input_shape=shape)
    trained, products = cost(model)
    found = {
        "parameters": trained,
        "multiply_adds": products / 1e9,
        "reference_gap": abs(multiplications(model) - products),
    }
    if published.keras_build:
        found["parameters"] = model.count_params()
        theirs = published.keras_build(weights=None, classifier_activation=None, input_shape=shape)
        found["keras_gap"] = logits_gap(model, theirs, rng)
    if published.billions:
        found["multiply_adds_off"] = abs(products / 1e9 - published.billions)
    dense = sum(math.prod(layer.kernel.shape) for layer in model.layers if isinstance(layer, layers.Dense))
    found |= {"dense_weights": dense / trained, "dense_work": dense / products}
    flattens = any(isinstance(layer, layers.Flatten) for layer in model.layers)
    found["flattened_dense_weights" if flattens else "averaged_dense_weights"] = dense / trained
    return found | {"parameters_off": abs(found["parameters"] - published.parameters)}


# %% The figures
def draw_costs(found: dict[str, dict[str, float]]) -> Figure:
    figure, axes = plots.new_figure("What they cost", width=7, height=4)
    for name, facts in found.items():
        if "without" not in name:  # at the same place
            place = facts["multiply_adds"], facts["parameters"] / 1e6
            axes.plot(*place, "o", markersize=9)
            shift, side = (-8, "right") if name in ("VGG16", "ResNet34", "ResNet50") else (8, "left")
            axes.annotate(name, place, (shift, -4), textcoords="offset points", ha=side)
    axes.set(xlabel="multiply-adds (billions)", ylabel="weights (millions)", xscale="log", yscale="log")
    axes.margins(0.2)
    return figure


def table(found: dict[str, dict[str, float]]) -> Table:
    rows = []
    for name, facts in found.items():
        numbers = (
            f"{facts['parameters']:,}",
            f"{NETWORKS[name].parameters:,}",
            f"{facts['multiply_adds']:.2f}",
        )
        gap = f"{facts['keras_gap']:.0e}" if "keras_gap" in facts else ""
        rows.append((name.replace("_", " "), *numbers, f"{facts['dense_weights']:.0%}", gap))
    columns = (
        "network",
        "weights",
        "published",
        "multiply-adds (billions)",
        "weights in dense layers",
        "gap to Keras",
    )
    return Table("Published networks", columns, rows)


# %% [markdown]
# ## Run it
#
# Nothing is trained here and no pretrained weights are loaded: theirs come over the network, and the tests of
# the suite need none. Nothing is exported either; a photo goes to [transfer_learning](transfer_learning.md).


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    networks: Annotated[tuple[str, ...], "which are built and held against Keras' own"] = tuple(NETWORKS)
    side: Annotated[int, "of the images in pixels; 0: as published"] = 0


SMOKE = Config(networks=("VGG16", "ResNet18"), side=32)

LARGEST = "parameters_off", "multiply_adds_off", "keras_gap", "averaged_dense_weights", "dense_work"
WORST = dict.fromkeys((*LARGEST, "reference_gap"), max) | {"flattened_dense_weights": min}


def run(config: Config, context: Context) -> Result:
    if not set(config.networks) <= set(NETWORKS):
        raise ValueError(f"expected networks among {', '.join(NETWORKS)}, received {config.networks}")
    rng = np.random.default_rng(context.seed)
    names = console.track(config.networks, "published networks")
    found = {name: look_at(NETWORKS[name], config.side, rng) for name in names}
    metrics = {  # of no network: NaN, which is in no bound
        key: worst((each[key] for each in found.values() if key in each), default=np.nan)
        for key, worst in WORST.items()
    }
    ours = vgg16((32, 32, 3), classes=10)
    theirs = keras.applications.VGG16(
        weights=None, input_shape=(32, 32, 3), classes=10, classifier_activation=None
    )
    metrics |= block_ratios() | {"vgg16_in_view_gap": logits_gap(ours, theirs, rng)}
    return Result(
        metrics=metrics,
        figures={"costs": draw_costs(found)},
        data={"source": "none: layers are counted, and answers compared on noise", "train": 0},
        tables=[table(found)],
    )


# %% [markdown]
# ## What was measured
#
# ![Weights over multiply-adds of seven networks, on logarithmic axes](figures/costs.png)
#
# AlexNet has more than twice the weights of ResNet-50, and a fifth of its multiply-adds. VGG-16 and 19 are
# dear in both. The table shows why: some nine in ten of the weights of AlexNet and VGG stand in three dense
# layers, where each is used once. Inception and ResNet average their last maps over all places instead, have
# one dense layer, and take images of any size.

# %%
CLAIMS = (
    Claim(
        "parameters_off",
        at_most=0,
        says="All eight networks have exactly the published numbers of weights,",
        lecture="Overview of modern CNN architectures",
    ),
    Claim(
        "multiply_adds_off",
        at_most=0.1,
        says="and VGG-19 and the ResNets the multiply-adds that He et al. count, to 0.1 billion.",
    ),
    Claim(
        "keras_gap",
        at_most=1e-4,
        says="With the same random weights, VGG, Inception V3 and ResNet-50 give the logits of Keras' own,",
    ),
    Claim("vgg16_in_view_gap", at_most=1e-4, says="and so does the VGG-16 that is written out above."),
    Claim(
        "vgg_block_ratio",
        at_most=0.56,
        says="Three kernels of 3 x 3 take little more than half the weights and work of one of 7 x 7.",
    ),
    Claim(
        "inception_block_ratio",
        at_most=0.45,
        says="With its 1 x 1 convolutions an Inception block takes less than half of both;",
        lecture="1x1 Convolutions",
    ),
    Claim("resnet_block_ratio", at_most=0.06, says="a bottleneck takes a sixteenth of two full 3 x 3."),
    Claim(
        "flattened_dense_weights",
        at_least=0.85,
        says="Of AlexNet and VGG the dense layers hold at least 85 % of the weights;",
    ),
    Claim("averaged_dense_weights", at_most=0.1, says="of those that average their maps, at most a tenth;"),
    Claim("dense_work", at_most=0.1, says="and of no network do they take a tenth of the multiply-adds."),
    Claim("reference_gap", at_most=0, says="suite.models.layer_summary counts the same multiply-adds."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Give VGG-16 smaller images: `suite run architectures --networks VGG16,ResNet50 --side 64`. Which
# claims fall, and why does ResNet-50 keep its weights?
#
# <details><summary>Answer</summary>
#
# `parameters_off`, by 94,371,840, and `flattened_dense_weights`: VGG-16's last maps are 2 x 2 now instead of
# 7 x 7, and its first dense layer has a weight for each of their pixels. ResNet-50 averages them, and has the
# weights that it had. (`multiply_adds_off` falls as well, by ResNet-50: each kernel has fewer places. Of
# VGG-16 no count is given here.) The logits are still Keras', as that is built for the same images.
#
# </details>
#
# **2.** How many multiply-adds does a 1 x 1 convolution from 192 to 48 maps take at 35 x 35, and how many
# does it save a 5 x 5 to 64 maps behind it?
#
# <details><summary>Answer</summary>
#
# 35 * 35 * 192 * 48 = 11.3 million. The 5 x 5 sees 48 maps instead of 192, which takes
# 35 * 35 * 25 * 144 * 64 = 282 million fewer.
#
# </details>
#
# **3.** In `bottleneck`, take the second ReLU away. Which claim notices?
#
# <details><summary>Answer</summary>
#
# None: a count does not see activations, and the whole networks are built by `suite.models`. There
# `keras_gap` would. That is why counts alone do not make a claim about a network being right.
#
# </details>
#
# ## To take away
#
# - Weights are what is stored, multiply-adds what is computed; kernels use each weight at every place.
# - Small kernels one after the other, and 1 x 1 before what is dear.
# - A dense layer on flattened maps is where weights go. An average over all places needs none.
#
# *Before: [dropout](dropout.md). Next: [residual_connections](residual_connections.md), why fifty layers
# train.*
