import json
import os
import types

import keras
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from suite.bundle.task import Task
from suite.data.set_aside import SetAside
from suite.deploy.prove.verification import verify
from suite.errors import GateError
from suite.evaluation import plots
from suite.evaluation.table import Table
from suite.runs import job
from suite.runs.options import RunOptions
from suite.runs.recipe import Claim, Export, Result
from tests.runs.toy_job import Config, accuracy_of, run_job


def test_a_bundle_has_everything_the_contract_names(tmp_path):
    def run(config, context):
        figure, axes = plots.new_figure("Line")
        axes.plot([1, 2])
        x = keras.Input((3,), name="x")
        inputs = np.random.default_rng(context.seed).normal(size=(9, 3)).astype("float32")
        exports = [
            Export(
                keras.Model(x, keras.layers.Dense(2, name="y")(x)),
                inputs,
                calibration=inputs,
                name=name,
                task=Task.TENSORS,
            )
            for name in ("encoder", "decoder")
        ]
        return Result(
            {"test_accuracy": 0.75},
            {"line": figure},
            exports,
            {"train": 9},
            [Table("T", ("a",), [("b",)])],
            {"n.txt": "ü"},
        )

    folder = run_job(tmp_path, run, Claim("test_accuracy", at_least=0.7))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"result.json", "report.html", "figures/line.png", "n.txt"} <= found
    for name in (
        "model.keras",
        "saved_model/saved_model.pb",
        "model.onnx",
        "model.tflite",
        "model_int8.tflite",
        "mobile/Model.kt",
        "mobile/example.py",
    ):
        assert {f"encoder/{name}", f"decoder/{name}"} <= found
    result = json.loads((folder / "result.json").read_text())
    assert result["claims"] == [{"metric": "test_accuracy", "at_least": 0.7, "value": 0.75, "passed": True}]
    assert result["config"] == {"rate": 0.5} and result["kind"] == "recipe" and result["wall_seconds"] > 0
    assert {row["path"] for row in result["artifacts"]} >= {
        "encoder/model.keras",
        "decoder/model_int8.tflite",
    }
    keys = {
        "path",
        "format",
        "variant",
        "bytes",
        "sha256",
        "max_abs_difference",
        "metric",
        "latency_ms",
        "ops",
    }
    keys |= {"task", "gpu_compatible", "cpu_ops", "arena_bytes", "min_runtime", "status", "reason", "inputs"}
    assert keys == set(result["artifacts"][0])
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    assert all(row.passed for row in verify(folder))


def test_verify_notices_a_changed_a_swapped_and_a_missing_artifact(tmp_path):
    def run(config, context):
        x = keras.Input((3,), name="x")
        inputs = np.eye(3, dtype="float32")
        return Result(
            {},
            exports=[Export(keras.Model(x, keras.layers.Dense(2, name="y")(x)), inputs, task=Task.TENSORS)],
        )

    folder = run_job(tmp_path, run)
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b" ")
    (folder / "model_float16.tflite").write_bytes((folder / "model_dynamic.tflite").read_bytes())
    (folder / "model.tflite").unlink()
    with pytest.raises(GateError, match="3 of 6 artifacts failed"):
        verify(folder)


def test_a_missed_claim_leaves_the_old_bundle(tmp_path, capsys):
    run_job(tmp_path, accuracy_of(0.9), Claim("test_accuracy", at_least=0.8))
    with pytest.raises(GateError, match="claim missed: test_accuracy at least 0.8, measured 0.7"):
        run_job(tmp_path, accuracy_of(0.7), Claim("test_accuracy", at_least=0.8))
    assert json.loads((tmp_path / "toy/result.json").read_text())["metrics"]["test_accuracy"] == 0.9
    assert json.loads((tmp_path / "toy.failed/result.json").read_text())["claims"][0]["passed"] is False
    assert "MISSED" in capsys.readouterr().out


def test_claims_are_not_about_a_users_own_pictures(tmp_path):
    def run(config, context):
        return Result({"test_accuracy": 0.1}, claims_apply=False)

    folder = run_job(tmp_path, run, Claim("test_accuracy", at_least=0.7))
    assert json.loads((folder / "result.json").read_text())["claims"] == []


def test_a_refusal_leaves_nothing_unless_there_is_work_to_go_on_with(tmp_path):
    def refused(config, context):
        (context.folder / "training-1").mkdir()  # as trainings make before their first step
        raise ValueError("expected 2 classes, received 1; add one")

    def refused_after_an_epoch(config, context):
        (context.folder / "training-1").mkdir()
        (context.folder / "training-1" / "epoch").write_text("3")
        raise ValueError("expected 2 classes, received 1; add one")

    for run, left in ((refused, []), (refused_after_an_epoch, [".toy.partial"])):
        with pytest.raises(ValueError, match="2 classes"):
            run_job(tmp_path, run)
        assert [path.name for path in tmp_path.iterdir()] == left


def test_resume_keeps_the_work_and_refuses_other_settings(tmp_path):
    def interrupted(config, context):
        (context.folder / "epoch").write_text("3")
        raise KeyboardInterrupt

    def resumed(config, context):
        return Result({"test_epoch": float((context.folder / "epoch").read_text())})

    with pytest.raises(KeyboardInterrupt):
        run_job(tmp_path, interrupted)
    assert not (tmp_path / "toy").exists()
    with pytest.raises(
        ValueError, match="expected the settings of the interrupted run, received rate 0.5 -> 0.25"
    ):
        run_job(tmp_path, resumed, config=Config(rate=0.25), resume=True)
    folder = run_job(tmp_path, resumed, resume=True)
    assert json.loads((folder / "result.json").read_text())["metrics"] == {"test_epoch": 3.0}
    assert not (folder / "work").exists()


def test_a_run_is_seeded(tmp_path):
    def run(config, context):
        return Result({"test_x": float(np.random.random() + keras.random.uniform(()))})

    first = json.loads((run_job(tmp_path, run, seed=4) / "result.json").read_text())["metrics"]
    again = json.loads((run_job(tmp_path, run, seed=4) / "result.json").read_text())["metrics"]
    other = json.loads((run_job(tmp_path, run, seed=5) / "result.json").read_text())["metrics"]
    assert first == again != other


@pytest.mark.parametrize(
    ("data", "expected"), [("embedded", [0.5]), ("tfds", [0.5, 0.9]), ("tfds:x", [0.5, 0.7]), ("tfds:y", [])]
)
def test_a_claim_may_hold_for_one_kind_of_data_alone(tmp_path, monkeypatch, data, expected):
    fake = types.SimpleNamespace(
        __doc__="A toy.\n",
        Config=Config,
        SMOKE=Config(0.1),
        DATA=("embedded", "tfds"),
        CLAIMS=(
            Claim("test_x", at_least=0.5),
            Claim("test_x", at_least=0.9, data="tfds"),
            Claim("test_x", at_least=0.7, data="tfds:x"),
        ),
        run=lambda config, context: Result({"test_x": 0.95}),
    )
    monkeypatch.setattr(job, "load_recipe", lambda name: fake)
    folder = job.run("toy", data=data, out=tmp_path / "toy")
    claims = json.loads((folder / "result.json").read_text())["claims"]
    assert [claim["at_least"] for claim in claims] == expected
    monkeypatch.chdir(tmp_path)
    folder = job.run("toy", data=data, smoke=True)
    assert folder == tmp_path / "saved_models" / "smoke" / "toy"
    assert json.loads((folder / "result.json").read_text())["claims"] == []


def test_a_users_data_is_named_by_its_full_path(tmp_path, monkeypatch):
    fake = types.SimpleNamespace(
        __doc__="A toy.\n", Config=Config, SMOKE=Config(0.1), DATA=("path",), CLAIMS=(),
        run=lambda config, context: Result({"test_x": 1.0}),
    )  # fmt: skip
    monkeypatch.setattr(job, "load_recipe", lambda name: fake)
    monkeypatch.chdir(tmp_path)
    record = json.loads((job.run("toy", data="photos", out="toy") / "result.json").read_text())
    assert record["data"]["source"] == os.path.realpath(tmp_path / "photos")


def test_a_strategy_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(
        ValueError, match="expected a strategy among default, mirrored, multi_worker, received 'x'"
    ):
        run_job(tmp_path, lambda config, context: Result({}), options=RunOptions(strategy="x"))


def test_a_recipe_runs_numpy_on_one_thread_and_gives_the_others_back(tmp_path, monkeypatch):
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    def run(config, context):
        return Result({"test_threads": max(threads())})

    fake = types.SimpleNamespace(__doc__="A toy.\n", Config=Config, SMOKE=Config(), CLAIMS=(), run=run)
    monkeypatch.setattr(job, "load_recipe", lambda name: fake)
    before = threads()
    folder = job.run("toy", out=tmp_path / "toy")
    assert json.loads((folder / "result.json").read_text())["metrics"]["test_threads"] == 1
    assert threads() == before


def test_what_a_run_sets_aside_is_said_on_the_terminal(tmp_path, capsys):
    def run(config, context):
        aside = [SetAside(f"a.csv:{line}", "no label") for line in (2, 3)]
        data = {"train": 9, "quarantined": aside, "notes": ["a note"], "unread": ["b.csv"]}
        return Result(metrics={"test_accuracy": 1.0}, data=data)

    folder = run_job(tmp_path, run)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert said == [
        "warning: 2 set aside, 9 used; report.html says why",
        "warning:   a.csv:2: no label (and 1 more)",
        "warning: a note",
        "warning: 1 file not read: b.csv",
    ]
    report = (folder / "report.html").read_text()
    assert "b.csv" in report and "not read" in report and "a note" in report
