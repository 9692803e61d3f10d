"""Small tables that ship with scikit-learn, as float64 arrays with column names; and a user's CSV file."""

import dataclasses

import numpy as np
from sklearn import datasets

from suite.data.sets.csv_tables import TableSet, read_csv
from suite.data.source import Source
from suite.data.splits import SPLITS, split_by_label


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


def load(source: Source, seed: int, target: str | None = None, *, has_classes: bool = False) -> TableSet:
    """Loads what `--data` names.

    Args:
        source: Embedded are the diabetes patients in their own units, or wines where there are classes; a
            path is that of a CSV file, or of a folder with one for each part; see `read_csv`.
        seed: Of the split.
        target: As of `read_csv`.
        has_classes: Whether the target is a class, and not a quantity.

    Raises:
        ValueError: As of `read_csv`; a target of data that are no file.
    """
    if source.path is not None:
        return read_csv(source.path, seed, target, has_classes=has_classes)
    if target is not None:
        raise ValueError(f"expected --target with a file of your own, received --data {source}; leave it out")
    table, name = (load_wine(), "wine") if has_classes else (load_diabetes(raw=True), "diabetes")
    rows = split_by_label(table.targets if has_classes else np.zeros(len(table.targets)), SPLITS, seed)
    return TableSet(
        features={part: table.features[each] for part, each in rows.items()},
        targets={part: table.targets[each] for part, each in rows.items()},
        feature_names=table.feature_names,
        target_name="cultivar" if has_classes else "progression",
        source=name,
        classes=table.classes,
    )
