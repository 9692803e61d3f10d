import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.training.loop import fit
from suite.training.part_rates import PartRates, part_rates


def model():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,), name="x")
    hidden = keras.layers.Dense(4, name="encoder")(x)
    return keras.Model(x, keras.layers.Dense(1, name="head")(hidden))


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 3)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((x, x.sum(axis=1, keepdims=True))).batch(4)


def adamw(steps, rates, decays, values, gradients, ema):
    """Algorithm 2 of Loshchilov and Hutter in NumPy, a rate and a decay a variable, and averages."""
    m, v = [np.zeros_like(each) for each in values], [np.zeros_like(each) for each in values]
    values, averages = [each.astype("float64") for each in values], None
    for t in range(1, steps + 1):
        for i, g in enumerate(gradients(values)):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
            step = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-7)
            values[i] = values[i] * (1 - decays[i]) - rates[i](t) * step
        averages = averages or values[:]
        averages = [ema * a + (1 - ema) * w for a, w in zip(averages, values, strict=True)]
    return values, averages


def test_each_part_has_its_rate_and_averages_are_kept():
    rng = np.random.default_rng(1)
    start = [rng.normal(size=shape).astype("float32") for shape in ((3, 2), (3, 2))]
    head, encoder = (keras.Variable(each, name=name) for each, name in zip(start, ("a", "b"), strict=True))
    optimizer = PartRates(
        0.1, [encoder.path], 0.25, held=3, weight_decay=0.01, use_ema=True, ema_momentum=0.5, epsilon=1e-7
    )
    optimizer.build([head, encoder])
    for _ in range(6):
        optimizer.apply([tf.convert_to_tensor(each.value) * 2 for each in (head, encoder)])
    rates = [lambda t: 0.1, lambda t: 0.025 * (t > 3)]
    values, averages = adamw(6, rates, [0.001, 0.0], start, lambda w: [2 * each for each in w], 0.5)
    for variable, value in zip((head, encoder), values, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=2e-5)  # 1 - 0.999 in float32
    optimizer.finalize_variable_values([head, encoder])
    for variable, value in zip((head, encoder), averages, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=2e-5)  # 1 - 0.999 in float32


def test_fit_measures_and_keeps_the_averages_and_trains_on():
    seen, ends = [], []
    for better in (None, lambda new, best: True):
        net = model()
        net.compile(part_rates(net.get_layer("encoder").weights, 8, rate=0.1, pretrained_rate=0.01), "mse")

        def measure(net=net):
            seen.append(net.get_layer("head").get_weights()[0].copy())
            return {"value": 0.0}

        fit(net, data(), epochs=4, measure=measure, better=better)
        ends.append(net.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)  # the average at the end, whether or not a best is kept
    np.testing.assert_array_equal(seen[-1], ends[1][2])
    assert not np.allclose(seen[-1], seen[-2])


def test_the_optimizer_survives_its_config():
    made = part_rates(model().get_layer("encoder").weights, 100, rate=0.1, pretrained_rate=0.01)
    again = PartRates.from_config(made.get_config())
    assert again.pretrained == ("encoder/kernel", "encoder/bias") and again.held == 5
    assert again.share == pytest.approx(0.1)
