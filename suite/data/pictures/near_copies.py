"""Pictures that are copies but for their size, their compression or a touch of brightness."""

from collections.abc import Sequence

import numpy as np

MOST_BITS = 10  # of 64 that the hashes of copies differ in
LEAST_CORRELATION = (
    0.98  # of copies; two hands before one wall get to 0.94, copies of a third of the size to 0.99
)
_SIDE = 16  # pixels that thumbnails are compared at: finer ones show the compression


def near_copies(hashes: Sequence[int], thumbnails: np.ndarray) -> list[list[int]]:
    """Groups pictures that look the same.

    The hash finds the pairs that may be copies, the thumbnails decide: pictures of one kind can have
    close hashes.

    Args:
        hashes: n of 64 bits, as `perceptual_hash` gives them.
        thumbnails: `(n, 32, 32)` gray; one of a single color is a copy of none.

    Returns:
        Indices of each group of at least two, in order.
    """
    if len(hashes) < 2:
        return []
    bits, rows = np.array(hashes, np.uint64), _standardized(thumbnails)
    leader = np.arange(len(bits))
    for first in range(len(bits) - 1):
        others = first + 1 + np.flatnonzero(np.bitwise_count(bits[first + 1 :] ^ bits[first]) <= MOST_BITS)
        for other in others[rows[others] @ rows[first] >= LEAST_CORRELATION]:
            leader[leader == leader[other]] = leader[first]
    groups: dict[int, list[int]] = {}
    for index, its in enumerate(leader.tolist()):
        groups.setdefault(its, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _standardized(thumbnails: np.ndarray) -> np.ndarray:
    """Rows `(n, pixels)` float32 of mean 0 and length 1, whose products are correlations; 0 of one color."""
    count, side = len(thumbnails), thumbnails.shape[1] // _SIDE
    blocks = thumbnails.reshape(count, _SIDE, side, _SIDE, side).astype(np.float32)
    rows = blocks.mean(axis=(2, 4)).reshape(count, -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    is_plain = lengths < _SIDE  # a standard deviation below one level
    return np.where(is_plain, 0, rows / np.where(is_plain, 1, lengths))
