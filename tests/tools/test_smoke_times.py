from suite.bundle.record import read_result
from tools import smoke_times


def test_the_seconds_stand_beside_the_budget(tmp_path, monkeypatch):
    for budget, expected in ((1e9, ""), (0.0, "over")):
        monkeypatch.setattr(smoke_times, "BUDGET", budget)
        name, training, _, verdict = smoke_times.smoke_row("backpropagation", tmp_path)
        record = read_result(tmp_path / "backpropagation")
        assert (name, verdict) == ("backpropagation", expected)
        assert float(training) == record.stage_seconds["training"] > 0
