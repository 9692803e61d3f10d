"""Pictures from disk: decoding to RGB, batches for training, augmentation.

TensorFlow is imported where it is used, so that scanning a folder or predicting with LiteRT starts at once.
"""

import contextlib
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from suite.data.row_file import RowFile

if TYPE_CHECKING:
    import tensorflow as tf

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_MAX_PIXELS = Image.MAX_IMAGE_PIXELS or math.inf
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in a gray value: Rec. 601, as Pillow and torchvision

# Pillow warns about odd metadata and large pictures; here a picture is decoded, or refused with a reason.
warnings.filterwarnings("ignore", module=r"PIL\b")


class UndecodableImage(ValueError):
    """A file that is not a picture, or a broken one.

    Attributes:
        reason: A few words, such as "truncated".
    """

    def __init__(self, file: str | os.PathLike | BinaryIO, reason: str):
        super().__init__(
            f"expected a JPEG, PNG, WebP, BMP, GIF or TIFF picture, received {_name(file)!r}: {reason}; "
            "save it again or leave it out"
        )
        self.reason = reason


def decode(file: str | os.PathLike | BinaryIO, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a picture to upright 8-bit RGB.

    The EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled to 8 bits, and of an
    animation the first frame is taken. What counts is the content of the file, not its extension.

    Args:
        file: A JPEG, PNG, WebP, BMP, GIF or TIFF file, by its path or open.
        size: The `(height, width)` in pixels that the picture will be shrunk to, if it will be. A large JPEG
            is then decoded at 1/2, 1/4 or 1/8 of its size, at least twice as large as `size`: much faster.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        UndecodableImage: A ValueError with the `reason`.
    """
    return np.array(_open_rgb(file, size))


def load_image(file: str | os.PathLike | BinaryIO, size: tuple[int, int]) -> np.ndarray:
    """Decodes a picture and stretches the whole of it to one size, whatever its aspect ratio.

    MediaPipe Tasks and most application code do the same on a phone (nothing is cropped, nothing is padded),
    so accuracy measured on these pictures is the accuracy there. Bilinear, antialiased.

    Args:
        file: As for `decode`.
        size: `(height, width)` in pixels.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        UndecodableImage: A ValueError with the `reason`.
    """
    height, width = size
    return np.array(_open_rgb(file, size).resize((width, height), Image.Resampling.BILINEAR))


def _open_rgb(file: str | os.PathLike | BinaryIO, size: tuple[int, int] | None) -> Image.Image:
    """The picture as a Pillow image: upright RGB."""
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if size is not None:
                side = 2 * max(size)  # a square, because the EXIF orientation may swap height and width
                image.draft(None, (side, side))
            if image.width * image.height > _MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            return _to_rgb(_upright(image))
    except Exception as error:  # a broken file can raise anything from inside Pillow
        raise UndecodableImage(file, _reason(file, error)) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata says nothing about the orientation; the pixels are loaded and sound
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.mode.startswith("I"):
        image = _from_16_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("32-bit pixels")
    return Image.fromarray((pixels // 257).astype(np.uint8))  # 65535 = 255 * 257; Pillow would clip at 255


def _name(file: str | os.PathLike | BinaryIO) -> str:
    return os.fspath(file) if isinstance(file, str | os.PathLike) else file.name


def _is_empty(file: str | os.PathLike | BinaryIO) -> bool:
    return not (os.path.getsize(file) if isinstance(file, str | os.PathLike) else file.seek(0, os.SEEK_END))


def _reason(file: str | os.PathLike | BinaryIO, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()  # "permission denied", "no such file or directory"
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return f"too large to decode (more than {_MAX_PIXELS / 1e6:.0f} million pixels)"
    if isinstance(error, UnidentifiedImageError):
        if _is_empty(file):
            return "zero bytes"
        return "corrupt" if _name(file).lower().endswith(_SUFFIXES) else "not an image"
    text = " ".join(str(error).split())
    return (
        "truncated"
        if "truncated" in text.lower()
        else f"corrupt or unsupported ({text or type(error).__name__})"
    )


class ImageSource:
    """Labeled pictures that can be read again and again, each time in another order and augmentation.

    A picture is decoded when it is first needed, and kept (as it is before augmentation) in a temporary file
    as long as `disk_limit` allows; the others are decoded every time. Memory does not grow with the pictures.
    """

    def __init__(
        self,
        files: Sequence,
        labels: Sequence[int] | np.ndarray,
        size: tuple[int, int],
        *,
        load: Callable[[Any, tuple[int, int]], np.ndarray] = load_image,
        folder: str | os.PathLike | None = None,
        disk_limit: int = 2**32,
    ):
        """Prepares to read; nothing is read yet.

        Args:
            files: n paths, or whatever `load` takes.
            labels: n class indices.
            size: `(height, width)` in pixels that every picture is stretched to.
            load: Gives a picture of `files` at that size, `(height, width, 3)` uint8.
            folder: Where decoded pictures are kept; the system's folder for temporary files by default. The
                file has no name and goes with the process.
            disk_limit: Bytes that they may take; never more than half of what is free there.

        Raises:
            ValueError: Not as many labels as files.
        """
        if len(files) != len(labels):
            raise ValueError(
                f"expected a label per file, received {len(files)} files and {len(labels)} labels"
            )
        self.files = tuple(files)
        self.labels = np.asarray(labels, np.int32)
        self.shape = (*size, 3)
        self._load = load
        free = shutil.disk_usage(folder or tempfile.gettempdir()).free
        kept = min(len(self.files), min(disk_limit, free // 2) // math.prod(self.shape))
        self._kept = RowFile.temporary((kept, *self.shape), np.uint8, folder)
        self._is_kept = np.zeros(kept, bool)

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> np.ndarray:
        """Picture number `index`: `(height, width, 3)` uint8, not augmented."""
        if index < len(self._is_kept) and self._is_kept[index]:
            return self._kept[index]
        image = self._load(self.files[index], self.shape[:2])
        if index < len(self._is_kept):
            with contextlib.suppress(OSError):  # the disk is full: it will be decoded again
                self._kept.write(index, image[None])
                self._is_kept[index] = True
        return image

    def batches(
        self,
        batch_size: int,
        *,
        order_seed: int | None = None,
        augment_seed: int | None = None,
        start: int = 0,
    ) -> "tf.data.Dataset":
        """One pass over all pictures, a pure function of the seeds: a resumed run repeats it exactly.

        Args:
            batch_size: Pictures per batch; the last batch has what is left.
            order_seed: Seed of the order, another one each epoch. None: the order of `files`.
            augment_seed: Passes each picture through `augment`, seeded by this and its index. None: as they
                are.
            start: Pictures of the order that are left out: where an interrupted pass goes on.

        Returns:
            `(images, labels)`: `(batch, height, width, 3)` uint8 and `(batch,)` int32.
        """
        import tensorflow as tf

        from suite.data.batches import without_tuning

        order: np.ndarray = np.arange(len(self))
        if order_seed is not None:
            order = np.random.default_rng(order_seed).permutation(order)
        indices = tf.data.Dataset.from_tensor_slices(order[start:])
        examples = indices.map(lambda index: self._example(index, augment_seed), tf.data.AUTOTUNE)
        return without_tuning(examples.batch(batch_size).prefetch(2))

    def _example(self, index: "tf.Tensor", augment_seed: int | None) -> "tuple[tf.Tensor, tf.Tensor]":
        """Picture and label number `index`, as tensors."""
        import tensorflow as tf

        # Declared stateless (the same index gives the same picture), so that it runs in parallel under
        # `enable_op_determinism` too.
        image = tf.numpy_function(self.image, [index], tf.uint8, stateful=False)
        image = tf.ensure_shape(image, self.shape)
        if augment_seed is not None:
            image = augment(image, tf.stack([tf.cast(augment_seed, tf.int64), index]))
        return image, tf.gather(self.labels, index)


def augment(image: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Flips, crops and recolors a picture at random: a pure function of the seed, fit for `tf.function`.

    Horizontal flip; a crop of 0.6 to 1 of the area and aspect ratio 3/4 to 4/3, resized to the full size;
    brightness +-0.1, contrast (about the mean) and saturation (about gray) * 0.8 to 1.2.

    Args:
        image: `(height, width, 3)` uint8.
        seed: Two integers, `(2,)`.

    Returns:
        `(height, width, 3)` uint8.
    """
    import tensorflow as tf

    # int32 would give another stream
    flip_seed, crop_seed, color_seed = tf.unstack(tf.random.split(tf.cast(seed, tf.int64), 3))
    flipped = tf.image.stateless_random_flip_left_right(image, flip_seed)
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(flipped),
        bounding_boxes=tf.zeros((1, 0, 4)),
        seed=crop_seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.6, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    colors = tf.image.resize(tf.slice(flipped, begin, size), tf.shape(flipped)[:2])
    return tf.ensure_shape(_recolor(colors, color_seed), image.shape)


def _recolor(colors: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Brightness, contrast and saturation in one: (r, g, b) times a matrix, a third of the passes."""
    import tensorflow as tf

    drawn = tf.random.stateless_uniform((3,), seed, minval=-1.0)
    shift, contrast, saturation = tf.unstack(drawn * (0.1 * 255, 0.2, 0.2) + (0.0, 1.0, 1.0))
    # Each column: what a new color gets from the old ones, the rest being its share of the gray value.
    mixture = saturation * tf.eye(3) + (1 - saturation) * tf.constant(_LUMA)[:, None]
    mean = tf.linalg.matvec(mixture, tf.reduce_mean(colors, (0, 1)), transpose_a=True)
    colors = tf.nn.conv2d(colors[None], (contrast * mixture)[None, None], strides=1, padding="SAME")[0]
    colors = tf.nn.bias_add(colors, (1 - contrast) * mean + shift + 0.5)
    return tf.cast(tf.clip_by_value(colors, 0.0, 255.0), tf.uint8)
