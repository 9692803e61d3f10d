import pytest

from suite.training import steps


@pytest.fixture
def look_at_every_step(monkeypatch):
    monkeypatch.setattr(steps, "CHUNK_SECONDS", 0.0)
