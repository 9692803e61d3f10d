"""Search by example: vectors of images, and the nearest ones to a query."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from suite.evaluation.table import Table

INDEX_FILE = "index.npz"


class Index(NamedTuple):
    """The images that are searched, as an encoder sees them.

    Attributes:
        vectors: `(n, size)` float32.
        names: n names, such as file names.
    """

    vectors: np.ndarray
    names: Sequence[str]

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the nearest vectors by Euclidean distance.

        Args:
            queries: `(m, size)` float32.
            count: How many to find for each, at least 1; all n where there are not as many.

        Returns:
            Rows `(m, count)` int of `vectors`, nearest first, and distances `(m, count)` float.

        Raises:
            ValueError: There is nothing to search, or nothing to find.
        """
        if not len(self.vectors) or count < 1:
            raise ValueError(
                f"expected at least 1 of at least 1 vector to find, received {count} of {len(self.vectors)}"
            )
        search = NearestNeighbors(n_neighbors=min(count, len(self.vectors)), algorithm="brute")
        distances, rows = search.fit(self.vectors).kneighbors(queries)
        return rows, distances

    def to_bytes(self) -> bytes:
        """The content of the file that `load` reads."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, vectors=self.vectors.astype(np.float32), names=np.array(self.names, str))
        return buffer.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> "Index":
        """Reads an index.

        Raises:
            ValueError: The file is none.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["vectors"], arrays["names"].tolist())
        except (OSError, ValueError, KeyError) as failure:
            raise ValueError(
                f"expected an index that a run wrote, received {str(path)!r}: {failure}"
            ) from failure


def precision(found: np.ndarray, labels: np.ndarray, query_labels: np.ndarray) -> float:
    """Gives the share of what was found that has the class of its query.

    Args:
        found: `(m, count)` int, rows of the searched images.
        labels: `(n,)` int, classes of the searched images.
        query_labels: `(m,)` int, classes of the queries.

    Returns:
        Precision at `count`, in [0, 1], the mean over the queries.

    Raises:
        ValueError: Nothing was found.
    """
    if not found.size:
        raise ValueError(f"expected at least one found row, received {found.shape}")
    return float(np.mean(labels[found] == query_labels[:, None]))


def precision_by_chance(labels: np.ndarray, query_labels: np.ndarray) -> float:
    """Gives the precision of images that are drawn at random, whatever the query.

    Args:
        labels: `(n,)` int, classes of the searched images.
        query_labels: `(m,)` int, classes of the queries.

    Returns:
        The expected share of right ones, in [0, 1].
    """
    num_classes = 1 + max(labels.max(), query_labels.max())
    shares = [np.bincount(each, minlength=num_classes) / len(each) for each in (labels, query_labels)]
    return float(shares[0] @ shares[1])


def found_table(found: np.ndarray, names: Sequence[str], query_names: Sequence[str], way: str) -> Table:
    """Names the nearest five of the first 200 queries.

    Args:
        found: `(m, count)` int, rows of the searched images, nearest first.
        names: n, of the searched images.
        query_names: m.
        way: By what they were found: "code".

    Returns:
        A table for a report.
    """
    rows = [
        (query, ", ".join(names[row] for row in rows[:5]))
        for query, rows in zip(query_names[:200], found, strict=False)
    ]
    return Table(f"Queries and their nearest by {way}", ("query", "nearest first"), rows)
