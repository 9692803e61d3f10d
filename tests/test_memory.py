"""Memory does not grow with the number of images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def peaks(folder, epochs, *counts):
    """Peak memory in bytes after each of some numbers of images, in one process: it never falls."""
    command = [sys.executable, "tests/peak_memory.py", str(folder), *map(str, (epochs, *counts))]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line)["peak_bytes"] for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    ("few", "many"), [(60, 600), pytest.param(100, 2000, marks=pytest.mark.slow)], ids=str
)
def test_many_images_in_the_same_memory(tmp_path, few, many):
    small, large = peaks(tmp_path, 0, few, many)
    assert large < 1.5 * small


@pytest.mark.slow
def test_training_on_many_images_in_the_same_memory(tmp_path):
    small, large = peaks(tmp_path, 1, 1000, 20_000)
    assert large < 1.5 * small
