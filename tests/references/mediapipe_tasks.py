"""MediaPipe Tasks, which read a model's metadata in their own way; skips where it is not installed."""

from typing import Any

import numpy as np
import pytest


def _tasks() -> tuple[Any, Any, Any]:
    try:
        import mediapipe
        from mediapipe.tasks.python import text, vision
    except (ImportError, OSError) as failure:
        pytest.skip(f"mediapipe cannot be imported here: {failure}")
    return mediapipe, vision, text


def _base(path) -> Any:
    from mediapipe.tasks.python import BaseOptions

    return BaseOptions(model_asset_path=str(path))


def _pictures(images: np.ndarray) -> list[Any]:
    mediapipe = _tasks()[0]
    return [mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image) for image in images]


def classify(path, images: np.ndarray) -> list[dict[str | None, float]]:
    """Scores by class name, for each image `(height, width, 3)` uint8."""
    vision = _tasks()[1]
    options = vision.ImageClassifierOptions(_base(path))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        answers = [classifier.classify(picture) for picture in _pictures(images)]
    return [
        {each.category_name: each.score for each in answer.classifications[0].categories}
        for answer in answers
    ]


def segment(path, images: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Class names, and what it gives for images of the model's size: `(n, height, width, classes)`."""
    vision = _tasks()[1]
    options = vision.ImageSegmenterOptions(_base(path), output_confidence_masks=True)
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        masks = [
            [mask.numpy_view().reshape(images.shape[1:3]).copy() for mask in answer.confidence_masks]
            for answer in map(segmenter.segment, _pictures(images))
        ]
        labels = list(segmenter.labels)
    return labels, np.moveaxis(np.array(masks), 1, -1)


def embed(path, images: np.ndarray) -> np.ndarray:
    """Codes `(n, size)`."""
    vision = _tasks()[1]
    with vision.ImageEmbedder.create_from_options(vision.ImageEmbedderOptions(_base(path))) as embedder:
        return np.array([embedder.embed(each).embeddings[0].embedding for each in _pictures(images)])


def detect(path, images: np.ndarray) -> list[Any]:
    """Detections of each image."""
    vision = _tasks()[1]
    with vision.ObjectDetector.create_from_options(vision.ObjectDetectorOptions(_base(path))) as detector:
        return [detector.detect(each).detections for each in _pictures(images)]


def classify_text(path, said: str) -> Any:
    """What it makes of a text."""
    text = _tasks()[2]
    with text.TextClassifier.create_from_options(text.TextClassifierOptions(_base(path))) as classifier:
        return classifier.classify(said)
