import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.optimizers import GradientDescent
from suite.training.side_by_side import fit_on_batches, fit_side_by_side, networks_side_by_side


def test_each_network_has_its_own_weights():
    keras.utils.set_random_seed(0)
    networks = networks_side_by_side(count=3, features=4, hidden_units=5)
    values = [np.random.default_rng(0).normal(size=w.shape).astype(np.float32) for w in networks.weights]
    networks.set_weights(values)
    kernel, bias, out_kernel, out_bias = values
    x = np.random.default_rng(1).normal(size=(3, 7, 4)).astype(np.float32)
    expected = [np.maximum(x[k] @ kernel[k] + bias[k], 0) @ out_kernel[k] + out_bias[k] for k in range(3)]
    np.testing.assert_allclose(networks(x), expected, rtol=0, atol=1e-5)  # measured 1e-6


def test_several_hidden_layers():
    shapes = [w.shape for w in networks_side_by_side(3, 4, 5, outputs=2, hidden_layers=2).get_weights()]
    assert shapes == [(3, 4, 5), (3, 1, 5), (3, 5, 5), (3, 1, 5), (3, 5, 2), (3, 1, 2)]


def test_initial_spread():
    keras.utils.set_random_seed(0)
    kernel, bias, out_kernel, _ = networks_side_by_side(50, 8, 32).get_weights()
    assert abs(kernel.std() - 0.5) < 0.02 and abs(out_kernel.std() - 32**-0.5) < 0.02
    assert not bias.any()


def test_each_network_stops_at_its_best():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(2)
    train, held_out = (
        (rng.normal(size=(3, 12, 4)).astype(np.float32), rng.normal(size=(3, 12, 1)).astype(np.float32))
        for _ in range(2)
    )
    networks = networks_side_by_side(count=3, features=4, hidden_units=16)
    history = fit_side_by_side(networks, keras.optimizers.Adam(0.01), train, held_out, steps=200)
    assert history.shape == (3, 20) and (history.min(axis=1) < history[:, -1]).all()  # noise: they overfit
    errors = np.mean((networks(held_out[0]).numpy() - held_out[1]) ** 2, axis=(1, 2))
    np.testing.assert_allclose(errors, history.min(axis=1), rtol=1e-5)


def test_classes_dropout_and_augmentation_without_early_stopping():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(3).normal(size=(2, 40, 4)).astype(np.float32)
    labels = np.argmax(x[..., :3], axis=-1)
    networks = networks_side_by_side(
        count=2, features=4, hidden_units=16, outputs=3, make_dropout=lambda: keras.layers.Dropout(0.25)
    )

    def loss(labels, scores):
        return keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)

    def without_the_last_input(inputs):
        return inputs * [1.0, 1.0, 1.0, 0.0]

    kernel = networks.get_weights()[0][:, 3].copy()
    optimizer = keras.optimizers.SGD(0.5)
    history = fit_side_by_side(
        networks, optimizer, (x, labels), steps=300, loss=loss, augment=without_the_last_input
    )
    assert history is None and networks.output_shape == (2, None, 3)
    assert np.mean(np.argmax(networks(x), axis=-1) == labels) > 0.9
    np.testing.assert_array_equal(networks.get_weights()[0][:, 3], kernel)  # no gradient without the input
    assert not np.allclose(networks(x, training=True), networks(x))


def test_steps_are_checked():
    networks = networks_side_by_side(count=1, features=1, hidden_units=1)
    with pytest.raises(ValueError, match="expected steps as a positive multiple of 10, received 15"):
        fit_side_by_side(networks, keras.optimizers.Adam(), (), (), steps=15)


def test_on_batches_each_network_is_trained_as_if_it_were_alone():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(30, 1)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)  # the last has 6
    networks = networks_side_by_side(count=2, features=4, hidden_units=5)
    start, rates = networks.get_weights(), (0.1, 0.01)
    rate = tf.constant(rates)[:, None, None]

    def squared(targets, outputs):
        return tf.reduce_mean((outputs - targets) ** 2, axis=-1)

    fit_on_batches(networks, GradientDescent(lambda: rate), batches, squared)
    for index, alone_rate in enumerate(rates):
        layers = [keras.layers.Dense(5, "relu"), keras.layers.Dense(1)]
        alone = keras.Sequential([keras.Input((4,)), *layers])
        shapes = [each.shape for each in alone.get_weights()]
        alone.set_weights([each[index].reshape(s) for each, s in zip(start, shapes, strict=True)])
        alone.compile(keras.optimizers.SGD(alone_rate), "mse")
        alone.fit(x, y, 8, shuffle=False, verbose=0)
        for ours, theirs in zip(networks.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours[index].reshape(theirs.shape), theirs, atol=1e-6)
