"""MediaPipe Tasks, which reads a model's metadata in its own way."""

import numpy as np
import pytest


def classify(path, images: np.ndarray) -> list[dict[str | None, float]]:
    """Scores by class name, for each image `(height, width, 3)` uint8; skips where it is not installed."""
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except (ImportError, OSError) as failure:
        pytest.skip(f"mediapipe cannot be imported here: {failure}")
    options = vision.ImageClassifierOptions(BaseOptions(model_asset_path=str(path)))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        answers = [
            classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))
            for image in images
        ]
    return [
        {each.category_name: each.score for each in answer.classifications[0].categories}
        for answer in answers
    ]
