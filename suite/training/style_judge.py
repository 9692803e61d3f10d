"""A judge of how far an image has the style of one picture and the content of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from suite.data.sets.style_images import resize
from suite.models.loss_network import JUDGING_LAYERS, build_loss_network
from suite.training.style_losses import content_loss, gram_matrix, style_loss, total_variation


class Judge:
    """Measures style and content of images in the maps of a pretrained network.

    Args:
        painting: The picture whose style is wanted, `(height, width, 3)` uint8.
        photos: `(n, height, width, 3)` uint8; the unit of content is what these lose when turned upside down.
        **layers: Those of `build_loss_network`.
    """

    def __init__(self, painting: np.ndarray, photos: np.ndarray, **layers: Any):
        self.features, self.painting = build_loss_network(**layers), painting
        self.targets = [gram_matrix(maps) for maps in self._maps(painting[None])["style"]]
        upright, turned = (self.content(pixels) for pixels in (photos, photos[:, ::-1, ::-1]))
        self.unit = tf.reduce_mean(content_loss(turned, upright))
        any_images = tf.TensorSpec((None, None, None, 3))
        self._compare = tf.function(self._shares, input_signature=[any_images, any_images])

    @classmethod
    def deeper(cls, painting: np.ndarray, photos: np.ndarray) -> "Judge":
        """Gives a judge by layers that are in no loss, for images that were made to please the other's."""
        return cls(painting, photos, style=JUDGING_LAYERS, content=JUDGING_LAYERS[0])

    def _maps(self, images: tf.Tensor) -> dict[str, Any]:
        return self.features(tf.cast(images, tf.float32))

    def content(self, images: tf.Tensor) -> tf.Tensor:
        """The maps that content is measured in."""
        return self._maps(images)["content"]

    def losses(self, images: tf.Tensor, content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gives the style and the content loss of each image, `(batch,)`; a content loss of 1 is upside down.

        Args:
            images: `(batch, height, width, 3)` in [0, 255].
            content: `self.content` of their photos.
        """
        maps = self._maps(images)
        return style_loss(maps["style"], self.targets), content_loss(maps["content"], content) / self.unit

    def objective(
        self,
        images: tf.Tensor,
        content: tf.Tensor,
        content_weight: float | Sequence[float],
        smoothness: float,
    ) -> tf.Tensor:
        """Gives what is minimized, of each image: style, weighted content, and weighted roughness.

        Args:
            images: As for `losses`.
            content: As for `losses`.
            content_weight: Of all images, or of each.
            smoothness: Weight of the roughness, the total variation in units of 255.

        Returns:
            `(batch,)`.
        """
        style, kept = self.losses(images, content)
        return (
            style
            + tf.constant(content_weight, style.dtype) * kept
            + smoothness * total_variation(images) / 255
        )

    def measure(self, images: np.ndarray, photos: np.ndarray) -> tuple[float, float]:
        """Gives means over the images: the style loss over that of their photos, and the content loss."""
        pixels = (tf.constant(each, tf.float32) for each in (images, photos))
        style, kept = self._compare(*pixels)
        return float(style), float(kept)

    def over_fade(self, images: np.ndarray, photos: np.ndarray) -> float:
        """Gives the style of images over that of a trivial answer, to fade the painting into their photos.

        The fade is the one with as much content loss as the images, by straight lines between shares of 0,
        0.1, ..., 0.7; beyond these the last.

        Args:
            images: `(n, height, width, 3)` uint8.
            photos: Of the same shape.
        """
        painting = resize(self.painting, photos.shape[1:3])
        style, content = self.measure(images, photos)
        fades = (np.rint((1 - share) * photos + share * painting) for share in np.linspace(0, 0.7, 8))
        styles, losses = zip(*(self.measure(fade, photos) for fade in fades), strict=True)
        return style / float(np.interp(content, losses, styles))

    def _shares(self, images: tf.Tensor, photos: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        maps = self._maps(tf.concat([images, photos], axis=0))  # at once: half the time to trace
        style, of_photos = tf.split(style_loss(maps["style"], self.targets), 2)
        kept = content_loss(*tf.split(maps["content"], 2)) / self.unit
        return tf.reduce_mean(style / of_photos), tf.reduce_mean(kept)


def ask_both(
    judge: Judge, deeper: Judge, images: np.ndarray, photos: np.ndarray, name: str
) -> dict[str, float]:
    """Asks two judges what they find in images.

    Args:
        judge: The one that the images were made to please.
        deeper: Another.
        images: `(n, height, width, 3)` uint8.
        photos: Those that they were made of, of the same shape.
        name: Begins the names of the numbers.

    Returns:
        NAME_style_loss_ratio and NAME_content_loss of the first, NAME_judged_style and NAME_judged_content of
        the other.
    """
    keys = ("style_loss_ratio", "content_loss", "judged_style", "judged_content")
    values = (*judge.measure(images, photos), *deeper.measure(images, photos))
    return {f"{name}_{key}": value for key, value in zip(keys, values, strict=True)}
