"""The uncertainty of what is measured on some examples, and how it is written."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest


@dataclasses.dataclass(frozen=True)
class Interval:
    """The 95 % interval of a share of right answers.

    Attributes:
        low: Lower end, in [0, 1].
        high: Upper end, in [low, 1].
        examples: How many answers there were.
        unit: What they are about: "photos".
        how: How the share came about, where it is not simply that of the examples: "by 5 folds ...".
    """

    low: float
    high: float
    examples: int
    unit: str = "examples"
    how: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Interval":
        """Reads an entry of "intervals"."""
        return cls(**{field.name: content[field.name] for field in dataclasses.fields(cls)})

    def to_json(self) -> dict[str, Any]:
        """Gives an entry of "intervals"."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        digits = 2 if self.examples < 1000 else 3
        return f"{self.low:.{digits}f} to {self.high:.{digits}f}"

    def beside(self, value: float, *more: str) -> str:
        """The share with its interval: "0.588 (0.36 to 0.78, 17 photos)", "0.82 (0.74 to 0.88) by 5 folds".

        Args:
            value: The share.
            *more: What else stands in the parentheses.
        """
        if self.how:
            return f"{value:.2f} ({'; '.join((str(self), *more))}) {self.how}"
        return f"{value:.3f} ({'; '.join((f'{self}, {self.examples:,} {self.unit}', *more))})"


def wilson(share: float, examples: int, unit: str = "examples", how: str = "") -> Interval:
    """The 95 % interval of a share of right answers by Wilson's score.

    Args:
        share: In [0, 1], right ones of all.
        examples: How many there are, at least 1.
        unit: As of `Interval`.
        how: As of `Interval`.

    Raises:
        ValueError: There is no example, or the share is not in [0, 1].

    Reference:
        Wilson (1927), Probable inference, the law of succession, and statistical inference; Brown, Cai,
        DasGupta (2001), Interval estimation for a binomial proportion.
    """
    if examples < 1 or not 0 <= share <= 1:
        raise ValueError(
            f"expected a share in [0, 1] of at least one example, received {share} of {examples}"
        )
    low, high = binomtest(round(share * examples), examples).proportion_ci(method="wilson")
    return Interval(float(low), float(high), examples, unit, how)


def bootstrap(
    measured: Callable[[np.ndarray], float],
    examples: int,
    unit: str = "examples",
    draws: int = 200,
    seed: int = 0,
) -> Interval:
    """The 95 % interval of a number by the bootstrap: as if other examples had been held out.

    Args:
        measured: Gives the number on examples by their indices, which repeat; NaN where there is none.
        examples: How many there are, at least 1.
        unit: As of `Interval`.
        draws: How often as many examples are drawn.
        seed: Of the draws.

    Raises:
        ValueError: There is no example.

    Reference:
        Efron (1979), Bootstrap methods: another look at the jackknife (percentiles of the draws).
    """
    if examples < 1:
        raise ValueError(f"expected at least one example, received {examples}")
    rng = np.random.default_rng(seed)
    values = [measured(rng.integers(examples, size=examples)) for _ in range(draws)]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return Interval(float(low), float(high), examples, unit)
