import json
import sys

import keras
import numpy as np
import pytest
from keras import layers

from tests.records import artifact
from tools import soak, soak_judge
from tools.random_models import RandomModel
from tools.random_models.drawing import Domain
from tools.soak_judge import FaultError, difference, judge
from tools.soak_runtimes import Entries

# Answers every index with "right", but for those that end the process or never answer.
PROGRAM = """
import json, os, sys, time
for line in sys.stdin:
    seed, index = json.loads(line)
    if index == 1:
        os.abort()
    if index == 2:
        print("out of order", file=sys.stderr)
        sys.exit(3)
    if index == 3:
        time.sleep(60)
    print(json.dumps(["right", "", ["chain"]]), flush=True)
"""


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,), name="x")
    two = [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)]
    return RandomModel(keras.Model(x, two), (Domain(),), ("two",), "float32")


def runner(model, change):
    """A runtime of a file that gives what `change` makes of the outputs by name."""

    def run(inputs):
        return change(
            {name: value.numpy() for name, value in zip("ab", model.model(inputs["x"]), strict=True)}
        )

    return run, Entries(x=np.float32)


ROW = artifact("model.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda outputs: {"a": outputs["a"]}, "^model.onnx gives 1 of 2 outputs: a$"),
        (
            lambda outputs: {"a": outputs["b"], "b": outputs["a"]},
            "^model.onnx differs in 'a' by [0-9.]+ of its size",
        ),
        (lambda outputs: outputs | {"b": outputs["b"] + 0.01}, "^model.onnx differs in 'b' by 0.0"),
        (lambda outputs: outputs | {"b": outputs["b"][:, :1]}, "^model.onnx differs in 'b' by inf"),
        (lambda outputs: outputs | {"b": outputs["b"] * np.nan}, "^model.onnx differs in 'b' by inf"),
        (lambda outputs: 1 / 0, "^model.onnx fails: ZeroDivisionError: division by zero$"),
    ],
)
def test_wrong_outputs_are_noticed(model, change, message):
    with pytest.raises(FaultError, match=message):
        soak_judge._compare(model, ROW, runner(model, change), size=5)


def test_right_outputs_pass_whatever_their_names(model):
    assert soak_judge._compare(model, ROW, runner(model, dict), 5) == ("a", "b")
    others = runner(model, lambda outputs: {"y_1": outputs["b"], "y": outputs["a"]})
    assert soak_judge._compare(model, ROW, others, 5) == ("y", "y_1")


def test_differences_are_shares_of_the_size():
    assert difference(np.float32([101, 50]), np.float32([100, 50])) == pytest.approx(0.01)
    assert difference(np.float32([0.01]), np.float32([0.0])) == pytest.approx(0.01)
    assert difference(np.arange(20), np.arange(20)) == 0
    assert difference(np.array([1, 2, 3, 5]), np.array([1, 2, 3, 4])) == 0.25
    assert difference(np.arange(20) + (np.arange(20) == 7), np.arange(20)) == 0  # one that rounding decides


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("expected one thing,\nreceived another; give one", "refused in [0-9]+ characters"),
        ("expected " + "x" * 300 + "; give one", "refused in 319 characters"),
        ("'tf.Erfc' op is neither a custom op nor a flex op; use another", r"own text \('tf.'\)"),
        ("model.tflite loc(callsite; use another", r"own text \('loc\('\)"),
        ("expected a graph, received \x00\x01; use another", r"own text \('\\x00'\)"),
        ("zip() argument 2 is shorter than argument 1", "refused without a mend"),
        ("model.onnx fails; see /tmp/net.failed/report.html", "refused without a mend"),
    ],
)
def test_refusals_that_help_nobody_are_wrong(tmp_path, model, line, message):
    with pytest.raises(FaultError, match=message):
        soak_judge._check_refusal(line, model, 0, 0, tmp_path)


def test_a_refusal_in_a_line_with_a_mend_passes(tmp_path, model):
    line = "expected a model without strings, received 'text'; export the part behind it"
    soak_judge._check_refusal(line, model, 0, 0, tmp_path)


def test_a_process_that_ends_costs_one_model_and_the_next_goes_on(monkeypatch):
    monkeypatch.setattr(soak, "TIMEOUT", 2)
    program = (sys.executable, "-c", PROGRAM)
    found = {each.number: each for each in soak.soak(0, range(6), processes=1, program=program)}
    assert [found[index].verdict for index in range(6)] == [
        "right",
        "WRONG",
        "WRONG",
        "WRONG",
        "right",
        "right",
    ]
    reasons = [found[index].reason for index in (1, 2, 3)]
    assert reasons == [
        "its process was ended by SIGABRT",
        "its process was ended by status 3: out of order",
        "its process was ended by SIGKILL",
    ]


def test_the_table_counts_by_kind_and_names_the_command(capsys):
    outcomes = [
        soak.Outcome(3, "right", "", ("chain", "ops: erf"), 1.0),
        soak.Outcome(4, "refused", "expected one; give one", ("chain",), 1.0),
        soak.Outcome(5, "WRONG", "gives 1 of 2 outputs", ("states",), 1.0),
    ]
    soak.show(outcomes, seed=7)
    text = capsys.readouterr().out
    rows = [line.replace("│", " ").split() for line in text.splitlines()]
    assert ["chain", "1", "1", "0"] in rows and ["ops", "1", "0", "0"] in rows
    assert "python tools/soak.py --seed 7 --only 5" in text
    assert text.endswith("1 right, 1 refused, 1 WRONG\n")


# A shared layer; grouped convolution; nested outputs; Sequentials; GELU and tokens; strings; states from call
# to call; odd names in mixed precision; a size that nobody said; a quantized model of any size.
FAST = {
    **dict.fromkeys((1, 4, 5, 8, 14, 26, 35), soak.RIGHT),
    **dict.fromkeys((17, 22, 29), soak.REFUSED),
}


@pytest.mark.parametrize("index", FAST)
def test_a_random_model_is_exported_right_or_refused_in_a_line(tmp_path, index):
    found = judge(0, index, tmp_path)
    assert found.verdict == FAST[index], f"{found.reason} ({', '.join(found.kinds)})"


@pytest.mark.slow
def test_all_random_models_are_exported_right_or_refused_in_a_line():
    wrong = [each for each in soak.soak(0, range(200)) if each.verdict == soak.WRONG]
    assert json.dumps(wrong) == "[]"
