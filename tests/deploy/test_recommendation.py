import dataclasses

import numpy as np
import pytest

from suite.bundle.rows import CompiledAnswers, Latency, MetricValue
from suite.deploy.prove.benchmarking import artifacts_table
from suite.deploy.recommendation import (
    SMALLER,
    by_model,
    recommendation_lines,
    recommended,
    recommended_path,
    superseded,
)
from suite.evaluation.metrics import Metric
from tests.records import artifact

ACCURACY = Metric("test_accuracy", lambda outputs, targets: 0.0)


def row(variant, megabytes, milliseconds, accuracy=0.98, **changes):
    name = "model.tflite" if variant == "float32" else f"model_{variant}.tflite"
    facts = {
        "variant": variant,
        "bytes": int(megabytes * 1e6),
        "latency_ms": Latency(milliseconds),
        "metric": MetricValue("test_accuracy", accuracy),
        "gpu_compatible": False,
        "cpu_ops": ("CAST",),
        "min_runtime": "2.3.0",
    }
    return artifact(name, **(facts | changes))


# Sizes and times of EfficientNet-Lite0 at 224 pixels.
FILES = [
    row("float32", 13.4, 3.3, 0.98),
    row("float16", 6.8, 6.1, 0.98),
    row("dynamic", 3.9, 15, 0.979, cpu_ops=("CAST", "CONV_2D")),
    row("int8", 3.9, 1.15, 0.979, cpu_ops=("CAST", "CONV_2D")),
]


def chosen(files):
    return {target: path for target, (path, _) in recommended(files).items()}


def test_each_target_gets_the_file_that_the_numbers_speak_for():
    assert chosen(FILES) == {
        "cpu": "model_int8.tflite",
        "gpu": "model_float16.tflite",
        "browser": "model_int8.tflite",
    }
    said = {target: reason for target, (_, reason) in recommended(FILES).items()}
    facts = "1.15 ms, 3.9 MB, test_accuracy 0.9790 (model.tflite: 3.30 ms, 13.4 MB, test_accuracy 0.9800)"
    assert said["cpu"] == f"the fastest, {facts}" and said["browser"].endswith(facts)
    assert said["gpu"] == "a GPU leaves CAST to the CPU; 6.8 MB, in the precision in which it computes"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"int8": {"status": "skipped"}}, {"cpu": "model.tflite", "browser": "model_float16.tflite"}),
        ({"int8": {"latency_ms": Latency(9)}}, {"cpu": "model.tflite"}),
        ({"int8": {"latency_ms": Latency()}}, {"cpu": "model.tflite"}),
        # As fast but for noise: the smaller one.
        ({"int8": {"latency_ms": Latency(3.9)}}, {"cpu": "model_int8.tflite"}),
        ({"dynamic": {"latency_ms": Latency(1.1), "min_runtime": "2.17.0"}}, {"cpu": "model_int8.tflite"}),
        ({"int8": {"compiled_model": CompiledAnswers(reason="no buffers")}}, {"cpu": "model.tflite"}),
        ({"float32": {"cpu_ops": (), "gpu_compatible": True}}, {"gpu": "model.tflite"}),
        ({"float16": {"status": "skipped"}}, {"gpu": "model.tflite"}),
    ],
)
def test_what_changes_the_choice(changes, expected):
    files = [dataclasses.replace(each, **changes.get(each.variant, {})) for each in FILES]
    assert {target: chosen(files)[target] for target in expected} == expected


def test_the_choice_of_a_model_that_is_only_there_in_part():
    assert recommended([artifact("model.keras"), artifact("model_personal.tflite", variant="personal")]) == {}
    refused = row("float32", 1, 1, compiled_model=CompiledAnswers(reason="no buffers for int64"))
    assert set(chosen([refused]).values()) == {"model.tflite"}  # there is no other


def test_a_file_that_is_slower_and_in_nothing_better_is_superseded():
    reasons = superseded(FILES, ACCURACY)
    assert list(reasons) == ["model_dynamic.tflite"]  # what a GPU takes stays, and so does the reference
    assert reasons["model_dynamic.tflite"] == (
        "no better, no smaller and slower than model_int8.tflite: 15.00 ms, 3.9 MB, test_accuracy 0.9790 for "
        "1.15 ms, 3.9 MB, test_accuracy 0.9790"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": MetricValue("test_accuracy", 0.981)},
        {"bytes": 3_500_000},
        {"latency_ms": Latency(1.6)},  # noise
        {"latency_ms": Latency()},
        {"status": "skipped"},
    ],
)
def test_a_file_with_an_advantage_is_shipped(changes):
    files = [FILES[0], FILES[3], dataclasses.replace(FILES[2], **changes)]
    assert superseded(files, ACCURACY) == {}


@pytest.mark.parametrize(
    ("kilobytes", "milliseconds", "smaller"),
    [((3716, 3966), 52.6, "only 6.3%"), ((4851, 5094), 214.1, "only 4.8%")],
)
def test_a_file_that_is_a_little_smaller_and_much_slower_is_superseded(kilobytes, milliseconds, smaller):
    """Sizes and times of the fine-tuned textures and of a detector."""
    dynamic, int8 = (size / 1000 for size in kilobytes)
    files = [row("float32", 13, 20), row("dynamic", dynamic, milliseconds), row("int8", int8, 6.5)]
    (reason,) = superseded(files, ACCURACY).values()
    assert reason.startswith(f"no better, {smaller} smaller and slower than model_int8.tflite: ")
    files[1] = dataclasses.replace(files[1], bytes=int((1 - SMALLER) * files[2].bytes) - 1)
    assert superseded(files, ACCURACY) == {}


def test_a_bundle_has_one_file_that_stands_for_it():
    assert recommended_path(FILES) == "model_int8.tflite"
    assert recommended_path(FILES, "gpu") == "model_float16.tflite"
    pair = [dataclasses.replace(each, path=f"encoder/{each.path}") for each in FILES]
    step = artifact("decoder_step/model.tflite")
    assert recommended_path([step, *pair]) == "encoder/model_int8.tflite"
    assert recommended_path([step, artifact("model.keras")]) is None


def test_where_less_is_better_the_larger_loss_is_superseded():
    files = [row("float32", 4, 1), row("dynamic", 2, 9, 3.1), row("int8", 1, 1, 3.0)]
    loss = Metric("test_loss", lambda outputs, targets: 0.0, higher_is_better=False)
    assert list(superseded(files, loss)) == ["model_dynamic.tflite"]
    assert superseded(files, ACCURACY) == {}


def test_each_model_of_a_bundle_has_its_lines_and_the_table_has_them():
    files = [artifact("encoder/model.tflite"), artifact("decoder_step/model.tflite"), artifact("model.keras")]
    assert list(by_model(files)) == ["encoder", "decoder_step", "."]
    lines = recommendation_lines(files)
    assert len(lines) == 6 and lines[0].startswith("for a phone's CPU take encoder/model.tflite: the fastest")
    assert f"F{lines[0][1:]}." in artifacts_table(files).note


def test_it_is_told_of_what_is_exported(exported_images):
    rows = list(exported_images.rows.values())
    assert all((exported_images.folder / path).is_file() for path in chosen(rows).values())
    left = [each.path for each in rows if each.format == "tflite" and not each.is_shipped]
    assert not any((exported_images.folder / path).exists() for path in left)
    assert np.isfinite(exported_images.rows["model.tflite"].latency_ms.p50)
