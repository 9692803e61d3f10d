import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.training.reproducibility import set_seed


def draws(seed: int) -> list[float]:
    set_seed(seed)
    kernel = keras.initializers.GlorotUniform()((1, 1))
    return [random.random(), np.random.rand(), float(tf.random.uniform(())), float(kernel[0, 0])]


def test_every_source_of_draws_is_seeded():
    first, other = draws(3), draws(4)
    assert draws(3) == first
    assert all(one != two for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("deterministic", [True, False])
def test_determinism_is_asked_for_where_it_is_wanted(deterministic, monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    set_seed(0, deterministic)
    assert asked == [True] * deterministic


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"^expected a seed in \[0, 2\*\*32\), received {seed}$"):
        set_seed(seed)
