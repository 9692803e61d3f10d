"""Boxes from what each cell of a feature map says about its surroundings."""

import keras
import numpy as np

from suite.layers.tensors import Tensor


@keras.saving.register_keras_serializable("suite")
class BoxesFromDistances(keras.layers.Layer):
    """Makes boxes of the distances from the center of each cell to their four sides.

        top = row - d[0], left = column - d[1], bottom = row + d[2], right = column + d[3]

    Called on distances `(batch, rows, columns, 4)` float >= 0, as shares of the image's height and width;
    gives `(batch, rows, columns, 4)` of (top, left, bottom, right) in [0, 1], cut at the border. Without
    weights.

    Reference:
        Tian, Shen, Chen, He (2019), FCOS: Fully convolutional one-stage object detection, section 3.1.

    Attributes:
        needs_float: True: integers of 8 bits would round each side of a box to 1/256 of the image's.
    """

    needs_float = True

    def build(self, input_shape: tuple[int, ...]) -> None:
        centers = [(np.arange(count) + 0.5) / count for count in input_shape[1:3]]
        rows, columns = np.meshgrid(*centers, indexing="ij")
        self._centers = np.stack([rows, columns, rows, columns], axis=-1).astype(np.float32)

    def call(self, distances: Tensor) -> Tensor:
        signs = np.array([-1, -1, 1, 1], np.float32)
        return keras.ops.clip(self._centers + signs * distances, 0, 1)
