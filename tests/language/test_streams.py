import numpy as np
import pytest

from suite.language.streams import parallel_streams, stream_batches, teacher_forcing, windows
from suite.language.vocabulary import END, START, Vocabulary


def test_rows_go_on_from_batch_to_batch():
    inputs, targets = parallel_streams(np.arange(100, 143), 4, 5)
    assert inputs.shape == targets.shape == (8, 5) and inputs.dtype == targets.dtype == np.int32
    np.testing.assert_array_equal(targets, inputs + 1)
    for row in range(4):
        np.testing.assert_array_equal(inputs[row::4].ravel(), 100 + 10 * row + np.arange(10))


def test_the_last_token_is_a_target_only():
    inputs, targets = parallel_streams(np.arange(7), 2, 3)
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5]] and targets.tolist() == [[1, 2, 3], [4, 5, 6]]
    message = "^expected at least 7 tokens for 2 streams of 3, received 6; give more text, or a smaller batch"
    with pytest.raises(ValueError, match=message):
        parallel_streams(np.arange(6), 2, 3)


def test_stream_batches_are_as_many_as_the_validation_text_has_room_for():
    ids = {"train": np.arange(100), "validation": np.arange(200, 211)}
    train, validation, size = stream_batches(ids, 4, 5)
    assert size == 2
    for batches, part in ((train, "train"), (validation, "validation")):
        inputs, targets = parallel_streams(ids[part], 2, 5)
        assert {each[0].shape for each in batches} == {(2, 5)}
        np.testing.assert_array_equal(np.concatenate([each[0] for each in batches]), inputs)
        np.testing.assert_array_equal(np.concatenate([each[1] for each in batches]), targets)
    assert stream_batches(ids, 1, 5)[2] == 1


def test_windows():
    contexts, words = windows([[5, 6, 7, 8], [], [9]], 3)
    assert contexts.tolist() == [[0, 0], [0, 5], [5, 6], [6, 7], [0, 0]] and contexts.dtype == np.int32
    assert words.tolist() == [5, 6, 7, 8, 9] and words.dtype == np.int32
    message = "^expected an order of at least 2, received 1; 2 has one word before$"
    with pytest.raises(ValueError, match=message):
        windows([[1]], 1)


def test_what_a_decoder_is_trained_on():
    words = Vocabulary([START, END, "a", "b", "c"])  # 2 to 6
    previous, target = teacher_forcing([["a", "b"], ["c"] * 5, [], ["d"]], words, 4)
    assert previous.dtype == target.dtype == np.int32
    np.testing.assert_array_equal(previous, [[2, 4, 5, 0], [2, 6, 6, 6], [2, 0, 0, 0], [2, 1, 0, 0]])
    np.testing.assert_array_equal(target, [[4, 5, 3, 0], [6, 6, 6, 3], [3, 0, 0, 0], [1, 3, 0, 0]])
