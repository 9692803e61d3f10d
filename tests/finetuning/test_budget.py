import json
from types import SimpleNamespace

import pytest

from suite.finetuning.budget import within
from suite.finetuning.detector import SEEN


@pytest.fixture
def context(tmp_path):
    return SimpleNamespace(
        folder=tmp_path,
        training=SimpleNamespace(machines=SimpleNamespace(broadcast_bytes=lambda content: content)),
    )


def test_few_photos_are_seen_often_and_many_at_least_twice():
    assert [SEEN.steps(photos, 4) for photos in (10, 200, 1000, 10_000)] == [1000, 1500, 2000, 5000]


def test_minutes_are_steps_that_a_resumed_run_repeats(context):
    assert within(0, 900, context, lambda: pytest.fail("was measured")) == 900
    assert within(2, 900, context, lambda: 0.5) == 240
    assert json.loads((context.folder / "steps.json").read_text()) == {"steps": 240, "seconds_a_step": 0.5}
    assert within(2, 900, context, lambda: pytest.fail("was measured again")) == 240


def test_enough_minutes_change_nothing(context):
    assert within(60, 900, context, lambda: 0.5) == 900
