"""What the pixels of a mask are: values in gray, indices of a palette, or colors."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from suite.data.pictures.images import open_picture
from suite.data.set_aside import UnusableError

MOST_COLORS = 64  # of a mask; more are those of a smoothed one
BLACK, WHITE = 32, 223  # levels that JPEG may leave of 0 and 255
_SURE = 0.9  # share of the pixels of a mask in JPEG that are about black or white
_LOSSY = ("JPEG", "WEBP")
_MEND = "save it as a PNG with a palette or in gray whose values are the class indices"


class Value(NamedTuple):
    """What a pixel of a mask may be.

    Attributes:
        level: A gray level, or an index of a palette; None of a color.
        rgb: Its color, 256 * (256 * red + green) + blue.
        is_gray: Whether it is a gray level.
    """

    level: int | None
    rgb: int
    is_gray: bool


class RawMask(NamedTuple):
    """A mask at its own size.

    Attributes:
        numbers: `(height, width)` int32.
        values: By number, what it is.
        is_lossy: Whether its grays were taken for black or white.
    """

    numbers: np.ndarray
    values: dict[int, Value]
    is_lossy: bool = False


def read_mask(path: Path) -> RawMask:
    """Reads a mask: a PNG, GIF, TIFF or BMP of any mode, or a JPEG that is black and white.

    Args:
        path: The file.

    Raises:
        UnusableError: It cannot be decoded, is a JPEG of other grays, or has too many colors.
    """
    try:
        with open_picture(path) as image:
            return _read(image)
    except UnusableError:
        raise
    except Exception as error:  # a broken file can raise anything from inside Pillow
        raise UnusableError(f"its mask cannot be decoded; {_MEND}") from error


def _read(image: Image.Image) -> RawMask:
    kind = image.format
    if image.mode == "L" and _stored_mode(image) in ("L;2", "L;4"):  # Pillow would spread them
        raise UnusableError("its mask is gray of 2 or 4 bits; save it in gray of 8 bits or with a palette")
    image.load()
    image = ImageOps.exif_transpose(image)
    if kind in _LOSSY:
        return _black_and_white(image, str(kind))
    if image.mode in ("LA", "RGBA") and _is_of_alpha(image):
        image = image.getchannel("A")
    if image.mode in ("LA", "La"):
        image = image.convert("L")
    if image.mode == "L" or image.mode.startswith("I"):
        return _gray(np.asarray(image))
    if image.mode == "1":
        numbers = np.asarray(image).astype(np.int32)
        return RawMask(numbers, {n: Value(n, n * 0xFFFFFF, False) for n in _distinct(numbers)})
    if image.mode == "P" and kind != "GIF":  # programs number the colors of a GIF as they like
        numbers = np.asarray(image).astype(np.int32)
        used = _distinct(numbers)
        palette = np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)
        palette = np.concatenate([palette, np.zeros((256 - len(palette), 3), np.int64)])
        return RawMask(numbers, {n: Value(n, int(_packed(palette[n])), False) for n in used})
    return _colors(np.asarray(image.convert("RGB")))


def _is_of_alpha(image: Image.Image) -> bool:
    """Whether a mask is in the transparency of one color alone."""
    pixels = np.asarray(image)
    colors, alpha = pixels[..., :-1], pixels[..., -1]
    return bool(alpha.min() < alpha.max() and (colors == colors[0, 0]).all())


def _stored_mode(image: Image.Image) -> object:
    tiles = getattr(image, "tile", None)
    return tiles[0].args if tiles else None


def _black_and_white(image: Image.Image, kind: str) -> RawMask:
    gray = np.asarray(image.convert("L"))
    is_sure = np.mean((gray < BLACK) | (gray > WHITE)) >= _SURE
    if not is_sure or (0 < gray.max() <= WHITE):
        raise UnusableError(f"its mask is a {kind}, which changes labels; {_MEND}")
    return _gray(np.where(gray > 127, 255, 0))._replace(is_lossy=True)


def _gray(levels: np.ndarray) -> RawMask:
    numbers = levels.astype(np.int32)
    used = _distinct(numbers)
    if used[0] < 0 or used[-1] > 255:
        if set(used) - {0, 65535}:
            raise UnusableError(f"its mask has values up to {used[-1]}; class indices are at most 254")
        numbers, used = numbers // 257, [value // 257 for value in used]
    return RawMask(numbers, {n: Value(n, n * 0x010101, True) for n in used})


def _colors(pixels: np.ndarray) -> RawMask:
    if (pixels == pixels[..., :1]).all():
        return _gray(pixels[..., 0])
    numbers = _packed(pixels.astype(np.int32))
    used = _distinct(numbers)
    if len(used) > MOST_COLORS:
        raise UnusableError(
            f"its mask has {len(used)} colors, as photos or smoothed masks have; save it with an exact color "
            "or a class index for each class"
        )
    return RawMask(numbers, {n: Value(None, n, False) for n in used})


def _packed(pixels: np.ndarray) -> np.ndarray:
    packed: np.ndarray = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    return packed


def _distinct(numbers: np.ndarray) -> list[int]:
    """The different numbers, sorted; a mask has long runs of one, which need no sorting."""
    flat = numbers.ravel()
    starts = np.concatenate([[True], flat[1:] != flat[:-1]])
    return [int(number) for number in np.unique(flat[starts])]
