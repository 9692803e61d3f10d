"""The machines of a cluster, which `TF_CONFIG` names: a worker's place, and what becomes of the others."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from suite import console
from suite.training.signals import signal_handler

_SIGNS_OF_LOSS = (
    tf.errors.UnavailableError,  # the connection was closed
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # it was started again
)


class WorkerLostError(RuntimeError):
    """Another machine of the cluster does not answer."""


def task() -> dict[str, Any]:
    """This worker's place among the machines that `TF_CONFIG` names.

    Raises:
        ValueError: It is missing, not JSON, or does not name this worker among those of the cluster.
    """
    text = os.environ.get("TF_CONFIG", "")
    example = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        ports = [int(worker.rpartition(":")[2]) for worker in workers]
        if task["type"] == "worker" and 0 <= task["index"] < len(ports):
            return task
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # said below
    raise ValueError(
        f"expected TF_CONFIG to hold the cluster and this worker's place in it, such as {example}, "
        f"received {text!r}"
    )


def join() -> tf.distribute.Strategy:
    """Waits for the other workers; gives the strategy that trains with them.

    Raises:
        ValueError: The port of this worker is in use.
    """
    console.say("waiting for all workers of TF_CONFIG")
    try:
        with signal_handler(signal.SIG_DFL, signal.SIGINT):  # Python's own would wait, as TensorFlow does
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as failure:
        raise ValueError(
            f"expected a free port for this worker of TF_CONFIG, received {os.environ['TF_CONFIG']}; "
            "end what listens there, or choose another"
        ) from failure


@contextlib.contextmanager
def translate_worker_errors() -> Iterator[None]:
    """Around what workers do together.

    Raises:
        WorkerLostError: In place of TensorFlow's errors.
    """
    try:
        yield
    except _SIGNS_OF_LOSS as failure:
        raise WorkerLostError(
            "expected an answer of all workers of TF_CONFIG, one stopped; start all again with --resume"
        ) from failure
