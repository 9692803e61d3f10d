"""Pictures of noise, which no two seeds share, and what was read of them."""

import numpy as np


def noise(seed: int, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def reasons(found) -> dict[str, str]:
    return {entry.file: entry.reason for entry in found.quarantined}


def sizes(found) -> list[int]:
    return [len(found.images[part]) for part in ("train", "validation", "test")]
