"""A demonstration set that needs no download: crops from three texture photos that ship with scikit-image."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("brick", "grass", "gravel")
COUNTS = {"train": 60, "validation": 20, "test": 40}
SIDES = (96, 160)  # pixels, smallest and largest

# (top, left, bottom, right) in the 512 x 512 photos: no two parts share a pixel.
REGIONS = {"train": (0, 0, 512, 256), "validation": (0, 256, 192, 512), "test": (192, 256, 512, 512)}


def write_textures(directory: str | os.PathLike[str], seed: int = 0) -> Path:
    """Writes square crops of brick, grass and gravel as train, validation and test folders of class folders.

    Training, validation and test crops come from areas of each photo that do not overlap (crops of one part
    do). Each file is an 8-bit gray PNG named after the place of its crop: `row_column_side.png`. The sides
    vary, so after resizing each texture is seen at scales from 1 to 1.7. The photos are in the public domain
    (CC0).

    Args:
        directory: A new folder, or one that an earlier call with the same seed wrote.
        seed: Seed of the crops.

    Returns:
        The folder, with 60 training, 20 validation and 40 test pictures per class.

    Raises:
        ValueError: The folder holds other files.
    """
    from skimage import data

    root = Path(directory)
    crops = {path: crop for label in range(len(CLASSES)) for path, crop in _crops(label, seed)}
    strangers = {path.relative_to(root) for path in root.rglob("*") if path.is_file()} - crops.keys()
    if strangers:
        raise ValueError(
            f"expected a new folder for the texture photos, received {str(root)!r}, which holds "
            f"{len(strangers)} other files; choose another or remove it"
        )
    photos = {name: getattr(data, name)() for name in CLASSES}
    for path, (row, column, side) in crops.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        photo = photos[path.parent.name]
        Image.fromarray(photo[row : row + side, column : column + side]).save(root / path)
    return root


def _crops(label: int, seed: int) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    """File and `(row, column, side)` of each crop of a class; no crop occurs twice."""
    rng = np.random.default_rng((seed, label))
    for part, (top, left, bottom, right) in REGIONS.items():
        chosen: set[tuple[int, int, int]] = set()
        while len(chosen) < COUNTS[part]:
            side = int(rng.integers(*SIDES, endpoint=True))
            row = int(rng.integers(top, bottom - side, endpoint=True))
            column = int(rng.integers(left, right - side, endpoint=True))
            chosen.add((row, column, side))
        for row, column, side in sorted(chosen):
            yield Path(part, CLASSES[label], f"{row:03}_{column:03}_{side:03}.png"), (row, column, side)
