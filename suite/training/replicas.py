"""One step on all replicas: each computes on its share of the batch, and what they compute is added up.

Models and optimizers stay as they are, on one device: their values go to the replicas with the batch, and
the summed gradients come back. So a model can be trained on one device, on several, or on several machines,
and be exported, measured or trained on without knowing of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from suite.keras_internals import layers_of, of_any_size

SUM = tf.distribute.ReduceOp.SUM
_SALT = 7919  # between the random seeds of neighboring replicas

Loss: TypeAlias = Callable[[Any], tuple[tf.Tensor, Any]]


def share(tensor: tf.Tensor) -> tf.Tensor:
    """The rows of this replica, of a tensor that all replicas have: for batches that are drawn, not read.

    Args:
        tensor: `(batch, ...)`; the batch is a multiple of the number of replicas.
    """
    context = tf.distribute.get_replica_context()
    size = tensor.shape[0] // context.num_replicas_in_sync
    return tensor[context.replica_id_in_sync_group * size :][:size]


class LossAndGradients(NamedTuple):
    """What a step comes to.

    Attributes:
        value: Mean loss of the batch.
        weight: How much the batch counts beside others.
        gradients: By the variables, in their order.
        states: New values of the states, in their order; None for those that did not change.
    """

    value: tf.Tensor
    weight: tf.Tensor
    gradients: list[tf.Tensor]
    states: list[tf.Tensor | None]


class ReplicatedLoss:
    """A loss and its gradients, computed on all replicas; for use in a `tf.function`.

    The result is that of one device on the whole batch, up to rounding, as long as examples do not see each
    other: batch normalization does (Keras' `BatchNormalization(synchronized=True)` agrees with the other
    replicas), and random numbers differ by replica. Moving averages become the mean over the replicas,
    each weighed by its part of the batch; states of recurrent layers that are kept from batch to batch are
    divided as the batch is.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        loss: Loss,
        models: Sequence[keras.Model],
        variables: Sequence[keras.Variable] = (),
        jit_compile: bool = False,
    ):
        """Prepares; nothing is traced yet.

        Args:
            strategy: That of the replicas.
            loss: Maps the batch of a replica to `(value, weight)`: a mean over examples, and how much it
                counts beside those of other replicas, such as the number of examples.
            models: Whose moving averages, states and random seeds `loss` changes.
            variables: Of these models, to differentiate by.
            jit_compile: Whether XLA compiles what a replica computes.
        """
        self._strategy, self._loss, self._variables = strategy, loss, variables
        chosen = {id(variable) for variable in variables}
        self._states = [each for model in models for each in state(model) if id(each) not in chosen]
        rows = {id(each) for model in models for each in kept_states(model)}
        self._kinds = [
            "seed" if each.dtype == "uint32" else "rows" if id(each) in rows else "mean"  # a seed, a counter
            for each in self._states
        ]
        compute = self._differentiate
        self._compute = tf.function(compute, jit_compile=True) if jit_compile else compute

    @tf.autograph.experimental.do_not_convert  # which takes a second; there is no flow to convert
    def __call__(self, batch: Any, scale: Any = 1.0) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Computes a step, and changes the states of the models.

        Args:
            batch: Of what `TrainingRun.distribute` gives, or a tensor for all replicas.
            scale: Factor of the loss before it is differentiated.

        Returns:
            The value (mean over the whole batch), the whole weight, and the gradients of the variables.
        """
        values = [tf.convert_to_tensor(variable.value) for variable in self._variables]
        before = [tf.convert_to_tensor(each.value) for each in self._states]
        step = self._strategy.run(self._on_replica, args=(batch, scale, values, before))
        step = tf.nest.map_structure(self._first_copy, step)
        for variable, value in zip(self._states, step.states, strict=True):
            if value is not None:
                variable.assign(value)
        return step.value, step.weight, step.gradients

    def _on_replica(
        self, batch: Any, scale: Any, values: list[tf.Tensor], before: list[tf.Tensor]
    ) -> LossAndGradients:
        """The step of the whole batch, of which this replica computes a part."""
        if self._strategy.num_replicas_in_sync == 1:
            return self._compute(batch, scale, values, before)
        context = tf.distribute.get_replica_context()
        before = [_divide(kind, each, context) for kind, each in zip(self._kinds, before, strict=True)]
        if "rows" in self._kinds:  # layers ask for as many rows as their states have in all
            batch = tf.nest.map_structure(of_any_size, batch)
        batch, counts = _with_a_row(batch)
        step = self._compute(batch, scale, values, before)
        return self._merge(step._replace(weight=step.weight * tf.cast(counts, step.weight.dtype)), context)

    def _first_copy(self, value: Any) -> Any:
        return self._strategy.experimental_local_results(value)[0]

    def _differentiate(
        self, batch: Any, scale: Any, values: list[tf.Tensor], before: list[tf.Tensor]
    ) -> LossAndGradients:
        """The step of one replica on its own rows."""
        scope = keras.StatelessScope(zip(self._variables, values, strict=True), collect_losses=True)
        for each, value in zip(self._states, before, strict=True):
            scope.add_update((each, value))  # rows of states are fewer than the variable has
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            with scope:
                value, weight = self._loss(batch)
            scaled = value * tf.cast(scale, value.dtype)
        gradients = tape.gradient(scaled, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # The norm of a sparse gradient, which holds a row several times, would not be that of their sum.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        after = [scope.get_current_value(each) for each in self._states]
        states = [None if new is old else new for new, old in zip(after, before, strict=True)]
        return LossAndGradients(value, tf.cast(weight, value.dtype), gradients, states)

    def _merge(self, step: LossAndGradients, context: tf.distribute.ReplicaContext) -> LossAndGradients:
        """What all replicas come to."""
        whole = context.all_reduce(SUM, step.weight)
        part = tf.where(whole > 0, step.weight / whole, 1 / context.num_replicas_in_sync)
        sums = [tf.math.multiply_no_nan(each, part) for each in (step.value, *step.gradients)]
        value, *gradients = context.all_reduce(SUM, sums)
        states = [
            None if new is None else _merge_state(kind, new, part, context)
            for kind, new in zip(self._kinds, step.states, strict=True)
        ]
        return LossAndGradients(value, whole, gradients, states)


def state(model: keras.Model) -> list[keras.Variable]:
    """Everything that a step may change: weights, moving averages, random seeds, states that are kept."""
    return [*model.variables, *kept_states(model)]


def kept_states(model: keras.Model) -> list[keras.Variable]:
    """The states of recurrent layers that are kept from batch to batch; to Keras they are no weights."""
    stateful = [layer for layer in layers_of(model) if getattr(layer, "stateful", False)]
    return [each for layer in stateful for each in tf.nest.flatten(getattr(layer, "states", None) or [])]


def _with_a_row(batch: Any) -> tuple[Any, Any]:
    """The batch, one of zeros where this replica got nothing of a small one; and whether it counts.

    Kernels fail on tensors without rows: on a CPU, a convolution with its activation gives a wrong shape.
    """
    first = tf.nest.flatten(batch)[0]
    if first.shape.rank == 0 or first.shape[0] is not None:
        return batch, True
    missing = tf.cast(tf.shape(first)[0] == 0, tf.int32)

    def fill(tensor: tf.Tensor) -> tf.Tensor:
        return tf.pad(tensor, [[0, missing]] + [[0, 0]] * (tensor.shape.rank - 1))

    return tf.nest.map_structure(fill, batch), missing == 0


def _divide(kind: str, value: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
    """What a replica starts from."""
    if kind == "rows":
        return of_any_size(share(value))
    return _shift(value, context, 1) if kind == "seed" else value


def _merge_state(
    kind: str, value: tf.Tensor, part: tf.Tensor, context: tf.distribute.ReplicaContext
) -> tf.Tensor:
    """What all replicas come to, of which this one has a part of the batch."""
    if kind == "rows":
        return context.all_gather(value, axis=0)
    if kind == "seed":
        return _shift(value, context, -1)
    if not value.dtype.is_floating:
        return value
    return context.all_reduce(SUM, tf.math.multiply_no_nan(value, tf.cast(part, value.dtype)))


def _shift(seed: tf.Tensor, context: tf.distribute.ReplicaContext, sign: int) -> tf.Tensor:
    salt = tf.cast(context.replica_id_in_sync_group, tf.int64) * _SALT * sign
    return tf.cast(tf.cast(seed, tf.int64) + tf.stack([salt, 0]), seed.dtype)
