"""Build an adder of perceptrons, then let one learn: what it can do, and what takes several.

Week 2, "Perceptrons".
Claim: a perceptron of weights -2, -2 and bias 3 is NAND; gates of nothing else have at most 0 wrong rows in
       their truth tables, and ripple adders of 1 bit (a half adder) to 8 bits at most 0 wrong sums, over all
       inputs; as a Keras model of at most 3 parameters the 8-bit adder has a test accuracy of at least 1; on
       separable data the learning rule makes at most 1 times the (R / gamma)^2 mistakes that Novikoff allows,
       and at least 0.999 times where the bound is tight; one perceptron can be at least 14 and at most 14 of
       the 16 functions of two bits, and gets at most 0.75 of XOR right: there the rule goes round in a circle
       from every start, with at least 1 mistake a turn.
Cost:  30 s on 2 CPU cores, most of it the exports.
Run:   suite run perceptron_circuits
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression

from suite.evaluation import plots
from suite.evaluation.metrics import Metric
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    bits: int = 8  # of the numbers to add
    exported_pairs: int = 2000  # on which every artifact adds
    points: int = 100  # of a sample to learn
    draws: int = 25  # of such a sample for each margin


SMOKE = Config(bits=3, exported_pairs=50, points=20, draws=2)

NAND_WEIGHTS, NAND_BIAS = np.array([-2.0, -2.0]), 3.0
MARGINS = np.geomspace(0.003, 0.3, 7)
CORNERS = np.array([*itertools.product((1,), (0, 1), (0, 1))])  # the input of 1 has the bias as its weight
A, B = CORNERS[:, 1:].T

CLAIMS = (
    *at_most(0, "wrong_truth_table_rows", "wrong_sums"),
    Claim("adder_parameters", at_most=3),
    Claim("test_accuracy", at_least=1),
    Claim("mistakes_over_bound", at_most=1),
    Claim("mistakes_over_tight_bound", at_least=0.999),
    Claim("functions_of_one_perceptron", at_least=14, at_most=14),
    Claim("xor_best_accuracy", at_most=0.75),
    Claim("xor_mistakes_per_turn", at_least=1),
)


def perceptron(x: np.ndarray, weights: np.ndarray, bias: float = 0.0) -> np.ndarray:
    """1 where the weighted sum of the inputs exceeds the threshold, which is -bias; else 0."""
    return (x @ weights + bias > 0).astype(np.float32)


def numpy_nand(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return perceptron(np.stack([a, b], axis=-1), NAND_WEIGHTS, NAND_BIAS)


Bits: TypeAlias = np.ndarray | keras.KerasTensor
Gate: TypeAlias = Callable[[Bits, Bits], Bits]


# The circuits below know nothing but the NAND that they are given, of arrays or of a Keras model's tensors;
# the adders of two and of three bits give the sum and the carry.
def not_gate(nand: Gate, a: Bits) -> Bits:
    return nand(a, a)


def and_gate(nand: Gate, a: Bits, b: Bits) -> Bits:
    return not_gate(nand, nand(a, b))


def or_gate(nand: Gate, a: Bits, b: Bits) -> Bits:
    return nand(not_gate(nand, a), not_gate(nand, b))


def xor_gate(nand: Gate, a: Bits, b: Bits) -> Bits:
    not_both = nand(a, b)
    return nand(nand(a, not_both), nand(b, not_both))


def half_adder(nand: Gate, a: Bits, b: Bits) -> tuple[Bits, Bits]:
    return xor_gate(nand, a, b), and_gate(nand, a, b)


def full_adder(nand: Gate, a: Bits, b: Bits, carry: Bits) -> tuple[Bits, Bits]:
    partial, first = half_adder(nand, a, b)
    total, second = half_adder(nand, partial, carry)
    return total, or_gate(nand, first, second)


def ripple_adder(nand: Gate, a: Sequence[Bits], b: Sequence[Bits]) -> list:
    """The bits of a + b, one more than a and b have, least significant first."""
    total, carry = half_adder(nand, a[0], b[0])
    bits = [total]
    for pair in zip(a[1:], b[1:], strict=True):
        total, carry = full_adder(nand, *pair, carry)
        bits.append(total)
    return [*bits, carry]


def to_bits(numbers: np.ndarray, bits: int) -> np.ndarray:
    """`(n,)` int -> `(n, bits)` float32, least significant first."""
    return (numbers[:, None] >> np.arange(bits) & 1).astype(np.float32)


def wrong_sums(bits: int) -> int:
    a, b = np.divmod(np.arange(4**bits), 2**bits)
    total = ripple_adder(numpy_nand, to_bits(a, bits).T, to_bits(b, bits).T)
    return np.sum(2 ** np.arange(bits + 1) @ total != a + b)


def build_adder(bits: int) -> keras.Model:
    """All its gates are one and the same perceptron: two weights and a bias."""
    neuron = keras.layers.Dense(1, name="nand")

    def nand(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
        return ops.cast(neuron(ops.concatenate([a, b], axis=1)) > 0, "float32")

    a, b = (keras.Input((bits,), name=name) for name in "ab")
    total = ripple_adder(nand, *(ops.split(number, bits, axis=1) for number in (a, b)))
    neuron.set_weights([NAND_WEIGHTS[:, None], np.array([NAND_BIAS])])
    return keras.Model([a, b], keras.layers.Concatenate(name="sum")(total), name="adder")


def learning(X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """The perceptron learning rule: takes the examples in turn, and a wrong output moves the weights by its
    input, toward the label. Yields the weights and the example of each mistake; ends when there are none."""
    position = -1
    while len(wrong := np.flatnonzero(perceptron(X, weights) != labels)):
        position = min(wrong.tolist(), key=lambda index: (index - position - 1) % len(X))  # the next in turn
        weights = weights + X[position] * (2 * labels[position] - 1)
        yield weights, position


def widest_separator(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights of the largest margin gamma, and as long as it; 0 where none separate. They are the point
    nearest to 0 in the convex hull of x for label 1 and -x for label 0: least squares in their shares."""
    system = np.vstack([X.T * (2 * labels - 1), np.ones(len(X))])
    shares = LinearRegression(fit_intercept=False, positive=True).fit(system, np.eye(len(system))[-1]).coef_
    return system[:-1] @ shares / shares.sum()


def draw_separable(points: int, margin: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of a square and a column of ones; labels by a random line, to which none is too near."""
    X = np.insert(rng.uniform(-1, 1, (10 * points, 2)), 0, 1, axis=1)
    angle = rng.uniform(0, 2 * np.pi)
    heights = X @ [rng.uniform(-0.3, 0.3), np.cos(angle), np.sin(angle)]
    kept = np.flatnonzero(np.abs(heights) > margin)[:points]
    return X[kept], (heights[kept] > 0).astype(int)


def learn_separable(X: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Novikoff's bound (1962), and the mistakes until there are no more, or twice as many."""
    gamma = np.linalg.norm(widest_separator(X, labels))  # or more, if inexact: then the bound is too strict
    bound = np.max(np.sum(X**2, axis=1)) / gamma**2
    mistakes = itertools.islice(learning(X, labels, np.zeros(X.shape[1])), int(2 * bound))
    return bound, len(list(mistakes))


def learn_xor(start: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, int]:
    """The weights after each of 1,000 mistakes, and how many mistakes before the last one the same example
    had led to the same weights, from where all repeats itself; 0 for never."""
    mistakes = itertools.islice(learning(CORNERS[order], (A ^ B)[order], start), 1000)
    history = np.array([(*weights, position) for weights, position in mistakes])
    same = np.flatnonzero(np.all(history == history[-1], axis=1))
    return history[:, :-1], np.diff(same, prepend=same[-1])[-1]


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    model, (a, b) = build_adder(config.bits), np.divmod(np.arange(4**config.bits), 2**config.bits)
    pairs, targets = [to_bits(n, config.bits) for n in (a, b)], to_bits(a + b, config.bits + 1)
    sums = model.predict(pairs, batch_size=4096, verbose=0)

    received = [numpy_nand(A, B), not_gate(numpy_nand, A)]
    received += [gate(numpy_nand, A, B) for gate in (and_gate, or_gate, xor_gate)]
    expected = [1 - (A & B), 1 - A, A & B, A | B, A ^ B]

    samples = [draw_separable(config.points, margin, rng) for margin in np.repeat(MARGINS, config.draws)]
    bounds, mistakes = np.array([learn_separable(*sample) for sample in samples]).T
    tight_bound, tight_mistakes = learn_separable(np.eye(config.points), np.ones(config.points, int))
    functions = np.array([*itertools.product((0, 1), repeat=4)])  # by their outputs at the four corners
    lengths = [np.linalg.norm(widest_separator(CORNERS, labels)) for labels in functions]
    separable = functions[np.array(lengths) > 1e-6]
    turns = [learn_xor(start, rng.permutation(4)) for start in rng.integers(-5, 6, (config.draws, 3))]

    # The share of sums with every bit right; rounded, as an int8 artifact's 1 is not quite 1.
    metric = Metric("test_accuracy", lambda out, bits: (np.round(out["sum"]) == bits).all(axis=1).mean())
    tests, others = np.split(rng.permutation(len(targets))[: 2 * config.exported_pairs], 2)
    inputs, calibration = ([number[rows] for number in pairs] for rows in (tests, others))
    most_frequent = np.unique(targets, axis=0, return_counts=True)[1].max() / len(targets)
    images = (255 * sums.T).astype(np.uint8).reshape(-1, 2**config.bits, 2**config.bits)
    captions = [f"bit {bit}, worth {2**bit}" for bit in range(len(images))]
    return Result(
        metrics={
            "wrong_truth_table_rows": np.sum(np.not_equal(received, expected)),
            "wrong_sums": sum(map(wrong_sums, range(1, config.bits + 1))),
            "adder_perceptrons": sum("cast" in operation.name for operation in model.operations),
            "adder_parameters": model.count_params(),
            "test_accuracy": metric.function({"sum": sums}, targets),
            "mistakes_over_bound": np.max(mistakes / bounds),
            "mistakes_over_tight_bound": tight_mistakes / tight_bound,
            "functions_of_one_perceptron": len(separable),
            "xor_best_accuracy": np.max(np.mean(separable == (A ^ B), axis=1)),
            "xor_mistakes_per_turn": min(turn for _, turn in turns),
        },
        figures={
            "sums": plots.image_grid(images, captions, columns=5, title="Every a (down) + every b (right)"),
            "learning": draw(bounds, mistakes, *turns[0]),
        },
        exports=[Export(model, inputs, calibration, targets[tests], metric, task=Task.TENSORS)],
        baselines=[Baseline("test_accuracy", most_frequent, "always the most frequent sum")],
        data={"source": "all pairs of numbers", "train": 0, "test": len(targets)},
    )


def draw(bounds: np.ndarray, mistakes: np.ndarray, weights: np.ndarray, turn: int) -> Figure:
    figure, (left, middle, right, last) = plots.new_figure(width=16, columns=4)
    plane = np.meshgrid(*[np.linspace(-0.5, 1.5, 401)] * 2)
    gates: dict[str, Callable] = {
        "NAND: one perceptron": numpy_nand,
        "XOR: four": functools.partial(xor_gate, numpy_nand),
    }
    for axes, (name, gate) in zip((left, middle), gates.items(), strict=True):
        axes.contourf(*plane, gate(*plane), levels=[-1, 0.5, 2], colors=["white", plots.COLORS[5]], alpha=0.4)
        axes.scatter(A, B, c=gate(A, B), cmap="Greys", vmin=-0.2, edgecolors=plots.INK, s=80)
        axes.set(title=name, xlabel="a", ylabel="b", xticks=(0, 1), yticks=(0, 1), aspect="equal")
    right.loglog(bounds, mistakes, "o", alpha=0.4)
    right.axline((1, 1), (10, 10), color=plots.MUTED, linestyle=":")
    right.set(title="Mistakes until all is right", xlabel="Novikoff's bound", ylabel="mistakes")
    lines = zip(("bias", "weight of a", "weight of b"), weights[:24].T, strict=True)
    plots.curves(last, {name: (line, "o-") for name, line in lines}, xlabel="mistake")
    last.set_title(f"XOR: the same again every {turn} mistakes")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
