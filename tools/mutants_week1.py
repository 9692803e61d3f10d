"""Wrong variants of the recipes of week 1: module -> (check, [(what is wrong, right, wrong)]).

A check runs the parts of a recipe that its claims are about, at a small size, and holds what they measure to
the recipe's own bounds.
"""

import types
from collections.abc import Callable

import numpy as np

from tools.mutants_week2 import keeps_claims


def hold(module: types.ModuleType, **measured: float) -> None:
    """Asserts the bounds of the claims on these metrics."""
    for claim in module.CLAIMS:
        assert claim.metric not in measured or claim.holds(measured), f"missed: {claim}"


def stochastic_gradient_descent(module: types.ModuleType) -> None:
    rng = np.random.default_rng(0)
    X, Y = np.insert(rng.random((300, 20)), 0, 1, axis=1), np.eye(10)[np.arange(300) % 10]
    X[:, 1:11] += 2 * Y
    rows = {"train": slice(200), "validation": slice(200, 250), "test": slice(250, 300)}
    data = {part: (X[each], Y[each]) for part, each in rows.items()}
    (one, one_loss), (few, few_loss), (_, all_loss) = (module.compare(data, m, 3, rng) for m in (1, 20, 200))
    x = rng.uniform(0, 1, 20)
    y = np.sin(module.TONE * x) + 0.1 * rng.normal(size=20)
    found = module.found_tone(x, y, 1, rng)
    hold(
        module,
        noise_slope=module.log_log_slope(module.SIZES, module.relative_noise(np.zeros((21, 10)), X, Y, rng)),
        all_loss_over_one=all_loss / one_loss,
        all_loss_over_mini_batch=all_loss / few_loss,
        mini_batch_rate_over_one=module.RATES[few.argmin()] / module.RATES[one.argmin()],
        found_by_one=found.max(),
        found_at_ends=found[[0, -1]].max(),
        found_by_all=module.found_tone(x, y, 20, rng).max(),
    )


MEAN = "return X.T @ (softmax(X @ W, axis=1) - Y) / len(X)"
STOCHASTIC_GRADIENT_DESCENT = [
    ("noise of a sum", "counts @ single / size - whole", "counts @ single - whole"),
    ("noise of the smallest batch for all", "rng.multinomial(size,", "rng.multinomial(1,"),
    ("steps along a sum", MEAN, MEAN.replace(" / len(X)", "")),
    ("uphill", "W = W - rate * mean_gradient", "W = W + rate * mean_gradient"),
    ("every batch has all examples", "mean_gradient(W, X[batch], Y[batch])", "mean_gradient(W, X, Y)"),
    (
        "rates of a tenth of the range",
        "RATES = np.geomspace(1e-3, 30, 10)",
        "RATES = np.geomspace(1e-3, 1e-2, 10)",
    ),
    ("all samples at a time", "[:, :batch_size]", ""),
    ("one sample at a time", "[:, :batch_size]", "[:, :1]"),
    ("starts in the right valley", "rng.uniform(6, 20, 50)", "rng.uniform(23, 27, 50)"),
    ("no large rate", "np.geomspace(0.02, 40, 8)", "np.geomspace(0.02, 1.5, 8)"),
]


def optimizer_comparison(module: types.ModuleType) -> None:
    rng, without_m = np.random.default_rng(0), lambda *given: module.adam(*given, beta_1=0)
    noise = rng.normal(size=(1000, 100))
    with np.errstate(all="ignore"):
        valley = {name: module.in_valley(rule, np.array([1.0, -0.8])) for name, rule in module.RULES.items()}
        rules = module.adagrad, module.one_rate_for_all
        own, one = sum(module.excess(rules, 0.5 / np.arange(1, 201), rng) for _ in range(2))
    along, across = module.kept_of_gradients(valley["momentum"][1])
    steps = np.median(
        np.abs([module.directions(rule, noise) for rule in (module.adagrad, module.rmsprop)]), 2
    )
    smooth = [module.directions(rule, 1 + 3 * noise)[100:].std() for rule in (module.adam, without_m)]
    slopes = [module.log_log_slope(np.arange(101, 1001), each[100:]) for each in steps]
    hold(
        module,
        momentum_steps_over_descent=valley["momentum"][0] / valley["descent"][0],
        nesterov_steps_over_momentum=valley["nesterov"][0] / valley["momentum"][0],
        kept_across_over_along=across / along,
        own_rates_over_one_rare=own / one,
        adagrad_step_slope=slopes[0],
        rmsprop_step_slope=slopes[1],
        adam_noise_over_without_m=smooth[0] / smooth[1],
        adam_first_step=np.abs(module.adam(np.array([1e-4, 1.0, 100.0]), 1, {}) - 1).max(),
        reference_gap=module.reference_gap(rng),
    )


OPTIMIZER_COMPARISON = [
    ("momentum without a memory", '0.9 * kept.get("h", 0) + g', "g"),
    ("no look ahead", "return 0.9 * momentum(g, t, kept) + g", "return momentum(g, t, kept)"),
    (
        "one rate for all weights",
        'kept.get("G", 0) + g**2',
        'kept.get("G", 0) + np.mean(g**2, axis=-1, keepdims=True)',
    ),
    ("RMSprop forgets nothing", '0.9 * kept.get("G", 0) + 0.1 * g**2', 'kept.get("G", 0) + 0.1 * g**2'),
    ("Adam's m is the last gradient", 'beta_1 * kept.get("m", 0) + (1 - beta_1) * g', "g * (1 - beta_1**t)"),
    ("Adam's m is not corrected", 'kept["m"] / (1 - beta_1**t)', 'kept["m"]'),
    ("Adam's v is not corrected", 'kept["v"] / (1 - 0.999**t)', 'kept["v"]'),
    ("a round valley", "np.array([1.0, 100.0])", "np.array([99.0, 100.0])"),
]


def overfitting_and_validation(module: types.ModuleType) -> None:
    errors = module.errors_by_degree(module.Config(draws=20), np.random.default_rng(0))
    training, validation, crossed, lengths = errors
    each, best = np.arange(20), validation.argmin(axis=1)
    least = validation[each, best]
    hold(
        module,
        highest_degree_training_over_best=np.median(training[:, -1] / training[each, best]),
        highest_degree_error_over_best=np.median(validation[:, -1] / least),
        lowest_degree_error_over_best=np.median(validation[:, 0] / least),
        highest_degree_weights_over_best=np.median(lengths[:, -1] / lengths[each, best]),
        picked_by_cross_validation_over_best=np.median(validation[each, crossed.argmin(axis=1)] / least),
    )


OVERFITTING_AND_VALIDATION = [
    ("folds judged by what they were fitted to", "fold != k, fold == k", "fold != k, fold != k"),
    ("fitted to the fold that is left out", "fold != k, fold == k", "fold == k, fold != k"),
    ("no noise", "course + NOISE * rng.normal", "course + 0 * rng.normal"),
    ("nothing but noise", "return hours, course +", "return hours, 12 +"),
    (
        "validated on the training points",
        "for data in ((X, y), (new_X, new_y))",
        "for data in ((X, y), (X, y))",
    ),
]

REGULARIZATION = [
    ("a penalty n times as strong", "+ penalty * np.eye", "+ len(y) * penalty * np.eye"),
    ("shrinking past zero", "np.sign(w) * np.maximum(np.abs(w) - by, 0)", "w - by * np.sign(w)"),
    ("cut off instead of shrunk", "np.sign(w) * np.maximum(np.abs(w) - by, 0)", "w * (np.abs(w) > by)"),
    ("shrunk by all of the strength", "shrink(w, rate * penalty)", "shrink(w, penalty)"),
    ("half the slope", "H @ w - b + slope(w)", "(H @ w - b) / 2 + slope(w)"),
    ("balls swapped", "{1: penalized.project_l1_ball, 2:", "{2: penalized.project_l1_ball, 1:"),
    ("strength without its factor", "(order * np.sum(", "(np.sum("),
]
NETWORKS = ("fewer_dimensions", "dropout", "more_data", "early_stopping", "augmentation")

WEEK = "recipes.week1_optimization"
MUTANTS: dict[str, tuple[Callable[[types.ModuleType], None], list[tuple[str, str, str]]]] = {
    f"{WEEK}.stochastic_gradient_descent": (stochastic_gradient_descent, STOCHASTIC_GRADIENT_DESCENT),
    f"{WEEK}.optimizer_comparison": (optimizer_comparison, OPTIMIZER_COMPARISON),
    f"{WEEK}.overfitting_and_validation": (overfitting_and_validation, OVERFITTING_AND_VALIDATION),
    f"{WEEK}.regularization": (
        keeps_claims(*(f"{name}_loss_over_plain" for name in NETWORKS), steps=10_000, splits=30),
        REGULARIZATION,
    ),
}
