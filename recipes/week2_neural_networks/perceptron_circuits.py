# %% [markdown]
# # Build a computer of perceptrons, and let one of them learn
#
# A perceptron adds up weighted inputs and says 1 or 0, and with the right three numbers it is a NAND gate,
# of which everything digital can be built. One alone cannot even be XOR, and a simple rule teaches it
# whatever it can be.
#
# *Week 2, "Perceptrons". Takes 30 s on 2 CPU cores, most of it the exports. `suite run perceptron_circuits`*
#
# ## Why so simple a neuron
#
# Every unit of every network in this course is a perceptron with a softer step. The hard one has two
# lessons that outlive it. A *network* of perceptrons can do whatever a computer can: that is reassuring,
# and a little disappointing, since NAND gates had been invented before. And a perceptron can *learn* from
# its mistakes, which a NAND gate cannot. What nobody could say in the sixties was how to do both at once,
# teach a network of several layers; the rest of this week is the answer.
#
# ## The method
#
# The output is 1 if the weighted sum of the inputs exceeds a threshold. With the threshold moved to the
# other side, as *bias* `b = -threshold`, that is
#
#     output = 1 if w1 x1 + w2 x2 + ... + b > 0 else 0
#
# By hand, with weights -2 and -2 and a bias of 3:
#
#     a b    -2 a - 2 b + 3    output
#     0 0           3            1
#     0 1           1            1
#     1 0           1            1
#     1 1          -1            0         1 unless both are 1: not-and, NAND
#
# **From NAND to anything.** `nand(a, a)` is NOT a. For a function of several bits given as a table, look at
# its first bit: if it is 1, the lower half of the table holds, else the upper half. "If a then h else l" is
# `nand(nand(a, h), nand(not a, l))`, and the halves are tables with one bit less. So three NANDs and a NOT a
# row build *every* function, and a table is all there is to say about one.
#
# **Learning.** Go through the examples in turn. Where the output is right, do nothing. Where it is 0 and
# should be 1, add the input to the weights; where it is 1 and should be 0, subtract it. The bias learns as
# the weight of an input that is always 1.

# %%
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, TypeAlias

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression, Perceptron

from suite.evaluation import plots
from suite.evaluation.metrics import Metric
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task

Bits: TypeAlias = np.ndarray | keras.KerasTensor
Gate: TypeAlias = Callable[[Bits, Bits], Bits]
WEIGHTS = np.array([-2.0, -2.0])  # of NAND


def perceptron(x: np.ndarray, weights: np.ndarray, bias: float = 0.0) -> np.ndarray:
    """One example a row.

    >>> perceptron(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), WEIGHTS, bias=3).tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    return (x @ weights + bias > 0).astype(np.float32)


def nand_perceptron(a: np.ndarray, b: np.ndarray, bias: float) -> np.ndarray:
    return perceptron(np.stack(np.broadcast_arrays(a, b), axis=-1), WEIGHTS, bias)


def from_table(nand: Gate, outputs: Sequence[Bits], bits: Sequence[Bits]) -> Bits:
    """The function of the bits that has these outputs, of 0 ... 0, 0 ... 1, up to 1 ... 1."""
    if not len(bits):
        return outputs[0]
    first, half = bits[0], len(outputs) // 2
    low, high = (from_table(nand, part, bits[1:]) for part in (outputs[:half], outputs[half:]))
    return nand(nand(first, high), nand(nand(first, first), low))


def learn(X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """The weights after each mistake, and which example it was; ends when there are none."""
    position = -1
    while len(wrong := np.flatnonzero(perceptron(X, weights) != labels)):
        position = wrong[np.argmin((wrong - position - 1) % len(X))]  # the next in turn
        weights = weights + (2 * labels[position] - 1) * X[position]
        yield weights, position


# %% [markdown]
# ## An adder
#
# A table of two numbers of eight bits would have 65,536 rows. Adding on paper is shorter: column by column,
# with a carry. A column of two bits needs XOR for its digit and AND for its carry (a *half adder*); with the
# carry of the column before, it takes two half adders and an OR (a *full adder*). These functions know
# nothing but the NAND that they are given. Ours is a perceptron on NumPy arrays, or a Keras layer.


# %%
def xor(nand: Gate, a: Bits, b: Bits) -> Bits:
    """Four NANDs.

    >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> xor(functools.partial(nand_perceptron, bias=3), a, b).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    not_both = nand(a, b)
    return nand(nand(a, not_both), nand(b, not_both))


def half_adder(nand: Gate, a: Bits, b: Bits) -> tuple[Bits, Bits]:
    not_both = nand(a, b)
    return xor(nand, a, b), nand(not_both, not_both)


def full_adder(nand: Gate, a: Bits, b: Bits, carry: Bits) -> tuple[Bits, Bits]:
    partial, first = half_adder(nand, a, b)
    total, second = half_adder(nand, partial, carry)
    return total, nand(nand(first, first), nand(second, second))  # the new carry: first or second


def adder(nand: Gate, a: Sequence[Bits], b: Sequence[Bits]) -> list:
    """The bits of a + b, one more than a and b have, least significant first."""
    *total, carry = half_adder(nand, a[0], b[0])
    for pair in zip(a[1:], b[1:], strict=True):
        digit, carry = full_adder(nand, *pair, carry)
        total.append(digit)
    return [*total, carry]


def to_bits(numbers: np.ndarray, bits: int) -> np.ndarray:
    return (numbers[:, None] >> np.arange(bits) & 1).astype(np.float32)


def wrong_sums(nand: Gate, bits: int) -> int:
    a, b = np.divmod(np.arange(4**bits), 2**bits)
    total = adder(nand, to_bits(a, bits).T, to_bits(b, bits).T)
    return np.sum(2 ** np.arange(bits + 1) @ total != a + b)


def wrong_functions(nand: Gate) -> int:
    tables = to_bits(np.arange(256), 8)
    corners = np.indices((2, 2, 2)).reshape(3, 8)
    return np.sum(np.any(from_table(nand, tables.T[..., None], list(corners)) != tables, axis=1))


# %% [markdown]
# ## The adder in Keras
#
# One `Dense(1)`, called in many places: each call is a perceptron, and all of them share its two weights and
# its bias. The step is a comparison. Comparisons have no slope, so this model cannot be trained by descent,
# and need not be: its three numbers are known.


# %%
def build_adder(bits: int, bias: float) -> keras.Model:
    neuron = keras.layers.Dense(1, name="nand")

    def nand(a: keras.KerasTensor, b: keras.KerasTensor) -> keras.KerasTensor:
        return ops.cast(neuron(ops.concatenate([a, b], axis=1)) > 0, "float32")

    a, b = (keras.Input((bits,), name=name) for name in "ab")
    total = adder(nand, *(ops.split(number, bits, axis=1) for number in (a, b)))
    neuron.set_weights([WEIGHTS[:, None], np.array([bias])])
    return keras.Model([a, b], keras.layers.Concatenate(name="sum")(total), name="adder")


# %% [markdown]
# ## What one perceptron can be
#
# Its outputs of 1 lie on one side of a straight line, those of 0 on the other. A function of two bits is a
# labeling of the four corners of a square, and we look, for each of the sixteen, for the line that keeps
# the largest distance to all corners. That is a least squares problem: put every input as a point, those
# with the label 0 turned to the other side of the origin, and find the point of their convex hull that is
# nearest to the origin. It is the weights we want, and its length is the distance *gamma*, the margin.
# Where the origin lies inside, no line separates.
#
# **How many mistakes?** Novikoff (1962) proved that the learning rule makes at most `(R / gamma)^2` of
# them, `R` being the longest input, however many examples there are. We hold that against samples with
# margins from wide to hair-thin, and against one where the bound is tight: inputs with a single 1, all
# with label 1.


# %%
def widest_separator(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
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


def count_mistakes(X: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Novikoff's bound, and the mistakes until there are no more, or twice as many."""
    gamma = np.linalg.norm(widest_separator(X, labels))
    bound = np.max(np.sum(X**2, axis=1)) / gamma**2
    return bound, len([*itertools.islice(learn(X, labels, np.zeros(X.shape[1])), int(2 * bound))])


CORNERS = np.array([*itertools.product((1,), (0, 1), (0, 1))])  # the bias is the weight of the 1
A, B = CORNERS[:, 1:].T


def learn_xor(start: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, int]:
    """The weights after each of 1,000 mistakes; after how many the same example led to the same weights."""
    mistakes = itertools.islice(learn(CORNERS[order], (A ^ B)[order], start), 1000)
    history = np.array([(*each, position) for each, position in mistakes])
    same = np.flatnonzero(np.all(history == history[-1], axis=1))
    return history[:, :-1], np.diff(same, prepend=same[-1])[-1]


def reference_gap(rng: np.random.Generator) -> float:
    """To the weights at which scikit-learn's perceptron ends, from a first mistake on the same example."""
    X, labels = draw_separable(100, 0.1, rng)
    X, labels = (np.roll(array, -np.argmax(labels), axis=0) for array in (X, labels))
    *_, (ours, _) = itertools.islice(learn(X, labels, np.zeros(3)), 1000)
    theirs = Perceptron(fit_intercept=False, shuffle=False, tol=None, max_iter=500).fit(X, labels).coef_[0]
    return np.abs(ours - theirs).max()


# %% The figures
def draw_regions(nand: Gate) -> Figure:
    figure, panels = plots.new_figure(width=8, columns=2)
    plane = np.meshgrid(*[np.linspace(-0.5, 1.5, 401)] * 2)
    gates: dict[str, Gate] = {"NAND: one perceptron": nand, "XOR: four": functools.partial(xor, nand)}
    for axes, (name, gate) in zip(panels, gates.items(), strict=True):
        axes.contourf(*plane, gate(*plane), levels=[-1, 0.5, 2], colors=["white", plots.COLORS[5]], alpha=0.4)
        axes.scatter(A, B, c=gate(A, B), cmap="Greys", vmin=-0.2, edgecolors=plots.INK, s=80)
        axes.set(title=name, xlabel="a", ylabel="b", xticks=(0, 1), yticks=(0, 1), aspect="equal")
    return figure


def draw_mistakes(bounds: np.ndarray, mistakes: np.ndarray, weights: np.ndarray, turn: int) -> Figure:
    figure, (left, right) = plots.new_figure(width=10, columns=2)
    left.loglog(bounds, mistakes, "o", bounds, bounds, ":", alpha=0.4)
    left.set(title="Mistakes until all is right", xlabel="Novikoff's bound", ylabel="mistakes")
    lines = zip(("bias", "weight of a", "weight of b"), weights[:24].T, strict=True)
    plots.curves(right, {name: (line, "o-") for name, line in lines}, xlabel="mistake", ylabel="weight")
    right.set_title(f"XOR: the same again every {turn} mistakes")
    return figure


# %% [markdown]
# ## Run it
#
# Nothing here is sampled where it can be counted: all 256 functions of three bits, all pairs of numbers of
# one to eight bits, all functions of two bits. The exports, with weights in eight bits, too, have to add
# right, and are held against what always the same sum would get.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    bits: Annotated[int, "of the numbers to add"] = 8
    bias: Annotated[float, "of the perceptron with the weights -2 and -2"] = 3
    exported_pairs: Annotated[int, "on which every export adds"] = 2000
    points: Annotated[int, "of a sample to learn"] = 100
    draws: Annotated[int, "of such a sample, with margins from thin to wide"] = 175


SMOKE = Config(bits=3, exported_pairs=50, points=20, draws=10)


def run(config: Config, context: Context) -> Result:
    rng, nand = np.random.default_rng(context.seed), functools.partial(nand_perceptron, bias=config.bias)
    samples = [
        draw_separable(config.points, m, rng) for m in np.geomspace(0.003, 0.3, 7).repeat(config.draws)
    ]
    bounds, mistakes = np.array([count_mistakes(*sample) for sample in samples]).T
    tight_bound, tight_mistakes = count_mistakes(np.eye(config.points), np.ones(config.points, int))
    functions = to_bits(np.arange(16), 4)  # by their outputs at the four corners
    lengths = [np.linalg.norm(widest_separator(CORNERS, labels)) for labels in functions]
    separable = functions[np.array(lengths) > 1e-6]
    turns = [learn_xor(start, rng.permutation(4)) for start in rng.integers(-5, 6, (20, 3))]

    model = build_adder(config.bits, config.bias)
    a, b = np.divmod(np.arange(4**config.bits), 2**config.bits)
    pairs, targets = [to_bits(n, config.bits) for n in (a, b)], to_bits(a + b, config.bits + 1)
    sums = model.predict(pairs, batch_size=4096, verbose=0)
    # The share of sums with every bit right; rounded, as an int8 artifact's 1 is not quite 1.
    metric = Metric("test_accuracy", lambda out, bits: (np.round(out["sum"]) == bits).all(axis=1).mean())
    tests, others = np.split(rng.permutation(len(targets))[: 2 * config.exported_pairs], 2)
    inputs, calibration = ([number[rows] for number in pairs] for rows in (tests, others))
    most_frequent = np.unique(targets, axis=0, return_counts=True)[1].max() / len(targets)
    images = (255 * sums.T).astype(np.uint8).reshape(-1, 2**config.bits, 2**config.bits)
    worth = [f"the bit worth {2**bit}" for bit in range(len(images))]
    return Result(
        metrics={
            "wrong_functions": wrong_functions(nand),
            "wrong_sums": sum(wrong_sums(nand, bits) for bits in range(1, config.bits + 1)),
            "test_accuracy": metric.function({"sum": sums}, targets),
            "functions_of_one_perceptron": len(separable),
            "xor_best_accuracy": np.max(np.mean(separable == (A ^ B), axis=1)),
            "xor_mistakes_per_turn": min(turn for _, turn in turns),
            "mistakes_over_bound": np.max(mistakes / bounds),
            "mistakes_over_tight_bound": tight_mistakes / tight_bound,
            "reference_gap": reference_gap(rng),
        },
        figures={
            "regions": draw_regions(nand),
            "sums": plots.image_grid(images, worth, columns=3, title="Every a (down) + every b (right)"),
            "learning": draw_mistakes(bounds, mistakes, *turns[0]),
        },
        exports=[Export(model, inputs, calibration, targets[tests], metric, task=Task.TENSORS)],
        baselines=[Baseline("test_accuracy", most_frequent, "always the most frequent sum")],
        data={"source": "all pairs of numbers", "train": 0, "test": len(targets)},
    )


# %% [markdown]
# ## What was measured
#
# ![Where NAND and XOR are 1: one side of a line, and a band with a bend](figures/regions.png)
#
# A perceptron cuts the plane in two. XOR is 1 in a band between two corners, and that takes more than one
# cut.
#
# ![The bits of the sum of every two numbers, one picture a bit](figures/sums.png)
#
# All sums of the model at once. The last bit is a chessboard, XOR of the last bits of a and b; each higher
# one depends on all the lower ones, through a chain of carries.
#
# ![Mistakes over Novikoff's bound; the weights while learning XOR](figures/learning.png)
#
# On the left, a point is a sample. All are below the bound, and on an average sample the rule is well below.
# On the right, no weights are right for XOR, so the rule never stops, and since it moves on a grid of whole
# numbers in a bounded region it has to come back to where it was.

# %%
CLAIMS = (
    Claim(
        "wrong_functions",
        at_most=0,
        says="NAND perceptrons compute each of the 256 functions of three bits,",
        lecture="because NAND gates are universal for computation, it follows that perceptrons are also "
        "universal for computation",
    ),
    Claim(
        "wrong_sums",
        at_most=0,
        says="and add any two numbers of one to eight bits without a mistake.",
        lecture="A network of perceptrons can be used to simulate a circuit containing many NAND gates",
    ),
    Claim(
        "test_accuracy",
        at_least=1,
        says="A Keras model, one Dense(1) used again and again, adds all pairs of eight bits right.",
    ),
    Claim(
        "functions_of_one_perceptron",
        at_least=14,
        at_most=14,
        says="One perceptron alone can be 14 of the 16 functions of two bits.",
        lecture="determined by whether the weighted sum is less than or greater than some threshold value",
    ),
    Claim(
        "xor_best_accuracy",
        at_least=0.75,
        at_most=0.75,
        says="Of XOR it gets three rows of four right, and no more,",
    ),
    Claim(
        "xor_mistakes_per_turn",
        at_least=1,
        says="and there the learning rule goes round in a circle, wherever it starts.",
    ),
    Claim(
        "mistakes_over_bound",
        at_most=1,
        says="Where a line separates, it stops, after no more mistakes than Novikoff's (R / gamma)^2,",
    ),
    Claim(
        "mistakes_over_tight_bound",
        at_least=0.999,
        says="and there is a sample on which it makes as many.",
    ),
    Claim("reference_gap", at_most=1e-9, says="scikit-learn's Perceptron ends at the same weights."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run perceptron_circuits --bias 4`: is that still NAND? And `--bias 2`?
#
# <details><summary>Answer</summary>
#
# With a bias of 4 it is: at (1, 1) the sum is exactly 0, which does not exceed 0, and no claim falls. Any
# bias above 2 and up to 4 will do; 3 keeps the same distance from both ends. With 2 the sum at (0, 1) is 0
# as well, and the gate is NOR: 1 only where both are 0. `wrong_functions`, `wrong_sums` and
# `test_accuracy` fall. NOR is as universal as NAND, but its circuits are others: in ours, AND and OR trade
# places.
#
# </details>
#
# **2.** Two of the 16 functions of two bits are out of a perceptron's reach, XOR and its opposite. How many
# of the 256 of three bits are within it? (`widest_separator` with the eight corners of a cube.)
#
# <details><summary>Answer</summary>
#
# 104. The share falls fast: of the 65,536 functions of four bits 1,882 are left (OEIS, A000609). Most
# functions need more than one perceptron.
#
# </details>
#
# **3.** Let the rule move the weights by a tenth of the input, `0.1 * X[position]`, still from zero. Does it
# make more mistakes, or fewer?
#
# <details><summary>Answer</summary>
#
# Exactly as many, and the same ones: all weights are a tenth as large, and a positive factor does not
# change on which side of 0 a sum lies. The learning rate of a perceptron means nothing, as long as it
# starts at zero. From other weights it does: from (5, -5, 5) we counted 5 mistakes at full steps and 44 at
# a tenth on one sample. It has first to undo the start.
#
# </details>
#
# ## To take away
#
# - A perceptron is a weighted sum and a step; its bias is minus the threshold.
# - Networks of perceptrons can compute anything, since one of them is NAND. One alone draws a straight line.
# - The learning rule corrects mistakes, and stops if a line separates. It says nothing about hidden layers:
#   their outputs have no labels to be wrong about.
#
# *Before: [optimizer_comparison](optimizer_comparison.md). Next: [sigmoid_neurons](sigmoid_neurons.md), the
# same neuron with a step that has a slope.*
