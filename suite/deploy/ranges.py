"""The values that stand for black and white in an image input: a fact of an export, never assumed.

A model that takes uint8 pixels takes them as they are. One that takes floats may want [0, 1], [-1, 1],
[0, 255] or anything else, and nothing in its signature says which.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from suite.bundle.rows import InputFacts
from suite.deploy.signature import Signature, Tensor
from suite.keras_internals import calls_of

MOST_ROWS = 512  # of examples that are looked at
ASK = "say which values are black and white with --scale, such as --scale 0..1"
# Layers that move pixels about, or vary them in training only, and leave black and white what they are.
_KEEPING = {
    *("CenterCrop", "Cropping2D", "Dropout", "Identity", "RandomBrightness", "RandomColorJitter"),
    *("RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight", "RandomRotation", "RandomTranslation"),
    *("RandomWidth", "RandomZoom", "Resizing", "ZeroPadding2D"),
}


class ValueRange(NamedTuple):
    """What a model takes for black and for white.

    Attributes:
        low: The value of a pixel of 0; a tuple where it is another one in each channel.
        high: That of a pixel of 255.
    """

    low: Any
    high: Any

    def values(self, pixels: np.ndarray, dtype: str = "float32") -> np.ndarray:
        """Turns pixels in [0, 255], `(..., channels)`, into what the model takes, of its dtype."""
        if self == PIXELS:
            return pixels.astype(dtype)
        low, high = (np.asarray(side, np.float64) for side in self)
        return (pixels / 255 * (high - low) + low).astype(dtype)

    @property
    def mean(self) -> Any:
        """The mean of TFLite's metadata: a model takes `(pixel - mean) / deviation`."""
        return -np.asarray(self.low, np.float64) * self.deviation + 0.0  # never -0

    @property
    def deviation(self) -> Any:
        """The standard deviation of TFLite's metadata."""
        return 255 / (np.asarray(self.high, np.float64) - np.asarray(self.low, np.float64))

    def __str__(self) -> str:
        return f"[{_text(self.low)}, {_text(self.high)}]"


def _text(side: Any) -> str:
    sides = [f"{value:.3g}" for value in np.atleast_1d(side)]
    return sides[0] if len(sides) == 1 else f"({', '.join(sides)})"


PIXELS, UNIT, SIGNED = ValueRange(0.0, 255.0), ValueRange(0.0, 1.0), ValueRange(-1.0, 1.0)
USUAL = (UNIT, SIGNED, PIXELS)


def is_picture(tensor: Tensor) -> bool:
    """Whether it has the shape of RGB or gray images, of one size or of any."""
    return len(tensor.shape) == 3 and tensor.shape[2] in (1, 3)


def parse_scale(scale: Any) -> ValueRange | None:
    """Reads `--scale`: "0..1", or two numbers.

    Args:
        scale: A text LOW..HIGH, a pair, or None.

    Raises:
        ValueError: It is something else, or LOW is not below HIGH.
    """
    if scale is None:
        return None
    try:
        low, high = map(float, scale.split("..") if isinstance(scale, str) else scale)
    except (ValueError, TypeError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"expected a scale LOW..HIGH, the values of black and white, such as 0..1, received {scale!r}"
        )
    return ValueRange(low, high)


def seen_range(values: np.ndarray) -> ValueRange | None:
    """The one of `USUAL` that examples of pictures lie in and go past the half of; None where there is none.

    Args:
        values: `(n, height, width, channels)`.
    """
    low, high = _extremes(values)
    for candidate in USUAL:
        inside = candidate.low <= low and high <= candidate.high
        if inside and high > candidate.high / 2 and (candidate.low == 0 or low < candidate.low / 2):
            return candidate
    return None


def _extremes(values: Any) -> tuple[float, float]:
    some = np.asarray(values[:MOST_ROWS])
    return float(np.min(some)), float(np.max(some))


def known_range(
    tensor: Tensor, scale: ValueRange | None = None, examples: Any = None, implied: ValueRange | None = None
) -> tuple[ValueRange | None, str]:
    """Finds out what an image input takes: from its dtype, a flag, examples, or the model's first layer.

    Args:
        tensor: The input.
        scale: What the user says.
        examples: Values that it really takes, batch first; or None.
        implied: What `implied_range` gives for it; or None.

    Returns:
        The range, None where it is not known; and where that is from, or why it is not known.

    Raises:
        ValueError: The user says something else of an input of uint8 pixels.
    """
    if tensor.dtype == "uint8":
        if scale not in (None, PIXELS):
            raise ValueError(
                f"expected no --scale, {tensor.name!r} takes uint8 pixels in [0, 255], received {scale}; "
                "leave it out"
            )
        return PIXELS, "its dtype"
    if scale is not None:
        return scale, "--scale"
    if examples is None:
        return implied, "the layer behind it" if implied else "nothing says it"
    found, (low, high) = seen_range(examples), _extremes(examples)
    if found is None and implied and implied.low <= low and high <= implied.high:
        return implied, "the layer behind it"
    if found is None:
        return None, f"the examples lie in [{low:.4g}, {high:.4g}]"
    doubt = f", though the layer behind it is made for {implied}" if implied not in (None, found) else ""
    return found, f"the examples{doubt}"


def known_ranges(
    signature: Signature, scale: ValueRange | None = None, examples: Any = None, model: Any = None
) -> dict[str, tuple[ValueRange | None, str]]:
    """Finds out what every image input of a model takes, as `known_range`.

    Args:
        signature: That of the model.
        scale: As in `known_range`.
        examples: Arrays by input name, or None.
        model: The Keras model, whose inputs are in the order of the signature; or None.

    Returns:
        By input name what `known_range` gives.
    """
    symbols = model.inputs if model is not None else [None] * len(signature.inputs)
    found = {}
    for tensor, symbol in zip(signature.inputs, symbols, strict=True):
        if is_picture(tensor):
            implied = None if symbol is None else implied_range(model, symbol)
            found[tensor.name] = known_range(tensor, scale, examples and examples[tensor.name], implied)
    return found


def implied_range(model: Any, symbol: Any) -> ValueRange | None:
    """The range that the `Rescaling` or `Normalization` right behind an image input is made for.

    Args:
        model: A functional Keras model.
        symbol: One of its symbolic inputs.

    Returns:
        The one of `USUAL` that the layer turns into another usual one; None where there is no such layer,
        or several ranges would do.
    """
    found = {_made_for(layer) for layer in _first_layers(model, symbol)}
    return found.pop() if len(found) == 1 else None


def _first_layers(model: Any, tensor: Any) -> Iterator[Any]:
    """The layers that first change the values of an input, in models inside of the model, too."""
    for layer in model.layers:
        for node in calls_of(layer):
            if not any(given is tensor for given in node.input_tensors) or _is_input(layer):
                continue
            inner = [layer] if not hasattr(layer, "layers") else list(_first_layers(layer, layer.inputs[0]))
            for each in inner or [None]:
                keeps = each is None or type(each).__name__ in _KEEPING
                yield from _first_layers(model, node.output_tensors[0]) if keeps else (each,)


def _is_input(layer: Any) -> bool:
    return type(layer).__name__ == "InputLayer"


def _made_for(layer: Any) -> ValueRange | None:
    kind = type(layer).__name__
    if kind == "Rescaling":
        factor, offset = np.asarray(layer.scale, float), np.asarray(layer.offset, float)
        fits = _is_usual
    elif kind == "Normalization" and getattr(layer, "mean", None) is not None:
        deviation = np.sqrt(np.asarray(layer.variance, float))
        factor, offset = 1 / deviation, -np.asarray(layer.mean, float) / deviation
        fits = _is_standard
    else:
        return None
    if np.all(factor == 1) and np.all(offset == 0):
        return None
    found = [each for each in USUAL if fits(each.low * factor + offset, each.high * factor + offset)]
    return found[0] if len(found) == 1 else None


def _is_usual(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether values are a usual range or [-0.5, 0.5], but for rounding such as 1/128 for 1/127.5."""
    ends = [*USUAL, ValueRange(-0.5, 0.5)]
    return any(
        np.all(abs(low - end.low) <= 0.02 * (end.high - end.low))
        and np.all(abs(high - end.high) <= 0.02 * (end.high - end.low))
        for end in ends
    )


def _is_standard(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether values are centered, of a few standard deviations."""
    return bool(np.all((low < -0.5) & (low > -5) & (high > 0.5) & (high < 5)))


def describe_inputs(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    ranges: Mapping[str, ValueRange | None],
) -> dict[str, InputFacts]:
    """What the record says of the inputs of an artifact, by name.

    Args:
        signature: What the model takes.
        shapes: Those that were fed, without the batch, by name: the sizes that TFLite files are fixed to.
        ranges: Those of the image inputs by name, None where one is not known.
    """
    return {
        tensor.name: InputFacts(
            tensor.dtype, tuple(shapes[tensor.name]), tensor.name in ranges, ranges.get(tensor.name)
        )
        for tensor in signature.inputs
    }
