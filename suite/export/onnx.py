"""Keras model -> ONNX, with the names of the signature and a dynamic batch."""

from pathlib import Path

import keras

from suite.export.saved_model import serving_function

OPSET = 17  # ONNX Runtime >= 1.13 and every mobile build since read it


def save_onnx(model: keras.Model, path: str | Path) -> None:
    """Writes the inference graph as ONNX.

    Args:
        model: A functional model in float32.
        path: File to write.
    """
    import tf2onnx  # slow to import, and only needed here

    serve, specs = serving_function(model, batch_size=None)
    proto, _ = tf2onnx.convert.from_function(serve, input_signature=specs, opset=OPSET)
    Path(path).write_bytes(proto.SerializeToString())
