"""Name every pixel: max unpooling, transposed convolution and nearest neighbors on one encoder.

Week 3, "Semantic Segmentation".
Claim: on drawn scenes, the decoder that is best on validation, which is exported, and the one with learned
       transposed convolutions both reach a mean IoU of at least 0.9 on test; along the contours the latter
       and the one with max unpooling, which puts values back where the poolings found them, have a boundary
       IoU at least 0.1 above that of the coarse scores filled up with nearest neighbors. A decoder of nearest
       neighbors with the same convolutions in between learns to draw contours as well (at least 0.1 above):
       what loses them are coarse scores, not neighbors. A linear classifier of 7 x 7 pixels, trained for one
       epoch, fails: mean IoU at most 0.4.
Cost:  6 min on 2 CPU cores.
Run:   suite run semantic_segmentation [--data tfds | --data FOLDER]

For photos of your own: suite finetune FOLDER, which starts from a pretrained encoder.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from suite.data.sets import segmentation_sets
from suite.data.sets.segmentation_sets import IGNORED, SegmentationSet
from suite.evaluation import plots
from suite.evaluation.metrics import Metric, choose
from suite.evaluation.segmentation import boundary_iou, class_iou, mean_iou
from suite.evaluation.table import Table
from suite.models.segmenter import UNPOOLINGS, build_segmenter, single
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task, at_least
from suite.training.loop import epochs_for, lower


@dataclasses.dataclass(frozen=True)
class Config:
    side: int = 64  # pixels, of the images as the networks see them
    epochs: int = 9
    least_steps: int = 1000  # of all epochs: small data is passed over more often
    batch_size: int = 8
    learning_rate: float = 4e-3  # at first; falls to 0 along a cosine
    images: int = 3000  # for training, and of scenes for a part, at most


SMOKE = Config(side=16, epochs=1, least_steps=0, images=16)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    *at_least(0.9, "test_mean_iou", "test_mean_iou_transposed_convolution", data="embedded"),
    *at_least(
        0.1,
        "boundary_gain_max_unpooling",
        "boundary_gain_transposed_convolution",
        "boundary_gain_nearest",
        data="embedded",
    ),
    Claim("test_mean_iou_linear", at_most=0.4, data="embedded"),
)


def build_linear(input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Scores of a pixel linear in the pixels around it."""
    image = keras.Input(input_shape, dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    scores = keras.layers.Conv2D(num_classes, 7, padding="same")(x)
    return keras.Model(image, {"linear": keras.layers.Softmax(name="linear")(scores)})


def loss(masks: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Cross-entropy `(batch,)` in nats a pixel, plus 1 minus the mean over the classes of a soft IoU.

    The second part counts a class of few pixels as much as the background (Rahman, Wang, 2016). It is that of
    the batch, the same for each image: most images lack some of the classes.
    """
    masks = tf.squeeze(tf.cast(masks, tf.int32), -1)
    known = tf.cast(masks != IGNORED, tf.float32)
    truth = tf.one_hot(masks, probabilities.shape[-1])  # zeros where ignored
    p = tf.clip_by_value(probabilities, 1e-7, 1) * known[..., None]
    shared = tf.reduce_sum(truth * p, axis=(0, 1, 2))
    united = tf.reduce_sum(truth + p, axis=(0, 1, 2)) - shared
    pixels = tf.maximum(tf.reduce_sum(known, axis=(1, 2)), 1)
    cross_entropy = -tf.reduce_sum(truth * tf.math.log(p + 1e-7), axis=(1, 2, 3)) / pixels
    return cross_entropy + 1 - tf.reduce_mean(shared / (united + 1e-7))


def training_batches(data: SegmentationSet, config: Config, seed: int) -> tf.data.Dataset:
    """Shuffled batches, each picture mirrored at random along both axes, together with its mask."""

    def mirror(image: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        both = tf.concat([image, mask[..., None]], axis=-1)
        both = tf.image.random_flip_up_down(tf.image.random_flip_left_right(both))
        return both[..., :3], both[..., 3:]

    images, masks = (arrays["train"][: config.images] for arrays in (data.images, data.masks))
    examples = tf.data.Dataset.from_tensor_slices((images, masks)).shuffle(len(images), seed=seed)
    mirrored = examples.map(mirror, num_parallel_calls=tf.data.AUTOTUNE)
    return mirrored.batch(config.batch_size).prefetch(2)


def train(model: keras.Model, data: SegmentationSet, config: Config, context: Context) -> list[float]:
    """Trains all outputs at once, on the sum of their losses, to the best epoch; gives it on validation."""
    batches = training_batches(data, config, context.seed)
    epochs = epochs_for(len(batches), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    model.compile(Adam(schedule), dict.fromkeys(model.output, loss))

    def for_each_output(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return images, dict.fromkeys(model.output, masks)

    held_out = tf.data.Dataset.from_tensor_slices(
        (data.images["validation"], data.masks["validation"][..., None])
    )
    curves = context.fit(
        model,
        batches.map(for_each_output),
        epochs=epochs,
        validation=held_out.batch(50).map(for_each_output),
        better=lower("validation_loss"),
    )
    return curves["validation_loss"]


def guess(models: Sequence[keras.Model], images: np.ndarray) -> dict[str, np.ndarray]:
    """The most probable class of each pixel, `(n, height, width)`, by output."""
    return {
        name: probabilities.argmax(axis=-1)
        for model in models
        for name, probabilities in model.predict(images, batch_size=50, verbose=0).items()
    }


def run(config: Config, context: Context) -> Result:
    data = segmentation_sets.load(context.source, context.seed, (config.side, config.side), config.images)
    shape, num_classes = (config.side, config.side, 3), len(data.classes)
    images, masks = data.images["test"], data.masks["test"]

    linear = build_linear(shape, num_classes)
    train(linear, data, dataclasses.replace(config, epochs=1, least_steps=0), context)
    segmenter = build_segmenter(shape, num_classes, UNPOOLINGS)
    losses = train(segmenter, data, config, context)

    held_out = guess([linear, segmenter], data.images["validation"])
    scores = {name: mean_iou(g, data.masks["validation"], num_classes) for name, g in held_out.items()}
    best = choose(scores, "mean IoU")
    guesses = guess([linear, segmenter], images)
    ious = {name: mean_iou(g, masks, num_classes) for name, g in guesses.items()}
    contours = {name: boundary_iou(g, masks, num_classes) for name, g in guesses.items()}
    metrics = {"test_mean_iou": ious[best], "test_boundary_iou": contours[best]}
    metrics |= {f"validation_mean_iou_{name}": value for name, value in scores.items()}
    metrics |= {f"test_mean_iou_{name}": value for name, value in ious.items()}
    for name in UNPOOLINGS[:3]:
        metrics[f"boundary_gain_{name}"] = contours[name] - contours["nearest_scores"]

    metric = Metric(
        "test_mean_iou",
        lambda outputs, targets: mean_iou(outputs["probabilities"].argmax(axis=-1), targets, num_classes),
        tolerance=0.02,
    )
    model = single(linear if best == "linear" else segmenter, best)
    calibration = data.images["train"][:300]
    return Result(
        metrics=metrics,
        figures={
            "masks": draw_masks(images, masks, guesses),
            "decoders": draw_decoders(ious, contours),
            "loss": plots.learning_curves(
                {"validation": losses}, ylabel="sum of the losses", title="Four decoders on one encoder"
            ),
        },
        exports=[Export(model, images, calibration, masks, metric, data.classes, task=Task.SEGMENTER)],
        data=data.describe() | {"exported": best},
        baselines=[constant_mask(data, num_classes)],
        tables=[class_table(guesses, masks, data.classes)],
    )


def constant_mask(data: SegmentationSet, num_classes: int) -> Baseline:
    """The mean IoU of naming every pixel after the class that training has most of."""
    known = data.masks["train"]
    most = int(np.bincount(known[known != IGNORED]).argmax())
    value = mean_iou(np.full_like(data.masks["test"], most), data.masks["test"], num_classes)
    return Baseline("test_mean_iou", value, f"{data.classes[most]!r} everywhere")


def class_table(guesses: dict, masks: np.ndarray, classes: Sequence[str]) -> Table:
    columns = {name: class_iou(guess, masks, len(classes)) for name, guess in guesses.items()}
    rows = [
        (name, *(f"{values[label]:.3f}" for values in columns.values())) for label, name in enumerate(classes)
    ]
    return Table("IoU by class", ("class", *columns), rows)


def draw_masks(images: np.ndarray, masks: np.ndarray, guesses: dict) -> Figure:
    """A column an image: the image, the truth, then what each network says."""
    colors = [to_rgb(plots.COLORS[label % len(plots.COLORS)]) for label in range(255)]
    palette = np.array([(0, 0, 0), *colors])
    palette[IGNORED] = 1
    shown = slice(0, 8)
    rows = {"image": images[shown], "truth": palette[masks[shown]]}
    rows |= {name.replace("_", " "): palette[guess[shown]] for name, guess in guesses.items()}
    return plots.image_rows(rows, title="On test images", side=1.3)


def draw_decoders(ious: dict, contours: dict) -> Figure:
    figure, axes = plots.new_figure("Everywhere, and along the contours", width=8, height=3.6)
    places = np.arange(len(ious))
    for offset, label, values in ((-0.2, "mean IoU", ious), (0.2, "boundary IoU", contours)):
        bars = axes.bar(places + offset, list(values.values()), 0.38, label=label)
        axes.bar_label(bars, fmt="%.3f", fontsize=8)
    axes.set_xticks(places, [name.replace("_", "\n") for name in ious])
    axes.set(ylim=(0, 1.2))
    axes.legend(loc="upper right", ncols=2)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
