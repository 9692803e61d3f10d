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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What each process has measured; all run side by side."""
    folder = tmp_path_factory.mktemp("trained")
    chief, helper = cluster(2)
    processes = {}
    for name, modes, config in (
        ("alone", "default,mirrored", "{}"),
        ("chief", "multi_worker", chief),
        ("helper", "multi_worker", helper),
    ):
        command = [sys.executable, "-m", "tests.training.distributed", folder / name, modes, *CASES]
        environment = os.environ | {"TF_CONFIG": config, "PYTHONPATH": str(ROOT)}
        with open(folder / f"{name}.stderr", "w") as complaints:
            processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=complaints)
    trained = {}
    for name, process in processes.items():
        status = process.wait(timeout=600)
        assert status == 0, f"{name}: {(folder / f'{name}.stderr').read_text()[-2000:]}"
        found = json.loads((folder / name).read_text())
        trained |= found if name == "alone" else {name: found["multi_worker"]}
    return trained


@pytest.mark.parametrize("name", ["mirrored", "chief", "helper"])
@pytest.mark.parametrize("case", CASES)
def test_the_losses_are_those_of_one_device(trained, name, case):
    assert trained["default"]["replicas"] == 1 and trained[name]["replicas"] == 2
    expected = trained["default"]["curves"][case]
    assert len(expected) >= 20 and np.std(expected) > 1e-3 * np.mean(expected)
    np.testing.assert_allclose(trained[name]["curves"][case], expected, rtol=TOLERANCE)
