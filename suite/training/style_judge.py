"""A judge of how far an image has the style of one picture and the content of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from suite.models.style_transformer import build_loss_network
from suite.training.style_losses import content_loss, gram_matrix, style_loss, total_variation


class Judge:
    """Measures style and content of images in the maps of a pretrained network.

    Args:
        painting: The picture whose style is wanted, `(height, width, 3)` uint8.
        photos: `(n, height, width, 3)` uint8; the unit of content is what these lose when turned upside down.
        **layers: Those of `build_loss_network`.
    """

    def __init__(self, painting: np.ndarray, photos: np.ndarray, **layers: Any):
        self.features = build_loss_network(**layers)
        self.targets = [gram_matrix(maps) for maps in self._maps(painting[None])["style"]]
        upright, turned = (self.content(pixels) for pixels in (photos, photos[:, ::-1, ::-1]))
        self.unit = tf.reduce_mean(content_loss(turned, upright))
        any_images = tf.TensorSpec((None, None, None, 3))
        self._compare = tf.function(self._shares, input_signature=[any_images, any_images])

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

    def _shares(self, images: tf.Tensor, photos: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content = self.content(photos)
        style, kept = self.losses(images, content)
        return tf.reduce_mean(style / self.losses(photos, content)[0]), tf.reduce_mean(kept)
