"""Pictures from disk, decoded to RGB."""

import math
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from suite.data.pictures.file_kinds import FIRST_BYTES, READ, describe_kind, is_picture, is_raw

# What Pillow reads without another program, as PostScript would need one.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP", "GIF", "TIFF", "JPEG2000"),
    *("PSD", "PPM", "QOI", "ICO", "SGI", "DDS"),
)
_BY_SUFFIX = {"TGA": (".tga", ".icb", ".vda", ".vst"), "PCX": (".pcx",)}  # whose first bytes do not tell
_BITS, _PHOTOMETRIC, _ORIENTATION, _DNG_VERSION = 258, 262, 274, 50706  # tags of TIFF and EXIF
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap height and width
_MAX_PIXELS = Image.MAX_IMAGE_PIXELS or math.inf

pillow_heif.register_heif_opener(depth_images=False)

# Pillow warns about odd metadata and large pictures; here a picture is decoded, or refused with a reason.
warnings.filterwarnings("ignore", module=r"PIL\b")


class UndecodableImageError(ValueError):
    """A file that is not a picture, or a broken one.

    Attributes:
        reason: A few words, such as "truncated", or what it is and how to get a picture out of it.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, reason: str):
        mend = "" if "; " in reason else "; save it as JPEG or PNG, or leave it out"
        super().__init__(f"expected a picture ({READ}), received {_name(file)!r}: {reason}{mend}")
        self.reason = reason


def decode(file: str | os.PathLike[str] | BinaryIO, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a picture to upright 8-bit RGB.

    The EXIF orientation is applied, transparency is laid on white, 16-bit gray is scaled to 8 bits, and of an
    animation the first frame is taken. What counts is the content of the file, not its extension, but for TGA
    and PCX, whose content does not tell.

    Args:
        file: A JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF, BMP, JPEG 2000, PSD, TGA, PCX, PPM, QOI, ICO, SGI or
            DDS file, by its path or open.
        size: The `(height, width)` in pixels that the picture will be shrunk to, if it will be. A large JPEG
            is then decoded at 1/2, 1/4 or 1/8 of its size, at least twice as large as `size`: much faster.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        UndecodableImageError: A ValueError with the `reason`.
    """
    return np.array(_open_rgb(file, size))


def load_image(file: str | os.PathLike[str] | BinaryIO, size: tuple[int, int]) -> np.ndarray:
    """Decodes a picture and stretches the whole of it to one size, whatever its aspect ratio.

    MediaPipe Tasks and most application code do the same on a phone (nothing is cropped, nothing is padded),
    so accuracy measured on these pictures is the accuracy there. Bilinear, antialiased.

    Args:
        file: As for `decode`.
        size: `(height, width)` in pixels.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        UndecodableImageError: A ValueError with the `reason`.
    """
    height, width = size
    return np.array(_open_rgb(file, size).resize((width, height), Image.Resampling.BILINEAR))


def stretch(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretches decoded pixels as `load_image` does: `(height, width, 3)` uint8 of another size."""
    height, width = size
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def open_picture(file: str | os.PathLike[str] | BinaryIO) -> Image.Image:
    """Opens a picture with Pillow, and nothing that is none or that only looks like one; decodes nothing yet.

    Args:
        file: As for `decode`.

    Raises:
        UndecodableImageError: It is a camera's raw file, of which the TIFF in it would be but a thumbnail.
        OSError: It is no picture, or cannot be read.
    """
    suffix = os.path.splitext(_name(file))[1].lower()
    by_suffix = [name for name, suffixes in _BY_SUFFIX.items() if suffix in suffixes]
    image = Image.open(file, formats=(*_FORMATS, *by_suffix))
    if image.format == "TIFF" and (is_raw(suffix) or _DNG_VERSION in _tiff_tags(image)):
        image.close()
        raise UndecodableImageError(file, describe_kind(b"", ".dng") or "")
    return image


def upright_size(file: str | os.PathLike[str] | BinaryIO) -> tuple[int, int]:
    """`(height, width)` in pixels of a sound picture as `decode` gives it, without decoding."""
    with open_picture(file) as image:
        width, height = image.size
        is_sideways = _orientation(image) in SIDEWAYS
    return (width, height) if is_sideways else (height, width)


def orientation_of(file: str | os.PathLike[str] | BinaryIO) -> int:
    """The EXIF orientation by which `decode` turns a sound picture, 1 to 8; 1 for none."""
    with open_picture(file) as image:
        return _orientation(image)


def _orientation(image: Image.Image) -> int:
    try:  # Pillow turns the size of a TIFF itself
        return int(image.getexif().get(_ORIENTATION, 1)) if image.format != "TIFF" else 1
    except Exception:  # broken metadata says nothing about the orientation
        return 1


def _open_rgb(file: str | os.PathLike[str] | BinaryIO, size: tuple[int, int] | None) -> Image.Image:
    """The picture as a Pillow image: upright RGB."""
    try:
        with open_picture(file) as image:
            if size is not None:
                side = 2 * max(size)  # a square, because the EXIF orientation may swap height and width
                image.draft(None, (side, side))
            if image.width * image.height > _MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return _to_rgb(_upright(image), _tiff_tags(image))
    except UndecodableImageError:
        raise
    except Exception as error:  # a broken file can raise anything from inside Pillow
        raise UndecodableImageError(file, _reason(file, error)) from error


def _tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {})


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata says nothing about the orientation; the pixels are loaded and sound
        return image


def _to_rgb(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.mode.startswith("I"):
        image = _from_16_bits(image, tags)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _from_16_bits(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    pixels = np.asarray(image)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("32-bit pixels")
    most = 4095 if tags.get(_BITS) == (12,) else 65535  # which Pillow would clip at 255
    gray = Image.fromarray((pixels.astype(np.uint32) * 255 // most).astype(np.uint8))
    if tags.get(_PHOTOMETRIC) == 0:  # 0 is white, which Pillow only heeds in 8 bits
        gray = ImageOps.invert(gray)
    if isinstance(clear := image.info.get("transparency"), int):
        gray.putalpha(Image.fromarray(np.where(pixels == clear, 0, 255).astype(np.uint8)))
    return gray


def _name(file: str | os.PathLike[str] | BinaryIO) -> str:
    return str(os.fspath(file) if isinstance(file, str | os.PathLike) else getattr(file, "name", ""))


def _first_bytes(file: str | os.PathLike[str] | BinaryIO) -> bytes:
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            return opened.read(FIRST_BYTES)
    file.seek(0)
    return file.read(FIRST_BYTES)


def _reason(file: str | os.PathLike[str] | BinaryIO, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()  # "permission denied", "no such file or directory"
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return f"too large to decode (more than {_MAX_PIXELS / 1e6:.0f} million pixels)"
    if isinstance(error, UnidentifiedImageError):
        start, suffix = _first_bytes(file), os.path.splitext(_name(file))[1].lower()
        if not start:
            return "zero bytes"
        return describe_kind(start, suffix) or ("corrupt" if is_picture(suffix) else "not an image")
    text = " ".join(str(error).split())
    if re.search("truncated|unexpected end|not enough image data", text, re.IGNORECASE):
        return "truncated"
    return f"corrupt or unsupported ({text.replace('; ', ', ')[:80] or type(error).__name__})"
