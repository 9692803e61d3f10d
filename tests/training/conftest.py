import pytest

from suite.training import checkpoints, steps


@pytest.fixture
def checkpoint_at_every_step(monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setattr(steps, "CHUNK_SECONDS", 0.0)
