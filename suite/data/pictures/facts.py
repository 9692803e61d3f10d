"""What can be told of a picture without knowing what it shows: file, border, sharpness, hash."""

import dataclasses
import os

import numpy as np
from PIL import Image
from scipy.fft import dctn

from suite.data.pictures.images import decode, load_image, open_picture, stretch, upright_size

THUMBNAIL = 32  # pixels on a side
_LONGEST = 256  # pixels that a picture is measured at; what is sharper than a network sees does not count
_SQUARE = 64  # pixels on a side for what is about colors
_SAME = 12  # levels of 255 that JPEG may put between two pixels of one color
_GRAY = 6  # levels between the channels of a gray picture, on average
_DARK, _LIGHT = 40, 215
_BAR = 0.03  # share of a side; narrower is no bar


@dataclasses.dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture in numbers.

    Attributes:
        format: Of the file, by its content: "JPEG".
        height: In pixels, upright.
        width: In pixels.
        is_gray: Whether it has no color.
        border: "none", or such as "dark bars left and right" and "a light frame".
        sharpness: Variance of the Laplacian in units of the variance of the pixels, >= 0.
        one_color: Share in [0, 1] of the pixels that have about the median color.
        hash: 64 bits that a resized or recompressed copy shares, but for a few.
        thumbnail: `(32, 32)` uint8, gray.
    """

    format: str
    height: int
    width: int
    is_gray: bool
    border: str
    sharpness: float
    one_color: float
    hash: int
    thumbnail: np.ndarray


def read_facts(file: str | os.PathLike[str]) -> PictureFacts:
    """Measures a picture file.

    Args:
        file: As for `suite.data.pictures.images.decode`.

    Raises:
        UndecodableImageError: It is no sound picture.
    """
    return _measured(file, decode(file, (_LONGEST // 2, _LONGEST // 2)))


def _measured(file: str | os.PathLike[str], pixels: np.ndarray) -> PictureFacts:
    with open_picture(file) as image:
        kind = image.format or ""
    return measure_pixels(pixels, kind, upright_size(file))


class MeasuringLoader:
    """Loads pictures as `load_image` does, and measures each on the way, so that it is decoded once.

    Attributes:
        facts: Of the pictures that were loaded, by file.
    """

    def __init__(self) -> None:
        self.facts: dict[str, PictureFacts] = {}

    def __call__(self, file: str | os.PathLike[str], size: tuple[int, int]) -> np.ndarray:
        """Loads a picture; takes and gives what `load_image` does."""
        if max(size) < _LONGEST // 2:  # decoded for so small a picture, it would be too small to measure
            self.facts[os.fspath(file)] = read_facts(file)
            return load_image(file, size)
        pixels = decode(file, size)
        self.facts[os.fspath(file)] = _measured(file, pixels)
        return stretch(pixels, size)


def measure_pixels(pixels: np.ndarray, kind: str, size: tuple[int, int]) -> PictureFacts:
    """Measures a decoded picture.

    Args:
        pixels: `(height, width, 3)` uint8, perhaps shrunk.
        kind: Format of its file.
        size: Its `(height, width)` before it was shrunk.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX, reducing_gap=None)
    gray = image.convert("L")
    thumbnail = np.asarray(gray.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR))
    small = np.asarray(image.resize((_SQUARE, _SQUARE), Image.Resampling.BOX))
    return PictureFacts(
        format=kind,
        height=size[0],
        width=size[1],
        is_gray=bool(np.mean(np.ptp(small, axis=2)) < _GRAY),
        border=border(small),
        sharpness=sharpness(np.asarray(gray)),
        one_color=one_color(small),
        hash=perceptual_hash(thumbnail),
        thumbnail=thumbnail,
    )


def sharpness(gray: np.ndarray) -> float:
    """Variance of the Laplacian in units of the variance of the pixels, so that contrast does not count.

    Args:
        gray: `(height, width)` uint8.

    Reference:
        Pertuz, Puig, Garcia (2013), Analysis of focus measure operators for shape-from-focus.
    """
    values = gray.astype(np.float32)
    if min(values.shape) < 3:
        return 0.0
    middle = values[1:-1, 1:-1]
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return float(np.var(around - 4 * middle) / (np.var(values) + 1))


def one_color(pixels: np.ndarray) -> float:
    """Share of the pixels `(height, width, 3)` uint8 that have about the median color."""
    median = np.median(pixels.reshape(-1, 3), axis=0)
    return float(np.mean(np.abs(pixels - median).max(axis=2) <= _SAME))


def border(pixels: np.ndarray) -> str:
    """Names the bars of one color at opposite sides of a picture, as of a letterbox or a cut-out.

    Args:
        pixels: `(height, width, 3)` uint8.
    """
    tall = min(_bar(pixels), _bar(pixels[::-1])) >= _BAR
    sides = np.swapaxes(pixels, 0, 1)
    wide = min(_bar(sides), _bar(sides[::-1])) >= _BAR
    if not (tall or wide):
        return "none"
    color = np.median(pixels[0] if tall else sides[0])
    tone = "dark" if color <= _DARK else "light" if color >= _LIGHT else "plain"
    return (
        f"a {tone} frame"
        if tall and wide
        else f"{tone} bars {'above and below' if tall else 'left and right'}"
    )


def _bar(pixels: np.ndarray) -> float:
    """Share of the rows, from the first on, that have one color, the same for all."""
    color = np.median(pixels[0], axis=0)
    is_plain = np.percentile(np.abs(pixels - color).max(axis=2), 98, axis=1) <= _SAME
    return float(np.argmin(is_plain)) / len(pixels) if not is_plain.all() else 0.0


def perceptual_hash(gray: np.ndarray) -> int:
    """The signs of the 64 lowest frequencies of a picture about their median.

    Args:
        gray: `(32, 32)` uint8.

    Reference:
        Zauner (2010), Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1.
    """
    low = dctn(gray.astype(np.float64))[:8, :8]
    bits = low > np.median(low.ravel()[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
