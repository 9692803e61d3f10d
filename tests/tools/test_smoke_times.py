from tools import smoke_times


def test_the_seconds_stand_beside_the_budget(tmp_path, monkeypatch):
    name, training, rest, verdict = smoke_times.smoke_row("backpropagation", tmp_path)
    assert name == "backpropagation" and float(training) > 0 <= float(rest)
    assert verdict == ("over" if float(training) > smoke_times.BUDGET else "")
    monkeypatch.setattr(smoke_times, "BUDGET", 0.0)
    assert smoke_times.smoke_row("backpropagation", tmp_path)[-1] == "over"
