"""L-BFGS on softmax regressions, several at once, in units of their curvature."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from suite.data.row_file import RowFile

_ROUNDS = [20, 20, 40, 80, 160, 320, 640]  # iterations at most, between fresh measures of the curvature
_Sums: TypeAlias = list[tf.Tensor]  # over examples
_Round: TypeAlias = Callable[..., tuple[tf.Tensor, tf.Tensor]]
_CHUNK_BYTES = 2**25  # of rows of a file that are in memory at a time


def solve(
    rotated: tf.Tensor | RowFile,
    labels: np.ndarray,
    weights: np.ndarray,
    l2: float,
    start: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Solves problems that differ in their weights, side by side.

    The rounds end when one, in its own units, has no more than an iteration left to do.

    Args:
        rotated: `(n, r)` features without correlations.
        labels: `(n,)` int64 in [0, K).
        weights: `(problems, n)` >= 0; the mean over examples is weighted by them.
        l2: Strength of the penalty, as in `fit_softmax_regression`.
        start: `(problems, r + 1, K)`, kernels with the bias as the last row.
        tolerance: Largest entry of the gradient, in units of curvature.

    Returns:
        Solutions of the same shape.
    """
    dtype = tf.as_dtype(rotated.dtype)
    if isinstance(rotated, RowFile):
        in_chunks = functools.partial(
            _over_file, rotated, chunk_rows(rotated, start.shape[0] * start.shape[2])
        )
        run_round, rotated = _round_function(dtype.name, in_chunks), tf.zeros((0, rotated.shape[1]), dtype)
    else:
        run_round = _whole_round_function(dtype.name)
    labels = tf.constant(labels)
    weights = tf.constant(weights / weights.sum(axis=1, keepdims=True), dtype)
    l2, tolerance = tf.constant(l2, dtype), tf.constant(tolerance, dtype)
    solutions = tf.constant(start, dtype)
    with _graphs_as_traced():
        for limit in _ROUNDS:
            solutions, iterations = run_round(rotated, labels, weights, l2, solutions, tolerance, limit)
            if iterations <= 1:
                break
    return solutions.numpy()


@contextlib.contextmanager
def _graphs_as_traced() -> Iterator[None]:
    """Leaves graphs inside unoptimized: that of a line search takes seconds, and is no faster for it."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


def chunk_rows(features: RowFile, width: int = 1) -> int:
    """How many rows of a file may be in memory at a time, where `width` numbers are made of each."""
    return max(1, _CHUNK_BYTES // (features.dtype.itemsize * max(width, features.shape[1])))


@functools.cache
def _whole_round_function(dtype: str) -> _Round:
    """One trace per dtype serves every problem in memory: data, weights and strength are its arguments."""
    return _round_function(dtype, lambda function, *data: function(*data))


def _round_function(dtype: str, over_rows: Callable[..., _Sums]) -> _Round:
    """Compiles a round of L-BFGS.

    Args:
        dtype: Of the examples.
        over_rows: Takes a function of examples (their rows, labels and weights), and all of them; gives what
            it adds up to.
    """
    cube, matrix, scalar = (tf.TensorSpec(shape, dtype) for shape in ((None,) * 3, (None,) * 2, ()))
    integers, integer = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((), tf.int32)

    specs = [matrix, integers, matrix, scalar, cube, scalar, integer]

    @tf.function(input_signature=specs, autograph=False)  # nothing to convert, which takes seconds
    def run_round(
        rotated: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        l2: tf.Tensor,
        start: tf.Tensor,
        tolerance: tf.Tensor,
        limit: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        data = rotated, labels, weights
        is_penalized = tf.concat([tf.ones_like(start[:, :-1]), tf.zeros_like(start[:, -1:])], axis=1)
        (variances,) = over_rows(lambda x, y, w: [_curvature(x, y, w, start)], *data)
        # The bias is not penalized: kept from 0.
        unit = tf.math.rsqrt(variances + tf.where(is_penalized > 0, l2, 1e-6))

        # Traced once, and not at each of the places where the line search calls it.
        @tf.function(autograph=False)
        def value_and_gradient(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            solutions = tf.reshape(positions, tf.shape(start)) * unit
            losses, gradient = over_rows(lambda x, y, w: loss_and_gradient(x, y, w, solutions), *data)
            penalized = is_penalized * solutions
            values = losses + l2 / 2 * tf.reduce_sum(penalized**2, axis=[1, 2])
            return values, tf.reshape((gradient + l2 * penalized) * unit, tf.shape(positions))

        result = tfp.optimizer.lbfgs_minimize(
            value_and_gradient,
            initial_position=tf.reshape(start / unit, [tf.shape(start)[0], -1]),
            tolerance=tolerance,
            max_iterations=limit,
        )
        return tf.reshape(result.position, tf.shape(start)) * unit, result.num_iterations

    return run_round


def _over_file(
    file: RowFile,
    chunk: int,
    function: Callable[..., _Sums],
    _: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
) -> list[tf.Tensor]:
    """Adds up what a function gives for the rows of a file, `chunk` of them at a time."""
    total = tf.shape(labels)[0]

    def part(start: tf.Tensor) -> _Sums:
        stop = tf.minimum(start + chunk, total)
        rows = tf.numpy_function(lambda *ends: file[slice(*ends)], [start, stop], file.dtype, stateful=False)
        rows = tf.ensure_shape(rows, (None, file.shape[1]))
        return function(rows, labels[start:stop], weights[:, start:stop])

    def add_part(start: tf.Tensor, sums: _Sums) -> tuple[tf.Tensor, _Sums]:
        return start + chunk, [total + more for total, more in zip(sums, part(start), strict=True)]

    first = tf.constant(chunk), part(tf.constant(0))
    return tf.while_loop(lambda start, _: start < total, add_part, first, parallel_iterations=1)[1]


def _logits(rotated: tf.Tensor, solutions: tf.Tensor) -> tf.Tensor:
    """`(n, problems, K)`, in one matrix product."""
    problems, rows, num_classes = tf.unstack(tf.shape(solutions))
    side_by_side = tf.reshape(tf.transpose(solutions, [1, 0, 2]), [rows, problems * num_classes])
    logits = tf.matmul(rotated, side_by_side[:-1]) + side_by_side[-1]
    return tf.reshape(logits, [-1, problems, num_classes])


def loss_and_gradient(
    rotated: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, solutions: tf.Tensor
) -> _Sums:
    """Sum of weight * cross-entropy, `(problems,)`, and its gradient `(problems, r + 1, K)`.

    Args:
        rotated: As of `solve`.
        labels: As of `solve`.
        weights: As of `solve`.
        solutions: `(problems, r + 1, K)`, kernels with the bias as the last row.
    """
    logits = _logits(rotated, solutions)
    spread = tf.broadcast_to(labels[:, None], tf.shape(logits)[:2])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(spread, logits)  # (n, problems)
    truth = tf.one_hot(spread, tf.shape(logits)[2], dtype=logits.dtype)
    errors = tf.transpose(weights)[:, :, None] * (tf.nn.softmax(logits) - truth)  # (n, problems, K)
    kernel_rows = tf.einsum("nr,npk->prk", rotated, errors)
    gradient = tf.concat([kernel_rows, tf.reduce_sum(errors, axis=0)[:, None]], axis=1)
    return [tf.einsum("pn,np->p", weights, losses), gradient]


def _curvature(rotated: tf.Tensor, _: tf.Tensor, weights: tf.Tensor, solutions: tf.Tensor) -> tf.Tensor:
    """Diagonal of the Hessian of the loss, `(problems, r + 1, K)`."""
    probabilities = tf.nn.softmax(_logits(rotated, solutions))
    variances = tf.transpose(weights)[:, :, None] * probabilities * (1 - probabilities)  # (n, problems, K)
    kernel_rows = tf.einsum("nr,npk->prk", rotated**2, variances)
    return tf.concat([kernel_rows, tf.reduce_sum(variances, axis=0)[:, None]], axis=1)
