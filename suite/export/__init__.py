"""One Keras model -> SavedModel, TFLite and ONNX, each proven in its own runtime."""

from pathlib import Path
from typing import Any

from suite import make_callable


def _export(*args: Any, **kwargs: Any) -> Path:
    from suite.reexport import export_file

    return export_file(*args, **kwargs)


make_callable(__name__, _export)
