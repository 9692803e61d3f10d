import time

import pytest

from suite import stopwatch


def test_an_inner_stage_does_not_count_for_the_outer_one(monkeypatch):
    now = iter(range(100))  # a second passes at each look
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(now)))
    with stopwatch.running() as watch, stopwatch.stage("training"):
        with stopwatch.stage("head"), stopwatch.stage("folds"):
            pass
        with pytest.raises(KeyError), stopwatch.stage("head"):
            raise KeyError
    assert watch.rounded() == {"training": 3, "head": 3, "folds": 1}
    assert watch.total == 9


def test_nothing_is_counted_where_no_run_goes_on():
    with stopwatch.stage("training"):
        assert stopwatch.so_far() == ""
    with stopwatch.running() as watch:
        assert stopwatch.so_far() == " after 0 s" and watch.rounded() == {}
