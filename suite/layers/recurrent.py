"""Recurrent cells, and the layer that runs one of them over sequences.

What the inputs add to a cell's gates is there for all steps before the first one begins; what the state adds
is one product a step. The layer makes use of both.
"""

import keras
import tensorflow as tf
from keras import ops


class RecurrentCell(keras.layers.Layer):
    """A cell with the weights of its gates side by side; `update` has the equations.

        sums = inputs @ kernel + bias + hidden_state @ recurrent_kernel

    Called on inputs `(batch, features)` and a list of states, each `(batch, units)`, the hidden state first;
    gives the new hidden state and the new states. It works in `keras.layers.RNN`, too.

    Args:
        units: Size of each state.
        kernel_initializer: Of `kernel`, `(features, gates * units)`.
        recurrent_initializer: Of `recurrent_kernel`, `(units, gates * units)`.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: Fewer than one unit.
    """

    gates = 1  # of `units` columns each, in both kernels
    states = 1
    keras_gates: tuple[int, ...] = (0,)  # which of our gates stand where in Keras' cell
    one_product = True  # whether `update` and one product are all of a step

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        **keras_arguments,
    ):
        super().__init__(**keras_arguments)
        if units < 1:
            raise ValueError(f"expected at least 1 unit, received {units}")
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    @property
    def state_size(self):
        """Size of each state, as `keras.layers.RNN` asks for it."""
        return [self.units] * self.states

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width), initializer=self.kernel_initializer, name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer=self.recurrent_initializer, name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._initial_bias, name="bias")
        self.built = True

    def _initial_bias(self, shape, dtype=None):
        return ops.zeros(shape, dtype)

    def share(self, inputs):
        """The inputs' share of every gate: `(..., gates * units)` from `(..., features)`."""
        return ops.matmul(inputs, self.kernel) + self.bias

    def in_keras_order(self, weight):
        """A kernel or bias of this cell, `(..., gates * units)`, with the gates as Keras' layer has them."""
        parts = ops.split(weight, self.gates, axis=-1)
        return ops.concatenate([parts[gate] for gate in self.keras_gates], axis=-1)

    def update(self, sums, states):
        """The cell's equations.

        Args:
            sums: `(batch, gates * units)`, what every gate gets from the inputs and the hidden state.
            states: List of `(batch, units)`.

        Returns:
            The new states, a list like `states`.
        """
        raise NotImplementedError

    def call(self, inputs, states):
        new = self.update(self.share(inputs) + ops.matmul(states[0], self.recurrent_kernel), states)
        return new[0], new

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }


@keras.saving.register_keras_serializable("suite")
class SimpleRNNCell(RecurrentCell):
    """The simple recurrent cell: one layer whose output comes back as an input.

        hidden_state = activation(inputs @ kernel + hidden_state @ recurrent_kernel + bias)

    Args:
        units: As in `RecurrentCell`.
        activation: "tanh"; "relu" with `recurrent_initializer="identity"` for the identity RNN, whose
            gradient neither vanishes nor explodes at first.
        **cell_arguments: Those of `RecurrentCell`.

    Reference:
        Elman (1990), Finding structure in time.
        Le, Jaitly, Hinton (2015), A simple way to initialize recurrent networks of rectified linear units.
    """

    def __init__(self, units, activation="tanh", **cell_arguments):
        super().__init__(units, **cell_arguments)
        self.activation = keras.activations.get(activation)

    def update(self, sums, states):
        return [self.activation(sums)]

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}


@keras.saving.register_keras_serializable("suite")
class LSTMCell(RecurrentCell):
    """Long short-term memory: a cell state that gates write to, read, and let forget.

        input_gate, forget_gate, output_gate = sigmoid(their columns of sums)
        candidate = tanh(its columns of sums)
        cell_state = forget_gate * cell_state + input_gate * candidate
        hidden_state = output_gate * tanh(cell_state)

    The columns stand in this order; Keras and torch have the candidate third and the output gate last.
    The forget gate's bias starts at 1: the cell remembers before it has learned to.

    Reference:
        Hochreiter, Schmidhuber (1997), Long short-term memory.
        Gers, Schmidhuber, Cummins (2000), Learning to forget: continual prediction with LSTM.
        Jozefowicz, Zaremba, Sutskever (2015), An empirical exploration of recurrent network architectures:
        the bias of 1.
    """

    gates = 4
    states = 2
    keras_gates = (0, 1, 3, 2)

    def _initial_bias(self, shape, dtype=None):
        bias = [ops.zeros(self.units), ops.ones(self.units), ops.zeros(2 * self.units)]
        return ops.cast(ops.concatenate(bias), dtype)

    def update(self, sums, states):
        three = 3 * self.units
        input_gate, forget_gate, output_gate = ops.split(_sigmoid(sums[:, :three]), 3, axis=-1)
        cell_state = forget_gate * states[1] + input_gate * ops.tanh(sums[:, three:])
        return [output_gate * ops.tanh(cell_state), cell_state]


def _sigmoid(x):
    # On a CPU the hyperbolic tangent is vectorized where the exponential function is not.
    return 0.5 * ops.tanh(0.5 * x) + 0.5


@keras.saving.register_keras_serializable("suite")
class GRUCell(RecurrentCell):
    """Gated recurrent unit: no cell state, and one gate for both writing and forgetting.

        shares = inputs @ kernel + bias
        update_gate, reset_gate = sigmoid(their columns of shares + hidden_state @ recurrent_kernel)
        candidate = tanh(its columns of shares + (reset_gate * hidden_state) @ recurrent_kernel)
        hidden_state = update_gate * hidden_state + (1 - update_gate) * candidate

    The reset comes before the product, as in the paper; Keras' default, `reset_after=True`, is another cell.

    Reference:
        Cho and others (2014), Learning phrase representations using RNN encoder-decoder for statistical
        machine translation.
    """

    gates = 3
    keras_gates = (0, 1, 2)
    one_product = False

    def call(self, inputs, states):
        hidden_state, two = states[0], 2 * self.units
        shares = self.share(inputs)
        sums = shares[:, :two] + ops.matmul(hidden_state, self.recurrent_kernel[:, :two])
        update_gate, reset_gate = ops.split(_sigmoid(sums), 2, axis=-1)
        product = ops.matmul(reset_gate * hidden_state, self.recurrent_kernel[:, two:])
        candidate = ops.tanh(shares[:, two:] + product)
        new = update_gate * hidden_state + (1 - update_gate) * candidate
        return new, [new]


@keras.saving.register_keras_serializable("suite")
class Recurrent(keras.layers.RNN):
    """Runs a cell over sequences, with a training step that Keras' own loop does not have.

    The inputs' share of all steps is one product before the loop. In training, backpropagation through time
    is written out: the loop keeps the states and the sums that the gates see, and the gradient of the
    recurrent kernel is one product after the loop instead of a sum of one a step. Outside of training, where
    only the last output is asked for, it keeps nothing: TensorFlow Lite copies what a loop keeps at every
    step.

    That holds for cells with one product a step; others, such as GRUCell, run in Keras' own loop. Everything
    else is as in `keras.layers.RNN`: masks (a masked step leaves the states as they are), initial states,
    `return_sequences`, `return_state`, `go_backwards`, `stateful`, `keras.layers.Bidirectional`.
    `unroll` has no effect.

    Args:
        cell: `SimpleRNNCell`, `LSTMCell`, `GRUCell`, or a cell of Keras.
        **rnn_arguments: Those of `keras.layers.RNN`.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if not getattr(self.cell, "one_product", False):
            return super().inner_loop(sequences, initial_state, mask, training)
        x = tf.transpose(sequences, (1, 0, 2))
        shares = _by_step(self.cell.share(_rows(x)), x)  # (T, B, gates * units)
        masks = None if mask is None else tf.transpose(tf.cast(mask, shares.dtype))[..., None]  # (T, B, 1)
        if self.go_backwards:
            shares = tf.reverse(shares, [0])
            masks = None if masks is None else tf.reverse(masks, [0])
        states = tuple(tf.cast(state, shares.dtype) for state in tf.nest.flatten(initial_state))
        kernel = tf.cast(tf.convert_to_tensor(self.cell.recurrent_kernel), shares.dtype)
        if not training and not self.return_sequences:
            states = _last(self.cell.update, masks, shares, kernel, *states)
            return states[0], states[0][:, None], list(states)
        scan = _scan_with_gradient if training else _scan
        histories = scan(self.cell.update, masks, shares, kernel, *states)
        outputs = tf.transpose(histories[0], (1, 0, 2))
        outputs.set_shape((sequences.shape[0], sequences.shape[1], self.cell.units))
        return histories[0][-1], outputs, [history[-1] for history in histories]


def _advance(update, sums, mask, states):
    """The states after a step; where the mask is 0, those before it."""
    new = update(sums, list(states))
    if mask is None:
        return tuple(new)
    return tuple(mask * after + (1 - mask) * before for after, before in zip(new, states, strict=True))


def _step(update, masks, shares, kernel, index, states):
    """The states after a step, and the sums that the gates saw in it."""
    mask = None if masks is None else masks[index]
    sums = shares[index] + tf.matmul(states[0], kernel)
    return _advance(update, sums, mask, states), sums


def _last(update, masks, shares, kernel, *states):
    """The states after the last step: a tuple of `(B, units)`."""
    steps = tf.shape(shares)[0]

    def step(index, states):
        return index + 1, _step(update, masks, shares, kernel, index, states)[0]

    loop = (tf.constant(0), states)
    return tf.while_loop(lambda index, _: index < steps, step, loop, maximum_iterations=steps)[1]


def _scan(update, masks, shares, kernel, *states, keep_sums=False):
    """All states after each step, a tuple of `(T, B, units)`; then, where asked for, the sums of each."""
    steps = tf.shape(shares)[0]
    histories = tuple(_array(kept, steps) for kept in ((*states, shares[0]) if keep_sums else states))

    def step(index, states, histories):
        states, sums = _step(update, masks, shares, kernel, index, states)
        seen = zip(histories, (*states, sums), strict=False)
        return index + 1, states, tuple(history.write(index, value) for history, value in seen)

    loop = (tf.constant(0), states, histories)
    _, _, histories = tf.while_loop(lambda index, *_: index < steps, step, loop, maximum_iterations=steps)
    return tuple(history.stack() for history in histories)


def _scan_with_gradient(update, masks, shares, kernel, *states):
    """`_scan`, and backpropagation through time."""

    @tf.custom_gradient
    def scan(shares, kernel, *states):
        *histories, sums = _scan(update, masks, shares, kernel, *states, keep_sums=True)
        before = tuple(
            tf.concat([first[None], history[:-1]], axis=0)
            for first, history in zip(states, histories, strict=True)
        )

        def backward(*gradients):
            transposed = tf.transpose(kernel)

            def step(index, later, by_sums):
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


def _rows(x):
    return tf.reshape(x, (-1, x.shape[-1]))


def _by_step(rows, like):
    found = tf.reshape(rows, (*tf.unstack(tf.shape(like)[:2]), rows.shape[-1]))
    found.set_shape((*like.shape[:2], rows.shape[-1]))  # of states with a fixed batch, the loop asks for it
    return found


def _array(like, steps):
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape)
