import dataclasses
import signal
from pathlib import Path

import numpy as np
import pytest

from suite.bundle.record import read_result
from suite.data.source import EMBEDDED
from suite.runs.job import Job as RecipeJob
from suite.runs.job import execute
from suite.runs.recipe import Result
from tests.records import artifact, write_record
from tests.training import slow_recipe
from tools.endurance import FaultError, Job, check_same, endure, make_job

SLOW_RECIPE = str(Path(slow_recipe.__file__))


@pytest.mark.slow  # what resumes is `fit`, whose tests are quick
@pytest.mark.parametrize(("number", "kills"), [(signal.SIGKILL, 2), (signal.SIGINT, 2)])
def test_a_killed_run_ends_as_one_left_in_peace(tmp_path, number, kills):
    job = Job("slow", ("run", SLOW_RECIPE))
    row = endure(job, kills, number, 0.0, np.random.default_rng(0), tmp_path)
    assert sum(row[2:4]) == kills and row[-1] == "same"


@pytest.mark.slow
def test_a_killed_fine_tuning_ends_as_one_left_in_peace(tmp_path):
    job = make_job("finetune", tmp_path)
    assert endure(job, 2, signal.SIGKILL, 0.5, np.random.default_rng(0), tmp_path)[-1] == "same"


@pytest.fixture
def bundles(tmp_path):
    def write(name, value):
        job = RecipeJob("x", "recipe", "x", lambda config, context: Result({"test_x": value}))
        return execute(job, slow_recipe.Config(), source=EMBEDDED, out=tmp_path / name, seed=0)

    return write


def test_what_differs_is_a_fault(bundles):
    whole = bundles("whole", 1.0)
    check_same(whole, bundles("same", 1.0))
    with pytest.raises(FaultError, match="expected metrics"):
        check_same(whole, bundles("other", 1.0 + 1e-12))
    half = bundles("half", 1.0)
    (half / "model.onnx").write_text("hal")
    rows = (artifact("model.onnx", sha256="of the whole"),)
    write_record(half, dataclasses.replace(read_result(half), artifacts=rows))
    with pytest.raises(FaultError, match="model.onnx is half written"):
        check_same(whole, half)
    (half / "result.json").unlink()
    with pytest.raises(FaultError, match="no whole bundle"):
        check_same(whole, half)
