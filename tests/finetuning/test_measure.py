"""The numbers of a fine-tuned classifier, on made-up answers and pictures of one color."""

import keras
import numpy as np
import pytest

from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.evaluation.calibration import with_temperature
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.finetuning import measure as module
from suite.finetuning.calibrate import Evidence, calibrate, evidence, trust
from suite.finetuning.estimate import FoldEstimate
from suite.finetuning.measure import measure
from suite.finetuning.phases import Trained, predict
from suite.linear.untrained import UNTRAINED_BIAS

SIDE, CLASSES = 8, ("can", "glass")


def paint(color, size):
    return np.full((*size, 3), color, np.uint8)


def classifier(sharpness=1.0, classes=2):
    """The brighter, the more probably the last class."""
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 32, offset=-4)(image))
    model = keras.Model(image, keras.layers.Dense(classes, "softmax", name="probabilities")(x))
    kernel = sharpness * np.linspace(-1, 1, classes) * np.ones((3, 1)) / 3
    model.layers[-1].set_weights([kernel, np.zeros(classes)])
    return model


def drawn(count, seed, sharpness=1.0):
    """Photos with labels drawn from what `classifier(sharpness)` says of them."""
    rng = np.random.default_rng(seed)
    colors = rng.integers(0, 256, count)
    chances = 1 / (1 + np.exp(-2 * sharpness * (colors / 32 - 4)))
    return ImageSource(
        list(colors), (rng.uniform(size=count) < chances).astype(int), (SIDE, SIDE), load=paint
    )


def none():
    return ImageSource([], [], (SIDE, SIDE), load=paint)


def folder_of(tmp_path, sources):
    splits = {
        part: tuple((f"{part}{index}", int(label)) for index, label in enumerate(source.labels))
        for part, source in sources.items()
    }
    return ImageFolder(tmp_path, CLASSES, splits, ())


def measured(model, sources, tmp_path, estimate=None, kept_share=0.0):
    validation = sources["validation"]
    answers = predict(model, validation) if len(validation) else np.zeros((0, 2), np.float32)
    trained = Trained({"train_loss": [0.0], "kept_share": [kept_share]}, answers)
    return measure(model, folder_of(tmp_path, sources), sources, trained, tmp_path, 0, estimate)


def answered(right, wrong, sure=0.9):
    """An estimate by folds with so many right and wrong answers."""
    count = right + wrong
    labels = np.arange(count) % 2
    best = np.where(np.arange(count) < right, labels, 1 - labels)
    probabilities = np.where(np.arange(2) == best[:, None], sure, 1 - sure).astype(np.float32)
    return FoldEstimate(probabilities, labels, np.ones(count, bool), 5, count, 0)


def test_seventeen_photos_stand_beside_the_folds(tmp_path, monkeypatch):
    labels = np.arange(17) % 2
    best = np.where(np.arange(17) < 10, labels, 1 - labels)  # 10 of 17 are right
    monkeypatch.setattr(module, "predict", lambda model, source: np.eye(2, dtype=np.float32)[best])
    test = ImageSource(list(range(17)), labels, (SIDE, SIDE), load=paint)
    sources = {"train": drawn(80, 1), "validation": none(), "test": test}
    result = measured(classifier(), sources, tmp_path, answered(94, 20))
    assert next(iter(result.metrics)) == "estimated_accuracy"
    lines = {name: each.beside(result.metrics[name]) for name, each in result.intervals.items()}
    assert lines == {
        "estimated_accuracy": (
            "0.82 (0.74 to 0.88) by 5 folds of the head over all 114 photos; "
            "the 17 test photos alone say 0.59 (0.36 to 0.78)"
        ),
        "test_accuracy": "0.588 (0.36 to 0.78, 17 photos)",
    }


def test_enough_photos_need_no_folds(tmp_path):
    sources = {"train": drawn(80, 1), "validation": drawn(60, 2), "test": drawn(70, 3)}
    result = measured(classifier(), sources, tmp_path, answered(94, 20))
    assert "estimated_accuracy" not in result.metrics
    assert set(result.intervals) == {"validation_accuracy", "test_accuracy"}
    assert result.data["none_of_these"]["measured_on"] == "the answers to 70 test photos"


def test_without_held_out_photos_the_folds_are_all_there_is(tmp_path):
    sources = {"train": drawn(12, 1), "validation": none(), "test": none()}
    result = measured(classifier(), sources, tmp_path, answered(9, 3))
    lines = [each.beside(result.metrics[name]) for name, each in result.intervals.items()]
    assert lines[0] == "0.75 (0.47 to 0.91) by 5 folds of the head over all 12 photos"
    assert lines[1].endswith(") on photos that it was trained on: none was held out")
    assert not [name for name in result.metrics if "calibration" in name]
    assert result.metrics["temperature"] == 1  # 12 answers are too few for one
    assert len(result.exports[0].inputs) == 12 and result.exports[0].metric.name == "train_accuracy"
    alone = measured(classifier(), sources, tmp_path)
    assert alone.data["none_of_these"] == {
        "threshold": None, "measured_on": "nothing: no photo was held out",
    }  # fmt: skip


def test_the_temperature_of_validation_goes_into_the_model_and_no_answer_changes(tmp_path):
    """Labels are drawn from a model whose logits are a third: it should be divided by 3."""
    sources = {
        "train": drawn(80, 1, 1 / 3), "validation": drawn(900, 2, 1 / 3), "test": drawn(600, 3, 1 / 3),
    }  # fmt: skip
    model, before = classifier(), predict(classifier(), sources["test"])
    result = measured(model, sources, tmp_path)
    assert result.metrics["temperature"] == pytest.approx(3, rel=0.25)
    after, labels = predict(model, sources["test"]), sources["test"].labels
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    np.testing.assert_allclose(after, with_temperature(before, result.metrics["temperature"]), atol=1e-5)
    assert result.metrics["test_accuracy"] == accuracy(before, labels) == accuracy(after, labels)
    assert result.metrics["test_loss"] == pytest.approx(cross_entropy(after, labels), rel=1e-4)
    assert result.metrics["test_calibration_error"] < 0.06 < result.metrics["test_calibration_error_before"]
    np.testing.assert_array_equal(result.exports[0].outputs["probabilities"], after)
    assert [type(layer) for layer in model.layers] == [type(layer) for layer in classifier().layers]
    assert {"reliability", "coverage"} <= set(result.figures)
    assert result.tables[-1].title == "None of these"


def test_of_few_validation_photos_the_folds_choose_the_temperature():
    few, folds = drawn(20, 2), answered(1200, 800, sure=0.9)
    chosen = evidence("validation", np.zeros((20, 2), np.float32), few.labels, folds)
    model = classifier()
    temperature = calibrate(model, chosen)
    # 60 % are right where 0.9 is said: ln(0.9 / 0.1) / T = ln(0.6 / 0.4), but for the weak prior.
    assert temperature == pytest.approx(np.log(9) / np.log(1.5), rel=0.03)
    kernel, _ = model.layers[-1].get_weights()
    np.testing.assert_allclose(kernel * temperature, classifier().layers[-1].get_weights()[0], rtol=1e-5)


@pytest.mark.parametrize("kept_share", [0.0, 0.5, 1.0])
def test_the_folds_of_the_head_say_nothing_of_a_model_that_was_trained_further(tmp_path, kept_share):
    sources = {"train": drawn(80, 1), "validation": drawn(17, 2), "test": drawn(17, 3)}
    result = measured(classifier(3.0), sources, tmp_path, answered(70, 44, sure=0.99), kept_share)
    assert (result.metrics["temperature"] > 1.5) == (kept_share == 0)
    assert (result.metrics["temperature"] == 1) == (kept_share > 0)
    assert "estimated_accuracy" in result.metrics


def test_photos_of_classes_that_no_other_fold_has_choose_nothing():
    folds = answered(120, 80)._replace(known=np.arange(200) < 120)
    assert evidence("test", None, np.zeros(0), folds).labels.shape == (120,)


def test_what_is_left_as_it_is():
    wrong = Evidence(answered(0, 60).probabilities, answered(0, 60).labels, "")
    few = Evidence(wrong.probabilities[:49], wrong.labels[:49], "")
    assert calibrate(classifier(), None) == calibrate(classifier(), few) == 1
    image = keras.Input((2,))
    no_softmax = keras.Model(image, keras.layers.Softmax()(keras.layers.Dense(2)(image)))
    assert calibrate(no_softmax, wrong) == 1


def test_an_untrained_class_keeps_its_bias():
    model = classifier(classes=3)
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, np.array([0.5, 1.0, UNTRAINED_BIAS])])
    folds = answered(120, 80)
    probabilities = np.pad(folds.probabilities, ((0, 0), (0, 1)))
    temperature = calibrate(model, Evidence(probabilities, folds.labels, ""))
    assert temperature > 2
    np.testing.assert_allclose(
        model.layers[-1].get_weights()[1], [0.5 / temperature, 1 / temperature, UNTRAINED_BIAS], rtol=1e-6
    )


def test_a_threshold_is_told_or_said_to_be_missing():
    sure, unsure = answered(98, 2, sure=0.95), answered(25, 25, sure=0.6)
    probabilities = np.concatenate([sure.probabilities, unsure.probabilities])
    labels = np.concatenate([sure.labels, unsure.labels])
    _, (table,), entry = trust(Evidence(probabilities, labels, "the answers to 150 test photos"), 1.0)
    assert entry == {
        "threshold": pytest.approx(0.95, abs=1e-4), "answered": 0.6667, "accuracy": 0.98, "low": 0.93,
        "high": 0.9945, "examples": 100, "measured_on": "the answers to 150 test photos",
    }  # fmt: skip
    assert "0.980 (0.93 to 0.99, 100 photos) are right, and 66.7% are answered" in table.note
    _, (table,), entry = trust(Evidence(unsure.probabilities, unsure.labels, "some"), 1.0)
    assert entry == {"threshold": None, "measured_on": "some"}
    assert "No threshold that 20 photos reach makes 95% of the answers right" in table.note
    _, (table,), entry = trust(Evidence(sure.probabilities, sure.labels, "some"), 1.0)
    assert entry["threshold"] == 0 and "Without a threshold 0.980 (0.93 to 0.99, 100 photos)" in table.note
