"""What every optimizer of the suite must stand, run over all of them."""

import copy
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite import optimizers
from tests.optimizers import checks

LEARNING_RATE = 0.0625  # exact in float32, in which Keras keeps it

RULES = {name: getattr(optimizers, name) for name in optimizers.__all__} | {"HeavyBall": checks.HeavyBall}

every_optimizer = pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())

# What the base class does for all, traced in `fit`: quick for rules with no state, one and two.
QUICK = ("ProximalGradient", "HeavyBall", "Adam")
in_fit = pytest.mark.parametrize(
    "make",
    [
        pytest.param(rule, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, rule in RULES.items()
    ],
)


def test_every_rule_is_exported():
    files = {path.stem for path in Path(optimizers.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert {getattr(optimizers, name).__module__.split(".")[-1] for name in optimizers.__all__} == files


@every_optimizer
def test_default_learning_rate_and_names(make):
    assert make().learning_rate > 0
    assert keras.saving.get_registered_name(make) == f"suite>{make.__name__}"


@in_fit
def test_fit_equals_bare_loop(make):
    x, y = checks.regression()
    fitted, looped = checks.small_model(), checks.small_model()
    fitted.compile(make(LEARNING_RATE), "mse")
    fitted.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0)

    optimizer = make(LEARNING_RATE)
    optimizer.build(looped.trainable_variables)

    @tf.function
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((looped(x_batch, training=True) - y_batch) ** 2)
        optimizer.apply(tape.gradient(loss, looped.trainable_variables))

    for _ in range(5):
        for first in range(0, len(x), 8):
            train_step(x[first : first + 8], y[first : first + 8])
    assert int(optimizer.iterations) == int(fitted.optimizer.iterations) == 20
    for a, b in zip(fitted.get_weights(), looped.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)  # measured 0 to 2e-7


@in_fit
def test_fit_on_two_devices_equals_one(make, two_cpus):
    x, y = checks.regression()

    def train():
        model = checks.small_model()
        model.compile(make(LEARNING_RATE), "mse")
        model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
        return model.get_weights()

    alone = train()
    with two_cpus.scope():
        mirrored = train()
    for a, b in zip(alone, mirrored, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)  # sums in another order: measured 2e-7


@every_optimizer
def test_bare_loop_on_two_devices_adds_their_gradients(make, two_cpus):
    stream = checks.gradients()
    alone = checks.path(make(LEARNING_RATE), checks.start(), stream)
    with two_cpus.scope():
        variable = keras.Variable(checks.start(), dtype="float64")
        optimizer = make(LEARNING_RATE)
        optimizer.build([variable])

    def replica_step(gradient):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.constant([0.75, 0.25], tf.float64)[replica] * gradient], [variable])

    @tf.function
    def step(gradient):
        two_cpus.run(replica_step, args=(gradient,))

    for gradient in stream:
        step(tf.constant(gradient))
    for replica in two_cpus.experimental_local_results(variable.value):
        np.testing.assert_allclose(replica.numpy(), alone[-1], rtol=1e-10)


@every_optimizer
def test_compiled_by_xla_it_takes_the_same_path(make):
    stream = checks.gradients()
    plain = checks.path(make(LEARNING_RATE), checks.start(), stream)
    compiled = checks.path(make(LEARNING_RATE), checks.start(), stream, jit_compile=True)
    np.testing.assert_allclose(compiled, plain, rtol=1e-10)


@every_optimizer
def test_schedule_equals_setting_the_rate_by_hand(make):
    stream = checks.gradients()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([4, 20, 40], [0.5, 0.125, 0.25, 0.0625])
    by_hand = make(0.5)
    variable = keras.Variable(checks.start(), dtype="float64")
    expected = []
    for step, gradient in enumerate(stream):
        by_hand.learning_rate = float(schedule(step))
        by_hand.apply([tf.constant(gradient)], [variable])
        expected.append(variable.numpy().copy())
    np.testing.assert_allclose(checks.path(make(schedule), checks.start(), stream), expected, rtol=1e-10)
    called = checks.path(make(lambda: tf.constant(LEARNING_RATE)), checks.start(), stream)
    np.testing.assert_allclose(called, checks.path(make(LEARNING_RATE), checks.start(), stream), rtol=1e-10)


@every_optimizer
@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_comes_before_the_rule(make, clip):
    stream = checks.gradients()
    limit = 0.5
    if clip == "clipvalue":
        clipped = np.clip(stream, -limit, limit)
    else:
        norms = np.linalg.norm(stream.reshape(len(stream), -1), axis=1)
        clipped = stream * np.minimum(1, limit / norms)[:, None, None]
    expected = checks.path(make(LEARNING_RATE), checks.start(), clipped)
    received = checks.path(make(LEARNING_RATE, **{clip: limit}), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-9)
    assert np.abs(clipped - stream).max() > 1


@every_optimizer
def test_weight_decay_is_decoupled(make):
    stream = checks.gradients()
    optimizer = make(LEARNING_RATE)
    variable = keras.Variable(checks.start(), dtype="float64")
    expected = []
    for gradient in stream:
        variable.assign(variable * (1 - LEARNING_RATE * 0.125))
        optimizer.apply([tf.constant(gradient)], [variable])
        expected.append(variable.numpy().copy())
    received = checks.path(make(LEARNING_RATE, weight_decay=0.125), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-10)


@every_optimizer
@pytest.mark.parametrize("clipnorm", [None, 0.5])
def test_sparse_gradient_equals_dense(make, clipnorm):
    random = np.random.default_rng(5)
    sparse, dense = (keras.Variable(checks.start(), dtype="float64") for _ in range(2))
    sparse_optimizer, dense_optimizer = (make(LEARNING_RATE, clipnorm=clipnorm) for _ in range(2))
    for _ in range(20):
        rows = [2, 0] if clipnorm else [2, 0, 2]  # Keras clips a row that occurs twice before it adds them up
        values = random.normal(size=(len(rows), 3))
        summed = np.zeros(checks.SHAPE)
        np.add.at(summed, rows, values)
        slices = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant(checks.SHAPE))
        sparse_optimizer.apply([slices], [sparse])
        dense_optimizer.apply([tf.constant(summed)], [dense])
        np.testing.assert_allclose(sparse.numpy(), dense.numpy(), rtol=1e-10)


@in_fit
def test_embedding_trains_in_fit(make):
    tokens = np.array([[0, 1], [1, 1], [2, 5]])
    inputs = keras.Input((2,), dtype="int32")
    embedding = keras.layers.Embedding(8, 3)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(embedding(inputs))))
    before = embedding.get_weights()[0]
    model.compile(make(LEARNING_RATE), "mse")
    model.fit(tokens, np.ones((3, 1)), epochs=2, verbose=0)
    moved = np.abs(embedding.get_weights()[0] - before).max(axis=1)
    assert (moved[[0, 1, 2, 5]] > 0).all()


@every_optimizer
def test_gradient_accumulation_averages(make):
    stream = checks.gradients()
    means = stream.reshape(-1, 3, *checks.SHAPE).mean(axis=1)
    expected = checks.path(make(LEARNING_RATE), checks.start(), means)
    received = checks.path(make(LEARNING_RATE, gradient_accumulation_steps=3), checks.start(), stream)
    np.testing.assert_allclose(received[2::3], expected, rtol=1e-10)


@every_optimizer
def test_loss_scaling_changes_nothing_and_skips_overflow(make):
    stream = checks.gradients()
    expected = checks.path(make(LEARNING_RATE), checks.start(), stream)
    scaled = keras.optimizers.LossScaleOptimizer(make(LEARNING_RATE), initial_scale=2.0**10)
    received = checks.path(scaled, checks.start(), stream * 2.0**10)
    np.testing.assert_allclose(received, expected, rtol=1e-10)

    variable = keras.Variable(checks.start(), dtype="float64")
    scaled = keras.optimizers.LossScaleOptimizer(make(LEARNING_RATE), initial_scale=4.0)
    scaled.apply([tf.fill(checks.SHAPE, tf.constant(np.inf, tf.float64))], [variable])
    np.testing.assert_array_equal(variable.numpy(), checks.start())
    assert float(scaled.dynamic_scale) == 2.0


@in_fit
def test_mixed_precision_fit(make):
    x, y = checks.regression()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = checks.small_model()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    model.compile(make(LEARNING_RATE), "mse", auto_scale_loss=True)
    history = model.fit(x, y, epochs=6, verbose=0).history["loss"]
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert history[-1] < history[0]


@every_optimizer
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_variables_take_the_path_of_float64(make, dtype):
    """With gradients of 0, some whose square is 0 in float16, and some whose square is infinite there."""
    stream = checks.gradients()
    stream[:, 0], stream[:, 1] = 0, 1e-5 * stream[:, 1]
    stream[:, 2, 0] = np.sign(stream[:, 2, 0]) * 300
    expected = checks.path(make(2.0**-9), checks.start(), stream)
    optimizer = make(2.0**-9)
    received = checks.path(optimizer, checks.start(), stream, dtype=dtype).astype(np.float64)
    scale = np.maximum(1, np.abs(expected).max(axis=0))
    step = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]  # the variables are rounded at every step
    assert np.all(np.abs(received - expected) <= 4 * step * np.sqrt(len(stream)) * scale)
    assert {variable.dtype for variable in optimizer.variables[2:]} <= {"float32"}  # after steps and rate


@in_fit
@pytest.mark.parametrize("settings", [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True}])
def test_a_model_of_float16_stays_finite(make, settings):
    inputs = keras.Input((3,), dtype="int32")
    embedding = keras.layers.Embedding(40, 3, dtype="float16")
    outputs = keras.layers.Dense(1, dtype="float16")(keras.layers.Flatten(dtype="float16")(embedding(inputs)))
    model = keras.Model(inputs, outputs)
    before = embedding.get_weights()[0]
    model.compile(make(LEARNING_RATE, **settings), "mse")
    model.fit(np.arange(12).reshape(4, 3), np.ones((4, 1)), epochs=2, batch_size=2, verbose=0)
    after = embedding.get_weights()[0]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert np.any(after[:12] != before[:12])
    if make is not optimizers.ProximalGradient:  # which shrinks what has a gradient of 0, too
        # The average of equal numbers that Keras keeps is rounded to float16 at each of the four steps.
        rounding = 2.0**-9 if "use_ema" in settings else 0
        np.testing.assert_allclose(after[12:], before[12:], rtol=rounding, atol=0)


@in_fit
def test_half_variables_on_two_devices(make, two_cpus):
    x, y = checks.regression()
    with two_cpus.scope():
        inputs = keras.Input((4,))
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float16")(inputs))
        model.compile(make(LEARNING_RATE), "mse")
    model.fit(x, y, batch_size=16, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@in_fit
def test_saved_model_resumes_bit_for_bit(make, tmp_path):
    x, y = checks.regression()
    model = checks.small_model()
    model.compile(make(LEARNING_RATE, clipnorm=1.0), "mse")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.optimizer) is make
    for either in (model, loaded):
        either.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    everything = [either.variables + either.optimizer.variables for either in (model, loaded)]
    for a, b in zip(*everything, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_optimizer
def test_config_round_trip(make):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.25, 10, 0.5)
    scheduled = make(schedule, global_clipnorm=2.0)
    for optimizer in (make(LEARNING_RATE, weight_decay=0.01, name="mine"), scheduled):
        config = keras.optimizers.serialize(optimizer)
        restored = keras.optimizers.deserialize(copy.deepcopy(config))  # Keras writes into it
        assert type(restored) is make
        assert keras.optimizers.serialize(restored) == config


@every_optimizer
def test_build_twice_keeps_the_state(make):
    variable = keras.Variable(checks.start())
    optimizer = make(LEARNING_RATE)
    optimizer.build([variable])
    count = len(optimizer.variables)
    optimizer.build([variable])
    assert len(optimizer.variables) == count


@every_optimizer
@pytest.mark.parametrize("learning_rate", [0, -0.1, float("nan"), float("inf"), np.float32(-1)])
def test_learning_rate_is_checked(make, learning_rate):
    message = f"^expected learning_rate > 0 and finite, received {learning_rate}$"
    with pytest.raises(ValueError, match=message):
        make(learning_rate)


@every_optimizer
@pytest.mark.parametrize("learning_rate", [1, np.float32(0.5), np.float64(0.5)])
def test_learning_rate_may_be_any_number(make, learning_rate):
    assert float(make(learning_rate).learning_rate) == learning_rate
