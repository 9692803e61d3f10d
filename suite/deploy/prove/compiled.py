"""Whether `CompiledModel`, by which apps run a file on CPU, GPU and NPU, answers as the interpreter does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.console import first_line

EXAMPLES = 3  # the same kernels run, which agree or do not at the first

_KEYS = ("serving_default", "infer")


def compare(
    path: str | Path, inputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Runs a TFLite file by `CompiledModel` on a CPU, with the calls of the code for apps.

    Args:
        path: The file.
        inputs: Arrays by input name, batch first, of which the first few examples are run.
        expected: The interpreter's outputs for them by name, batch first.

    Returns:
        {"max_abs_difference": the largest absolute difference, None where it did not run or is not finite;
        "reason": why it did not run, or None}.
    """
    try:
        difference = _largest_difference(path, inputs, expected)
    except Exception as failure:  # LiteRT raises RuntimeErrors, of a dtype without buffers ValueErrors
        return {"max_abs_difference": None, "reason": first_line(failure)}
    return {"max_abs_difference": difference if np.isfinite(difference) else None, "reason": None}


def _largest_difference(
    path: str | Path, inputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> float:
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(str(path))
    known = [key for key in _KEYS if key in model.get_signature_list()]
    if not known:
        raise ValueError(f"has no signature {' or '.join(_KEYS)}")
    given = {name: model.create_input_buffer_by_name(known[0], name) for name in inputs}
    outputs = {name: model.create_output_buffer_by_name(known[0], name) for name in expected}
    worst = 0.0
    for index in range(min(EXAMPLES, len(next(iter(inputs.values()))))):
        for name, buffer in given.items():
            buffer.write(np.asarray(inputs[name][index : index + 1]))
        model.run_by_name(known[0], given, outputs)
        for name, buffer in outputs.items():
            wanted = expected[name][index]
            got = np.float64(buffer.read(wanted.size, wanted.dtype)).reshape(wanted.shape)
            worst = np.maximum(worst, np.max(np.abs(got - wanted), initial=0.0))  # keeps NaN
    return float(worst)
