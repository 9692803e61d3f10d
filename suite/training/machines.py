"""What the machines of a cluster tell each other, besides gradients: alone, a machine tells itself."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

SUM = tf.distribute.ReduceOp.SUM


class Machines:
    """The machines that a strategy trains on. All of them have to call the same methods in the same order."""

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self._are_several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def broadcast(self, variables: Sequence[keras.Variable | tf.Variable]) -> None:
        """Gives the variables of all machines the values that they have on the first one."""
        if not self._are_several:
            return
        for variable in variables:
            variable.assign(tf.cast(self._from_chief(tf.convert_to_tensor(variable)), variable.dtype))

    def broadcast_bytes(self, content: bytes) -> bytes:
        """Gives what the first machine passes in."""
        if not self._are_several:
            return content
        size = int(self._from_chief(tf.constant(len(content))))
        row = np.zeros(size, np.int32)
        given = np.frombuffer(content, np.uint8)[:size]
        row[: len(given)] = given
        return self._from_chief(tf.constant(row)).numpy().astype(np.uint8).tobytes()

    def gather(self, values: Sequence[float]) -> np.ndarray:
        """Gives what every machine passes in: `(replicas, values)` float64."""
        row = tf.constant(values, tf.float64)
        return (self._sum(row, _in_own_row) if self._are_several else row[None]).numpy()

    def _from_chief(self, value: tf.Tensor) -> tf.Tensor:
        return self._sum(value if value.dtype.is_floating else tf.cast(value, tf.int64), _only_of_chief)

    @tf.function(reduce_retracing=True)
    def _sum(
        self, value: tf.Tensor, part: Callable[[tf.Tensor, tf.distribute.ReplicaContext], tf.Tensor]
    ) -> tf.Tensor:
        """The sum over all replicas of the part that each adds."""

        def on_replica(value: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(SUM, part(value, context))

        return self._strategy.experimental_local_results(self._strategy.run(on_replica, args=(value,)))[0]


def _only_of_chief(value: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
    return tf.where(context.replica_id_in_sync_group == 0, value, tf.zeros_like(value))


def _in_own_row(values: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
    own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=values.dtype)
    return own[:, None] * values
