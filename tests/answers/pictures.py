"""A picture of any pixels, and what models see of it."""

import keras
import numpy as np
from PIL import Image

LABELS = ["cat", "dog", "hen"]
ANY_PIXELS = np.random.default_rng(0).integers(256, size=(50, 70, 3), dtype=np.uint8)


def pixels(model: keras.Model) -> np.ndarray:
    height, width = model.input_shape[1:3]
    return np.array(Image.fromarray(ANY_PIXELS).resize((width, height), Image.Resampling.BILINEAR))[None]
