import numpy as np
import pytest
import tensorflow as tf

from suite.data.batches import by_length, shuffled, without_tuning
from suite.training.reproducibility import set_seed

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def passes(count=2, seed=0, batch_size=4):
    set_seed(0)
    batches = shuffled((X, {"row": Y}), batch_size, seed)
    return [list(batches.as_numpy_iterator()) for _ in range(count)]


def orders(*settings):
    return [[row for _, targets in each for row in targets["row"]] for each in passes(*settings)]


def test_each_pass_has_every_row_once_and_rows_stay_together():
    for batches in passes():
        assert [len(inputs) for inputs, _ in batches] == [4, 4, 2]
        inputs = np.concatenate([inputs for inputs, _ in batches])
        rows = np.concatenate([targets["row"] for _, targets in batches])
        assert sorted(rows) == list(range(10))
        np.testing.assert_array_equal(inputs, X[rows])


def test_orders_differ_by_pass_and_by_seed_alone():
    first, second = orders()
    assert first != second and first != list(range(10))
    assert orders() == [first, second]
    assert orders(2, 1)[0] != first


def test_says_how_many_batches_a_pass_has():
    batches = shuffled(X, 4, 0)
    assert int(batches.cardinality()) == 3
    assert batches.element_spec == tf.TensorSpec((None, 2), tf.float32)


def test_rows_of_unequal_number_are_an_error():
    with pytest.raises(ValueError, match="expected as many rows in each array, received 9, 10"):
        shuffled((X, Y[:9]), 4, 0)


def test_batches_stay_the_same_without_tuning():
    set_seed(0)
    untuned = without_tuning(shuffled((X, {"row": Y}), 4, 0))
    assert untuned.options().autotune.enabled is False
    received = [targets["row"].tolist() for _, targets in untuned.as_numpy_iterator()]
    assert received == [targets["row"].tolist() for _, targets in passes(1)[0]]


def test_rows_come_from_all_over_the_set():
    """Not from a small buffer, which would leave a set that is sorted by class sorted."""
    set_seed(0)
    rows = np.concatenate(list(shuffled(np.arange(1000), 50, 0).as_numpy_iterator()))
    assert abs(np.corrcoef(rows, np.arange(1000))[0, 1]) < 0.15  # 5 standard errors
    assert np.ptp(rows[:50]) > 800


def test_texts_of_one_length_come_together():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 30, 403)
    ids = np.where(np.arange(40) < lengths[:, None], rng.integers(1, 9, (403, 40)), 0).astype(np.int32)
    of_epoch = by_length((ids, np.arange(403)), 32, 5)
    assert len(of_epoch(1)) == 13
    first, again, second = (list(of_epoch(epoch).as_numpy_iterator()) for epoch in (1, 1, 2))
    places = [np.concatenate([rows for _, rows in batches]) for batches in (first, again, second)]
    assert all(sorted(each) == list(range(403)) for each in places)
    np.testing.assert_array_equal(places[0], places[1])
    assert (places[0] != places[2]).any()
    longest = [ids.shape[1] for ids, _ in first]
    assert longest != sorted(longest), "a batch of short texts is not always first"
    for batch, rows in first:
        assert 28 <= len(rows) <= 32 and batch.shape[1] == max(1, lengths[rows].max())
        assert np.ptp(lengths[rows]) <= 8
        np.testing.assert_array_equal(batch, ids[rows, : batch.shape[1]])
    twice = np.concatenate(
        [rows for _, rows in by_length((ids, np.arange(403)), 32, 5, 2)(1).as_numpy_iterator()]
    )
    assert np.bincount(twice).tolist() == [2] * 403
