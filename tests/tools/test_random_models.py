import numpy as np
import pytest

from tools.random_models import STRUCTURES, _wanted, call, draw_model
from tools.random_models.drawing import STEPS

MIXED = 26  # number of a model that is drawn with mixed_float16


def test_a_model_depends_on_the_seed_and_its_number_only():
    first = draw_model(0, 17)
    draw_model(0, 18)
    again, other = draw_model(0, 17), draw_model(1, 17)
    examples = first.examples(4, seed=3)
    for one, two in zip(call(first.model, examples), call(again.model, examples), strict=True):
        np.testing.assert_array_equal(one, two)
    assert first.kinds == again.kinds != other.kinds


def test_all_kinds_have_their_turn_among_200_models():
    wanted = [kind for index in range(200) for kind in _wanted(0, index)]
    assert set(wanted) == set(STEPS)
    assert len(STEPS) > 200 and len(STRUCTURES) > 35


@pytest.mark.parametrize("index", range(6))
def test_outputs_vary_and_no_weight_is_like_another(index):
    drawn = draw_model(2, index)
    for values in call(drawn.model, drawn.examples(8, seed=0)):
        assert len(values) == 1 or np.ptp(np.float64(values), axis=0).max() > 0
    for variable in drawn.model.trainable_variables:
        values = np.asarray(variable, np.float32)  # of half precision, some are equal by chance
        assert len(np.unique(values)) > 0.8 * values.size


def test_a_model_under_another_policy_is_the_same_but_for_its_policy():
    mixed, exact = draw_model(0, MIXED), draw_model(0, MIXED, policy="float32")
    assert mixed.policy == "mixed_float16" and exact.policy == "float32"
    assert [tuple(w.shape) for w in mixed.model.weights] == [tuple(w.shape) for w in exact.model.weights]
    exact.model.set_weights(mixed.model.get_weights())
    for half, whole in zip(*(call(each.model, mixed.examples(4, 0)) for each in (mixed, exact)), strict=True):
        np.testing.assert_allclose(np.float32(half), whole, atol=0.05 * max(1, np.abs(whole).max()))
