"""A local web page that runs the .tflite files of a bundle in the browser."""

from typing import Any

from suite import make_callable


def _preview(*args: Any, **kwargs: Any) -> None:
    from suite.preview.server import preview

    return preview(*args, **kwargs)


make_callable(__name__, _preview)
