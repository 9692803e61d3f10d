"""What each phase of fine-tuning is given, on pictures of one color that tell where they are from."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.data.source import EMBEDDED
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.finetuning import head, phases
from suite.finetuning.config import Config
from suite.finetuning.measure import measure
from suite.runs.recipe import Context

SIDE, CLASSES = 8, ("room 10", "ant", "bee")  # not in the order of the alphabet
COLORS = {"train": range(0, 70), "validation": range(100, 120), "test": range(150, 180)}


def paint(color, size):
    """The left half brighter, so that a mirrored picture can be told."""
    pixels = np.full((*size, 3), color, np.uint8)
    pixels[:, : size[1] // 2] += 20
    return pixels


def open_source(part):
    colors = list(COLORS[part])
    return ImageSource(colors, [color * 7 % 11 % 3 for color in colors], (SIDE, SIDE), load=paint)


@pytest.fixture
def sources():
    return {part: open_source(part) for part in COLORS}


def small_model():
    keras.utils.set_random_seed(1)
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(5, "tanh")(x))
    return keras.Model(image, keras.layers.Dense(3, "softmax", name="probabilities")(x))


@pytest.fixture
def phase_2(sources, monkeypatch):
    """What the second phase hands to the training loop."""
    given = {}

    def fit(context, model, batches, **settings):
        given.update(settings, model=model, batches=batches)
        return {"train_loss": [0.0]}

    monkeypatch.setattr(Context, "fit", fit)
    config = Config(epochs=4, batch_size=16, learning_rate=0.01)
    phases.fine_tune(small_model(), sources, 3, config, Context(5, EMBEDDED, None))
    return given


def test_the_second_phase_trains_on_the_training_images_in_a_new_order_each_epoch(phase_2, sources):
    orders = []
    for epoch in (1, 2):
        batches = list(phase_2["batches"](epoch).as_numpy_iterator())
        assert [len(labels) for _, labels in batches] == [16, 16, 16, 16, 6]
        labels = np.concatenate([labels for _, labels in batches])
        orders.append(labels.tolist())
        np.testing.assert_array_equal(np.sort(labels), np.sort(sources["train"].labels))
    again = [labels for _, labels in phase_2["batches"](2).as_numpy_iterator()]
    assert np.concatenate(again).tolist() == orders[1]
    assert orders[0] != orders[1] and orders[0] != sources["train"].labels.tolist()


def test_the_second_phase_sees_other_views_each_epoch(phase_2, sources):
    plain = [sources["train"].image(index) for index in range(70)]
    views = [
        np.concatenate([images for images, _ in phase_2["batches"](epoch).as_numpy_iterator()])
        for epoch in (1, 2)
    ]
    for view in views:
        assert not any(np.array_equal(image, view[row]) for row, image in enumerate(plain))
        is_mirrored = view[:, :, 0].mean(axis=(1, 2)) < view[:, :, -1].mean(axis=(1, 2))
        assert 0.25 < np.mean(is_mirrored) < 0.75
    assert sorted(view.mean() for view in views[0]) != sorted(view.mean() for view in views[1])


def test_the_second_phase_is_judged_on_the_validation_images(phase_2, sources):
    expected = phases.predict(phase_2["model"], sources["validation"])
    labels = sources["validation"].labels
    measured = phase_2["measure"]()
    assert measured["validation_accuracy"] == accuracy(expected, labels)
    assert measured["validation_loss"] == pytest.approx(cross_entropy(expected, labels))
    pixels = np.stack([sources["validation"].image(index) for index in range(20)])
    np.testing.assert_allclose(expected, phase_2["model"](pixels), atol=1e-6)
    assert phase_2["epochs"] == 4 and "patience" not in phase_2  # the dip at the beginning has to pass


class Answers:
    """A model whose only weight says how far it is on the way from the head to what was trained."""

    def __init__(self, losses):
        self.share, self.losses = 1.0, losses

    def get_weights(self):
        return [np.array(self.share)]

    def set_weights(self, weights):
        self.share = float(weights[0])


@pytest.mark.parametrize(
    ("losses", "photos", "kept"),
    [
        ((0.9, 0.5, 0.4), 50, 1.0),
        ((0.9, 0.4, 0.5), 50, 0.5),
        ((0.4, 0.5, 0.9), 50, 0.0),
        ((0.4, 0.3995, 0.3995), 50, 0.0),  # a gain too small to tell
        ((0.9, 0.5, 0.4), 49, 0.5),  # too few to choose by
        ((0.4, 0.41, 0.9), 49, 0.5),
        ((0.4, 0.9, 0.9), 49, 0.0),  # but enough to see harm
    ],
)
def test_what_is_kept_is_what_validation_speaks_for(monkeypatch, losses, photos, kept):
    noise = np.random.default_rng(0).normal(0, 0.2, photos)
    noise -= noise.mean()
    answers = Answers(dict(zip(phases.SHARES, losses, strict=True)))
    source = ImageSource(list(range(photos)), [0] * photos, (SIDE, SIDE), load=paint)
    monkeypatch.setattr(phases, "predict", lambda model, source: model.losses[model.share])
    monkeypatch.setattr(phases, "_scaled_losses", lambda loss, labels: loss + noise * (loss != 0.4))
    share, loss = phases.keep_share(answers, [np.array(0.0)], source)
    assert share == kept == answers.share and loss == answers.losses[kept]


def test_the_answers_are_those_of_the_weights_that_are_kept(sources, tmp_path, monkeypatch):
    """Each photo of validation is answered once by the same weights."""
    asked, predict = [], phases.predict
    monkeypatch.setattr(phases, "predict", lambda *given: asked.append(1) or predict(*given))
    model, config = small_model(), Config(epochs=2, batch_size=16, learning_rate=0.3)
    found = phases.fine_tune(model, sources, 3, config, Context(5, EMBEDDED, tmp_path))
    np.testing.assert_array_equal(found.validation, predict(model, sources["validation"]))
    losses = [cross_entropy(predict(small_model(), sources["validation"]), sources["validation"].labels)]
    assert found.curves["validation_loss"][0] == pytest.approx(losses[0])
    assert len(set(found.curves["validation_loss"])) == 3  # before, and after each epoch
    assert len(asked) == 1 + 2 + len(phases.SHARES)


def test_losses_are_compared_at_the_best_temperature():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (400, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in probabilities])
    less_sure = probabilities**0.4 / (probabilities**0.4).sum(axis=1, keepdims=True)
    losses = [phases._scaled_losses(each, labels).mean() for each in (probabilities, less_sure)]
    assert losses[0] == pytest.approx(losses[1], abs=0.01)
    assert -np.log(less_sure[range(400), labels]).mean() > losses[1] + 0.05


def test_a_head_that_is_right_about_all_is_left_alone(sources, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(
        Context, "fit", lambda self, model, batches, **settings: trained.append(settings) or {}
    )
    monkeypatch.setattr(phases, "ENOUGH", 20)
    right = np.eye(3, dtype=np.float32)[sources["validation"].labels]
    monkeypatch.setattr(phases, "predict", lambda model, source: right)
    found = phases.fine_tune(small_model(), sources, 3, Config(), Context(5, EMBEDDED, None))
    assert trained[0]["epochs"] == 0 and found.curves == {"kept_share": [0.0]}
    np.testing.assert_array_equal(found.validation, right)
    assert "phase 2 left out: the head is right about every validation photo\n" in capsys.readouterr().out


def test_classes_weigh_the_same_and_the_rate_rises_and_falls(phase_2, sources):
    labels, probabilities = np.array([0, 1, 2]), np.float32([[0.2, 0.5, 0.3]] * 3)
    counts = np.bincount(sources["train"].labels)
    assert len(set(counts)) > 1
    smoothed = np.eye(3) * 0.9 + 0.1 / 3
    expected = -(smoothed * np.log(probabilities)).sum(axis=1) * 70 / (3 * counts)
    np.testing.assert_allclose(phase_2["model"].loss(labels, tf.constant(probabilities)), expected, rtol=1e-5)
    schedule = phase_2["model"].optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(21)]  # 4 epochs of 5 steps
    assert (
        rates[0] == 0 and rates[2] == pytest.approx(0.01) and rates[20] == pytest.approx(0)
    )  # 2 of 20 steps
    assert all(after < before for before, after in itertools.pairwise(rates[2:]))
    assert isinstance(phase_2["model"].optimizer, keras.optimizers.AdamW)


def untrained(sources):
    """What `fine_tune` gives of a model that it leaves alone."""
    return phases.Trained({"train_loss": [0.0]}, phases.predict(small_model(), sources["validation"]))


@pytest.fixture
def result(sources, tmp_path):
    splits = {part: tuple((f"{color}", 0) for color in colors) for part, colors in COLORS.items()}
    folder = ImageFolder(tmp_path, CLASSES, splits, ())
    return measure(small_model(), folder, sources, untrained(sources), tmp_path)


def test_integers_are_calibrated_on_training_images_and_artifacts_judged_on_the_test(result, sources):
    (item,) = result.exports
    assert set(np.unique(np.asarray(item.calibration)[:, :, -1])) <= set(COLORS["train"])
    assert len(item.calibration) == 64
    np.testing.assert_array_equal(np.asarray(item.inputs)[:, 0, -1, 0], list(COLORS["test"]))
    np.testing.assert_array_equal(item.targets, sources["test"].labels)
    assert item.labels == CLASSES and item.metric.name == "test_accuracy"
    probabilities = np.eye(3)[sources["test"].labels]
    probabilities[:3] = np.roll(probabilities[:3], 1, axis=1)
    assert item.metric.function({"probabilities": probabilities}, item.targets) == pytest.approx(0.9)


def test_metrics_are_those_of_their_parts(result, sources):
    model = small_model()
    for part in ("validation", "test"):
        probabilities = phases.predict(model, sources[part])
        assert result.metrics[f"{part}_accuracy"] == accuracy(probabilities, sources[part].labels)
        assert result.metrics[f"{part}_loss"] == pytest.approx(
            cross_entropy(probabilities, sources[part].labels)
        )
    assert result.data["train"] == 70 and result.data["validation"] == 20 and result.data["test"] == 30


def test_without_a_test_part_validation_is_what_artifacts_are_judged_on(sources, tmp_path):
    sources["test"] = ImageSource([], [], (SIDE, SIDE), load=paint)
    splits = {"train": (("0", 0),), "validation": (("100", 0),), "test": ()}
    result = measure(
        small_model(), ImageFolder(tmp_path, CLASSES, splits, ()), sources, untrained(sources), tmp_path
    )
    assert result.exports[0].metric.name == "validation_accuracy"
    assert set(result.metrics) == {
        "validation_accuracy", "validation_loss", "validation_calibration_error",
        "validation_calibration_error_before", "temperature",
    }  # fmt: skip
    assert result.intervals["validation_accuracy"].examples == 20
    np.testing.assert_array_equal(
        np.asarray(result.exports[0].inputs)[:, 0, -1, 0], list(COLORS["validation"])
    )


@pytest.fixture
def given_to_head(sources, tmp_path, monkeypatch):
    """What the choice of the penalty and the fit of the head are given, with two views of 70 images."""
    given = {}
    losses = {0.1: 0.6, 0.01: 0.5045, 0.001: 0.5, 0.0001: 0.503}

    def features(backbone, source, views, seed, path, extractor):
        path.write_bytes(b"")
        given["views"] = views
        return np.arange(70 * (views + 1) * 2, dtype=np.float32).reshape(-1, 2)

    def choose(features, labels, num_classes, **settings):
        given["choice"] = {"features": features, "labels": labels} | settings
        return 0.1, losses

    def fit(features, labels, num_classes, **settings):
        given["fit"] = {"features": features, "labels": labels} | settings
        return np.ones((2, 3)), np.zeros(3)

    monkeypatch.setattr(head, "frozen_features", features)
    monkeypatch.setattr(head, "choose_l2", choose)
    monkeypatch.setattr(head, "fit_softmax_regression", fit)
    monkeypatch.setattr(head, "FOR_CHOOSING", 30)
    head.train_head(None, sources["train"], 3, 2, 5, tmp_path)
    return given


def test_the_head_is_fitted_to_all_views_with_classes_that_weigh_the_same(given_to_head, sources):
    labels = sources["train"].labels
    np.testing.assert_array_equal(given_to_head["fit"]["labels"], np.concatenate([labels] * 3))
    assert given_to_head["fit"]["features"].shape == (210, 2)
    sums = np.bincount(given_to_head["fit"]["labels"], given_to_head["fit"]["sample_weight"])
    np.testing.assert_allclose(sums, 70, rtol=1e-5)
    assert given_to_head["fit"]["l2"] == 0.01  # the strongest of those that are hardly worse than the best


def test_the_penalty_is_chosen_over_images_with_all_views_of_one_on_one_side(given_to_head, sources):
    choice = given_to_head["choice"]
    images = (choice["features"][:, 0] / 2).astype(int) % 70  # by the row of the feature
    fold_of_image = {image: {*choice["fold_of_row"][images == image]} for image in images}
    assert all(len(folds) == 1 for folds in fold_of_image.values())
    assert {*choice["fold_of_row"]} == {0, 1, 2, 3, 4}
    assert sorted(np.bincount(images)[np.unique(images)]) == [3] * 30
    np.testing.assert_array_equal(choice["labels"], sources["train"].labels[images])
    weights = head.class_weights(sources["train"].labels, 3)
    np.testing.assert_allclose(choice["sample_weight"], weights[choice["labels"]], rtol=1e-6)
    assert choice["candidates"] == head.L2_CANDIDATES


def test_large_sets_have_fewer_views(sources, tmp_path, monkeypatch, given_to_head):
    monkeypatch.setattr(head, "MOST_FEATURES", 150)
    (tmp_path / "large").mkdir()
    head.train_head(None, sources["train"], 3, 9, 5, tmp_path / "large")
    assert given_to_head["views"] == 1  # 150 rows are two of each


@pytest.mark.parametrize(("seconds_a_step", "epochs"), [(1.0, 4), (3.0, 4), (7.0, 1), (20.0, 0)])
def test_minutes_give_whole_epochs_and_never_less_than_the_head(
    sources, tmp_path, monkeypatch, seconds_a_step, epochs
):
    """5 steps an epoch: of 60 s, a step of 20 s leaves 3."""
    given = {}

    def fit(context, model, batches, **settings):
        given.update(settings, rate=model.optimizer.get_config()["learning_rate"]["config"])
        return {"train_loss": [0.0]}

    monkeypatch.setattr(Context, "fit", fit)
    monkeypatch.setattr(phases, "seconds_a_step", lambda model, batches: seconds_a_step)
    model = small_model()
    before = model.get_weights()
    config = Config(epochs=4, batch_size=16, learning_rate=0.01, minutes=1)
    curves = phases.fine_tune(model, sources, 3, config, Context(5, EMBEDDED, tmp_path)).curves
    expected = min(4, int(60 / seconds_a_step) // 5)
    assert given["epochs"] == expected == epochs
    if epochs:  # the rate falls to 0 in the time that there is
        assert given["rate"]["warmup_steps"] + given["rate"]["decay_steps"] == 5 * epochs
    else:
        assert curves["kept_share"] == [0.0]
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_time_of_a_step_is_taken_without_training(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(Context, "fit", lambda *_, **__: {"train_loss": [0.0]})
    model = small_model()
    before = model.get_weights()
    config = Config(epochs=2, batch_size=16, minutes=60)
    context = Context(5, EMBEDDED, tmp_path)
    phases.fine_tune(model, sources, 3, config, context)
    assert len(list(tmp_path.iterdir())) == 1  # how many steps: a resumed run takes as many
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
