"""Generated sequences whose answer depends on what stood far back."""

from typing import NamedTuple

import numpy as np

ADDING_BASELINE = 1 / 6  # mean squared error of the best constant answer, 1: the variance of the sum


class Sequences(NamedTuple):
    """Sequences with a number to answer.

    Attributes:
        inputs: `(n, length, 2)` float32: a number in [0, 1), and a mark that is 0 or 1.
        targets: `(n, 1)` float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


def adding_problem(count: int, length: int, rng: np.random.Generator, near: bool = False) -> Sequences:
    """Makes sequences of random numbers, two of them marked, whose sum is to be answered.

    One mark stands in the first half and one in the second, each anywhere, so that the first is at least
    half a length before the answer.

    Args:
        count: Number of sequences.
        length: Steps of each, at least 2.
        rng: Source of the draws.
        near: Whether the second mark stands at the last step, always.

    Returns:
        The sequences; their targets lie in [0, 2), with a mean of 1.

    Raises:
        ValueError: No sequences, or fewer than 2 steps.

    Reference:
        Hochreiter, Schmidhuber (1997), Long short-term memory, where the problem comes from, with numbers of
        either sign.
        Arjovsky, Shah, Bengio (2016), Unitary evolution recurrent neural networks: this form of it.
    """
    if count < 1 or length < 2:
        raise ValueError(
            f"expected at least 1 sequence of at least 2 steps, received {count} of {length}; ask for more"
        )
    numbers = rng.random((count, length), np.float32)
    half, rows = length // 2, np.arange(count)
    places = rng.integers(0, half, count), rng.integers(half, length, count)
    if near:
        places = places[0], np.full(count, length - 1)
    marks = np.zeros_like(numbers)
    for place in places:
        marks[rows, place] = 1
    targets = np.sum([numbers[rows, place] for place in places], axis=0)
    return Sequences(np.stack([numbers, marks], axis=-1), targets[:, None])


def more_before(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Makes sequences of some a, then some b, and asks whether there are more a.

    Their numbers differ by at most three, so that the answer has to count; nothing stands before a shorter
    sequence, which is filled up with zeros there.

    Args:
        count: Number of sequences.
        length: Steps of each, at least 8.
        rng: Source of the draws.

    Returns:
        The sequences, inputs 1 in the first column at an a and in the second at a b; targets 1 where there
        are more a, else 0.

    Raises:
        ValueError: No sequences, or fewer than 8 steps.

    Reference:
        Weiss, Goldberg, Yahav (2018), On the practical computational power of finite precision RNNs for
        language recognition: an LSTM counts, a GRU does not.
    """
    if count < 1 or length < 8:
        raise ValueError(
            f"expected at least 1 sequence of at least 8 steps, received {count} of {length}; ask for more"
        )
    more = rng.random(count) < 0.5
    fewer = rng.integers(1, (length - 3) // 2 + 1, count)
    larger = fewer + rng.integers(1, 4, count)
    first, second = np.where(more, larger, fewer), np.where(more, fewer, larger)
    steps, begin = np.arange(length), (length - first - second)[:, None]
    is_second = steps >= begin + first[:, None]
    inputs = np.stack([(steps >= begin) & ~is_second, is_second], axis=-1)
    return Sequences(inputs.astype(np.float32), more.astype(np.float32)[:, None])
