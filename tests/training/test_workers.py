"""Commands that two workers run together on this machine, and what becomes of one without the other."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from suite.cli import main
from suite.data.generated.textures import write_textures
from tests.training.test_distribution import cluster

ROOT = Path(__file__).parents[2]
SLOW_RECIPE = ["-m", "suite", "run", "tests/training/slow_recipe.py", "--checkpoint_seconds=0"]
TIMEOUT = 300  # seconds; far more than anything takes


@contextlib.contextmanager
def started(command, folder):
    """Starts both workers; gives their processes, the chief's first."""
    processes = []
    for name, config in zip(("chief", "helper"), cluster(2), strict=True):
        with open(folder / f"{name}.stderr", "w") as errors:
            processes.append(
                subprocess.Popen(
                    [sys.executable, *command, "--strategy=multi_worker"],
                    cwd=ROOT,
                    env=os.environ | {"TF_CONFIG": config, "PYTHONPATH": str(ROOT)},
                    stderr=errors,
                    stdout=subprocess.DEVNULL,
                )
            )
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def run(command, folder):
    with started(command, folder) as processes:
        for name, process in zip(("chief", "helper"), processes, strict=True):
            assert process.wait(TIMEOUT) == 0, (folder / f"{name}.stderr").read_text()


def kill_one(command, folder, victim, epoch):
    """Kills a worker once the chief has written a checkpoint of an epoch; gives the other one's errors."""
    progress = folder / ".model.partial" / "work" / "training-1" / "progress.json"
    with started(command, folder) as processes:
        while not (progress.exists() and json.loads(progress.read_text())["epoch"] >= epoch):
            assert all(process.poll() is None for process in processes)
            time.sleep(0.05)
        processes[victim].send_signal(signal.SIGKILL)
        assert processes[1 - victim].wait(TIMEOUT) == 1
    said = (folder / ("helper.stderr", "chief.stderr")[victim]).read_text()
    assert "Traceback" not in said
    return [line for line in said.splitlines() if line.startswith("error: ")]


def files(folder):
    return {path.name for path in folder.iterdir()} - {"chief.stderr", "helper.stderr"}


def weights(folder):
    return json.loads((folder / "model" / "weights.json").read_text())


@pytest.mark.slow  # test_distribution and test_resuming have its parts
@pytest.mark.parametrize("victim", [0, 1], ids=["chief", "helper"])
def test_a_killed_worker_ends_the_other_and_both_go_on_later(tmp_path, victim):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    run([*SLOW_RECIPE, f"--out={whole / 'model'}"], whole)
    assert files(whole) == {"model"}

    command = [*SLOW_RECIPE, f"--out={killed / 'model'}", "--resume"]
    (error,) = kill_one(command, killed, victim, epoch=5)
    assert error.startswith(
        "error: WorkerLostError: expected an answer of all workers of TF_CONFIG, one stopped; start all again"
    )
    assert "model" not in files(killed)
    run(command, killed)
    assert files(killed) == {"model"}
    for ours, theirs in zip(weights(killed), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
@pytest.mark.parametrize("command", [["run", "mlp_keras", "--smoke"], ["finetune"]])
def test_a_wrong_cluster_is_one_line(tmp_path, monkeypatch, capsys, config, command):
    monkeypatch.setenv("TF_CONFIG", config)
    assert main.execute([*command, "--strategy=multi_worker", f"--out={tmp_path / 'model'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: expected TF_CONFIG to hold the cluster and this worker's place in it")
    assert not list(tmp_path.iterdir())


def test_a_port_in_use_is_one_line(tmp_path, monkeypatch, capsys):
    def fail():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    monkeypatch.setenv("TF_CONFIG", cluster(1)[0])
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", fail)
    command = ["run", "mlp_keras", "--smoke", "--strategy=multi_worker", f"--out={tmp_path / 'model'}"]
    assert main.execute(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: expected a free port for this worker of TF_CONFIG, received")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["run", "cnn_classification", "--smoke"], ["finetune"]], ids=lambda c: c[0]
)
def test_the_chief_alone_leaves_a_bundle(tmp_path, command):
    if command == ["finetune"]:
        photos = write_textures(tmp_path / "photos")
        for path in [path for folder in photos.glob("*/*") for path in sorted(folder.iterdir())[6:]]:
            path.unlink()
        command = ["finetune", str(photos), "--epochs=1", "--views=0", "--unfreeze=0.05"]
    run(["-m", "suite", *command, f"--out={tmp_path / 'model'}"], tmp_path)
    assert files(tmp_path) - {"photos"} == {"model"}
    artifacts = json.loads((tmp_path / "model/result.json").read_text())["artifacts"]
    assert {row["status"] for row in artifacts} <= {"ok", "skipped"}
