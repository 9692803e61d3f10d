"""Training, validation and test rows."""

from collections.abc import Sequence

import numpy as np

SPLITS = ("train", "validation", "test")
MANY_PER_LABEL = 1000  # a tenth of them is enough to measure


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


def split_by_label(labels: np.ndarray, parts: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Splits rows label by label: 60/20/20, and 80/10/10 of a label with 1,000 rows or more.

    Args:
        labels: `(n,)`, of any type.
        parts: "train" first; a held-out part that is not among them leaves its share to training.
        seed: Same seed, same split.

    Returns:
        Rows in rising order by part; together every row exactly once.

    Raises:
        ValueError: A label with too few rows for a part to have any.
    """
    chosen: dict[str, list[int]] = {part: [] for part in parts}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        share = 0.1 if len(rows) >= MANY_PER_LABEL else 0.2
        held_out = [share] * (len(parts) - 1)
        cut = split_rows(len(rows), seed, (1 - sum(held_out), *held_out))
        for part, places in zip(parts, cut, strict=True):
            chosen[part] += rows[places].tolist()
    return {part: np.array(sorted(rows), np.int64) for part, rows in chosen.items()}
