"""Small tables that ship with scikit-learn, as float64 arrays with column names."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn import datasets


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A table for supervised learning.

    Attributes:
        features: `(n, p)` float64.
        targets: `(n,)` float64, or int64 labels where there are classes.
        feature_names: p names, in the order of the columns.
        classes: Class names by label; empty where the target is a quantity.
    """

    features: np.ndarray
    targets: np.ndarray
    feature_names: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def column(self, name: str) -> np.ndarray:
        """The `(n,)` feature of that name.

        Raises:
            ValueError: No feature has that name.
        """
        if name not in self.feature_names:
            names = ", ".join(self.feature_names)
            raise ValueError(f"expected one of the features {names}, received {name!r}")
        return self.features[:, self.feature_names.index(name)]


def load_diabetes(*, raw: bool = False) -> Table:
    """Diabetes: 442 patients, 10 measurements, and the progression of the disease a year later (25 to 346).

    Args:
        raw: The measurements in their own units: age (years), sex (two levels, 1 and 2), bmi (kg/m^2),
            bp (mean blood pressure, mmHg), s1 to s6 (blood serum). Otherwise each column is centered and
            scaled to norm 1 over all 442 rows, as scikit-learn gives it; rows outside the training split
            are part of that scaling, so use `raw` where a test error is claimed.

    Reference:
        Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression.
    """
    loaded = datasets.load_diabetes(scaled=not raw)
    return Table(
        features=loaded.data.astype(np.float64),
        targets=loaded.target.astype(np.float64),
        feature_names=tuple(loaded.feature_names),
    )


def load_wine() -> Table:
    """Wine: 178 wines from 3 cultivars, 13 chemical measurements in their own units.

    Reference:
        Aeberhard, Forina (1991), Wine, UCI Machine Learning Repository.
    """
    loaded = datasets.load_wine()
    return Table(
        features=loaded.data.astype(np.float64),
        targets=loaded.target.astype(np.int64),
        feature_names=tuple(loaded.feature_names),
        classes=tuple(str(name) for name in loaded.target_names),
    )


def split(n: int, seed: int, fractions: Sequence[float] = (0.7, 0.15, 0.15)) -> tuple[np.ndarray, ...]:
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
