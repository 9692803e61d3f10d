"""From counts of n-grams to probabilities: what a word gets that did not occur after its context."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np


class Seen(NamedTuple):
    """What training has to say of some n-grams.

    Attributes:
        counts: `(m,)` int64, occurrences of each; or different words before it, where continuations count.
        totals: `(m,)` int64, the sum of the counts over all words after the same context.
        types: `(m,)` int64, how many different words follow the context.
    """

    counts: np.ndarray
    totals: np.ndarray
    types: np.ndarray


def maximum_likelihood(seen: Seen) -> np.ndarray:
    """Relative frequencies, `(m,)` float64; 0 after a context that did not occur."""
    return seen.counts / np.maximum(seen.totals, 1)


@dataclasses.dataclass(frozen=True)
class MaximumLikelihood:
    """No smoothing: what did not occur has probability 0.

    p(w | c) = count(c, w) / count(c)
    """

    continuations: ClassVar[bool] = False

    def probabilities(self, levels: Sequence[Seen], size: int) -> np.ndarray:
        """Takes what was seen of the n-grams of each n, from 1 up: gives `(m,)` float64."""
        return maximum_likelihood(levels[-1])


@dataclasses.dataclass(frozen=True)
class AddK:
    """Every word is counted k times more than it occurred; 1 is Laplace's rule, others are Lidstone's.

        p(w | c) = (count(c, w) + k) / (count(c) + k * size)

    Attributes:
        k: > 0.

    Raises:
        ValueError: k is not positive.

    Reference:
        Chen, Goodman (1999), An empirical study of smoothing techniques for language modeling, section 2.1.
    """

    k: float
    continuations: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.k > 0:
            raise ValueError(f"expected k > 0, received {self.k}; MaximumLikelihood() adds nothing")

    def probabilities(self, levels: Sequence[Seen], size: int) -> np.ndarray:
        """Takes what was seen of the n-grams of each n, from 1 up: gives `(m,)` float64."""
        return (levels[-1].counts + self.k) / (levels[-1].totals + self.k * size)


@dataclasses.dataclass(frozen=True)
class _Interpolated:
    """A share of each n-gram's own counts, and the rest by the shorter context.

    Attributes:
        uniform: Whether the shortest context, of no words, is mixed with the uniform distribution in turn, so
            that no word has probability 0; nltk.lm ends at relative frequencies.
    """

    uniform: bool = dataclasses.field(default=True, kw_only=True)
    continuations: ClassVar[bool] = False

    def terms(self, seen: Seen, n: int) -> tuple[np.ndarray, np.ndarray | float]:
        """What the n-grams themselves give, and the share that is left to the shorter context."""
        raise NotImplementedError

    def probabilities(self, levels: Sequence[Seen], size: int) -> np.ndarray:
        """Takes what was seen of the n-grams of each n, from 1 up: gives `(m,)` float64."""
        found = np.asarray(1 / size if self.uniform else maximum_likelihood(levels[0]))
        for n, seen in enumerate(levels, start=1):
            if n > 1 or self.uniform:
                own, rest = self.terms(seen._replace(totals=np.maximum(seen.totals, 1)), n)
                found = np.where(seen.totals > 0, own + rest * found, found)
        return found


@dataclasses.dataclass(frozen=True)
class JelinekMercer(_Interpolated):
    """Interpolation with one fixed weight for each n.

        p(w | c) = weight * count(c, w) / count(c) + (1 - weight) * p(w | c without its first word)

    After a context that did not occur, all is left to the shorter one. The authors fit the weights to
    held-out text, and by classes of contexts; here all contexts of a length have the same.

    Attributes:
        weights: Of each n from 1 up, in (0, 1); the last is that of all longer ones, too. With
            `uniform=False` the first is not used.

    Raises:
        ValueError: There is no weight, or one is out of range.

    Reference:
        Jelinek, Mercer (1980), Interpolated estimation of Markov source parameters from sparse data; Chen,
        Goodman (1999), section 2.3.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.weights or not all(0 < weight < 1 for weight in self.weights):
            raise ValueError(
                f"expected weights in (0, 1), at least one, received {self.weights}; MaximumLikelihood() "
                "mixes nothing"
            )

    def terms(self, seen: Seen, n: int) -> tuple[np.ndarray, float]:
        weight = self.weights[min(n, len(self.weights)) - 1]
        return weight * maximum_likelihood(seen), 1 - weight


@dataclasses.dataclass(frozen=True)
class WittenBell(_Interpolated):
    """Interpolation that trusts a context less, the more different words followed it.

        rest(c) = types(c) / (types(c) + count(c))
        p(w | c) = (1 - rest(c)) * count(c, w) / count(c) + rest(c) * p(w | c without its first word)

    With `uniform=False` this is nltk.lm's `WittenBellInterpolated`.

    Reference:
        Witten, Bell (1991), The zero-frequency problem: estimating the probabilities of novel events in
        adaptive text compression; Chen, Goodman (1999), section 2.5.
    """

    def terms(self, seen: Seen, n: int) -> tuple[np.ndarray, np.ndarray]:
        rest = seen.types / (seen.types + seen.totals)
        return (1 - rest) * maximum_likelihood(seen), rest


@dataclasses.dataclass(frozen=True)
class KneserNey(_Interpolated):
    """Interpolated Kneser-Ney: a discount on every count, and shorter contexts that count continuations.

        rest(c) = discount * types(c) / count(c)
        p(w | c) = max(count(c, w) - discount, 0) / count(c) + rest(c) * p(w | c without its first word)

    Below the longest context, count(c, w) is the number of different words that stood before (c, w): "San
    Francisco" makes "Francisco" frequent, but not likely after other words. With `uniform=False` this is
    nltk.lm's `KneserNeyInterpolated`. The modified form, with three discounts, is not here.

    Attributes:
        discount: In (0, 1].

    Raises:
        ValueError: The discount is out of range.

    Reference:
        Kneser, Ney (1995), Improved backing-off for m-gram language modeling; Chen, Goodman (1999), section
        2.7, for the interpolated form.
    """

    discount: float
    continuations: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.discount <= 1:
            raise ValueError(f"expected a discount in (0, 1], received {self.discount}; 0.75 is a usual one")

    def terms(self, seen: Seen, n: int) -> tuple[np.ndarray, np.ndarray]:
        own = np.maximum(seen.counts - self.discount, 0) / seen.totals
        return own, self.discount * seen.types / seen.totals


Smoothing = MaximumLikelihood | AddK | JelinekMercer | WittenBell | KneserNey
