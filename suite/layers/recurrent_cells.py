"""Recurrent cells: the equations of a step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


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
        units: int,
        kernel_initializer: str | keras.Initializer = "glorot_uniform",
        recurrent_initializer: str | keras.Initializer = "orthogonal",
        **keras_arguments: Any,
    ):
        super().__init__(**keras_arguments)
        if units < 1:
            raise ValueError(f"expected at least 1 unit, received {units}")
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    @property
    def state_size(self) -> list[int]:
        """Size of each state, as `keras.layers.RNN` asks for it."""
        return [self.units] * self.states

    def build(self, input_shape: Shape) -> None:
        width = self.gates * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width), initializer=self.kernel_initializer, name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer=self.recurrent_initializer, name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._initial_bias, name="bias")

    def _initial_bias(self, shape: Shape, dtype: str | None = None) -> Tensor:
        return ops.zeros(shape, dtype)

    def share(self, inputs: Tensor) -> Tensor:
        """The inputs' share of every gate: `(..., gates * units)` from `(..., features)`."""
        return ops.matmul(inputs, self.kernel) + self.bias

    def in_keras_order(self, weight: Tensor) -> Tensor:
        """A kernel or bias of this cell, `(..., gates * units)`, with the gates as Keras' layer has them."""
        parts = ops.split(weight, self.gates, axis=-1)
        return ops.concatenate([parts[gate] for gate in self.keras_gates], axis=-1)

    def update(self, sums: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The cell's equations.

        Args:
            sums: `(batch, gates * units)`, what every gate gets from the inputs and the hidden state.
            states: List of `(batch, units)`.

        Returns:
            The new states, a list like `states`.
        """
        raise NotImplementedError

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        new = self.update(self.share(inputs) + ops.matmul(states[0], self.recurrent_kernel), states)
        return new[0], new

    def get_config(self) -> dict[str, Any]:
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

    def __init__(
        self, units: int, activation: str | Callable[[Tensor], Tensor] = "tanh", **cell_arguments: Any
    ):
        super().__init__(units, **cell_arguments)
        self.activation = keras.activations.get(activation)

    def update(self, sums: Tensor, states: Sequence[Tensor]) -> list[Tensor]:  # noqa: ARG002  as the other cells'
        return [self.activation(sums)]

    def get_config(self) -> dict[str, Any]:
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

    def _initial_bias(self, shape: Shape, dtype: str | None = None) -> Tensor:  # noqa: ARG002  as the other cells'
        bias = [ops.zeros(self.units), ops.ones(self.units), ops.zeros(2 * self.units)]
        return ops.cast(ops.concatenate(bias), dtype)

    def update(self, sums: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        three = 3 * self.units
        input_gate, forget_gate, output_gate = ops.split(_sigmoid(sums[:, :three]), 3, axis=-1)
        cell_state = forget_gate * states[1] + input_gate * ops.tanh(sums[:, three:])
        return [output_gate * ops.tanh(cell_state), cell_state]


def _sigmoid(x: Tensor) -> Tensor:
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

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        hidden_state, two = states[0], 2 * self.units
        shares = self.share(inputs)
        sums = shares[:, :two] + ops.matmul(hidden_state, self.recurrent_kernel[:, :two])
        update_gate, reset_gate = ops.split(_sigmoid(sums), 2, axis=-1)
        product = ops.matmul(reset_gate * hidden_state, self.recurrent_kernel[:, two:])
        candidate = ops.tanh(shares[:, two:] + product)
        new = update_gate * hidden_state + (1 - update_gate) * candidate
        return new, [new]
