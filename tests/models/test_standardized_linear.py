import keras
import numpy as np

from suite.models.standardized_linear import standardized_linear


def test_columns_are_standardized_before_they_are_weighed():
    rng = np.random.default_rng(0)
    means, deviations, kernel, bias = rng.normal(size=2), np.array([0.5, 4.0]), rng.normal(size=(2, 1)), 3.0
    value = keras.Input((1,), name="value")
    model = standardized_linear([value], [value, value**2], means, deviations, "answer", "line")
    x = rng.normal(size=(5, 1))
    assert not model.predict([x], verbose=0).any()
    model.get_layer("answer").set_weights([kernel, np.array([bias])])
    expected = (np.hstack([x, x**2]) - means) / deviations @ kernel + bias
    np.testing.assert_allclose(model.predict([x], verbose=0), expected, rtol=1e-5)
