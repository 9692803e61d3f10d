"""Servers of a tf.data service: other processes, or machines, that prepare batches for training."""

import signal
from typing import Any

import tensorflow as tf

from suite import console

service = tf.data.experimental.service


def start_dispatcher(port: int, work: str | None = None) -> tf.data.experimental.service.DispatchServer:
    """Starts the server that knows all workers; its address goes to `--input_service`.

    Args:
        port: To listen at; 0 for any that is free.
        work: Folder for its journal, from which it goes on after a restart; None for none.
    """
    config = service.DispatcherConfig(port=port, work_dir=work, fault_tolerant_mode=work is not None)
    return service.DispatchServer(config)


def start_worker(dispatcher: str, host: str, port: int) -> tf.data.experimental.service.WorkerServer:
    """Starts a server that prepares batches.

    Args:
        dispatcher: Its address, "HOST:PORT".
        host: Name or address under which trainings reach this machine.
        port: To listen at; 0 for any that is free.
    """
    config = service.WorkerConfig(
        dispatcher_address=dispatcher, worker_address=f"{host}:%port%", port=port, protocol="grpc"
    )
    return service.WorkerServer(config)


def serve(server: Any) -> None:  # noqa: ARG001  which the caller keeps alive
    """Lets a server run until it is interrupted.

    Raises:
        KeyboardInterrupt: By Ctrl+C.
    """
    console.say("serving; Ctrl+C stops")
    while True:
        signal.pause()  # `server.join` cannot be interrupted
