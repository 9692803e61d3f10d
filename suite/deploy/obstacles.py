"""What keeps a model, or one format of it, from being exported: in one line, by operator and layer."""

import re
from collections.abc import Sequence
from typing import Any

from suite.keras_internals import layers_of

# Of text and tables. Their lookups live in resources that no phone format holds.
TEXT_LAYERS = ("TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing")


_MEND = "; end the model before that, or put another layer in its place"


class FormatError(Exception):
    """A format cannot hold a model; the message is one line."""


def check_exportable(model: Any) -> None:
    """Checks what no format can hold, before anything is written.

    Args:
        model: A functional or built Sequential Keras model.

    Raises:
        ValueError: A layer keeps states from call to call, or reads texts or tables.
    """
    for layer in layers_of(model):
        kind, name = type(layer).__name__, layer.name
        if getattr(layer, "stateful", False):
            raise ValueError(
                f"expected layers without a memory from call to call, received {kind} {name!r} with "
                "stateful=True, whose states no exported file keeps; build it without, with its states as "
                "inputs (initial_state) and outputs (return_state)"
            )
        if kind in TEXT_LAYERS:
            raise ValueError(
                f"expected layers that compute with numbers, received {kind} {name!r}: TFLite has no "
                "built-in operators for strings and tables; export the part of the model behind it, and "
                "look up its numbers in the app"
            )


def missing_operators(format: str, operators: Sequence[str], scopes: Sequence[str], model: Any) -> str:
    """Says which operators a format lacks, and in which layer they are.

    Args:
        format: Name of the format.
        operators: TensorFlow's names.
        scopes: Names of nodes of the graph, such as "functional_1/dense_1/Erfinv".
        model: The Keras model.
    """
    layer = layer_in(scopes, model)
    where = f" (layer {layer!r})" if layer else ""
    return (
        f"{format} has no operator for {', '.join(sorted(set(operators)))}{where}; end the model before it, "
        "or put another layer in its place"
    )


def layer_in(scopes: Sequence[str], model: Any) -> str | None:
    """The innermost layer, or the only function, that the first of some nodes can belong to, or None."""
    names = {layer.name for layer in layers_of(model)}
    for scope in scopes:
        for part in reversed(scope.split("/")):
            # Keras opens each scope twice, and TensorFlow numbers the second: "dense_1" is of "dense".
            for name in (re.sub(r"_\d+$", "", part), part):
                if name in names:
                    return name
    functions = {each.name for each in model.operations} - names if hasattr(model, "operations") else ()
    return next(iter(functions)) if len(functions) == 1 else None  # of keras.ops, which open no scope


def in_a_line(failure: Exception, format: str, model: Any) -> FormatError:
    """Puts what a converter raises, which may be pages of MLIR, in a line.

    Args:
        failure: The exception; a `FormatError` is one already.
        format: Name of the format.
        model: The Keras model.
    """
    if isinstance(failure, FormatError):
        return failure
    text = str(failure)
    listed = re.findall(r"(?:TF Select|Custom) ops: ([\w, ]+)", text)
    found = [name for names in listed for name in re.split(r"[,\s]+", names) if name]
    found = found or re.findall(r"'tf\.(\w+)' op", text)
    scopes = re.findall(r'"([^"@]+/[^"@]+)@', text)
    if found:
        return FormatError(missing_operators(format, found, scopes, model))
    refused = re.findall(r"'tfl\.(\w+)' op ([^\n]*)", text)
    layer = layer_in(scopes, model)
    what = f"the operator {refused[0][0].upper()}: {refused[0][1]}" if refused else _plain(text)
    where = f" (layer {layer!r})" if layer else ""
    return FormatError(cannot_hold(format, what, where))


def cannot_hold(format: str, what: str, where: str = "") -> str:
    """Says that a format cannot hold a model, and what helps.

    Args:
        format: Name of the format.
        what: Why.
        where: In which layer, in brackets, as far as known.
    """
    return f"{format} cannot hold this model{where}: {what}{_MEND}"


def runtime_obstacle(error: str) -> str:
    """What a runtime says that refuses a file, without its codes and the paths of its own source.

    Args:
        error: Its message, or another.
    """
    text = re.sub(r"^expected a readable .* cannot be loaded: ", "does not load: ", error)
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : (\w+) : ", "", text)
    return re.sub(r"(^|(?<=\s))/?\w[\w.]*/\S+", "", text)[:150].strip().rstrip(":.") + _MEND


def _plain(text: str) -> str:
    """The readable end of a converter's message, without its locations."""
    lines = [line for line in text.splitlines() if line.strip()] or ["its converter gives no reason"]
    line = re.sub(r"^.*\berror: |\x1b\[[\d;]*m", "", lines[0])
    line = "".join(character for character in line if character.isprintable())
    return line[:200]
