"""Two workers on this machine, and two devices, come to the losses of one device on the same batches."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.training.distributed import CASES

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5


def cluster(count):
    """`TF_CONFIG` of so many workers on free ports of this machine."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        workers = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    return [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        for index in range(count)
    ]


def train(folder, **processes):
    """What each process, of modes and `TF_CONFIG`, has measured; all run side by side."""
    started = {}
    for name, (modes, config) in processes.items():
        command = [sys.executable, "-m", "tests.training.distributed", folder / name, modes, *CASES]
        environment = os.environ | {"TF_CONFIG": config, "PYTHONPATH": str(ROOT)}
        with open(folder / f"{name}.stderr", "w") as complaints:
            started[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=complaints)
    for name, process in started.items():
        assert process.wait(timeout=600) == 0, f"{name}: {(folder / f'{name}.stderr').read_text()[-2000:]}"
    return {name: json.loads((folder / name).read_text()) for name in started}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"), alone=("default,mirrored", "{}"))["alone"]


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    chief, helper = cluster(2)
    processes = {"chief": ("multi_worker", chief), "helper": ("multi_worker", helper)}
    measured = train(tmp_path_factory.mktemp("workers"), **processes)
    return {name: measured[name]["multi_worker"] for name in measured}


def largest_gap(one, two, case):
    """Of the losses of one and two replicas, relative; over a training in which they change."""
    assert one["replicas"] == 1 and two["replicas"] == 2
    expected, found = (np.array(each["curves"][case]) for each in (one, two))
    assert len(expected) >= 20 and np.std(expected) > 1e-3 * np.mean(expected)
    return np.max(np.abs(found - expected) / np.abs(expected))


@pytest.mark.parametrize("case", CASES)
def test_two_devices_have_the_losses_of_one(trained, case):
    assert largest_gap(trained["default"], trained["mirrored"], case) <= TOLERANCE


@pytest.mark.slow  # two devices of one process are quick, and take the same way through the code
@pytest.mark.parametrize("name", ["chief", "helper"])
@pytest.mark.parametrize("case", CASES)
def test_two_workers_have_the_losses_of_one(trained, workers, name, case):
    assert largest_gap(trained["default"], workers[name], case) <= TOLERANCE
