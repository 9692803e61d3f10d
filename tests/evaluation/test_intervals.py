import numpy as np
import pytest

from suite.evaluation.intervals import Interval, bootstrap, wilson


@pytest.mark.parametrize(
    ("right", "examples", "low", "high"),
    [
        # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_intervals_are_those_of_newcombes_table(right, examples, low, high):
    found = wilson(right / examples, examples)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_solves_wilsons_equation():
    """At both ends the share is 1.96 standard errors away, by the standard error at the end."""
    found = wilson(10 / 17, 17)
    for end in (found.low, found.high):
        assert abs(10 / 17 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 17), rel=1e-5)


def test_how_a_share_is_written():
    assert wilson(10 / 17, 17, "photos").beside(10 / 17) == "0.588 (0.36 to 0.78, 17 photos)"
    beside = wilson(10 / 17, 17, "photos").beside(10 / 17, "always 'can': 0.2353")
    assert beside == "0.588 (0.36 to 0.78, 17 photos; always 'can': 0.2353)"
    how = wilson(94 / 114, 114, "photos", "by 5 folds").beside(94 / 114, "trivial: 0.2")
    assert how == "0.82 (0.74 to 0.88; trivial: 0.2) by 5 folds"
    assert wilson(0.9, 10_000).beside(0.9) == "0.900 (0.894 to 0.906, 10,000 examples)"


def test_an_interval_is_read_as_it_was_written():
    found = wilson(0.5, 10, "photos", "by 5 folds")
    assert Interval.from_json(found.to_json()) == found


@pytest.mark.parametrize(("share", "examples"), [(0.5, 0), (1.5, 10), (float("nan"), 10)])
def test_what_is_no_share_is_refused(share, examples):
    with pytest.raises(ValueError, match=r"^expected a share in \[0, 1\] of at least one example, received"):
        wilson(share, examples)


def test_the_bootstrap_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, size=400)
    interval = bootstrap(lambda rows: values[rows].mean(), len(values), "photos", draws=1000)
    error = values.std() / np.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)
    assert (interval.examples, interval.unit) == (400, "photos")
    with pytest.raises(ValueError, match="^expected at least one example, received 0$"):
        bootstrap(lambda rows: 0.0, 0)
