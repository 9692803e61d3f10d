"""Photos to stylize that ship with scikit-image and scikit-learn, a drawn style image, and the user's own."""

import io
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from suite.data.folders.unlabeled import read_picture_folder
from suite.data.pictures.images import decode
from suite.data.source import Source

LEAST_SIDE = 32  # pixels, of a picture of the user's
_LEAST_FITTED = 16  # pixels, which the networks can still work on
TRAINING = ("astronaut", "coffee", "rocket", "flower", "motorcycle")
HELD_OUT = ("cat", "pagoda")

_MOST = 500  # photos of a part of a folder, kept in memory

# Night blue to moonlight: the share of the way, then red, green and blue.
_PALETTE = (
    (0.0, (12, 18, 60)),
    (0.25, (28, 62, 140)),
    (0.45, (70, 130, 190)),
    (0.62, (160, 190, 170)),
    (0.8, (240, 200, 80)),
    (1.0, (255, 240, 190)),
)
_STROKE = 16  # steps of a pixel that a stroke goes either way, in an image of 256 pixels


def sample_photo(name: str) -> np.ndarray:
    """Gives a photo that needs no download.

    Args:
        name: One of `TRAINING` or `HELD_OUT`.

    Returns:
        `(height, width, 3)` uint8.
    """
    import skimage.data
    from sklearn.datasets import load_sample_image

    if name in ("flower", "pagoda"):
        return load_sample_image({"flower": "flower.jpg", "pagoda": "china.jpg"}[name])
    if name == "motorcycle":  # the function that would give it downloads its twin
        return decode(Path(skimage.data.__file__).parent / "motorcycle_left.png")
    return getattr(skimage.data, {"cat": "chelsea"}.get(name, name))()


def read_pictures(content: str, style: str, side: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Decodes a user's pictures to take content and style from.

    Args:
        content: A path, or nothing.
        style: A path; nothing for swirls.
        side: Height and width that the picture of the style is brought to, in pixels.

    Returns:
        `(height, width, 3)` uint8 or None, and `(side, side, 3)` uint8.

    Raises:
        ValueError: As for `read_picture`.
    """
    pictures = [
        read_picture(path, role) if path else None for path, role in ((content, "content"), (style, "style"))
    ]
    return pictures[0], draw_swirls(side) if pictures[1] is None else square(pictures[1], side)


class Photos(NamedTuple):
    """Photos, split.

    Attributes:
        train: `(height, width, 3)` uint8 each, of any sizes.
        test: The same, held out.
        described: What a result says of them.
    """

    train: list[np.ndarray]
    test: list[np.ndarray]
    described: dict[str, Any]


def load_photos(source: Source, seed: int, longest: int) -> Photos:
    """Loads photos to stylize.

    Args:
        source: Embedded is the photos of packages, a path that of a folder, of which 500 of a part are read.
        seed: Of the folder's split.
        longest: Pixels of the longer side that a folder's photos are brought to at most.

    Raises:
        ValueError: As for `read_picture_folder`.
    """
    if source.path is None:
        train, test = ([sample_photo(name) for name in names] for names in (TRAINING, HELD_OUT))
        return Photos(train, test, {"source": "sample photos", "train": len(train), "test": len(test)})
    folder = read_picture_folder(source.path, seed)
    train, test = (
        [fit(decode(folder.root / file), longest, 1) for file in folder.files[part][:_MOST]]
        for part in ("train", "test")
    )
    return Photos(train, test, folder.describe())


def draw_swirls(side: int, seed: int = 0) -> np.ndarray:
    """Paints a style image: strokes of night blue and yellow around the hills of a random landscape.

    Noise is smeared along the contour lines of the landscape (line integral convolution), and the height is
    added to it: each hill becomes a swirl.

    Args:
        side: Height and width in pixels.
        seed: Seed of the landscape and the noise.

    Returns:
        `(side, side, 3)` uint8.

    Reference:
        Cabral, Leedom (1993), Imaging vector fields using line integral convolution.
    """
    rng = np.random.default_rng(seed)
    height, noise = (_smooth_noise(rng, side, side / width) for width in (14, 250))
    down, right = np.gradient(height)
    flow = np.stack([right, -down]) / (np.hypot(down, right) + 1e-9)
    strokes = np.zeros((side, side))
    for direction in (1, -1):
        points = np.mgrid[:side, :side].astype(float)
        for _ in range(round(_STROKE * side / 256)):
            strokes += map_coordinates(noise, points, order=1, mode="wrap")
            points += direction * np.stack(
                [map_coordinates(axis, points, order=1, mode="wrap") for axis in flow]
            )
    shares = 1 / (1 + np.exp(-(0.6 * height + 1.4 * strokes / strokes.std())))
    stops, colors = zip(*_PALETTE, strict=True)
    channels = [np.interp(shares, stops, channel) for channel in zip(*colors, strict=True)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _smooth_noise(rng: np.random.Generator, side: int, width: float) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=(side, side)), width, mode="wrap")
    return noise / noise.std()


def read_picture(path: str | os.PathLike[str], role: str) -> np.ndarray:
    """Decodes a picture of the user's.

    Args:
        path: As for `decode`.
        role: What it is for, "content" or "style", for the message.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        ValueError: It cannot be decoded, or is smaller than 32 x 32 pixels.
    """
    picture = decode(path)
    height, width, _ = picture.shape
    if min(height, width) < LEAST_SIDE:
        raise ValueError(
            f"expected a {role} picture of at least {LEAST_SIDE} x {LEAST_SIDE} pixels, received "
            f"{width} x {height} in {os.fspath(path)!r}; take a larger one"
        )
    return picture


def square(image: np.ndarray, side: int) -> np.ndarray:
    """Cuts out the middle and resizes it: `(side, side, 3)` uint8 from `(height, width, 3)` uint8."""
    height, width, _ = image.shape
    smaller = min(height, width)
    top, left = (height - smaller) // 2, (width - smaller) // 2
    return resize(image[top : top + smaller, left : left + smaller], (side, side))


def squares(images: Sequence[np.ndarray], side: int) -> np.ndarray:
    """The `square` of each: `(n, side, side, 3)` uint8."""
    return np.stack([square(image, side) for image in images])


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretches `(height, width, 3)` uint8 to `size`, `(height, width)` in pixels; antialiased."""
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.LANCZOS))


def fit(image: np.ndarray, longest: int, multiple: int) -> np.ndarray:
    """Resizes an image so that it keeps its shape, as far as the multiple allows.

    Args:
        image: `(height, width, 3)` uint8.
        longest: Its longer side will be at most this many pixels; a smaller image is not enlarged.
        multiple: Both sides will be multiples of this many pixels, and at least 16 pixels.

    Returns:
        `(height, width, 3)` uint8.
    """
    share, least = min(1.0, longest / max(image.shape[:2])), math.ceil(_LEAST_FITTED / multiple)
    height, width = (max(least, int(side * share / multiple)) * multiple for side in image.shape[:2])
    return resize(image, (height, width))


def random_crops(photos: Sequence[np.ndarray], side: int, largest: int, seed: int) -> Iterator[np.ndarray]:
    """Draws squares from photos without end, at random places and scales, mirrored or not.

    Args:
        photos: `(height, width, 3)` uint8 each, of any sizes.
        side: Height and width of what is given, in pixels.
        largest: Side of the largest square that is cut out, in pixels, at least `side`; a photo's shorter
            side where that is less.
        seed: Seed of the draws.

    Yields:
        `(side, side, 3)` uint8.
    """
    rng = np.random.default_rng(seed)
    while True:
        photo = photos[int(rng.integers(len(photos)))]
        shorter = min(photo.shape[:2])
        cut = int(rng.integers(min(side, shorter), min(largest, shorter), endpoint=True))
        top, left = (int(rng.integers(length - cut, endpoint=True)) for length in photo.shape[:2])
        crop = resize(photo[top : top + cut, left : left + cut], (side, side))
        yield crop[:, ::-1] if rng.random() < 0.5 else crop


def crop_batches(photos: Sequence[np.ndarray], side: int, batch_size: int, seed: int) -> tf.data.Dataset:
    """Batches of `random_crops`, of squares up to twice the side, `(batch_size, side, side, 3)` uint8."""
    crops = tf.data.Dataset.from_generator(
        lambda: random_crops(photos, side, 2 * side, seed),
        output_signature=tf.TensorSpec((side, side, 3), tf.uint8),
    )
    return crops.batch(batch_size).prefetch(4)


def some_crops(photos: Sequence[np.ndarray], side: int, count: int, seed: int) -> np.ndarray:
    """The first of `random_crops`, of squares up to twice the side, `(count, side, side, 3)` uint8."""
    return np.stack(list(itertools.islice(random_crops(photos, side, 2 * side, seed), count)))


def png(image: np.ndarray) -> bytes:
    """The file of a picture `(height, width, 3)` uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
