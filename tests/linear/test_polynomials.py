import keras
import numpy as np
import pytest
from numpy.polynomial import legendre as reference

from suite.linear.polynomials import legendre

X = np.random.default_rng(0).uniform(-1, 1, 50)


@pytest.mark.parametrize("degree", [0, 1, 2, 15])
def test_equals_numpy(degree):
    columns = np.column_stack(legendre(X, degree))
    np.testing.assert_allclose(columns, reference.legvander(X, degree), rtol=0, atol=1e-13)  # measured 1e-15


def test_takes_keras_tensors():
    hour = keras.Input((1,))
    model = keras.Model(hour, keras.layers.Concatenate()(legendre(hour, 5)))
    outputs = model.predict(X[:, None].astype(np.float32), verbose=0)
    np.testing.assert_allclose(outputs, reference.legvander(X, 5), rtol=0, atol=1e-5)  # measured 2e-7


def test_bad_degree():
    with pytest.raises(ValueError, match="expected degree >= 0, received -1"):
        legendre(X, -1)
