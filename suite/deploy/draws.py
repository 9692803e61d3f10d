"""Random inputs on which a model shows what it does: of numbers that it takes, with answers that vary."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from suite.console import first_line
from suite.deploy.prove.gates import FLOAT32_PARITY, scale
from suite.deploy.ranges import ValueRange
from suite.deploy.signature import Signature, Tensor, call_model, has_fixed_batch
from suite.keras_internals import calls_of

EXAMPLES = 8


class Draw(NamedTuple):
    """Random inputs, and what they are worth.

    Attributes:
        inputs: `EXAMPLES` rows by input name.
        what: How they were drawn, in words.
        constant: Outputs that answer the same to all of them, to within what parity allows.
    """

    inputs: dict[str, np.ndarray]
    what: str
    constant: list[str]


def draw_inputs(
    model: Any,
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    ranges: Mapping[str, ValueRange | None],
) -> Draw:
    """Draws inputs of the first kind that the model answers with numbers that vary, or nearly.

    Floats are normal, or uniform in [0, 1], [-1, 1] or [0, 255]; ids are those of the `Embedding` that they
    go to, without and with the 0 that may stand for padding, or small.

    Args:
        model: A functional Keras model.
        signature: Its signature.
        shapes: Shapes of the inputs by name, without the batch, all sizes known.
        ranges: The values of black and white by image input, as far as known.

    Raises:
        ValueError: The model gives NaN, or fails, for all of them.
    """
    kinds = {
        tensor.name: _kinds(model, symbol, tensor, ranges.get(tensor.name))
        for tensor, symbol in zip(signature.inputs, model.inputs, strict=True)
    }
    best: Draw | None = None
    fault = ""
    for chosen in _combinations(kinds):
        generator = np.random.default_rng(0)
        inputs = {
            tensor.name: chosen[tensor.name][1](generator, (EXAMPLES, *shapes[tensor.name])).astype(
                tensor.dtype
            )
            for tensor in signature.inputs
        }
        what = ", ".join(f"{name} {kind}" for name, (kind, _) in chosen.items())
        if has_fixed_batch(model):  # of another size, which these rows do not have
            return Draw(inputs, what, [])
        try:
            outputs = {name: np.asarray(x) for name, x in call_model(model, inputs).items()}
        except Exception as failure:  # ids that a table does not have, sizes that do not fit
            fault = fault or misfit(failure, inputs)
            continue
        if not all(np.all(np.isfinite(values)) for values in outputs.values()):
            fault = (
                "expected inputs that the model answers with numbers, of random ones it makes NaN or "
                "infinity; give real ones with --examples"
            )
            continue
        draw = Draw(inputs, what, constant_outputs(outputs))
        if best is None or len(draw.constant) < len(best.constant):
            best = draw
        if not best.constant:
            break
    if best is None:
        raise ValueError(fault)
    return best


def check_fit(model: Any, signature: Signature, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Checks that a model can take inputs of these shapes, without running it.

    Args:
        model: A functional Keras model.
        signature: Its signature.
        shapes: By input name, without the batch.

    Raises:
        ValueError: A layer cannot; Keras says so more clearly than the kernels.
    """
    import keras

    symbols = {
        tensor.name: keras.KerasTensor((1, *shapes[tensor.name]), dtype=tensor.dtype)
        for tensor in signature.inputs
    }
    try:
        call_model(model, symbols)
    except Exception as failure:
        raise ValueError(misfit(failure, symbols)) from failure


def misfit(failure: Exception, inputs: Mapping[str, Any]) -> str:
    """Says in one line of what inputs a model failed, where, and what to give in their place."""
    shapes = ", ".join(f"{name} {tuple(array.shape[1:])}" for name, array in inputs.items())
    text = re.sub(r"\x1b\[\d*m|\{\{.*?\}\}|\s*\[Op:.*?\]", "", str(failure))
    where, _, rest = text.partition("\n\n") if text.startswith("Exception encountered") else ("", "", text)
    layer = re.search(r"calling (?!Functional|Sequential)(\w+)", where)
    place = f" in {layer[1]}" if layer else ""
    if re.search(r"negative|size would be", rest, re.I):
        return (
            f"expected inputs large enough for the model, of {shapes} nothing is left{place}; give a larger "
            "--size, or --examples"
        )
    return (
        f"expected inputs that the model takes, of {shapes} it says{place}: {first_line(rest)}; give others "
        "with --examples"
    )


def constant_outputs(outputs: Mapping[str, np.ndarray]) -> list[str]:
    """Names of the outputs that vary so little over examples that a constant would pass for them."""
    limit = FLOAT32_PARITY * scale(outputs)
    return [
        name
        for name, values in outputs.items()
        if values.size and float(np.max(np.ptp(np.float64(values), axis=0))) <= limit
    ]


Kind = tuple[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]]


def _kinds(model: Any, symbol: Any, tensor: Tensor, known: ValueRange | None) -> list[Kind]:
    """Ways to draw an input, in words and as functions of a generator and a shape; the likeliest first."""
    if tensor.dtype == "bool":
        return [_integers(0, 2)]
    if tensor.dtype == "uint8":
        return [_integers(0, 256)]
    if np.issubdtype(tensor.dtype, np.integer):
        # Those of the smallest table that they go to.
        if rows := min(_tables(model, symbol), default=0):
            return [_integers(min(1, rows - 1), rows), _integers(0, rows)]
        return [_integers(0, 2), _integers(1, 10), _integers(0, 256)]
    if known is not None:
        return [_uniform(np.min(known.low), np.max(known.high))]
    normal: Kind = ("normal", lambda generator, shape: generator.normal(size=shape))
    return [normal, _uniform(0, 1), _uniform(-1, 1), _uniform(0, 255)]


def _integers(low: int, high: int) -> Kind:
    return f"in {low} to {high - 1}", lambda generator, shape: generator.integers(low, high, shape)


def _uniform(low: float, high: float) -> Kind:
    return f"uniform in [{low:g}, {high:g}]", lambda generator, shape: generator.uniform(low, high, shape)


def _combinations(kinds: Mapping[str, list[Kind]]) -> Iterator[dict[str, Kind]]:
    """Every way for inputs that have the same ways, with every way of the others; the first ones first."""
    groups = {tuple(kind for kind, _ in each): each for each in kinds.values()}
    for chosen in itertools.product(*groups.values()):
        by_group = dict(zip(groups, chosen, strict=True))
        yield {name: by_group[tuple(kind for kind, _ in each)] for name, each in kinds.items()}


def _tables(model: Any, tensor: Any) -> Iterator[int]:
    for layer in model.layers:
        for node in calls_of(layer):
            places = [index for index, given in enumerate(node.input_tensors) if given is tensor]
            if not places:
                continue
            inner = getattr(layer, "layer", layer)  # of a wrapper, such as TimeDistributed
            if type(inner).__name__ == "Embedding":
                yield inner.input_dim
            elif hasattr(layer, "layers") and len(layer.inputs) > places[0]:
                yield from _tables(layer, layer.inputs[places[0]])
            elif not hasattr(layer, "layers") and _passes_ids_on(layer, node):
                yield from (rows for each in node.output_tensors for rows in _tables(model, each))


def _passes_ids_on(layer: Any, node: Any) -> bool:
    is_input = type(layer).__name__ == "InputLayer"
    return not is_input and all("int" in str(each.dtype) for each in node.output_tensors)
