"""A local web page that runs the .tflite files of a bundle in the browser."""

from suite import make_callable


def _preview(*args, **kwargs):
    from suite.preview.server import preview

    return preview(*args, **kwargs)


make_callable(__name__, _preview)
