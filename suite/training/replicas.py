"""One step on all replicas: each computes on its share of the batch, and what they find is added up.

Models and optimizers stay as they are, on one device: their values go to the replicas with the batch, and
the summed gradients come back. So a model can be trained on one device, on several, or on several machines,
and be exported, measured or trained on without knowing of it.
"""

from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from suite.data.batches import without_tuning
from suite.training import session

SUM = tf.distribute.ReduceOp.SUM
_SALT = 7919  # between the random seeds of neighboring replicas


def count() -> int:
    """How many replicas share a batch."""
    return session.current().strategy.num_replicas_in_sync


def share(tensor: tf.Tensor) -> tf.Tensor:
    """The rows of this replica, of a tensor that all replicas have: for batches that are drawn, not read.

    Args:
        tensor: `(batch, ...)`; the batch is a multiple of the number of replicas.
    """
    context = tf.distribute.get_replica_context()
    size = tensor.shape[0] // context.num_replicas_in_sync
    return tensor[context.replica_id_in_sync_group * size :][:size]


def distribute(batches: tf.data.Dataset) -> Iterable:
    """Divides each batch among the replicas, in its order: machine by machine, then device by device."""
    now = session.current()
    if now.input_service:
        # Each training reads all of it from the workers: with several of them, in no fixed order.
        service = tf.data.experimental.service
        read = service.distribute(service.ShardingPolicy.OFF, f"grpc://{now.input_service}")
        batches = batches.apply(read)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return now.strategy.experimental_distribute_dataset(without_tuning(batches.with_options(options)))


def replicated(
    loss: Callable,
    models: Sequence[keras.Model],
    variables: Sequence[keras.Variable] = (),
    jit_compile: bool = False,
) -> Callable:
    """Makes a function that computes a loss and its gradients on all replicas.

    The result is that of one device on the whole batch, up to rounding, as long as examples do not see each
    other: batch normalization does (Keras' `BatchNormalization(synchronized=True)` agrees with the other
    replicas), and random numbers differ by replica. Moving averages become the mean over the replicas,
    each weighed by its part of the batch; states of recurrent layers that are kept from batch to batch are
    divided as the batch is.

    Args:
        loss: Maps the batch of a replica to `(value, weight)`: a mean over examples, and how much it counts
            beside those of other replicas, such as the number of examples.
        models: Whose moving averages, states and random seeds `loss` changes.
        variables: Of these models, to differentiate by.
        jit_compile: Whether XLA compiles what a replica computes.

    Returns:
        A function for use in a `tf.function`: maps a batch (what `distribute` gives, or a tensor for all
        replicas) and a factor of the loss before it is differentiated (1) to the value (mean over the whole
        batch), the whole weight, and the gradients of the variables.
    """
    strategy, replicas = session.current().strategy, count()
    chosen = {id(variable) for variable in variables}
    states = [each for model in models for each in state(model) if id(each) not in chosen]
    kinds = {id(each): "rows" for model in models for each in kept_states(model)}
    kinds |= {id(each): "seed" for each in states if each.dtype == "uint32"}  # a seed and a counter
    changed: list[int] = []

    def compute(batch, scale, values, before):
        scope = keras.StatelessScope(zip(variables, values, strict=True), collect_losses=True)
        for each, value in zip(states, before, strict=True):
            scope.add_update((each, value))  # rows of states are fewer than the variable has
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            with scope:
                value, weight = loss(batch)
            scaled = value * tf.cast(scale, value.dtype)
        gradients = tape.gradient(scaled, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # The norm of a sparse gradient, which holds a row several times, would not be that of their sum.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        last = [scope.get_current_value(each) for each in states]
        changed[:] = [index for index, old in enumerate(before) if last[index] is not old]
        weight = tf.cast(weight, value.dtype)
        return value, weight, gradients, [last[index] for index in changed]

    if jit_compile:
        compute = tf.function(compute, jit_compile=True)

    def on_replica(batch, scale, values, before):
        if replicas == 1:
            return compute(batch, scale, values, before)
        context = tf.distribute.get_replica_context()
        before = [
            _part(kinds.get(id(each)), value, context) for each, value in zip(states, before, strict=True)
        ]
        if "rows" in kinds.values():  # layers ask for as many rows as their states have in all
            batch = tf.nest.map_structure(_of_any_size, batch)
        batch, counts = _with_a_row(batch)
        value, weight, gradients, after = compute(batch, scale, values, before)
        weight *= tf.cast(counts, weight.dtype)
        whole = context.all_reduce(SUM, weight)
        part = tf.where(whole > 0, weight / whole, 1 / replicas)
        sums = [tf.math.multiply_no_nan(each, part) for each in (value, *gradients)]
        value, *gradients = context.all_reduce(SUM, sums)
        after = [
            _whole(kinds.get(id(states[index])), new, part, context)
            for index, new in zip(changed, after, strict=True)
        ]
        return value, whole, gradients, after

    def run(batch, scale=1.0):
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        before = [tf.convert_to_tensor(state.value) for state in states]
        found = strategy.run(on_replica, args=(batch, scale, values, before))
        found = tf.nest.map_structure(lambda each: strategy.experimental_local_results(each)[0], found)
        value, weight, gradients, after = found
        for index, new in zip(changed, after, strict=True):
            states[index].assign(new)
        return value, weight, gradients

    return run


def state(model: keras.Model) -> list[keras.Variable]:
    """Everything that a step may change: weights, moving averages, random seeds, states that are kept."""
    return [*model.variables, *kept_states(model)]


def kept_states(model: keras.Model) -> list[keras.Variable]:
    """The states of recurrent layers that are kept from batch to batch; to Keras they are no weights."""
    stateful = [layer for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
    return [each for layer in stateful for each in tf.nest.flatten(getattr(layer, "states", None) or [])]


def _of_any_size(tensor: tf.Tensor) -> tf.Tensor:
    return tf.compat.v1.placeholder_with_default(tensor, (None, *tensor.shape[1:]))


def _with_a_row(batch):
    """The batch, one of zeros where this replica got nothing of a small one; and whether it counts.

    Kernels fail on tensors without rows: on a CPU, a convolution with its activation gives a wrong shape.
    """
    first = tf.nest.flatten(batch)[0]
    if first.shape.rank == 0 or first.shape[0] is not None:
        return batch, True
    missing = tf.cast(tf.shape(first)[0] == 0, tf.int32)

    def fill(tensor):
        return tf.pad(tensor, [[0, missing]] + [[0, 0]] * (tensor.shape.rank - 1))

    return tf.nest.map_structure(fill, batch), missing == 0


def _part(kind: str | None, value: tf.Tensor, context) -> tf.Tensor:
    """What a replica starts from."""
    if kind == "rows":
        return _of_any_size(share(value))
    return _shift(value, context, 1) if kind == "seed" else value


def _whole(kind: str | None, value: tf.Tensor, part: tf.Tensor, context) -> tf.Tensor:
    """What all replicas come to, of which this one has a part of the batch."""
    if kind == "rows":
        return context.all_gather(value, axis=0)
    if kind == "seed":
        return _shift(value, context, -1)
    if not value.dtype.is_floating:
        return value
    return context.all_reduce(SUM, tf.math.multiply_no_nan(value, tf.cast(part, value.dtype)))


def _shift(seed: tf.Tensor, context, sign: int) -> tf.Tensor:
    salt = tf.cast(context.replica_id_in_sync_group, tf.int64) * _SALT * sign
    return tf.cast(tf.cast(seed, tf.int64) + tf.stack([salt, 0]), seed.dtype)


def broadcast(variables: Sequence[keras.Variable | tf.Variable]) -> None:
    """Gives the variables of all machines the values that they have on the first one."""
    if not _several_machines():
        return
    for variable in variables:
        variable.assign(tf.cast(_from_chief(tf.convert_to_tensor(variable)), variable.dtype))


def broadcast_bytes(content: bytes) -> bytes:
    """Gives what the first machine passes in."""
    if not _several_machines():
        return content
    size = int(_from_chief(tf.constant(len(content))))
    row = np.zeros(size, np.int32)
    given = np.frombuffer(content, np.uint8)[:size]
    row[: len(given)] = given
    return _from_chief(tf.constant(row)).numpy().astype(np.uint8).tobytes()


def gather(values: Sequence[float]) -> np.ndarray:
    """Gives what every machine passes in: `(replicas, values)` float64."""
    row = tf.constant(values, tf.float64)
    return (_rows(row) if _several_machines() else row[None]).numpy()


def _several_machines() -> bool:
    return isinstance(session.current().strategy, tf.distribute.MultiWorkerMirroredStrategy)


@tf.function(reduce_retracing=True)
def _sum_of_chief(value: tf.Tensor) -> tf.Tensor:
    strategy = session.current().strategy

    def on_replica(value):
        context = tf.distribute.get_replica_context()
        is_first = context.replica_id_in_sync_group == 0
        return context.all_reduce(SUM, tf.where(is_first, value, tf.zeros_like(value)))

    return strategy.experimental_local_results(strategy.run(on_replica, args=(value,)))[0]


@tf.function(reduce_retracing=True)
def _rows(values: tf.Tensor) -> tf.Tensor:
    strategy = session.current().strategy

    def on_replica(values):
        context = tf.distribute.get_replica_context()
        own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=values.dtype)
        return context.all_reduce(SUM, own[:, None] * values)

    return strategy.experimental_local_results(strategy.run(on_replica, args=(values,)))[0]


def _from_chief(value: tf.Tensor) -> tf.Tensor:
    return _sum_of_chief(value if value.dtype.is_floating else tf.cast(value, tf.int64))
