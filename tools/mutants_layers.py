"""Wrong variants of our Keras layers: module -> (check, [(what is wrong, right source, its replacement)])."""

from tests.layers import checks

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
    ("no gradient through the statistics", "= ops.moments(x,", "= ops.moments(ops.stop_gradient(x),"),
    ("features share a mean", "= ops.moments(x,", "= ops.moments(0 * x + ops.mean(x),"),
    ("epsilon outside the root", SCALE, "scale = self.gamma / (ops.sqrt(variance) + self.epsilon)"),
    ("no root", SCALE, "scale = self.gamma / (variance + self.epsilon)"),
    ("gamma left out", SCALE, "scale = ops.rsqrt(variance + self.epsilon)"),
    ("beta scaled", "(self.beta - mean * scale)", "(self.beta - mean) * scale"),
    ("beta left out", "(self.beta - mean * scale)", "(-mean * scale)"),
    ("averages swapped", "(self.moving_mean, mean)", "(self.moving_mean, variance)"),
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

MUTANTS = {
    "suite.layers.batch_normalization": (checks.batch_normalization, BATCH_NORMALIZATION),
    "suite.layers.dropout": (checks.dropout, DROPOUT),
}
