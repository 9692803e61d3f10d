"""Our layers against Keras' and against their definition, as functions of the module that holds them."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

TOLERANCE = 1e-5  # measured 1e-6 at most, both in float32

# Of sequences that begin with masked steps, have them inside and at the end, have none, and nothing else.
MASK = np.array([[0, 0, 1, 0, 1, 1], [1, 1, 0, 0, 1, 0], [1] * 6, [0] * 6], bool)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    return (rng.choice([-1, 1], shape) * (0.05 + np.abs(rng.normal(size=shape)))).astype(np.float32)


def close(received, expected) -> None:
    np.testing.assert_allclose(received, expected, rtol=TOLERANCE, atol=TOLERANCE)


def attention(module):
    """Keras' own, a product of query and memory, on queries that have gone through the kernel."""
    queries, memory = random(2, 3, 4), random(2, 5, 6, seed=1)
    source = np.array([[3, 1, 2, 9, 4], [2, 5, 0, 0, 0]])
    layer = module.Attention()
    layer.build(queries.shape, memory.shape)
    kernel = random(4, 6, seed=2)
    layer.set_weights([kernel])
    for ids in (None, source):
        mask = [None, None if ids is None else ids != 0]
        theirs = keras.layers.Attention()
        expected = theirs([queries @ kernel, memory], mask=mask, return_attention_scores=True)
        context, weights = layer(queries, memory) if ids is None else layer(queries, memory, ids)
        close(context, expected[0])
        close(weights, expected[1])
    assert np.all(weights.numpy()[1, :, 2:] == 0)
    close(layer(queries, memory, memory_mask=source != 0)[0], context)
    assert layer.compute_output_shape(queries.shape, memory.shape) == (context.shape, weights.shape)


def batch_normalization(module):
    for shape, settings in (((6, 3), {}), ((4, 5, 2, 3), {"momentum": 0.75, "epsilon": 0.05})):
        ours, theirs = module.BatchNormalization(**settings), keras.layers.BatchNormalization(**settings)
        for layer in (ours, theirs):
            layer.build(shape)
            layer.set_weights([random(3), random(3, seed=1), random(3, seed=2), np.abs(random(3, seed=3))])
        close(ours(random(*shape)), theirs(random(*shape)))  # inference
        for batch in range(3):
            x, direction = tf.constant(2 * random(*shape, seed=batch) + 1), random(*shape, seed=9)
            outputs, gradients = [], []
            for layer in (ours, theirs):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    outputs.append(layer(x, training=True))
                variables = [x, *layer.trainable_variables]
                gradients.append(tape.gradient(outputs[-1], variables, output_gradients=direction))
            close(*outputs)
            for mine, other in zip(*gradients, strict=True):
                close(mine, other)
            for mine, other in zip(ours.weights, theirs.weights, strict=True):
                close(mine, other)
        close(ours(random(*shape)[:1]), theirs(random(*shape))[:1])  # of its own example alone
        ours.trainable = theirs.trainable = False
        before = [weight.numpy() for weight in ours.weights]
        close(ours(random(*shape), training=True), theirs(random(*shape), training=True))
        for weight, value in zip(ours.weights, before, strict=True):
            np.testing.assert_array_equal(weight, value)
    _masked_batch_normalization(module)


def _masked_batch_normalization(module):
    x, direction = 2 * random(4, 6, 3) + 1, np.where(MASK[..., None], random(4, 6, 3, seed=9), 0)
    results = []
    for layer in (module.BatchNormalization(momentum=0.5), keras.layers.BatchNormalization(momentum=0.5)):
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs, training=True, mask=tf.constant(MASK))
        variables = [inputs, *layer.trainable_variables]
        gradients = tape.gradient(output, variables, output_gradients=direction)
        results.append([output, *gradients, *layer.weights])
    for mine, other in zip(*results, strict=True):
        close(mine, other)
    layer = module.BatchNormalization(momentum=0.5)
    output = layer(np.where(MASK[..., None], x, np.nan).astype(np.float32), training=True, mask=MASK)
    close(output[MASK], results[0][0][MASK])
    for mine, other in zip(layer.weights, results[0][-4:], strict=True):
        close(mine, other)


def gradient_reversal(module):
    """The value passes, the gradient comes back times -strength, also in compiled code."""
    x, direction = tf.constant(random(5, 3)), random(5, 3, seed=9)
    layer = module.GradientReversal(0.5)

    @tf.function
    def both():
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x)
        return output, tape.gradient(output, x, output_gradients=direction)

    for strength in (0.5, 0.0, 2.0):
        layer.strength.assign(strength)
        output, gradient = both()
        np.testing.assert_array_equal(output, x)
        close(gradient, -strength * direction)
    assert layer.trainable_variables == [] and layer(tf.cast(x, tf.float16)).dtype == tf.float32
    assert module.GradientReversal(dtype="float16")(x).dtype == tf.float16


def instance_normalization(module):
    """Keras' group normalization with a group a channel."""
    x, direction = tf.constant(3 * random(2, 4, 5, 3) + 1), random(2, 4, 5, 3, seed=9)
    for epsilon in (1e-5, 0.5):
        ours = module.InstanceNormalization(epsilon=epsilon)
        theirs = keras.layers.GroupNormalization(groups=-1, epsilon=epsilon)
        outputs, gradients = [], []
        for layer in (ours, theirs):
            layer.build(x.shape)
            layer.set_weights([random(3), random(3, seed=1)])
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs.append(layer(x))
            variables = [x, *layer.trainable_variables]
            gradients.append(tape.gradient(outputs[-1], variables, output_gradients=direction))
        close(*outputs)
        for mine, other in zip(*gradients, strict=True):
            close(mine, other)
        close(ours(x, training=True), ours(x))
        close(ours(x[:1]), ours(x)[:1])  # of its own image alone


def dropout(module):
    x = random(200, 500)
    for rate in (0.25, 0.8):
        layer = module.Dropout(rate, seed=1)
        np.testing.assert_array_equal(layer(x), x)
        first, second = (layer(x, training=True).numpy() for _ in range(2))
        for output in (first, second):
            close(output[output != 0], x[output != 0] / (1 - rate))
            # 100,000 draws: the standard deviation of the share is 0.0016 at most
            assert abs(np.mean(output == 0) - rate) < 0.008
            assert abs(np.mean((output == 0).mean(axis=0) - rate)) < 0.008
            assert 0.01 < np.std((output == 0).mean(axis=1)) < 0.05  # not whole rows
        assert np.mean((first == 0) == (second == 0)) < 0.75  # another mask each time
        with tf.GradientTape() as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            output = layer(inputs, training=True)
        expected = np.where(output == 0, 0, 1 / (1 - rate))
        close(tape.gradient(output, inputs), expected)
    np.testing.assert_array_equal(module.Dropout(0.0)(x, training=True), x)


def max_unpooling(module):
    """It sends values where the derivative of max pooling sends its own: independent of our comparison."""
    for pool_size, sides in ((2, (6, 8)), (3, (6, 9))):
        features = tf.constant(random(2, *sides, 3))  # no ties, negative maxima among them
        values = tf.constant(random(2, *(side // pool_size for side in sides), 3, seed=1))
        layer, direction = module.MaxUnpooling2D(pool_size), random(2, *sides, 3, seed=2)
        with tf.GradientTape() as pooling, tf.GradientTape(persistent=True) as tape:
            pooling.watch(features)
            tape.watch([values, features])
            output = layer([values, features])
            pooled = tf.nn.max_pool2d(features, pool_size, pool_size, "VALID")
        close(output, pooling.gradient(pooled, features, output_gradients=values))
        routed = tf.nn.max_pool_with_argmax(features, pool_size, pool_size, "VALID").argmax
        expected = np.take_along_axis(direction.reshape(2, -1), routed.numpy().reshape(2, -1), axis=1)
        close(tape.gradient(output, values, output_gradients=direction), expected.reshape(values.shape))
        assert tape.gradient(output, features) is None


def non_maximum_suppression(module):
    """TensorFlow's own, greedy and class by class, on boxes of which many overlap."""
    rng = np.random.default_rng(0)
    for iou_threshold, score_threshold in ((0.5, 0.05), (0.3, 0.3), (0.7, 0.85)):
        corners = rng.uniform(0, 0.6, (20, 80, 2))
        boxes = np.float32(np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (20, 80, 2))], axis=-1))
        step = (
            0.15 * (1 - iou_threshold) / (1 + iou_threshold)
        )  # a staircase: each overlaps its neighbors only
        boxes[0, :12, 0], boxes[0, :12, 1::2] = step * np.arange(12), (0.1, 0.3)
        boxes[0, :12, 2] = boxes[0, :12, 0] + 0.2
        scores = np.zeros((20, 80, 3), np.float32)  # one class a box: TensorFlow would keep it for several
        np.put_along_axis(scores, rng.integers(3, size=(20, 80, 1)), rng.random((20, 80, 1)), axis=-1)
        scores[0], scores[0, :12, 2] = 0, np.linspace(0.99, 0.9, 12)
        layer = module.NonMaximumSuppression(15, iou_threshold, score_threshold, candidates=80, rounds=12)
        received = layer([boxes, scores])
        expected = tf.image.combined_non_max_suppression(
            boxes[:, :, None], scores, 15, 15, iou_threshold, score_threshold, clip_boxes=False
        )
        close(received["boxes"], expected.nmsed_boxes)
        close(received["scores"], expected.nmsed_scores)
        close(received["labels"], expected.nmsed_classes)
    assert 0.05 < np.mean(received["scores"] == 0) < 0.9  # padding was compared, too
    halves = np.float32([[[0, 0, 1, 1], [0, 0, 1, 0.5], [0, 0, 1, 0.25], [2, 2, 3, 3], [4, 4, 5, 5]]])
    scores = np.float32([0.9, 0.8, 0.7, 0.25, 0.2])[None, :, None]  # overlaps and scores at the thresholds
    layer = module.NonMaximumSuppression(7, 0.5, 0.25)  # more than there are boxes
    received = layer([halves, scores])
    close(received["scores"][0], [0.9, 0.8, 0.7, 0.25, 0, 0, 0])
    close(received["boxes"][0], np.concatenate([halves[0, :4], np.zeros((3, 4))]))
    np.testing.assert_array_equal(received["labels"], np.zeros((1, 7), np.int32))
    found = layer([halves[:, :1], scores[:, :1]])
    close(found["scores"][0], [0.9, *[0] * 6])
    assert found["boxes"].shape == (1, 7, 4) and found["labels"].dtype == tf.int32


def penalized_dense(module):
    """The divergence is TensorFlow Probability's, the Jacobian that of the tape."""
    x = tf.constant(random(7, 5))
    dense = keras.layers.Dense(4, "sigmoid")
    dense.build(x.shape)
    dense.set_weights([random(5, 4, seed=1), random(4, seed=2)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = dense(x)
    jacobian = tape.batch_jacobian(code, x)
    bernoulli = tfp.distributions.Bernoulli
    means = tf.reduce_mean(code, axis=0)
    for rho in (0.05, 0.3):
        divergence = tf.reduce_sum(bernoulli(probs=rho).kl_divergence(bernoulli(probs=means)))
        expected = {
            "l1": np.abs(code).sum() / 7,
            "kl": divergence,
            "jacobian": np.sum(np.square(jacobian)) / 7,
        }
        for penalty, value in expected.items():
            layer = module.PenalizedDense(4, penalty, 0.7, rho)
            layer.build(x.shape)
            layer.set_weights(dense.get_weights())
            close(layer(x), code)
            close(layer.losses[0], 0.7 * np.float32(value))
    close(module.l1_penalty(-code), np.abs(code).sum() / 7)
    assert np.isfinite(module.kl_penalty(np.float32([[0, 1], [0, 1]]), 0.1))
    layer = module.PenalizedDense(4)
    layer(x)
    assert not layer.losses


def sampling(module):
    mean, log_variance = random(3, 4), random(3, 4, seed=1)
    layer = module.Sampling(seed=5)
    np.testing.assert_array_equal(layer([mean, log_variance]), mean)
    tensors = [tf.constant(np.broadcast_to(each, (20_000, 3, 4))) for each in (mean, log_variance)]
    draws = layer(tensors, training=True).numpy()
    deviation = np.exp(log_variance / 2)
    # 20,000 draws: the standard error of the mean is 0.007 deviations, that of the deviation 0.5 %
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.035 * deviation.max())
    np.testing.assert_allclose(draws.std(axis=0) / deviation, 1, atol=0.025)
    noise = ((draws - mean) / deviation).reshape(-1, 12)
    assert np.abs(np.corrcoef(noise.T) - np.eye(12)).max() < 0.04  # each number has its own noise
    assert 0.02 < np.mean(np.abs(noise) > 2) < 0.07  # 0.0455 of a normal distribution
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        code = layer(tensors, training=True)
    by_mean, by_log_variance = tape.gradient(code, tensors)
    close(by_mean, np.ones_like(draws))
    close(by_log_variance, (code - mean) / 2)
    assert not np.array_equal(code, draws)
