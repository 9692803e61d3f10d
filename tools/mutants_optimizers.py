"""Wrong variants of the update rules: module -> (check, [(what is wrong, right source, its replacement)])."""

from tests.optimizers import rules

GRADIENT_DESCENT = [
    ("ascends", "return learning_rate * gradient", "return -learning_rate * gradient"),
    ("learning rate squared", "return learning_rate * gradient", "return learning_rate**2 * gradient"),
    ("ignores the learning rate", "return learning_rate * gradient", "return gradient"),
    ("sign of the gradient", "return learning_rate * gradient", "return learning_rate * tf.sign(gradient)"),
]

HEAVY_BALL = "return momentum * velocity + learning_rate * gradient"
BALL_STEP = "velocity = heavy_ball(gradient, velocity, learning_rate, self.momentum)"
VELOCITY_STEP = "return velocity, velocity"
MOMENTUM = [
    ("gradient dampened", HEAVY_BALL, HEAVY_BALL + " * (1 - momentum)"),
    ("gradient subtracted", HEAVY_BALL, "return momentum * velocity - learning_rate * gradient"),
    ("momentum and 1 - momentum swapped", HEAVY_BALL, HEAVY_BALL.replace("momentum", "(1 - momentum)")),
    (
        "learning rate on all of the velocity",
        HEAVY_BALL,
        "return learning_rate * (momentum * velocity + gradient)",
    ),
    ("learning rate applied twice", VELOCITY_STEP, "return learning_rate * velocity, velocity"),
    ("velocity never kept", VELOCITY_STEP, "return velocity, tf.zeros_like(velocity)"),
    (
        "steps by Nesterov's rule",
        VELOCITY_STEP,
        "return self.momentum * velocity + learning_rate * gradient, velocity",
    ),
    (
        "steps by the old velocity",
        f"{BALL_STEP}\n        {VELOCITY_STEP}",
        f"return velocity, {BALL_STEP[11:]}",
    ),
]

LOOK_AHEAD = "return momentum * velocity + gradient_step, velocity"
NEW_VELOCITY = "    velocity = momentum * velocity + gradient_step\n"
NESTEROV_MOMENTUM = [
    ("sign of the look-ahead", LOOK_AHEAD, "return gradient_step - momentum * velocity, velocity"),
    ("no look-ahead", LOOK_AHEAD, "return velocity, velocity"),
    ("looks ahead by the whole velocity", LOOK_AHEAD, "return velocity + gradient_step, velocity"),
    ("looks ahead twice", LOOK_AHEAD, "return momentum**2 * velocity + gradient_step, velocity"),
    ("gradient counted twice", LOOK_AHEAD, "return momentum * velocity + 2 * gradient_step, velocity"),
    ("gradient left out of the step", LOOK_AHEAD, "return momentum * velocity, velocity"),
    (
        "looks ahead along the old velocity",
        f"{NEW_VELOCITY}    {LOOK_AHEAD}",
        "    return momentum * velocity + gradient_step, momentum * velocity + gradient_step",
    ),
    ("gradient dampened", NEW_VELOCITY, NEW_VELOCITY.replace("+ ", "+ (1 - momentum) * ")),
    ("sign of the shift back", "velocity.dtype) + self.momentum", "velocity.dtype) - self.momentum"),
    (
        "shifts back by the whole velocity",
        "velocity.dtype) + self.momentum * velocity",
        "velocity.dtype) + velocity",
    ),
]

SQUARES = "self.assign_add(accumulator, tf.square(gradient))"
ADAGRAD_STEP = "(gradient / tf.sqrt(accumulator + epsilon))"
ADAGRAD = [
    ("gradient not squared", SQUARES, "self.assign_add(accumulator, gradient)"),
    ("absolute values summed", SQUARES, "self.assign_add(accumulator, tf.abs(gradient))"),
    ("squares not summed", SQUARES, "self.assign(accumulator, tf.square(gradient))"),
    ("old squares decay", SQUARES, f"self.assign(accumulator, 0.9 * accumulator.value)\n        {SQUARES}"),
    ("squares halved", SQUARES, "self.assign_add(accumulator, tf.square(gradient) / 2)"),
    ("starts at 0.1", ADAGRAD_STEP, ADAGRAD_STEP.replace("epsilon", "epsilon + 0.1")),
    ("epsilon added to the root", ADAGRAD_STEP, "(gradient / (tf.sqrt(accumulator) + epsilon))"),
    ("epsilon in the sum", SQUARES, SQUARES.replace("gradient)", "gradient) + self.epsilon")),
    ("epsilon squared", ADAGRAD_STEP, ADAGRAD_STEP.replace("epsilon", "epsilon**2")),
    ("epsilon left out", ADAGRAD_STEP, ADAGRAD_STEP.replace(" + epsilon", "")),
    ("no root", ADAGRAD_STEP, "(gradient / (accumulator + epsilon))"),
    ("steps by the old sum", ADAGRAD_STEP, ADAGRAD_STEP.replace("epsilon", "epsilon - gradient**2")),
]

MEAN = "mean_square = moving_average(mean_square, tf.square(gradient), rho)"
RMSPROP_STEP = "(gradient / tf.sqrt(mean_square + epsilon)), mean_square"
RMSPROP_BY_OLD_MEAN = f"return learning_rate * {RMSPROP_STEP[:-11]}{MEAN[14:]}"
RMSPROP = [
    ("squares summed", MEAN, "mean_square = mean_square + tf.square(gradient)"),
    ("weights do not add up to 1", MEAN, "mean_square = rho * mean_square + tf.square(gradient)"),
    ("rho and 1 - rho swapped", MEAN, MEAN.replace("rho", "1 - rho")),
    ("gradient not squared", MEAN, MEAN.replace("tf.square(gradient)", "gradient")),
    ("absolute values averaged", MEAN, MEAN.replace("tf.square", "tf.abs")),
    ("nothing averaged", MEAN, "mean_square = tf.square(gradient)"),
    ("epsilon added to the root", RMSPROP_STEP, "(gradient / (tf.sqrt(mean_square) + epsilon)), mean_square"),
    ("epsilon in the mean", MEAN, MEAN.replace("tf.square(gradient)", "tf.square(gradient) + epsilon")),
    ("epsilon left out", RMSPROP_STEP, RMSPROP_STEP.replace(" + epsilon", "")),
    ("no root", RMSPROP_STEP, "(gradient / (mean_square + epsilon)), mean_square"),
    ("steps by the old mean", f"{MEAN}\n    return learning_rate * {RMSPROP_STEP}", RMSPROP_BY_OLD_MEAN),
]

FIRST = "m = moving_average(m, gradient, beta_1)"
SECOND = "v = moving_average(v, tf.square(gradient), beta_2)"
FLOAT_TIME = "t = tf.cast(t, tf.float64)"
ROOT = "root_correction = tf.sqrt(1 - beta_2**t)"
SCALE = "scale = learning_rate * tf.cast(root_correction / (1 - beta_1**t), m.dtype)"
DENOMINATOR = "(tf.sqrt(v) + tf.cast(epsilon * root_correction, m.dtype))"
TIME = "t = self.iterations + 1"
BETAS = "self.beta_1, self.beta_2, self.epsilon)"
ADAM = [
    ("epsilon as epsilon hat", DENOMINATOR, "(tf.sqrt(v) + epsilon)"),
    ("epsilon inside the root", DENOMINATOR, "tf.sqrt(v + tf.cast(epsilon * root_correction**2, m.dtype))"),
    ("epsilon in the mean of squares", SECOND, SECOND.replace("gradient)", "gradient) + epsilon")),
    ("epsilon scaled by 1 - beta_2**t", DENOMINATOR, DENOMINATOR.replace("correction", "correction**2")),
    ("epsilon left out", DENOMINATOR, "tf.sqrt(v)"),
    ("t starts at 2", TIME, "t = self.iterations + 2"),
    ("t starts at 0", TIME, "t = self.iterations"),
    ("t frozen at 1", TIME, "t = 1"),
    ("t frozen at 10", TIME, "t = 10"),
    ("m not corrected", SCALE, SCALE.replace("(1 - beta_1**t)", "1")),
    ("v not corrected", ROOT, "root_correction = tf.ones([], tf.float64)"),
    ("nothing corrected", SCALE, "root_correction = tf.ones([], tf.float64)\n    scale = learning_rate"),
    ("correction of v without its root", SCALE, SCALE.replace("root_correction", "root_correction**2")),
    ("correction of m under a root", SCALE, SCALE.replace("(1 - beta_1**t)", "tf.sqrt(1 - beta_1**t)")),
    ("betas swapped", BETAS, "self.beta_2, self.beta_1, self.epsilon)"),
    ("betas swapped in the means", f"{FIRST}\n    {SECOND}", f"{FIRST[:-2]}2)\n    {SECOND[:-2]}1)"),
    ("betas swapped in the corrections", FLOAT_TIME, f"{FLOAT_TIME}\n    beta_1, beta_2 = beta_2, beta_1"),
    ("beta_1 and 1 - beta_1 swapped", FIRST, FIRST.replace("beta_1", "1 - beta_1")),
    ("beta_2 and 1 - beta_2 swapped", SECOND, SECOND.replace("beta_2", "1 - beta_2")),
    ("gradients summed in m", FIRST, "m = beta_1 * m + gradient"),
    ("squares summed in v", SECOND, "v = beta_2 * v + tf.square(gradient)"),
    ("absolute values in v", SECOND, SECOND.replace("tf.square", "tf.abs")),
    ("m squared in v", SECOND, SECOND.replace("gradient", "m")),
    ("variance instead of the mean square", SECOND, SECOND.replace("gradient", "gradient - m")),
    ("v never falls (AMSGrad)", SECOND, f"v = tf.maximum(v, {SECOND[4:]})"),
    ("no root", DENOMINATOR, DENOMINATOR.replace("tf.sqrt(v)", "v")),
    ("Nesterov's step (Nadam)", "scale * (m /", "scale * (moving_average(m, gradient, beta_1) /"),
    ("steps by the gradient", "scale * (m /", "scale * (gradient /"),
]  # fmt: skip

SHRINK = "return values - tf.clip_by_value(values, -threshold, threshold)"
PROXIMAL = "return soft_threshold(variable - learning_rate * gradient, learning_rate * l1)"
THRESHOLDED = "return soft_threshold(variable, learning_rate * l1)"
L1 = "l1 = 0.0 if name in self.exclude else self.l1"
PROXIMAL_GRADIENT = [
    ("threshold without the learning rate", PROXIMAL, PROXIMAL.replace("learning_rate * l1", "l1")),
    ("threshold twice as large", PROXIMAL, PROXIMAL.replace("learning_rate * l1", "2 * learning_rate * l1")),
    ("threshold before the gradient step", PROXIMAL, f"{THRESHOLDED} - learning_rate * gradient"),
    ("no gradient step", PROXIMAL, THRESHOLDED),
    ("a subgradient", PROXIMAL, "return variable - learning_rate * (gradient + l1 * tf.sign(variable))"),
    ("hard threshold", SHRINK, "return tf.where(tf.abs(values) > threshold, values, 0)"),
    ("positive weights only", SHRINK, SHRINK.replace("-threshold", "0 * threshold")),
    ("threshold without end (L2-like shrinkage)", SHRINK, "return values / (1 + threshold)"),
    ("grows instead of shrinking", SHRINK, "return values + tf.clip_by_value(values, -threshold, threshold)"),
    ("biases penalized", L1, "l1 = self.l1"),
    ("biases never penalized", L1, 'l1 = 0.0 if name == "bias" else self.l1'),
    ("only the excluded penalized", L1, "l1 = self.l1 if name in self.exclude else 0.0"),
]  # fmt: skip

MUTANTS = {
    "suite.optimizers.gradient_descent": (rules.gradient_descent, GRADIENT_DESCENT),
    "suite.optimizers.momentum": (rules.momentum, MOMENTUM),
    "suite.optimizers.nesterov_momentum": (rules.nesterov_momentum, NESTEROV_MOMENTUM),
    "suite.optimizers.adagrad": (rules.adagrad, ADAGRAD),
    "suite.optimizers.rmsprop": (rules.rmsprop, RMSPROP),
    "suite.optimizers.adam": (rules.adam, ADAM),
    "suite.optimizers.proximal_gradient": (rules.proximal_gradient, PROXIMAL_GRADIENT),
}
