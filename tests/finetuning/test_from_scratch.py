"""The small network beside a pretrained one: what it is, and what it is trained on."""

import keras
import numpy as np
import pytest

from suite.data.pictures.image_source import ImageSource
from suite.data.source import EMBEDDED
from suite.finetuning.from_scratch import build_small, train_small
from suite.runs.recipe import Context

COLORS = {"train": (10, 90, 170, 250) * 3, "validation": (30, 230)}


@pytest.fixture
def sources():
    """Dark pictures and bright ones, the left half brighter, so that a mirrored one can be told."""

    def paint(color, size):
        pixels = np.full((*size, 3), color // 2, np.uint8)
        pixels[:, : size[1] // 2] += 20
        return pixels

    return {
        part: ImageSource(colors, [int(color > 128) for color in colors], (32, 32), load=paint)
        for part, colors in COLORS.items()
    }


def test_its_layers():
    kernels = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128)
    model = build_small(32, 4)
    assert model.count_params() == kernels + 4 * (16 + 32 + 64 + 128) + 129 * 4
    assert model.input_shape == (None, 32, 32, 3) and model.output_shape == (None, 4)
    bright = np.full((1, 32, 32, 3), 255, np.uint8)
    np.testing.assert_allclose(model.predict(bright, verbose=0).sum(), 1, rtol=1e-6)


def test_it_learns_and_tells_how_well_after_each_epoch(sources):
    keras.utils.set_random_seed(1)
    curve = train_small(build_small(32, 2), sources, 0.01, 8, 4, Context(3, EMBEDDED, None))
    assert len(curve) == 8 and curve[-1] == 1


def test_its_batches_are_of_the_seed_and_the_epoch(sources, monkeypatch):
    given = {}

    def fit(context, model, batches, **settings):
        given.update(settings, batches=batches, rate=float(model.optimizer.learning_rate))
        return {"validation_accuracy": [0.5]}

    monkeypatch.setattr(Context, "fit", fit)
    train_small(build_small(32, 2), sources, 0.02, 5, 4, Context(3, EMBEDDED, None))
    assert given["epochs"] == 5 and given["rate"] == pytest.approx(0.02)
    expected = sources["train"].batches(4, order_seed=5, augment_seed=5)
    for ours, theirs in zip(given["batches"](2), expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert set(given["measure"]()) == {"validation_accuracy"}
