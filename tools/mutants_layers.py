"""Wrong variants of our Keras layers: module -> (check, [(what is wrong, right source, its replacement)])."""

from tests.layers import checks, recurrent_checks

ATTENTION = [
    ("padding is seen", "scores - 1e4 * is_padding", "scores"),
    ("only padding is seen", "scores - 1e4 * is_padding", "scores + 1e4 * is_padding"),
    ("weights over queries", "ops.softmax(scores, axis=-1)", "ops.softmax(scores, axis=1)"),
    ("no softmax", "ops.softmax(scores, axis=-1)", "scores / 5"),
    ("no kernel", "ops.matmul(queries, self.kernel)", "ops.pad(queries, [[0, 0], [0, 0], [0, 2]])"),
    ("kernel of absolute values", "queries, self.kernel", "queries, ops.abs(self.kernel)"),
    ("scaled", "scores = ops.matmul(", "scores = 0.5 * ops.matmul("),
    ("the memory's mask is not heeded", "memory_mask if source is None else source", "source"),
]  # fmt: skip

MODE = "if training and self.trainable:"
MOVING = "self.momentum * moving + (1 - self.momentum) * value"
SCALE = "scale = self.gamma * ops.rsqrt(variance + self.epsilon)"
BATCH_NORMALIZATION = [
    ("inference uses batch statistics", MODE, "if True:"),
    ("training uses the moving averages", MODE, "if False:"),
    ("frozen layers go on", MODE, "if training:"),
    ("momentum turned around", MOVING, "(1 - self.momentum) * moving + self.momentum * value"),
    ("averages never move", MOVING, "moving"),
    ("averages jump to the batch", MOVING, "value"),
    ("no gradient through the statistics", "return ops.moments(x", "return ops.moments(ops.stop_gradient(x)"),
    ("features share a mean", "return ops.moments(x,", "return ops.moments(0 * x + ops.mean(x),"),
    ("epsilon outside the root", SCALE, "scale = self.gamma / (ops.sqrt(variance) + self.epsilon)"),
    ("no root", SCALE, "scale = self.gamma / (variance + self.epsilon)"),
    ("gamma left out", SCALE, "scale = ops.rsqrt(variance + self.epsilon)"),
    ("beta scaled", "(self.beta - mean * scale)", "(self.beta - mean) * scale"),
    ("beta left out", "(self.beta - mean * scale)", "(-mean * scale)"),
    ("averages swapped", "(self.moving_mean, mean)", "(self.moving_mean, variance)"),
    ("masked steps count", "if mask is None:\n        return ops", "if True:\n        return ops"),
    ("masked steps divide", "ops.sum(ops.cast(counts, x.dtype))", "ops.sum(ops.ones_like(x[..., :1]))"),
    ("variance of what is not centered", "ops.where(counts, x - mean, 0)", "ops.where(counts, x, 0)"),
]  # fmt: skip

CENTERED = "x - _mean(x)"
VARIANCE = "_mean(ops.square(centered))"
BOTH = "ops.mean(ops.mean(x, axis=2, keepdims=True), axis=1, keepdims=True)"
INSTANCE_SCALE = "scale = self.gamma * ops.rsqrt(variance + self.epsilon)"
INSTANCE_NORMALIZATION = [
    ("statistics of the batch", BOTH, "ops.mean(x, axis=(0, 1, 2), keepdims=True)"),
    ("statistics of the channels too", BOTH, "ops.mean(x, axis=(1, 2, 3), keepdims=True)"),
    ("statistics of a row", BOTH, "ops.mean(x, axis=2, keepdims=True)"),
    ("no mean", CENTERED, "x"),
    ("variance of the batch", VARIANCE, "ops.mean(ops.square(centered), axis=(0, 1, 2), keepdims=True)"),
    ("variance of what is not centered", VARIANCE, "_mean(ops.square(x))"),
    ("no gradient through the statistics", VARIANCE, "_mean(ops.square(ops.stop_gradient(centered)))"),
    ("mean of absolute values", VARIANCE, "_mean(ops.abs(centered))"),
    ("epsilon outside the root", INSTANCE_SCALE, "scale = self.gamma / (ops.sqrt(variance) + self.epsilon)"),
    ("no root", INSTANCE_SCALE, "scale = self.gamma / (variance + self.epsilon)"),
    ("gamma left out", INSTANCE_SCALE, "scale = ops.rsqrt(variance + self.epsilon)"),
    ("beta left out", "centered * scale + self.beta", "centered * scale"),
    ("beta scaled", "centered * scale + self.beta", "(centered + self.beta) * scale"),
]  # fmt: skip

REVERSED = "value + ops.cast(self.strength, inputs.dtype) * (value - inputs)"
GRADIENT_REVERSAL = [
    ("not reversed", REVERSED, REVERSED.replace("value - inputs", "inputs - value")),
    ("no gradient", REVERSED, "value + 0 * inputs"),
    ("the gradient passes, too", REVERSED, REVERSED.replace("value +", "inputs +")),
    ("strength left out", REVERSED, "value + (value - inputs)"),
    ("the value is reversed", REVERSED, "-ops.cast(self.strength, inputs.dtype) * inputs"),
    ("strength of the beginning", "ops.cast(self.strength,", "ops.cast(self.initial_strength,"),
    ("strength is trained", "trainable=False", "trainable=True"),
]  # fmt: skip

KEPT = "ops.where(uniform >= self.rate, inputs * (1 / (1 - self.rate)), 0)"
DROPOUT = [
    ("not scaled", KEPT, "ops.where(uniform >= self.rate, inputs, 0)"),
    ("scaled by the rate", KEPT, "ops.where(uniform >= self.rate, inputs / self.rate, 0)"),
    ("keeps what it should drop", KEPT, KEPT.replace(">=", "<")),
    ("drops in inference", "if not training or self.rate == 0:", "if self.rate == 0:"),
    ("never drops", "if not training or self.rate == 0:", "if True:"),
    ("drops whole features", "ops.shape(inputs), dtype", "(1, *ops.shape(inputs)[1:]), dtype"),
    ("drops whole examples", "ops.shape(inputs), dtype", "(ops.shape(inputs)[0], 1), dtype"),
    ("the same mask for ever", "seed=self._seed_generator)", "seed=1)"),
]

EQUAL = "ops.equal(features, self._enlarge(maxima))"
MAX_UNPOOLING = [
    ("fills the windows", EQUAL, "ops.greater_equal(self._enlarge(maxima), features)"),
    ("everywhere but at the maxima", EQUAL, "ops.not_equal(features, self._enlarge(maxima))"),
    ("compares with the values", EQUAL, "ops.equal(features, self._enlarge(values))"),
    ("positive maxima only", EQUAL, EQUAL + " & (features > 0)"),
    ("gives the features back", "self._enlarge(values) * ops", "features * ops"),
    ("interpolates", '"nearest"', '"bilinear"'),
    ("averages for maxima", "ops.max_pool", "ops.average_pool"),
]

RIVALS = "shared > self.iou_threshold * united"
SAME_CLASS = "labels[:, :, None] == labels[:, None, :]"
KEPT_ROUND = "kept = 1 - tf.reduce_max(rivals * kept[:, None, :], axis=-1)"
NON_MAXIMUM_SUPPRESSION = [
    ("suppresses what does not overlap", RIVALS, RIVALS.replace(">", "<")),
    ("threshold on the sum of the areas", RIVALS, RIVALS.replace("united", "(united + shared)")),
    ("any overlap is too much", RIVALS, "shared > 0"),
    ("suppresses at the threshold", RIVALS, RIVALS.replace(">", ">=")),
    ("drops scores at the threshold", "scores >= self.score_threshold", "scores > self.score_threshold"),
    ("classes suppress each other", SAME_CLASS, "labels[:, :, None] >= -1 * labels[:, None, :]"),
    ("the worse suppresses the better", "k=-1, dtype=np.float32)", "k=-1, dtype=np.float32).T"),
    ("boxes suppress themselves", "k=-1, dtype=np.float32)", "k=0, dtype=np.float32)"),
    ("the suppressed suppress", KEPT_ROUND, KEPT_ROUND.replace("rivals * kept[:, None, :]", "rivals")),
    ("two rounds only", "range(self.rounds)", "range(2)"),
    ("scores below the threshold stay", "tf.cast(scores >= self.score_threshold, scores.dtype)", "1.0"),
    ("boxes of nothing stay", "boxes * tf.cast(is_found, boxes.dtype)[..., None]", "boxes"),
    ("labels of nothing stay", "labels * tf.cast(is_found, tf.int32)", "labels"),
    ("not best first", "tf.math.top_k(scores, count)", "tf.math.top_k(-scores, count)"),
    ("labels of the wrong boxes", "for values in (boxes, labels)", "for values in (boxes, labels[:, ::-1])"),
]  # fmt: skip

TIMES_SLOPES = "slopes * ops.sum(ops.square(kernel), axis=0)"
PENALIZED_DENSE = [
    ("l1 of signed values", "ops.sum(ops.abs(code), axis=-1)", "ops.sum(code, axis=-1)"),
    ("l1 averaged over units", "ops.sum(ops.abs(code), axis=-1)", "ops.abs(code)"),
    ("l1 of squares", "ops.abs(code)", "ops.square(code)"),
    ("divergence turned around", "rho * ops.log(rho / mean)", "mean * ops.log(mean / rho)"),
    ("divergence of activity only", " + (1 - rho) * ops.log((1 - rho) / (1 - mean))", ""),
    ("mean over the units", "ops.mean(code, axis=0)", "ops.mean(code, axis=1)"),
    ("log of 0", "ops.clip(ops.mean(code, axis=0), 1e-6, 1 - 1e-6)", "ops.mean(code, axis=0)"),
    ("slopes not squared", "ops.square(code * (1 - code))", "code * (1 - code)"),
    ("slopes of tanh", "ops.square(code * (1 - code))", "ops.square(1 - code * code)"),
    ("kernel not squared", "ops.sum(ops.square(kernel), axis=0)", "ops.sum(kernel, axis=0)"),
    ("slopes left out", TIMES_SLOPES, TIMES_SLOPES.replace("slopes", "0 * slopes + 1")),
    ("strength left out", "self.strength * self._penalty_of(code)", "self._penalty_of(code)"),
    ("rho left out", "kl_penalty(code, self.rho)", "kl_penalty(code, 0.05)"),
]
SAMPLED = "mean + ops.exp(log_variance / 2) * noise"
SAMPLING = [
    ("variance for deviation", SAMPLED, "mean + ops.exp(log_variance) * noise"),
    ("log of the deviation for its double", SAMPLED, "mean + log_variance / 2 * noise"),
    ("no noise", SAMPLED, "mean"),
    ("noise alone", SAMPLED, "ops.exp(log_variance / 2) * noise"),
    ("noise in inference", "if not training:", "if False:"),
    ("uniform noise", "keras.random.normal(", "3**0.5 * keras.random.uniform("),
    ("one noise an example", "ops.shape(mean), dtype", "(*ops.shape(mean)[:-1], 1), dtype"),
    ("the same noise for ever", "seed=self._seed_generator)", "seed=1)"),
    ("noise of fixed size", SAMPLED, "mean + noise + 0 * log_variance"),
]

THROUGH = "(earlier[0] + through, *earlier[1:])"
MASKED = "tf.where(mask, after, before)"
RECURRENT = [
    ("no gradient through time", THROUGH, "earlier"),
    ("no gradient through the states", THROUGH, "(through, *earlier[1:])"),
    ("forgets later steps", "here[index] + more for", "here[index] + 0 * more for"),
    ("forgets the outputs", "here[index] + more for", "more + 0 * here[index] for"),
    ("states one step late", "[first[None], history[:-1]]", "[history[:1], history[1:]]"),
    ("kernel's gradient of the outputs", "(_rows(before[0]), _rows(by_s", "(_rows(histories[0]), _rows(by_s"),
    ("derivative of a reshaped kernel", "tf.transpose(kernel)", "tf.reshape(kernel, tf.shape(kernel)[::-1])"),
    ("masked steps count", MASKED, "after"),
    ("mask turned around", MASKED, "tf.where(mask, before, after)"),
    ("masked inputs come in", "lambda x: _choose(mask, x)", "lambda x: x"),
    ("an output before the first step", "tf.cumsum(tf.cast(masks, tf.int32)) > 0", "masks | True"),
    ("masked outputs are never 0", "return masks if self.zero_output_for_mask else", "return"),
    ("masked outputs are always 0", "masks if self.zero_output_for_mask else", "masks if True else"),
    ("the last output not masked", "if gives is None else _choose(gives[-1], states[0])", ""),
    ("the mask is not turned", "None if masks is None else tf.reverse(masks, [0])", "masks"),
    ("never backwards", "if self.go_backwards:", "if False:"),
    ("last state of the first step", "last, outputs = outputs[-1]", "last, outputs = outputs[0]"),
    ("a step short", "lambda index, _: index < steps", "lambda index, _: index < steps - 1"),
    ("last states swapped", "last[:, None], list(states)", "last[:, None], list(states[::-1])"),
]  # fmt: skip

READ = "[output_gate * ops.tanh(cell_state), cell_state]"
UPDATED = "new = update_gate * hidden_state + (1 - update_gate) * candidate"
RECURRENT_CELLS = [
    ("no bias", "ops.matmul(inputs, self.kernel) + self.bias", "ops.matmul(inputs, self.kernel)"),
    ("forget gate starts at 0", "ops.ones(self.units)", "ops.zeros(self.units)"),
    ("Keras' order is ours", "keras_gates = (0, 1, 3, 2)", "keras_gates = (0, 1, 2, 3)"),
    ("gates swapped", "forget_gate, output_gate = ops", "output_gate, forget_gate = ops"),
    ("input gate reads", READ, "[input_gate * ops.tanh(cell_state), cell_state]"),
    ("cell state not squashed", READ, "[output_gate * cell_state, cell_state]"),
    ("nothing is forgotten", "forget_gate * states[1]", "states[1]"),
    ("sigmoid of twice", "0.5 * ops.tanh(0.5 * x)", "0.5 * ops.tanh(x)"),
    ("nothing is reset", "ops.matmul(reset_gate * hidden_state", "ops.matmul(hidden_state"),
    ("reset after the product", "shares[:, two:] + product", "shares[:, two:] + reset_gate * product"),
    ("update gate turned", UPDATED, "new = (1 - update_gate) * hidden_state + update_gate * candidate"),
    ("reset and update swapped", "update_gate, reset_gate = ops", "reset_gate, update_gate = ops"),
]  # fmt: skip

MUTANTS = {
    "suite.layers.attention": (checks.attention, ATTENTION),
    "suite.layers.batch_normalization": (checks.batch_normalization, BATCH_NORMALIZATION),
    "suite.layers.dropout": (checks.dropout, DROPOUT),
    "suite.layers.gradient_reversal": (checks.gradient_reversal, GRADIENT_REVERSAL),
    "suite.layers.instance_normalization": (checks.instance_normalization, INSTANCE_NORMALIZATION),
    "suite.layers.max_unpooling": (checks.max_unpooling, MAX_UNPOOLING),
    "suite.layers.non_maximum_suppression": (checks.non_maximum_suppression, NON_MAXIMUM_SUPPRESSION),
    "suite.layers.penalized_dense": (checks.penalized_dense, PENALIZED_DENSE),
    "suite.layers.recurrent": (recurrent_checks.recurrent, RECURRENT),
    "suite.layers.recurrent_cells": (recurrent_checks.recurrent_cells, RECURRENT_CELLS),
    "suite.layers.sampling": (checks.sampling, SAMPLING),
}
