import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from suite.data.row_file import RowFile
from suite.linear import softmax_regression, softmax_solver
from suite.linear.softmax_regression import (
    choose_l2,
    deal_folds,
    fit_softmax_regression,
    predict_held_out,
)

read = RowFile.__getitem__


def network_features(rows, classes, columns=200, seed=0, dtype=np.float32):
    """Averages of ReLU6 units: in [0, 6], correlated, far from centered, of very different spread."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    hidden = 0.4 * random.normal(size=(classes, 16))[labels] + random.normal(size=(rows, 16))
    weights = random.normal(size=(16, columns)) * random.lognormal(0, 0.7, columns)
    pre_activations = hidden @ weights / 3 + random.normal(-0.8, 0.7, columns)
    views = [pre_activations + 0.3 * random.normal(size=(rows, columns)) for _ in range(4)]
    return np.mean([np.clip(view, 0, 6) for view in views], axis=0).astype(dtype), labels


def objective(features, labels, kernel, bias, l2, weights=None):
    logits = np.asarray(features, np.float64) @ kernel + bias
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    return np.average(losses, weights=weights) + l2 / 2 * np.sum(np.asarray(kernel, np.float64) ** 2)


def scikit_learn(features, labels, l2):
    model = LogisticRegression(C=1 / (l2 * len(labels)), tol=1e-10, solver="newton-cg")
    model.fit(np.asarray(features, np.float64), labels)
    return model.coef_.T, model.intercept_


@pytest.mark.parametrize(  # fewer and more rows than columns, in both
    ("rows", "classes", "l2", "dtype"),
    [
        (60, 3, 1e-2, "float32"),
        (150, 4, 1e-1, "float64"),
        (600, 5, 1e-2, "float32"),
        (600, 3, 1e-4, "float64"),
    ],
)
def test_equals_scikit_learn(rows, classes, l2, dtype):
    features, labels = network_features(rows, classes, dtype=dtype)
    kernel, bias = fit_softmax_regression(features, labels, classes, l2=l2)
    expected_kernel, expected_bias = scikit_learn(features, labels, l2)
    assert kernel.dtype == bias.dtype == dtype
    gap = objective(features, labels, kernel, bias, l2) - objective(
        features, labels, expected_kernel, expected_bias, l2
    )
    assert gap < (2e-7 if dtype == "float32" else 1e-10)  # measured 3e-8 and 1e-12
    scale = np.abs(expected_kernel).max()
    tolerance = 3e-3 if dtype == "float32" else 1e-4  # measured 8e-4 and 4e-6
    np.testing.assert_allclose(kernel, expected_kernel, atol=tolerance * scale)
    agreement = np.argmax(features @ kernel + bias, 1) == np.argmax(
        features @ expected_kernel + expected_bias, 1
    )
    assert agreement.all()
    np.testing.assert_allclose(kernel.sum(axis=1), 0, atol=1e-5 * scale)
    np.testing.assert_allclose(bias.sum(), 0, atol=1e-5)


def test_equals_scikit_learn_on_wine():
    features, labels = load_wine(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    kernel, bias = fit_softmax_regression(features, labels, 3, l2=0.01)
    expected_kernel, expected_bias = scikit_learn(features, labels, 0.01)
    np.testing.assert_allclose(kernel, expected_kernel, atol=1e-5)
    np.testing.assert_allclose(bias, expected_bias - expected_bias.mean(), atol=1e-5)


def test_two_classes_give_opposite_columns():
    features, labels = network_features(80, 2, dtype=np.float64)
    kernel, bias = fit_softmax_regression(features, labels, 2, l2=0.02)
    np.testing.assert_allclose(kernel[:, 0], -kernel[:, 1], atol=1e-6)
    # sigmoid(x' w + b) with w = the difference of the columns, whose squared norm is twice theirs
    model = LogisticRegression(C=1 / (0.01 * 80), tol=1e-10, solver="newton-cg").fit(features, labels)
    np.testing.assert_allclose(kernel[:, 1] - kernel[:, 0], model.coef_[0], atol=1e-4)
    np.testing.assert_allclose(bias[1] - bias[0], model.intercept_[0], atol=1e-4)


def test_sample_weight_counts_rows():
    features, labels = network_features(90, 3, columns=20, dtype=np.float64)
    weights = np.random.default_rng(0).integers(0, 4, 90)
    weights[:3] = 1
    repeated = np.repeat(np.arange(90), weights)
    expected = fit_softmax_regression(features[repeated], labels[repeated], 3, l2=0.01)
    received = fit_softmax_regression(features, labels, 3, l2=0.01, sample_weight=5.0 * weights)
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_start_changes_the_time_only(monkeypatch):
    features, labels = network_features(300, 3, dtype=np.float64)
    cold = fit_softmax_regression(features, labels, 3, l2=0.01)
    random = np.random.default_rng(0)
    elsewhere = (random.normal(size=(200, 3)), random.normal(size=3) + 4)
    for a, b in zip(
        fit_softmax_regression(features, labels, 3, l2=0.01, initial=elsewhere), cold, strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
    monkeypatch.setattr(softmax_solver, "_ROUNDS", [])
    untouched = fit_softmax_regression(features, labels, 3, l2=0.01, initial=cold)
    for a, b in zip(untouched, cold, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_shifted_and_scaled_features_stay_well_conditioned():
    features, labels = network_features(300, 3)
    plain = fit_softmax_regression(features, labels, 3, l2=0.01)
    shifted = fit_softmax_regression(features + 64, labels, 3, l2=0.01)
    logits = features @ plain[0] + plain[1]
    np.testing.assert_allclose((features + 64) @ shifted[0] + shifted[1], logits, atol=0.02)  # measured 3e-3


def test_same_data_same_bits():
    features, labels = network_features(500, 4)
    first, second = (fit_softmax_regression(features, labels, 4, l2=1e-3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_trace_serves_every_shape_and_fold():
    features, labels = network_features(100, 3)
    fit_softmax_regression(features, labels, 3, l2=0.1)
    run_round = softmax_solver._whole_round_function("float32")
    traces = run_round.experimental_get_tracing_count()
    fit_softmax_regression(features[:50, :30], labels[:50], 3, l2=0.01)
    choose_l2(features, labels, 3, candidates=[0.1, 0.01], fold_of_row=deal_folds(labels, folds=3))
    assert run_round.experimental_get_tracing_count() == traces == 1


@pytest.mark.parametrize(
    ("rows", "dtype"), [(150, "float64"), (600, "float32")]
)  # fewer and more than columns
def test_a_file_is_solved_in_chunks_with_the_same_answer(tmp_path, monkeypatch, rows, dtype):
    features, labels = network_features(rows, 3, dtype=dtype)
    weights = np.random.default_rng(0).uniform(0.5, 2, rows)
    expected = fit_softmax_regression(features, labels, 3, l2=1e-2, sample_weight=weights)
    file = RowFile.create(tmp_path / "features.npy", features.shape, dtype)
    file.write(0, features)
    asked = []
    monkeypatch.setattr(softmax_solver, "_CHUNK_BYTES", 64 * features[0].nbytes)
    monkeypatch.setattr(RowFile, "__getitem__", lambda *given: asked.append(given[1]) or read(*given))
    received = fit_softmax_regression(file, labels, 3, l2=1e-2, sample_weight=weights)
    scale = np.abs(expected[0]).max()
    for ours, theirs in zip(received, expected, strict=True):
        assert ours.dtype == dtype
        tolerance = 2e-3 if dtype == "float32" else 1e-5
        np.testing.assert_allclose(ours, theirs, atol=tolerance * scale)
    whole = [rows for rows in asked if rows.start is None]
    assert len(whole) == (1 if rows < features.shape[1] else 0)  # those few are decomposed at once
    most = 64 * features.shape[1] // min(features.shape)  # the turned rows are no longer than n
    assert max(part.stop - part.start for part in asked if part not in whole) == most
    assert len(list(tmp_path.iterdir())) == 1


def test_choose_l2_equals_refitting_every_fold():
    features, labels = network_features(150, 3, columns=30, dtype=np.float64)
    weights = np.random.default_rng(1).uniform(0.5, 2, 150)
    folds = deal_folds(labels, None, 4, 3)
    best, table = choose_l2(
        features, labels, 3, candidates=[1e-3, 0.3, 1e-2], fold_of_row=folds, sample_weight=weights
    )
    assert list(table) == [0.3, 1e-2, 1e-3]
    for l2, received in table.items():
        total = 0
        for fold in range(4):
            inside, outside = folds != fold, folds == fold
            kernel, bias = fit_softmax_regression(
                features[inside], labels[inside], 3, l2=l2, sample_weight=weights[inside]
            )
            held_out = objective(features[outside], labels[outside], kernel, bias, 0, weights[outside])
            total += weights[outside].sum() * held_out
        np.testing.assert_allclose(received, total / weights.sum(), rtol=2e-3)  # measured 3e-4
    assert best == min(table, key=table.get)


def test_choose_l2_follows_the_noise():
    random = np.random.default_rng(0)
    candidates = [10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4]
    features = random.normal(size=(120, 30)).astype(np.float32)
    noise = random.integers(0, 2, 120)
    assert choose_l2(features, noise, 2, candidates=candidates)[0] == 10.0
    signal = (features @ random.normal(size=30) > 0).astype(int)
    assert choose_l2(features, signal, 2, candidates=candidates)[0] < 0.1


def test_weaker_penalties_than_two_that_lost_are_not_tried(monkeypatch):
    candidates = [float(10.0**exponent) for exponent in np.arange(1, -6.1, -0.5)]
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 20)).astype(np.float32)
    noisy = (features @ random.normal(size=20) + random.normal(0, 3, 200) > 0).astype(int)
    _, every = choose_l2(features, noisy, 2, candidates=candidates)
    solved, solve = [], softmax_regression.solve
    monkeypatch.setattr(softmax_regression, "solve", lambda *given: solved.append(given[3]) or solve(*given))
    best, some = choose_l2(features, noisy, 2, candidates=candidates, margin=0.005)
    assert list(some.items()) == list(every.items())[: len(solved)] and 3 <= len(solved) < 10 < len(every)
    assert best == min(every, key=every.get)
    losses = list(some.values())
    assert min(losses[-2:]) > min(losses) + 0.005 >= min(losses[-3:-1])  # not one sooner, not one later


def test_graphs_of_others_are_optimized_as_before():
    features, labels = network_features(40, 2, columns=8)
    fit_softmax_regression(features, labels, 2, l2=0.1)
    assert not tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer")


def test_groups_are_never_on_both_sides():
    labels = np.repeat([0, 1, 2], [40, 60, 20])
    groups = np.repeat(np.arange(30), 4)
    folds = deal_folds(labels, groups, 5, 0)
    for group in range(30):
        assert len(set(folds[groups == group])) == 1
    for label in range(3):
        assert set(folds[labels == label]) == set(range(5))
    # Copies of a row leak the label of pure noise unless they are grouped.
    random = np.random.default_rng(0)
    features = np.repeat(random.normal(size=(40, 60)), 3, axis=0).astype(np.float32)
    noise = np.repeat(random.integers(0, 2, 40), 3)
    _, leaking = choose_l2(features, noise, 2, candidates=[1e-2])
    together = deal_folds(noise, np.repeat(np.arange(40), 3))
    _, grouped = choose_l2(features, noise, 2, candidates=[1e-2], fold_of_row=together)
    assert leaking[1e-2] < 0.1 < np.log(2) < grouped[1e-2]


def test_small_classes_and_fewer_rows_than_folds():
    features, labels = network_features(60, 3, columns=20)
    labels[labels == 2] = 0
    labels[5] = 2  # held out, no other fold knows it
    best, table = choose_l2(features, labels, 3, candidates=[0.1, 0.01])
    assert best in table
    assert all(0 < loss < 3 for loss in table.values())
    without = np.arange(60) != 5
    _, two_classes = choose_l2(features[without], labels[without], 2, candidates=[0.1, 0.01])
    assert abs(table[0.1] - two_classes[0.1]) < 0.1
    few = np.array([0, 1, 0, 1, 1])
    best, table = choose_l2(features[:5], few, 2, candidates=[0.1], fold_of_row=deal_folds(few, folds=10))
    assert np.isfinite(table[0.1])


def test_a_class_without_examples_changes_nothing():
    features, labels = network_features(60, 2, columns=20)
    _, two = choose_l2(features, labels, 2, candidates=[0.1, 0.01, 0.001])
    _, three = choose_l2(features, labels, 3, candidates=[0.1, 0.01, 0.001])
    np.testing.assert_allclose(list(three.values()), list(two.values()), rtol=1e-5)  # measured 6e-8


def test_integer_features_and_tensors_are_taken():
    features = np.array([[0, 1], [1, 0], [2, 2], [3, 1]])
    kernel, _ = fit_softmax_regression(tf.constant(features), np.array([0, 0, 1, 1]), 2, l2=0.1)
    assert kernel.dtype == np.float32
    assert kernel[0, 1] > 0 > kernel[0, 0]


X, Y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(features=Y), r"expected features as a non-empty matrix \(rows, columns\), received \(4,\)"),
        (
            dict(features=X * np.nan),
            "expected finite features, received NaN or infinity; drop or impute those rows",
        ),
        (dict(labels=Y[:2]), r"expected integer labels of shape \(4,\), received int64 \(2,\)"),
        (dict(labels=Y * 1.0), r"expected integer labels of shape \(4,\), received float64 \(4,\)"),
        (
            dict(labels=Y + 1),
            "expected labels from 0 to num_classes - 1 .*, received labels from 1 to 2 and num_classes 2",
        ),
        (
            dict(num_classes=1),
            "expected labels .* and num_classes >= 2, received labels from 0 to 1 and num_classes 1",
        ),
        (
            dict(num_classes=3),
            "expected an example of each of the 3 classes, received none of class 2; add some, .*",
        ),
        (dict(l2=0), "expected l2 > 0 and finite, received 0; without it separable classes diverge"),
        (
            dict(sample_weight=-np.ones(4)),
            r"expected sample_weight of shape \(4,\), .* with values from -1.0 to -1.0",
        ),
        (
            dict(sample_weight=Y * 1.0),
            "expected an example of each of the 2 classes, received none of class 0; .*",
        ),
        (
            dict(initial=(np.zeros((2, 2)), np.zeros(2))),
            r"expected an initial kernel \(4, 2\) and bias \(2,\), received \(2, 2\) and \(2,\)",
        ),
    ],
)
def test_bad_input(change, message):
    arguments = dict(features=X, labels=Y, num_classes=2, l2=0.1) | change
    with pytest.raises(ValueError, match=f"^{message}$"):
        fit_softmax_regression(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(candidates=[]), "expected at least one candidate for l2, received none"),
        (dict(candidates=[0.1, -1]), "expected l2 > 0 and finite, received -1; .*"),
        (dict(fold_of_row=Y[:2]), r"expected fold_of_row of shape \(4,\), received \(2,\)"),
    ],
)
def test_bad_input_to_the_choice(change, message):
    arguments = dict(features=X, labels=Y, num_classes=2, candidates=[0.1]) | change
    with pytest.raises(ValueError, match=f"^{message}$"):
        choose_l2(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(folds=1), "expected at least 2 folds and .* received 1 folds and 2 at most"),
        (dict(groups=[0, 0, 1, 1]), "expected one label per group, received several in group .*"),
        (dict(groups=[0, 1]), r"expected groups of shape \(4,\), received \(2,\)"),
        (
            dict(groups=[0, 1, 0, 1]),
            "expected at least 2 folds and a class with at least 2 groups, .* 1 at most",
        ),
    ],
)
def test_bad_folds(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        deal_folds(Y, **change)


def test_rows_are_predicted_by_the_other_folds():
    """Against a fit a fold, of the same penalty and classes that weigh the same there."""
    features, labels = network_features(90, 3, columns=30)
    folds = deal_folds(labels, folds=4, seed=2)
    found, known = predict_held_out(features, labels, 3, l2=1e-2, fold_of_row=folds)
    assert known.all() and found.dtype == np.float32
    for fold in range(4):
        inside = folds != fold
        weights = len(labels[inside]) / (3 * np.bincount(labels[inside]))[labels[inside]]
        kernel, bias = fit_softmax_regression(
            features[inside], labels[inside], 3, l2=1e-2, sample_weight=weights
        )
        expected = tf.nn.softmax(features[~inside] @ kernel + bias).numpy()
        np.testing.assert_allclose(found[~inside], expected, atol=2e-3)


def test_a_class_that_the_other_folds_lack_gets_no_probability():
    features, labels = network_features(20, 3, columns=8)
    labels = np.where(labels == 2, 0, labels)
    labels[4] = 2
    found, known = predict_held_out(features, labels, 3, l2=1e-2, fold_of_row=np.arange(20) % 5)
    assert np.flatnonzero(~known).tolist() == [4] and found[4, 2] == 0
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
