"""Training, validation and test rows."""

from collections.abc import Sequence

import numpy as np

SPLITS = ("train", "validation", "test")


def split_rows(n: int, seed: int, fractions: Sequence[float] = (0.7, 0.15, 0.15)) -> tuple[np.ndarray, ...]:
    """Shuffles the rows 0..n-1 and cuts them, usually into train, validation and test.

    Args:
        n: Number of rows.
        seed: Same seed, same split.
        fractions: Share of each part, in (0, 1]; they add up to 1.

    Returns:
        One array of row indices per fraction; together every row exactly once.

    Raises:
        ValueError: Fractions that do not add up to 1, or too few rows for a part to have any.
    """
    if any(fraction <= 0 for fraction in fractions) or not np.isclose(sum(fractions), 1):
        raise ValueError(f"expected positive fractions that add up to 1, received {tuple(fractions)}")
    cuts = np.round(np.cumsum(fractions) * n).astype(int)
    parts = tuple(np.split(np.random.default_rng(seed).permutation(n), cuts[:-1]))
    if min(map(len, parts)) == 0:
        sizes = ", ".join(str(len(part)) for part in parts)
        raise ValueError(f"expected a row for every part, received {n} rows split into {sizes}; add rows")
    return parts
