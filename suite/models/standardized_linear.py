"""Linear regression on columns that the model standardizes itself."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import layers


def standardized_linear(
    inputs: Sequence[keras.KerasTensor],
    columns: Iterable[keras.KerasTensor],
    means: np.ndarray,
    deviations: np.ndarray,
    output: str,
    name: str,
) -> keras.Model:
    """Builds a model that subtracts a mean from each column, divides by a deviation, and weighs them.

    Args:
        inputs: Of the model.
        columns: `(batch, 1)` each, computed from the inputs.
        means: `(columns,)`.
        deviations: `(columns,)`, > 0.
        output: Name of the dense layer, whose kernel is zero at first.
        name: Of the model.

    Returns:
        From the inputs to `(batch, 1)`.
    """
    parts = zip(columns, means.tolist(), deviations.tolist(), strict=True)
    standardized = layers.Concatenate()([(column - mean) / deviation for column, mean, deviation in parts])
    answer = layers.Dense(1, kernel_initializer="zeros", name=output)(standardized)
    return keras.Model(inputs, answer, name=name)
