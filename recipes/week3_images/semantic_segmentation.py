# %% [markdown]
# # Give every pixel a class
#
# An encoder says what is in an image and forgets where. Three decoders fill its small maps up again, with as
# many weights each; one of them is told where the poolings found their maxima.
#
# *Week 3, "Semantic Segmentation". Takes 90 s on 2 CPU cores.
# `suite run semantic_segmentation [--data tfds | --data FOLDER]`*
#
# ## Why go back up?
#
# A classifier answers once for a whole image. Who wants to know where the road ends, or which pixels are
# tumor, needs an answer for every pixel, and at the size of the image. But to know *what* a pixel shows a
# network has to look far around it, and does so by pooling: after four of them a map has a sixteenth of the
# rows and of the columns. So the second half of the network, the decoder, has to turn one number into four,
# again and again. It can repeat the number, learn what to do with it, or remember where it came from.
#
# ## The method
#
# One number of a small map is to fill a window of 2 x 2. The maximum 5 of the map before the pooling stood at
# the lower left, and on the small map its place now holds a 7:
#
#     before the pooling    nearest neighbors    transposed convolution    max unpooling
#          1  3                  7  7               7 * kernel,                0  0
#          5  2                  7  7               3 x 3 numbers              7  0
#
# - **Nearest neighbors**: all four get the value. Nothing is learned, nothing remembered.
# - **Transposed convolution**, "learnable unpooling": each value stamps the kernel, times itself, onto the
#   large map, two pixels from stamp to stamp. Where stamps overlap they add up.
# - **Max unpooling**: the value goes back to where the maximum was, the others get 0. What is remembered is
#   a *position*, no value: two bits for each window and channel.
#
# After nearest neighbors and max unpooling a convolution of 3 x 3 follows. A transposed convolution *is* one
# already: put each value into the lower right of its window, zeros elsewhere, and convolve with the kernel,
# turned by half a circle. So all three are the same convolution on a map that is filled in three ways, with
# as many weights, which makes the comparison fair.
#
# How much do the positions tell? An image of 64 x 64 ends as 4 x 4 x 32 = 512 numbers after four poolings.
# The first pooling alone has 32 x 32 windows on 8 channels: 8,192 positions.

# %%
import dataclasses
import itertools
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.sets import segmentation_sets
from suite.data.sets.segmentation_sets import IGNORED, SegmentationSet
from suite.evaluation import plots
from suite.evaluation.mask_figures import rows_of_masks
from suite.evaluation.metrics import Metric, choose
from suite.evaluation.segmentation import mean_iou
from suite.layers import MaxUnpooling2D
from suite.models.segmenter import UNPOOLINGS, build_segmenter, single
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task
from suite.training.loop import lower


def nearest(values: np.ndarray) -> np.ndarray:
    """Each value fills a window: (n, rows, columns, channels) -> (n, 2 rows, 2 columns, channels)."""
    return values.repeat(2, axis=1).repeat(2, axis=2)


def max_unpooling(values: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Each value goes to where its window of the features, twice as large, had the maximum.

    >>> max_unpooling(np.array([[[[7]]]]), np.array([[1, 3], [5, 2]])[None, ..., None])[0, ..., 0].tolist()
    [[0, 0], [7, 0]]
    """
    n, rows, columns, channels = values.shape
    windows = features.reshape(n, rows, 2, columns, 2, channels)
    positions = windows == windows.max(axis=(2, 4), keepdims=True)
    return (values[:, :, None, :, None] * positions).reshape(features.shape)


def transposed_convolution(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Each value stamps the kernel, (3, 3, channels out, channels in): maps twice as large."""
    n, rows, columns, _ = values.shape
    large = np.zeros((n, 2 * rows + 1, 2 * columns + 1, kernel.shape[2]))
    for i, j in np.ndindex(3, 3):
        large[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2] += values @ kernel[i, j].T
    return large[:, :-1, :-1]


def reference_gap(rng: np.random.Generator) -> float:
    """Largest difference of the three to the layers that the networks are made of."""
    values, features = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 6, 8, 5))
    stamp = keras.layers.Conv2DTranspose(6, 3, strides=2, padding="same", use_bias=False, dtype="float64")
    theirs = (
        keras.layers.UpSampling2D(dtype="float64")(values),
        MaxUnpooling2D(dtype="float64")([values, features]),
        stamp(values),
    )
    kernel = stamp.kernel.numpy()
    ours = nearest(values), max_unpooling(values, features), transposed_convolution(values, kernel)
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


# %% [markdown]
# ## Data
#
# Positions should matter where what is looked for is thin. So we draw tissue as an electron microscope shows
# it: gray cells, and between them dark membranes, about two pixels wide. The cells hold dark grains, so that
# darkness alone tells little. Two classes, and a quarter of the pixels are membrane: who calls everything
# *cell* is right for three of four pixels, and useless. Therefore the measure is the **mean IoU**. For each
# class, take the pixels that are of it in truth *and* by the network, over those that are so in truth *or* by
# the network, and average over the classes.
#
# Two trivial answers stand beside the networks: the class that is most common, everywhere; and *membrane*
# wherever a pixel is darker than the gray value that is best on the training images.
#
# ## Training
#
# The loss has two parts: cross-entropy by pixel, and one minus the IoU, with probabilities in place of a yes
# or no, so that it has a gradient. The second counts a class of few pixels as much as one of many.


# %%
def loss(masks: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Cross-entropy `(batch,)` in nats a pixel, plus 1 minus the mean over the classes of a soft IoU."""
    masks = tf.squeeze(tf.cast(masks, tf.int32), -1)
    known = tf.cast(masks != IGNORED, tf.float32)
    truth = tf.one_hot(masks, probabilities.shape[-1])  # zeros where ignored
    p = tf.clip_by_value(probabilities, 1e-7, 1) * known[..., None]
    shared = tf.reduce_sum(truth * p, axis=(0, 1, 2))
    united = tf.reduce_sum(truth + p, axis=(0, 1, 2)) - shared
    pixels = tf.maximum(tf.reduce_sum(known, axis=(1, 2)), 1)
    cross_entropy = -tf.reduce_sum(truth * tf.math.log(p + 1e-7), axis=(1, 2, 3)) / pixels
    return cross_entropy + 1 - tf.reduce_mean(shared / (united + 1e-7))


def training_batches(data: SegmentationSet, config: "Config", seed: int) -> tf.data.Dataset:
    """Shuffled batches without end, each picture mirrored at random along both axes, with its mask."""

    def mirror(image: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        both = tf.concat([image, mask[..., None]], axis=-1)
        both = tf.image.random_flip_up_down(tf.image.random_flip_left_right(both))
        return both[..., :3], both[..., 3:]

    images, masks = data.images["train"], data.masks["train"]
    examples = tf.data.Dataset.from_tensor_slices((images, masks)).shuffle(len(images), seed=seed).repeat()
    return examples.map(mirror, num_parallel_calls=tf.data.AUTOTUNE).batch(config.batch_size).prefetch(2)


def train(model: keras.Model, rate: float, data: SegmentationSet, config: "Config", context: Context) -> None:
    """Trains with a rate that falls to nothing, to the best of four looks at validation."""
    steps = config.steps or (450 if context.source.is_embedded else 1200)
    model.compile(Adam(keras.optimizers.schedules.CosineDecay(rate, steps)), {"probabilities": loss})
    held_out = (data.images["validation"], {"probabilities": data.masks["validation"][..., None]})
    rounds = max(1, min(4, steps // 10))
    context.fit(
        model,
        training_batches(data, config, context.seed).map(lambda x, y: (x, {"probabilities": y})),
        epochs=rounds,
        steps_per_epoch=steps // rounds,
        validation=tf.data.Dataset.from_tensor_slices(held_out).batch(50),
        better=lower("validation_loss"),
    )


def guess(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return model.predict(images, batch_size=50, verbose=0)["probabilities"].argmax(axis=-1)


def tuned(
    unpooling: str, poolings: int, data: SegmentationSet, config: "Config", context: Context
) -> tuple[keras.Model, float]:
    """The network whose rate is best by mean IoU on validation, and that."""
    tried, (images, masks) = [], (each["validation"] for each in (data.images, data.masks))
    for rate in config.rates:
        shape, name = images.shape[1:], f"{unpooling}_{poolings}_poolings"
        network = build_segmenter(shape, len(data.classes), [unpooling], config.filters[:poolings], 32, 1)
        model = single(network, unpooling, name)
        train(model, rate, data, config, context)
        tried.append((model, mean_iou(guess(model, images), masks, len(data.classes))))
    return max(tried, key=lambda pair: pair[1])


def constant_mask(data: SegmentationSet, num_classes: int) -> Baseline:
    """The mean IoU of naming every pixel after the class that training has most of."""
    known = data.masks["train"]
    most = int(np.bincount(known[known != IGNORED]).argmax())
    value = mean_iou(np.full_like(data.masks["test"], most), data.masks["test"], num_classes)
    return Baseline("test_mean_iou", value, f"{data.classes[most]!r} everywhere")


def dark_mask(data: SegmentationSet) -> float:
    """Mean IoU on test of naming the second class where it is darker than the best gray value of training."""

    def score(part: str, value: int) -> float:
        return mean_iou(np.uint8(data.images[part][:100, ..., 0] < value), data.masks[part][:100], 2)

    return score("test", max(range(60, 200, 10), key=lambda value: score("train", value)))


# %% The figures
def draw_ious(ious: dict[tuple[str, int], float], trivial: Baseline) -> Figure:
    figure, axes = plots.new_figure("The same decoders behind few and many poolings", width=7, height=3.6)
    depths = sorted({poolings for _, poolings in ious})
    for index, name in enumerate(UNPOOLINGS):
        heights = [ious[name, poolings] for poolings in depths]
        places = np.arange(len(depths)) + 0.27 * (index - 1)
        axes.bar_label(axes.bar(places, heights, 0.25, label=name.replace("_", " ")), fmt="%.2f", fontsize=8)
    axes.axhline(trivial.value, color=plots.MUTED, linestyle="--", linewidth=1, label=trivial.says)
    axes.set_xticks(range(len(depths)), [f"{poolings} poolings" for poolings in depths])
    axes.set(ylim=(0, 1.25), ylabel="test mean IoU")
    axes.legend(loc="upper right", ncols=2)
    return figure


# %% [markdown]
# ## Run it
#
# Each decoder is trained with an encoder of its own, on the same batches and for as many steps, once at each
# of two rates that fall to nothing along a cosine; the one with the higher mean IoU on validation counts. So
# it goes behind four poolings, and again behind two, where a cell of the small map stands for 4 x 4 pixels in
# place of 16 x 16. Of all these, the network that is best on validation is exported.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    side: Annotated[int, "pixels, of the images as the networks see them; a multiple of 16"] = 64
    filters: Annotated[tuple[int, ...], "of the stages, with a pooling after each"] = (8, 16, 16, 32)
    shallow: Annotated[int, "poolings of three more networks"] = 2
    steps: Annotated[int, "of each training; 0: 450 for drawn tissue, 1,200 for other pictures"] = 0
    batch_size: Annotated[int, "images a step"] = 8
    rates: Annotated[tuple[float, ...], "of Adam at first, each is tried"] = (4e-3, 1.2e-2)
    images: Annotated[int, "drawn for a part, at most"] = 800


SMOKE = Config(side=16, filters=(4, 4), shallow=2, steps=2, rates=(4e-3,), images=16)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    size = (config.side, config.side)
    if context.source.is_embedded:
        data = segmentation_sets.draw_tissue_set(context.seed, size, config.images)
    else:
        data = segmentation_sets.load(context.source, context.seed, size, config.images)
    num_classes, masks, deep = len(data.classes), data.masks, len(config.filters)
    models, scores = {}, {}  # by decoder and poolings, and by name
    for poolings, name in itertools.product(dict.fromkeys((deep, config.shallow)), UNPOOLINGS):
        model, score = tuned(name, poolings, data, config, context)
        models[name, poolings], scores[model.name] = model, score
    guesses = {key: guess(model, data.images["test"]) for key, model in models.items()}
    ious = {key: mean_iou(each, masks["test"], num_classes) for key, each in guesses.items()}
    chosen = choose(scores, "mean IoU")
    best = next(key for key, model in models.items() if model.name == chosen)
    trivial = constant_mask(data, num_classes)
    metrics = {
        "reference_gap": reference_gap(np.random.default_rng(context.seed)),
        "test_mean_iou": ious[best],
        "gain_over_trivial": ious[best] - trivial.value,
    }
    metrics |= {"gain_over_dark": ious[best] - dark_mask(data)} if context.source.is_embedded else {}
    metrics |= {f"test_mean_iou_{name}": ious[name, deep] for name in UNPOOLINGS}
    learned = ious["transposed_convolution", deep] - ious["nearest", deep]
    metrics["transposed_convolution_over_nearest"] = learned
    for name in UNPOOLINGS[:2]:
        metrics[f"unpooling_over_{name}"] = ious["max_unpooling", deep] - ious[name, deep]
        gain = ious["max_unpooling", config.shallow] - ious[name, config.shallow]
        metrics[f"unpooling_over_{name}_shallow"] = gain
    metric = Metric(
        "test_mean_iou",
        lambda outputs, targets: mean_iou(outputs["probabilities"].argmax(axis=-1), targets, num_classes),
        tolerance=0.02,
    )
    shown = {model.name.replace("_", " "): guesses[key] for key, model in models.items()}
    calibration = data.images["train"][:300]
    inputs, targets = data.images["test"], masks["test"]
    return Result(
        metrics=metrics,
        figures={"masks": rows_of_masks(inputs, targets, shown), "decoders": draw_ious(ious, trivial)},
        exports=[
            Export(models[best], inputs, calibration, targets, metric, data.classes, task=Task.SEGMENTER)
        ],
        data=data.describe() | {"exported": models[best].name},
        baselines=[trivial],
    )


# %% [markdown]
# ## What was measured
#
# ![Six images, their membranes, and what six networks make of them](figures/masks.png)
#
# Behind four poolings (rows three to five) only max unpooling still draws lines, and it draws them where they
# are. Nearest neighbors and transposed convolutions make clouds: nine cells of 32 numbers are all that they
# are given, and where a membrane runs is not in there. Behind two poolings all three draw the membranes.
#
# ![Test mean IoU of three decoders behind two and four poolings](figures/decoders.png)
#
# So remembered positions are worth much where the small map is too small to hold them, and the things are
# thin; behind two poolings they are worth little. A *transposed convolution* learns more than nearest
# neighbors do behind four poolings, with as many weights. But a kernel is the same everywhere: what it knows
# is what membranes look like, not where this one is.
#
# The best of all is not deep. For these images two poolings see far enough, and who pools less has less to
# put back. Large photos do not leave that choice: one has to look far around, and the usual remedy goes
# further than positions and hands the large maps themselves to the decoder ("skip connections", U-Net).

# %%
CLAIMS = (
    Claim(
        "test_mean_iou",
        at_least=0.75,
        data="embedded",
        says="A network gives every pixel its class, cell or membrane,",
        lecture="Semantic Segmentation",
    ),
    Claim(
        "gain_over_trivial",
        at_least=0.3,
        data="embedded",
        says="far better than the class that is most common everywhere.",
    ),
    Claim(
        "unpooling_over_nearest",
        at_least=0.1,
        data="embedded",
        says="Behind four poolings max unpooling is far better than nearest neighbors,",
        lecture="Max unpooling",
    ),
    Claim(
        "unpooling_over_transposed_convolution",
        at_least=0.05,
        data="embedded",
        says="and than transposed convolutions, with as many weights;",
    ),
    Claim(
        "transposed_convolution_over_nearest",
        at_least=0.02,
        data="embedded",
        says="these learn to fill up better than nearest neighbors do.",
        lecture="Learnable unpooling",
    ),
    Claim(
        "unpooling_over_nearest_shallow",
        at_most=0.05,
        data="embedded",
        says="Behind two poolings positions are worth little beside nearest neighbors,",
    ),
    Claim(
        "unpooling_over_transposed_convolution_shallow",
        at_most=0.05,
        data="embedded",
        says="and beside transposed convolutions.",
    ),
    Claim("reference_gap", at_most=1e-12, says="Our three fill maps up as the layers of the networks do."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run semantic_segmentation --filters 8,16,16 --shallow 3`: three poolings alone, so a cell of
# the small map stands for 8 x 8 pixels. What is left of the lead?
#
# <details><summary>Answer</summary>
#
# ANSWER1
#
# </details>
#
# **2.** On paper: a small map of ones everywhere, a kernel of nine ones. What does the transposed convolution
# give, away from the border?
#
# <details><summary>Answer</summary>
#
# Stamps of 3 x 3, two pixels apart: every other row gets two of them, the rows between get one, and with the
# columns it is the same. So the map has 4, 2, 2 and 1 in each window of 2 x 2, though nothing in the small
# map differs. Such *checkerboards* are seen in generated images; training has to learn them away.
#
# </details>
#
# **3.** On paper: a window of 2 x 2 whose four features are 0, as ReLU leaves many. Where does max unpooling
# put the value?
#
# <details><summary>Answer</summary>
#
# Into all four, as each of them is the maximum. There our layer does what nearest neighbors do: it compares
# the features with their maximum and remembers no index. That takes built-in operators alone, so that the
# model runs on a phone as it is.
#
# </details>
#
# ## Photos of your own
#
# `--data FOLDER` takes pictures with masks in many forms, at 48 x 48 pixels and from nothing. That shows the
# method and is a toy. For a model to use, annotate some dozens of photos (each mask has the name of its
# picture), and let an encoder that has seen a million photos do the looking:
#
#     suite check FOLDER        what a careful colleague would see in the annotations; no training
#     suite finetune FOLDER     pretrained encoder, larger maps handed to the decoder, files for a phone
#
# ## To take away
#
# - An answer for each pixel needs to look far, and then to find the way back.
# - A transposed convolution is a convolution of a map with zeros between its values: learned, and the same
#   everywhere.
# - Max unpooling remembers where each maximum was. That matters where things are thinner than a cell of the
#   small map.
# - Before you remember positions, ask whether you have to pool so often.
#
# *Before: [transfer_learning](transfer_learning.md). Next: [object_localization](object_localization.md),
# one thing and its box.*
