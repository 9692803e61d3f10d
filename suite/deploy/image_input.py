"""From image files to what a model takes: its size, its colors, its range of values."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from suite import console
from suite.bundle.record import recorded_row
from suite.bundle.rows import InputFacts
from suite.data.pictures.images import load_image
from suite.deploy.ranges import ASK, PIXELS, ValueRange, is_picture, known_range
from suite.deploy.runtime import Artifact
from suite.deploy.signature import Tensor


@dataclasses.dataclass(frozen=True)
class ImageInput:
    """The only input of a model that takes an image.

    Attributes:
        tensor: Its name, dtype and shape, `(height, width, 3 or 1)`, of one size.
        range: Its values of black and white.
    """

    tensor: Tensor
    range: ValueRange

    def load(self, paths: Sequence[str | Path]) -> dict[str, np.ndarray]:
        """Reads image files, whole and stretched: `(n, height, width, channels)` by the input's name."""
        return self.of(np.stack([load_image(path, self.tensor.shape[:2]) for path in paths]))

    def of(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Makes of `(n, height, width, 3)` uint8 what the model takes, by the input's name."""
        if self.tensor.shape[2] == 1:
            pixels = np.stack([np.asarray(Image.fromarray(each).convert("L")) for each in pixels])[..., None]
        return {self.tensor.name: self.range.values(pixels, self.tensor.dtype)}


def image_input(model: Artifact, scale: ValueRange | None = None) -> ImageInput:
    """What a model's image must be: as the record of its bundle says, or the file itself.

    Args:
        model: A loaded artifact.
        scale: The values of black and white, where the user says them.

    Raises:
        ValueError: It takes something else than one RGB or gray image, or its size or range is not known.
    """
    tensor = _image_of(model)
    recorded = recorded_inputs(model.path).get(tensor.name)
    if None in tensor.shape:
        shape = recorded.shape if recorded else tensor.shape
        if None in shape or len(shape) != 3:
            raise ValueError(
                f"expected a model of one size, {model.path} takes images of any; make a bundle of it with "
                "`suite export --size HEIGHT,WIDTH`"
            )
        tensor = tensor._replace(shape=shape)
    return ImageInput(tensor, _range(model, tensor, scale, recorded.range if recorded else None))


def recorded_inputs(path: str | Path) -> Mapping[str, InputFacts]:
    """What the result.json of an artifact's bundle says of its inputs, by name; {} where it says nothing."""
    row = recorded_row(path)
    return row.inputs if row else {}


def _range(
    model: Artifact, tensor: Tensor, scale: ValueRange | None, recorded: tuple[Any, Any] | None
) -> ValueRange:
    found, _ = known_range(tensor, scale)  # of pixels, or said
    if found is None and recorded:
        found = ValueRange(*recorded)
    found = found or model.ranges.get(tensor.name)
    if found is None and tensor.name in model.assumed:
        found, why = model.assumed[tensor.name]
        console.warn(f"{model.path} is fed values in {found}, {why}; --scale LOW..HIGH says otherwise")
    if found is None:
        raise ValueError(
            f"expected to know the values that {model.path} takes, its {tensor.dtype} input {tensor.name!r} "
            f"may want 0..1, -1..1 or 0..255; {ASK}"
        )
    if np.issubdtype(tensor.dtype, np.integer) and found != PIXELS:
        raise ValueError(
            f"expected a float input for values in {found}, {model.path} takes {tensor}; use --scale 0..255"
        )
    return found


def _image_of(model: Artifact) -> Tensor:
    inputs = model.signature.inputs
    if len(inputs) == 1 and is_picture(inputs[0]):
        return inputs[0]
    shape = inputs[0].shape if len(inputs) == 1 else ()
    hint = ""
    if len(shape) == 3 and shape[0] in (1, 3):
        hint = " (channels first, as from torch, is not supported; export it with channels last)"
    elif len(shape) == 3 and shape[2] == 4:
        hint = " (a channel of transparency is not supported)"
    raise ValueError(
        f"expected a model that takes one RGB or gray image, {model.path} takes "
        f"{', '.join(map(str, inputs))}{hint}"
    )
