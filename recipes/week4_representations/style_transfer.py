"""Repaint a photo in the style of a picture: optimize its pixels, then train a network to do so at once.

Week 4, "Applications of adversarial approach", "Style Transfer".
Claim: optimizing the pixels of a photo brings its style loss, which compares Gram matrices of pretrained
       features, to at most 0.1 of the photo's own, while its content loss stays at most 0.45 of that of
       photos turned upside down. A network trained for this one style reaches on photos that it has not seen,
       in one pass, at most 0.4 of the photos' style loss on average, and a content loss of at most 0.8.
Cost:  160 s on 2 CPU cores.
Run:   suite run style_transfer [--content A.jpg] [--style B.jpg] [--data FOLDER]
"""

import dataclasses
from itertools import islice
from typing import Annotated, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite import console
from suite.data.folders.unlabeled import read_picture_folder
from suite.data.pictures.images import decode
from suite.data.sets import style_images
from suite.evaluation import plots
from suite.models.style_transformer import build_loss_network, build_style_transformer
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task
from suite.training.style_losses import content_loss, gram_matrix, style_loss, tiles, total_variation


@dataclasses.dataclass(frozen=True)
class Config:
    content: Annotated[str, "A picture of yours to stylize; the photo of a cat without."] = ""
    style: Annotated[str, "A picture of yours to take the style from; painted swirls without."] = ""
    side: int = 256  # pixels, of the style image and of what the exported network takes
    longest: int = 384  # pixels, longer side of the optimized image
    optimizing_steps: int = 200
    pixel_rate: float = 15.0  # of pixels in [0, 255], at first; falls to 0 along a cosine
    content_weight: float = 0.25
    smoothness: float = 0.5  # weight of the total variation
    crop: int = 128  # pixels, of the training images
    tile: int = 64  # pixels, of their parts that are judged alone
    filters: tuple[int, int, int] = (16, 32, 48)
    blocks: int = 4
    steps: int = 800
    batch_size: int = 2
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine


SMOKE = Config(
    side=32,
    longest=48,
    optimizing_steps=2,
    crop=32,
    tile=16,
    filters=(2, 3, 4),
    blocks=1,
    steps=10,
    batch_size=2,
)
DATA = ("embedded", "path")

MOST_PHOTOS = 500  # of a folder, kept in memory
ROUNDS = 10  # of the network's training, each with a look at its losses
LARGEST = 1024  # pixels, longer side of the picture that the network stylizes for you

CLAIMS = (
    Claim("optimized_style_loss_ratio", at_most=0.1, data="embedded"),
    Claim("optimized_content_loss", at_most=0.45, data="embedded"),
    Claim("test_style_loss_ratio", at_most=0.4, data="embedded"),
    Claim("test_content_loss", at_most=0.8, data="embedded"),
)


class Photos(NamedTuple):
    """`(height, width, 3)` uint8 each: for training, held out, and what `Result.data` says of them."""

    train: list[np.ndarray]
    test: list[np.ndarray]
    described: dict


def load_photos(config: Config, context: Context) -> Photos:
    if context.source.path is None:
        names = {"train": style_images.TRAINING, "test": style_images.HELD_OUT}
        photos = {part: [style_images.sample_photo(name) for name in names[part]] for part in names}
        sizes = {part: len(names[part]) for part in names}
        return Photos(**photos, described={"source": "sample photos", **sizes})
    folder = read_picture_folder(context.source.path, context.seed)
    photos = {
        part: [
            style_images.fit(decode(folder.root / file), 2 * config.side, 1) for file in files[:MOST_PHOTOS]
        ]
        for part, files in folder.files.items()
    }
    return Photos(**photos, described=folder.describe())


class Judge:
    """Measures the style and the content of images in pretrained features."""

    def __init__(self, style: np.ndarray, photos: np.ndarray):
        """Takes the style from `(side, side, 3)` uint8 and the unit of content from `(n, side, side, 3)`."""
        self.features = build_loss_network()
        self.targets = [
            gram_matrix(layer) for layer in self.features(style.astype(np.float32)[None])["style"]
        ]
        upright, turned = (
            self.content(pixels.astype(np.float32)) for pixels in (photos, photos[:, ::-1, ::-1])
        )
        self.unit = tf.reduce_mean(content_loss(turned, upright))

    def content(self, images: tf.Tensor) -> tf.Tensor:
        return self.features(images)["content"]

    def losses(self, images: tf.Tensor, content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Style and content loss of each image, `(batch,)`; a content loss of 1 is upside down."""
        features = self.features(images)
        style = style_loss(features["style"], self.targets)
        return style, content_loss(features["content"], content) / self.unit

    def measure(self, images: np.ndarray, photos: np.ndarray) -> tuple[float, float]:
        """Means over the images: style loss over that of their photos, and content loss."""
        pixels = photos.astype(np.float32)
        content = self.content(pixels)
        style, kept = self.losses(images.astype(np.float32), content)
        return float(tf.reduce_mean(style / self.losses(pixels, content)[0])), float(tf.reduce_mean(kept))


def objective(judge: Judge, images: tf.Tensor, content: tf.Tensor, config: Config) -> tuple:
    """What both ways minimize, of each image, and the style and the content loss in it; `(batch,)` each."""
    style, kept = judge.losses(images, content)
    rough = total_variation(images) / 255
    return style + config.content_weight * kept + config.smoothness * rough, style, kept


def optimize_pixels(judge: Judge, photo: np.ndarray, config: Config) -> tuple[np.ndarray, dict]:
    """Gatys' way: gradient descent on the image itself. Gives it, uint8, and its losses by step."""
    image = tf.Variable(photo.astype(np.float32)[None])
    content = judge.content(image)
    optimizer = falling_adam(config.pixel_rate, config.optimizing_steps)
    optimizer.build([image])

    @tf.function
    def step() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, style, kept = objective(judge, image, content, config)
        optimizer.apply([tape.gradient(loss, image)], [image])
        image.assign(tf.clip_by_value(image, 0, 255))
        return style[0], kept[0]

    steps = console.track(range(config.optimizing_steps), "optimizing the pixels")
    history = np.array([[value.numpy() for value in step()] for _ in steps])
    return np.rint(image[0]).astype(np.uint8), dict(zip(("style", "content"), history.T, strict=True))


def train_transformer(
    judge: Judge, photos: list, shown: np.ndarray, config: Config, context: Context
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Johnson's way: the same losses train a network, once and for all photos.

    Gives it, and its losses on photos that are shown, by round.
    """
    model = build_style_transformer(None, config.filters, config.blocks)

    def loss(images: tf.Tensor, stylized: tf.Tensor) -> tf.Tensor:
        content = judge.content(tiles(images, config.tile))
        values, _, _ = objective(judge, tiles(stylized, config.tile), content, config)
        return tf.reduce_mean(tf.reshape(values, (tf.shape(images)[0], -1)), axis=1)

    def look() -> dict[str, tf.Tensor]:
        images = stylize(model, shown).astype(np.float32)
        style, kept = judge.losses(images, judge.content(shown.astype(np.float32)))
        return {"style": tf.reduce_mean(style), "content": tf.reduce_mean(kept)}

    crops = tf.data.Dataset.from_generator(
        lambda: style_images.random_crops(photos, config.crop, 2 * config.crop, context.seed),
        output_signature=tf.TensorSpec((config.crop, config.crop, 3), tf.uint8),
    )
    pairs = crops.batch(config.batch_size).map(lambda images: (images, {"stylized": images})).prefetch(4)
    model.compile(falling_adam(config.learning_rate, config.steps), loss)
    steps = max(1, config.steps // ROUNDS)
    return model, context.fit(model, pairs, epochs=ROUNDS, steps_per_epoch=steps, measure=look)


def falling_adam(rate: float, steps: int) -> Adam:
    return Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def stylize(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """`(n, height, width, 3)` uint8, one at a time, since they may be large."""
    stylized = [model(image[None])["stylized"][0] for image in images]
    return np.rint(stylized).astype(np.uint8)


def run(config: Config, context: Context) -> Result:
    read = style_images.read_picture  # the user's pictures first: a broken one should not cost a training
    content = read(config.content, "content") if config.content else None
    style = read(config.style, "style") if config.style else style_images.draw_swirls(config.side)
    if config.crop % config.tile:
        raise ValueError(
            f"expected a crop that is a multiple of the tile, received {config.crop} and {config.tile}; "
            f"try --crop {max(1, config.crop // config.tile) * config.tile}"
        )
    build_style_transformer(config.crop, config.filters, config.blocks)  # refuses sides that do not fit
    phone = build_style_transformer(config.side, config.filters, config.blocks)
    style, photos = style_images.square(style, config.side), load_photos(config, context)
    content = photos.test[0] if content is None else content

    test = np.stack([style_images.square(photo, config.side) for photo in photos.test[:8]])
    known = np.stack([style_images.square(photo, config.side) for photo in photos.train[:8]])
    judge = Judge(style, known)
    photo = style_images.fit(content, config.longest, 4)
    optimized, pixel_history = optimize_pixels(judge, photo, config)
    model, history = train_transformer(judge, photos.train, known, config, context)
    phone.set_weights(model.get_weights())

    stylized, large = stylize(phone, test), style_images.fit(content, LARGEST, 4)
    measured = {
        "optimized": judge.measure(optimized[None], photo[None]),
        "test": judge.measure(stylized, test),
        "style_image": judge.measure(np.repeat(style[None], len(test), axis=0), test),
        "one_pass": judge.measure(stylize(model, photo[None]), photo[None]),
    }
    metrics = {f"{name}_style_loss_ratio": style for name, (style, _) in measured.items()}
    metrics |= {f"{name}_content_loss": kept for name, (_, kept) in measured.items()}
    calibration = style_images.random_crops(photos.train, config.side, 2 * config.side, context.seed)
    return Result(
        metrics=metrics,
        figures={
            "style_transfer": draw_ways(photo, style, optimized, stylize(model, photo[None])[0]),
            "held_out": plots.image_rows(
                {"photo": test, "in one pass": stylized}, title="Photos that are new to the network", side=2.2
            ),
            "losses": draw_losses(pixel_history, history),
        },
        exports=[Export(phone, test, np.stack(list(islice(calibration, 100))), task=Task.IMAGE_TO_IMAGE)],
        data=photos.described,
        files={
            "optimized.png": style_images.png(optimized),
            "stylized.png": style_images.png(stylize(model, large[None])[0]),
            "style.png": style_images.png(style),
        },
        baselines=[  # False: lower is better
            Baseline("test_style_loss_ratio", 1.0, "the photo as it is", False),
            Baseline("test_content_loss", measured["style_image"][1], "the style image itself", False),
        ],
        claims_apply=context.source.is_embedded and not (config.content or config.style),
    )


def draw_ways(photo: np.ndarray, style: np.ndarray, optimized: np.ndarray, stylized: np.ndarray) -> Figure:
    height, width, _ = photo.shape
    figure, grid = plots.new_figure("One photo, two ways to repaint it", 9, 0.8 + 9 * height / width, 2, 2)
    panels = {"photo": photo, "style": style, "optimized pixels": optimized, "network, in one pass": stylized}
    for axes, (name, image) in zip(grid.ravel(), panels.items(), strict=True):
        axes.imshow(image)
        axes.set(title=name, xticks=[], yticks=[])
        axes.grid(False)
    return figure


def draw_losses(pixels: dict, network: dict) -> Figure:
    figure, panels = plots.new_figure("Losses while it is optimized", 9, 3.6, 1, 2)
    for axes, title, unit, curves in zip(
        panels, ("pixels", "network"), ("step", "round"), (pixels, network), strict=True
    ):
        lines = {name: (1 + np.arange(len(curves[name])), curves[name]) for name in ("style", "content")}
        plots.curves(axes, lines, title=title, xlabel=unit, ylim=(0, None))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
