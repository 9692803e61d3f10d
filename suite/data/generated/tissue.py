"""Drawn tissue: cells apart by thin dark membranes, as electron microscopes show it, and every pixel known.

A membrane is about two pixels wide. Cells hold dark grains, so that darkness alone tells little.
"""

import numpy as np
from scipy import ndimage, spatial

COUNTS = {"train": 800, "validation": 100, "test": 300}

CLASSES = ("cell", "membrane")

_CELL = 14  # pixels from the middle of a cell to that of the next, about
_WIDTH = 1.6  # of a membrane: where the two nearest middles are as far away, but for this many pixels
_GRAINS = 0.07  # share of the pixels that are dark grain, about; of membrane are a quarter


def draw_tissue(part: str, count: int, seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draws images of cells: a pure function of its arguments.

    Args:
        part: "train", "validation" or "test".
        count: Number of images.
        seed: Same seed, same images; each part has others.
        size: `(height, width)` in pixels.

    Returns:
        Images `(count, height, width, 3)` uint8 in gray, and masks `(count, height, width)` uint8, indices of
        `CLASSES`.
    """
    images, masks = np.empty((count, *size, 3), np.uint8), np.empty((count, *size), np.uint8)
    for index in range(count):
        rng = np.random.default_rng((seed, list(COUNTS).index(part), index))
        masks[index] = _membranes(rng, size)
        images[index] = _paint(masks[index], rng)[..., None]
    return images, masks


def _membranes(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """1 where two cells meet; their borders are bent, as pixels are displaced by a smooth random field."""
    around = [np.arange(-_CELL / 2, side + _CELL, _CELL) for side in size]
    middles = np.stack(np.meshgrid(*around, indexing="ij"), axis=-1).reshape(-1, 2)
    middles = middles + rng.uniform(-0.45, 0.45, middles.shape) * _CELL
    bend = ndimage.gaussian_filter(rng.normal(size=(2, *size)), (0, 4, 4)) * 16
    places = np.moveaxis(np.indices(size) + bend, 0, -1)
    distances, _ = spatial.cKDTree(middles).query(places, 2)  # (height, width, 2), the nearest first
    return (distances[..., 1] - distances[..., 0] < _WIDTH).astype(np.uint8)


def _paint(membranes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gray values: dark membranes and grains on light cells, blurred, with noise."""
    size = membranes.shape
    field = ndimage.gaussian_filter(rng.normal(size=size), 1.5)
    grains = field > np.quantile(field, 1 - _GRAINS)
    light = ndimage.gaussian_filter(rng.normal(size=size), 8)
    gray = 170 + 25 * light / light.std() - 90 * np.maximum(membranes, grains)
    return np.clip(ndimage.gaussian_filter(gray, 0.5) + rng.normal(0, 18, size), 0, 255).astype(np.uint8)
