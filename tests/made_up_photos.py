"""Photos that nobody took: clouds of one tint, no two alike, on which each fault can be put by hand."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SIDE = 96
TINTS = ((170, 90, 90), (90, 90, 170), (90, 170, 90))
CLEARLY_CAT = (190, 80, 80)  # more so than the others of the first class


def cloud(seed, tint=TINTS[0], size=(SIDE, SIDE)):
    """`(height, width, 3)` uint8."""
    random = np.random.default_rng(seed)
    field = sum(gaussian_filter(random.standard_normal(size), width) * width for width in (1, 3, 9))
    field = (field - field.mean()) / field.std()
    return np.clip(field[:, :, None] * 35 + np.array(tint), 0, 255).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_folder(root, per_class=20, classes=("cat", "dog"), suffix="jpg"):
    """A folder without faults."""
    for label, name in enumerate(classes):
        for index in range(per_class):
            save(root / name / f"{index}.{suffix}", cloud(100 * label + index, TINTS[label]))
    return root
