import re

import numpy as np
import pytest

from suite.data.generated.sequences import ADDING_BASELINE, adding_problem, more_before


@pytest.mark.parametrize("length", [2, 9, 40])
def test_the_marked_numbers_add_up_to_the_target(length):
    inputs, targets = adding_problem(300, length, np.random.default_rng(0))
    assert inputs.shape == (300, length, 2) and targets.shape == (300, 1)
    assert inputs.dtype == targets.dtype == np.float32
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert set(np.unique(marks)) <= {0, 1}
    half = length // 2
    np.testing.assert_array_equal(marks[:, :half].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, half:].sum(axis=1), 1)
    np.testing.assert_allclose((numbers * marks).sum(axis=1), targets[:, 0], rtol=1e-6)
    assert numbers.min() >= 0 and numbers.max() < 1
    assert marks.any(axis=0).all()  # every place is marked in some sequence


def test_the_best_constant_answer():
    targets = adding_problem(100_000, 2, np.random.default_rng(1)).targets
    assert np.mean((targets - 1) ** 2) == pytest.approx(ADDING_BASELINE, rel=0.01)  # measured 0.003


def test_draws_repeat_and_go_on():
    first, again = (adding_problem(5, 10, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    rng = np.random.default_rng(3)
    pair = adding_problem(5, 10, rng), adding_problem(5, 10, rng)
    assert not np.array_equal(pair[0].inputs, pair[1].inputs)


@pytest.mark.parametrize(("count", "length"), [(0, 10), (5, 1)])
def test_too_little(count, length):
    message = f"expected at least 1 sequence of at least 2 steps, received {count} of {length}; ask for more"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        adding_problem(count, length, np.random.default_rng(0))


def test_the_second_mark_at_the_last_step():
    anywhere, near = (adding_problem(200, 9, np.random.default_rng(4), at_end) for at_end in (False, True))
    assert near.inputs[:, -1, 1].all() and not near.inputs[:, 4:-1, 1].any()
    np.testing.assert_array_equal(near.inputs[:, :4], anywhere.inputs[:, :4])  # the first as ever
    np.testing.assert_allclose(near.targets[:, 0], near.inputs.prod(axis=2).sum(axis=1), rtol=1e-6)


def test_some_a_then_some_b_and_which_are_more():
    inputs, targets = more_before(500, 12, np.random.default_rng(0))
    assert inputs.shape == (500, 12, 2) and targets.shape == (500, 1)
    texts = ["".join(" ab"[int(a + 2 * b)] for a, b in row) for row in inputs]
    assert all(re.fullmatch(r" *a+b+", text) for text in texts)
    differences = np.array([text.count("a") - text.count("b") for text in texts])
    assert {*differences} == {-3, -2, -1, 1, 2, 3}
    np.testing.assert_array_equal(targets[:, 0], differences > 0)
    assert targets.mean() == pytest.approx(0.5, abs=0.1)
    assert max(map(len, map(str.strip, texts))) > 9 and min(map(len, map(str.strip, texts))) < 5
    message = "expected at least 1 sequence of at least 8 steps, received 5 of 7; ask for more"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        more_before(5, 7, np.random.default_rng(0))
