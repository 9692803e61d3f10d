"""The layer that runs a cell over sequences.

What the inputs add to a cell's gates is there for all steps before the first one begins; what the state adds
is one product a step. The layer makes use of both.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from suite.layers.tensors import Tensor

_States: TypeAlias = tuple[tf.Tensor, ...]
_Arrays: TypeAlias = tuple[tf.TensorArray, ...]
_Update: TypeAlias = Callable[[tf.Tensor, list[tf.Tensor]], Sequence[tf.Tensor]]


@keras.saving.register_keras_serializable("suite")
class Recurrent(keras.layers.RNN):
    """Runs a cell over sequences, with a training step that Keras' own loop does not have.

    The inputs' share of all steps is one product before the loop. In training, backpropagation through time
    is written out: the loop keeps the states and the sums that the gates see, and the gradient of the
    recurrent kernel is one product after the loop instead of a sum of one a step. Outside of training, where
    only the last output is asked for, it keeps nothing: TensorFlow Lite copies what a loop keeps at every
    step.

    That holds for cells with one product a step; others, such as GRUCell, run in Keras' own loop. Everything
    else is as in `keras.layers.RNN`: masks, initial states, `return_sequences`, `return_state`,
    `go_backwards`, `stateful`, `zero_output_for_mask`, `keras.layers.Bidirectional`; `unroll` holds outside
    of training, for sequences of one length.

    A masked step leaves the states as they are. Its output is 0 with `zero_output_for_mask`, which
    `Bidirectional` sets where it returns sequences; else that of the last step before it that is not masked,
    0 where there is none. What its inputs hold, NaN say, reaches neither outputs nor gradients.

    Args:
        cell: `SimpleRNNCell`, `LSTMCell`, `GRUCell`, or a cell of Keras.
        **rnn_arguments: Those of `keras.layers.RNN`.
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: Sequence[Tensor], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        if mask is not None:
            mask = tf.reshape(tf.cast(mask, tf.bool), tf.shape(keras.tree.flatten(sequences)[0])[:2])
            # Before anything is computed of them: the derivative of a choice between results is 0 * NaN.
            sequences = keras.tree.map_structure(lambda x: _choose(mask, x), sequences)
        if not getattr(self.cell, "one_product", False):
            return super().inner_loop(sequences, initial_state, mask, training)
        x = tf.transpose(sequences, (1, 0, 2))
        shares = _by_step(self.cell.share(_rows(x)), x)  # (T, B, gates * units)
        masks = None if mask is None else tf.transpose(mask)[..., None]  # (T, B, 1)
        if self.go_backwards:
            shares = tf.reverse(shares, [0])
            masks = None if masks is None else tf.reverse(masks, [0])
        states = tuple(tf.cast(state, shares.dtype) for state in tf.nest.flatten(initial_state))
        kernel = tf.cast(tf.convert_to_tensor(self.cell.recurrent_kernel), shares.dtype)
        gives = None if masks is None else self._gives(masks)
        if not training and not self.return_sequences:
            run = _last_unrolled if self.unroll else _last
            states = run(self.cell.update, masks, shares, kernel, *states)
            last = states[0] if gives is None else _choose(gives[-1], states[0])
            return last, last[:, None], list(states)
        scan = _scan_with_gradient if training else _scan_unrolled if self.unroll else _scan
        histories = scan(self.cell.update, masks, shares, kernel, *states)
        outputs = histories[0] if gives is None else _choose(gives, histories[0])
        last, outputs = outputs[-1], tf.transpose(outputs, (1, 0, 2))
        outputs.set_shape((sequences.shape[0], sequences.shape[1], self.cell.units))
        return last, outputs, [history[-1] for history in histories]

    def _gives(self, masks: tf.Tensor) -> tf.Tensor:
        """Where the output is the hidden state, and not 0: `(T, B, 1)` bool."""
        return masks if self.zero_output_for_mask else tf.cumsum(tf.cast(masks, tf.int32)) > 0


def _choose(mask: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """`x` where the mask, which may lack its last axes, is True; else 0."""
    mask = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones(len(x.shape) - len(mask.shape), tf.int32)], 0))
    return tf.where(mask, x, tf.zeros((), x.dtype))


def _advance(update: _Update, sums: tf.Tensor, mask: tf.Tensor | None, states: _States) -> _States:
    """The states after a step; where the mask is False, those before it."""
    new = update(sums, list(states))
    if mask is None:
        return tuple(new)
    return tuple(tf.where(mask, after, before) for after, before in zip(new, states, strict=True))


def _step(
    update: _Update,
    masks: tf.Tensor | None,
    shares: tf.Tensor,
    kernel: tf.Tensor,
    index: tf.Tensor | int,
    states: _States,
) -> tuple[_States, tf.Tensor]:
    """The states after a step, and the sums that the gates saw in it."""
    mask = None if masks is None else masks[index]
    sums = shares[index] + tf.matmul(states[0], kernel)
    return _advance(update, sums, mask, states), sums


def _last(
    update: _Update, masks: tf.Tensor | None, shares: tf.Tensor, kernel: tf.Tensor, *states: tf.Tensor
) -> _States:
    """The states after the last step: a tuple of `(B, units)`."""
    steps = tf.shape(shares)[0]

    def step(index: tf.Tensor, states: _States) -> tuple[tf.Tensor, _States]:
        return index + 1, _step(update, masks, shares, kernel, index, states)[0]

    loop = (tf.constant(0), states)
    return tf.while_loop(lambda index, _: index < steps, step, loop, maximum_iterations=steps)[1]


def _scan(
    update: _Update,
    masks: tf.Tensor | None,
    shares: tf.Tensor,
    kernel: tf.Tensor,
    *states: tf.Tensor,
    keep_sums: bool = False,
) -> _States:
    """All states after each step, a tuple of `(T, B, units)`; then, where asked for, the sums of each."""
    steps = tf.shape(shares)[0]
    histories = tuple(_array(kept, steps) for kept in ((*states, shares[0]) if keep_sums else states))

    def step(index: tf.Tensor, states: _States, histories: _Arrays) -> tuple[tf.Tensor, _States, _Arrays]:
        states, sums = _step(update, masks, shares, kernel, index, states)
        seen = zip(histories, (*states, sums), strict=False)
        return index + 1, states, tuple(history.write(index, value) for history, value in seen)

    loop = (tf.constant(0), states, histories)
    _, _, histories = tf.while_loop(lambda index, *_: index < steps, step, loop, maximum_iterations=steps)
    return tuple(history.stack() for history in histories)


def _all_unrolled(
    update: _Update, masks: tf.Tensor | None, shares: tf.Tensor, kernel: tf.Tensor, *states: tf.Tensor
) -> list[_States]:
    """The states after each step, in a graph without a loop."""
    after = []
    for index in range(shares.shape[0]):
        states = _step(update, masks, shares, kernel, index, states)[0]
        after.append(states)
    return after


def _last_unrolled(*arguments: Any) -> _States:
    return _all_unrolled(*arguments)[-1]


def _scan_unrolled(*arguments: Any) -> _States:
    return tuple(tf.stack(history) for history in zip(*_all_unrolled(*arguments), strict=True))


def _scan_with_gradient(
    update: _Update, masks: tf.Tensor | None, shares: tf.Tensor, kernel: tf.Tensor, *states: tf.Tensor
) -> _States:
    """`_scan`, and backpropagation through time."""

    @tf.custom_gradient
    def scan(
        shares: tf.Tensor, kernel: tf.Tensor, *states: tf.Tensor
    ) -> tuple[_States, Callable[..., _States]]:
        *histories, sums = _scan(update, masks, shares, kernel, *states, keep_sums=True)
        before = tuple(
            tf.concat([first[None], history[:-1]], axis=0)
            for first, history in zip(states, histories, strict=True)
        )

        def backward(*gradients: tf.Tensor) -> _States:
            transposed = tf.transpose(kernel)

            def step(
                index: tf.Tensor, later: _States, by_sums: tf.TensorArray
            ) -> tuple[tf.Tensor, _States, tf.TensorArray]:
                index -= 1
                mask = None if masks is None else masks[index]
                inputs = (sums[index], tuple(history[index] for history in before))
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    after = _advance(update, inputs[0], mask, inputs[1])
                arriving = tuple(here[index] + more for here, more in zip(gradients, later, strict=True))
                by_sum, earlier = tape.gradient(after, inputs, arriving, unconnected_gradients="zero")
                through = tf.matmul(by_sum, transposed)
                return index, (earlier[0] + through, *earlier[1:]), by_sums.write(index, by_sum)

            steps = tf.shape(shares)[0]
            none = tuple(tf.zeros_like(state) for state in states)
            loop = (steps, none, _array(shares[0], steps))
            _, earliest, by_sums = tf.while_loop(
                lambda index, *_: index > 0, step, loop, maximum_iterations=steps
            )
            by_shares = by_sums.stack()
            by_kernel = tf.matmul(_rows(before[0]), _rows(by_shares), transpose_a=True)
            return (by_shares, by_kernel, *earliest)

        return tuple(histories), backward

    return scan(shares, kernel, *states)


def _rows(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, x.shape[-1]))


def _by_step(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    found = tf.reshape(rows, (*tf.unstack(tf.shape(like)[:2]), rows.shape[-1]))
    found.set_shape((*like.shape[:2], rows.shape[-1]))  # of states with a fixed batch, the loop asks for it
    return found


def _array(like: tf.Tensor, steps: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape)
