import dataclasses
import json

import keras
import numpy as np
import pytest

from suite.bundle.record import read_result
from suite.bundle.task import Task
from suite.data.source import EMBEDDED
from suite.errors import GateError
from suite.evaluation.intervals import wilson
from suite.evaluation.metrics import Metric, accuracy
from suite.runs import job
from suite.runs.job import Job, execute
from suite.runs.recipe import Baseline, Export, Result
from tests.runs.toy_job import Config, run_job


def perceptron(config, context):
    x = keras.Input((2,), name="x")
    y = keras.layers.Dense(2, "softmax", name="probabilities")(x)
    labels = np.array([0] * 9 + [1] * 3)
    metric = Metric("test_accuracy", lambda outputs, labels: accuracy(outputs["probabilities"], labels))
    inputs = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    return Export(
        keras.Model(x, y), inputs, targets=labels, metric=metric, labels=("ham", "spam"), task=Task.CLASSIFIER
    )


@pytest.fixture
def no_export(monkeypatch):
    monkeypatch.setattr(job, "export_model", lambda item, folder, *_, **__: [])


@pytest.mark.parametrize("value", [0.5, 0.75, float("nan")])
def test_a_model_no_better_than_the_trivial_answer_fails(tmp_path, no_export, capsys, value):
    @dataclasses.dataclass(frozen=True)
    class Longer:
        epochs: int = 6
        least_steps: int = 100

    def run(config, context):
        return Result({"test_accuracy": value}, exports=[perceptron(config, context)])

    message = (
        rf"^no better than the trivial answer: test_accuracy {value:.4f}, always 'ham': 0.7500; try more "
        r"data, or longer training \(--epochs 12 --least_steps 200\); see .*toy.failed/report.html$"
    )
    with pytest.raises(GateError, match=message):
        run_job(tmp_path, run, config=Longer())
    (row,) = json.loads((tmp_path / "toy.failed/result.json").read_text())["baselines"]
    assert (row["metric"], row["value"], row["says"], row["beaten"]) == (
        "test_accuracy", 0.75, "always 'ham'", False,
    )  # fmt: skip
    assert f"test_accuracy {value:.4f} (always 'ham': 0.7500)\n" in capsys.readouterr().out
    assert "(trivial: 0.7500)" in (tmp_path / "toy.failed/report.html").read_text()
    assert not (tmp_path / "toy").exists()


def test_a_model_that_may_be_better_by_chance_ships_with_a_warning(tmp_path, no_export, capsys):
    def run(config, context):
        return Result({"test_accuracy": 10 / 12}, exports=[perceptron(config, context)])

    folder = run_job(tmp_path, run)
    assert json.loads((folder / "result.json").read_text())["baselines"][0]["beaten"] is True
    assert (
        "warning: test_accuracy 0.8333 of 12 may be chance, the trivial answer (always 'ham') gets 0.75"
        in (capsys.readouterr().err)
    )
    assert "may be chance" in (folder / "report.html").read_text()


def test_shares_stand_with_their_intervals(tmp_path, no_export, capsys):
    """On the terminal, in the report and in the record, which keeps the metrics as plain numbers."""

    def run(config, context):
        metrics = {
            "estimated_accuracy": 94 / 114,
            "test_accuracy": 10 / 12,
            "test_loss": 0.5,
            "temperature": 1.5,
        }
        how = "by 5 folds of the head over all 114 photos; the 12 test photos alone say 0.83 (0.55 to 0.95)"
        intervals = {
            "estimated_accuracy": wilson(94 / 114, 114, "photos", how),
            "test_accuracy": wilson(10 / 12, 12, "photos"),
        }
        return Result(metrics, intervals=intervals, exports=[perceptron(config, context)])

    folder = run_job(tmp_path, run)
    assert capsys.readouterr().out.splitlines()[-5:-1] == [
        "estimated_accuracy 0.82 (0.74 to 0.88) by 5 folds of the head over all 114 photos; the 12 test "
        "photos alone say 0.83 (0.55 to 0.95)",
        "test_accuracy 0.833 (0.55 to 0.95, 12 photos; always 'ham': 0.7500)",
        "test_loss 0.5000",
        "temperature 1.5000",
    ]
    written = json.loads((folder / "result.json").read_text())
    assert written["metrics"]["test_accuracy"] == 10 / 12
    assert written["intervals"]["test_accuracy"] == {
        "low": pytest.approx(0.5520, abs=1e-4), "high": pytest.approx(0.9530, abs=1e-4), "examples": 12,
        "unit": "photos", "how": "",
    }  # fmt: skip
    assert read_result(folder).intervals["test_accuracy"] == wilson(10 / 12, 12, "photos")
    report = (folder / "report.html").read_text()
    assert (
        report.count("0.82 (0.74 to 0.88) by 5 folds of the head over all 114 photos") == 2
    )  # head, metrics
    assert "0.833 (0.55 to 0.95, 12 photos; trivial: 0.7500)" in report
    assert report.count(">0.833 (0.55 to 0.95, 12 photos)<") == 2  # beside the trivial answer, and in metrics


def test_a_recipes_own_baseline_stands_before_the_implied_one_and_a_tiny_run_is_not_judged(
    tmp_path, no_export
):
    def run(config, context):
        own = Baseline("test_accuracy", 0.8, "the most frequent tag of each word")
        lower = Baseline("test_perplexity", 30.0, "how often each occurs", higher_is_better=False)
        found = {"test_accuracy": 0.79, "test_perplexity": 31.0}
        return Result(found, exports=[perceptron(config, context)], baselines=[own, lower])

    with pytest.raises(GateError, match=r"test_accuracy 0.7900, the most .* word: 0.8000; .* \(and 1 more\)"):
        run_job(tmp_path, run)
    tiny = Job("toy", "recipe", "A toy", run, is_judged=False)
    folder = execute(tiny, Config(), source=EMBEDDED, out=tmp_path / "tiny", seed=0)
    rows = json.loads((folder / "result.json").read_text())["baselines"]
    assert [(row["value"], row["beaten"]) for row in rows] == [(0.8, False), (30.0, False)]
