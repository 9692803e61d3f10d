"""Change one weight a little: a perceptron stays or flips, a sigmoid neuron moves a little.

Week 2, "Sigmoid neurons".
Claim: when one weight of a random network of perceptrons changes, the output stays or jumps between 0 and 1,
       for a change as small as 1e-11; with sigmoid neurons in their place it moves by at most 0.25 delta, and
       by gradient * delta but for an error like delta^2 (log-log slope 1.9 to 2.1); layers without a
       non-linearity equal one matrix (1e-12) and fit XOR with a mean squared error of at least 0.2499 even at
       the optimum (1/4 in theory), sigmoid neurons in their place with at most 0.01.
Cost:  5 s on 2 CPU cores.
Run:   suite run sigmoid_neurons
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from suite.backprop.activations import ACTIVATIONS, sigmoid
from suite.backprop.dense import dense
from suite.backprop.gradient_check import relative_error
from suite.backprop.losses import quadratic_derivative
from suite.backprop.network import Activate, Network, mlp
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope
from suite.runs.recipe import Claim, Context, Result, at_least


@dataclasses.dataclass(frozen=True)
class Config:
    networks: int = 2000  # random ones, in each of which one weight changes
    steps: int = 5000  # of gradient descent on XOR
    learning_rate: float = 0.3


SMOKE = Config(networks=200, steps=50)

SIZES, XOR_SIZES, DEEP_SIZES = (4, 6, 6, 1), (2, 8, 1), (2, 8, 8, 8, 8, 1)
DELTAS = np.geomspace(1e-4, 0.1, 10)  # changes of a weight
HALVINGS = 37  # of a change by 1, which leave less than 1e-11
XOR_INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])

CLAIMS = (
    Claim("smallest_change_that_jumps", at_most=1e-11),
    Claim("sigmoid_move_over_delta", at_most=0.25),
    Claim("sigmoid_error_slope", at_least=1.9, at_most=2.1),
    Claim("linear_collapse_gap", at_most=1e-12),
    *at_least(0.2499, "linear_optimum_error", "linear_error"),
    Claim("sigmoid_error", at_most=0.01),
)


def step(z: np.ndarray) -> np.ndarray:
    """A perceptron's activation, where a sigmoid neuron has the sigmoid."""
    return (z > 0).astype(float)


def random_network(sizes: tuple[int, ...], activation: str, rng: np.random.Generator) -> Network:
    network = mlp(sizes, rng, activation=activation, dtype=np.float64)
    for bias in network.parameters[1::2]:
        bias[:] = rng.normal(size=bias.shape)
    return network


class OneWeight:
    """A random network with a random input, as a function of the change of one of its weights."""

    def __init__(self, rng: np.random.Generator):
        self.x = rng.integers(0, 2, (1, SIZES[0])).astype(float)
        layers = random_network(SIZES, "sigmoid", rng).layers
        self.network = Network([*layers, Activate("sigmoid")])
        layer = rng.integers(len(SIZES) - 1)
        self.array, self.place = 2 * layer, tuple(rng.integers(SIZES[layer : layer + 2]))

    def output(self, delta: float, activation: Callable[[np.ndarray], np.ndarray]) -> float:
        """The output when the weight has changed by delta and every neuron has this activation."""
        x, parameters = self.x, self.network.parameters
        parameters[self.array] = parameters[self.array].copy()
        parameters[self.array][self.place] += delta
        for W, b in zip(parameters[::2], parameters[1::2], strict=True):
            x = activation(dense(x, W, b))
        return x.item()

    def move(self, before: float, after: float, activation: Callable[[np.ndarray], np.ndarray]) -> float:
        """How far the output moves from one change of the weight to another."""
        return self.output(after, activation) - self.output(before, activation)

    def gradient(self) -> float:
        """The derivative of the sigmoid network's output by the weight, by backpropagation."""
        self.network.forward(self.x)
        self.network.backward(np.ones((1, 1)))
        return self.network.gradients[self.array][self.place]

    def flip(self, halvings: int) -> tuple[float, float]:
        """Two changes between which the perceptrons' output moves, as it does from 0 to 1."""
        before, after = 0.0, 1.0
        for _ in range(halvings):
            middle = (before + after) / 2
            before, after = (before, middle) if self.move(before, middle, step) else (middle, after)
        return before, after


def small_changes(cases: list[OneWeight], rng: np.random.Generator) -> np.ndarray:
    """Changes of the weight, and how far they move the output of perceptrons and sigmoid neurons: `(n, 3)`.
    They are random ones from 0 on, then some that hem in the place where perceptrons flip."""
    deltas = 10 ** rng.uniform(-11, 0, len(cases))
    changes = [(case, 0.0, delta) for case, delta in zip(cases, deltas, strict=True)]
    flipping = [case for case in cases if case.move(0.0, 1.0, step)]
    halvings = np.linspace(0, HALVINGS, len(flipping)).astype(int)
    changes += [(case, *case.flip(count)) for case, count in zip(flipping, halvings, strict=True)]
    return np.abs([(b - a, case.move(a, b, step), case.move(a, b, sigmoid)) for case, a, b in changes])


def collapse(parameters: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The one matrix and the one bias that layers without a non-linearity amount to."""
    W, b = parameters[:2]
    for next_W, next_b in zip(parameters[2::2], parameters[3::2], strict=True):
        W, b = W @ next_W, dense(b, next_W, next_b)
    return W, b


def learn_xor(activation: str, config: Config, rng: np.random.Generator) -> tuple[Network, list[float]]:
    """A network trained by gradient descent, and its mean squared error before each step."""
    network, errors = mlp(XOR_SIZES, rng, activation=activation, dtype=np.float64), []
    for _ in range(config.steps):
        outputs = network.forward(XOR_INPUTS)
        errors.append(np.mean((outputs - XOR) ** 2))
        network.backward(quadratic_derivative(outputs, XOR))
        for parameter, gradient in zip(network.parameters, network.gradients, strict=True):
            parameter -= config.learning_rate * gradient
    return network, errors


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    cases = [OneWeight(rng) for _ in range(config.networks)]
    deltas, jumps, moves = small_changes(cases, rng).T
    gradients = np.array([case.gradient() for case in cases])
    sigmoid_moves = np.array([[case.move(0.0, delta, sigmoid) for delta in DELTAS] for case in cases])
    errors = np.abs(sigmoid_moves - np.outer(gradients, DELTAS)).mean(axis=0)

    learned = {name: learn_xor(name, config, rng) for name in ("sigmoid", "tanh", "relu")}
    learned["linear"] = learn_xor("identity", config, rng)
    deep, points = random_network(DEEP_SIZES, "identity", rng), rng.normal(size=(100, 2))
    one_matrix = dense(points, *collapse(deep.parameters))
    columns = np.insert(XOR_INPUTS, 0, 1, axis=1)
    optimum = columns @ np.linalg.lstsq(columns, XOR)[0]
    return Result(
        metrics={
            "smallest_change_that_jumps": deltas[jumps > 0].min(),
            "sigmoid_move_over_delta": np.max(moves / deltas),
            "sigmoid_error_slope": log_log_slope(DELTAS, errors),
            "linear_collapse_gap": relative_error(one_matrix, deep.forward(points)),
            "linear_optimum_error": np.mean((optimum - XOR) ** 2),
            **{f"{name}_error": history[-1] for name, (_, history) in learned.items()},
        },
        figures={
            "one_weight": draw_changes(cases[np.abs(gradients).argmax()], deltas, jumps, moves, errors),
            "activations": draw_activations(),
            "xor": draw_xor(learned),
        },
        data={"source": "random networks and XOR", "train": len(XOR)},
    )


def draw_changes(
    case: OneWeight, deltas: np.ndarray, jumps: np.ndarray, moves: np.ndarray, errors: np.ndarray
) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=14, columns=3)
    line = np.linspace(-6, 6, 1201)
    named = {
        "perceptrons": (line, [case.output(delta, step) for delta in line]),
        "sigmoid neurons": (line, [case.output(delta, sigmoid) for delta in line]),
        "gradient * delta": (line, case.output(0, sigmoid) + case.gradient() * line, ":"),
    }
    plots.curves(left, named, title="One network", xlabel="delta, the change of one weight", ylabel="output")
    left.set_ylim(-0.3, 1.3)
    middle.loglog(deltas[jumps > 0], jumps[jumps > 0], "o", label="perceptrons, where they move at all")
    middle.loglog(deltas[moves > 0], moves[moves > 0], "o", alpha=0.2, label="sigmoid neurons")
    middle.set(title="Many networks", xlabel="delta", ylabel="move of the output", ylim=(1e-17, 1e2))
    middle.legend(frameon=False)
    right.loglog(DELTAS, errors, "o", label="measured")
    right.loglog(DELTAS, errors[0] * (DELTAS / DELTAS[0]) ** 2, ":", color=plots.MUTED, label="like delta^2")
    right.set(title="Sigmoid neurons: move - gradient * delta", xlabel="delta", ylabel="mean distance")
    right.legend(frameon=False)
    return figure


def draw_activations() -> Figure:
    title = "Gray: saturated, the derivative is less than 5 % of its maximum"
    figure, panels = plots.new_figure(title, width=14, columns=3)
    z = np.linspace(-6, 6, 601)
    for axes, name in zip(panels, ("sigmoid", "tanh", "relu"), strict=True):
        function, derivative = ACTIVATIONS[name]
        slopes = derivative(z)
        plots.curves(axes, {name: (z, function(z)), "derivative": (z, slopes)}, xlabel="z", title=name)
        saturated = {"where": slopes < 0.05 * slopes.max(), "transform": axes.get_xaxis_transform()}
        axes.fill_between(z, 0, 1, color=plots.GRID, zorder=0, **saturated)
        axes.set(xlim=(-6, 6))
    return figure


def draw_xor(learned: dict) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=14, columns=3)
    plane = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 101)] * 2), axis=-1).reshape(-1, 2)
    for axes, name in ((left, "linear"), (middle, "sigmoid")):
        network, errors = learned[name]
        outputs = network.forward(plane).reshape(101, 101)
        image = axes.imshow(outputs, cmap="RdBu", vmin=-0.5, vmax=1.5, origin="lower", extent=(-0.5, 1.5) * 2)
        axes.scatter(*XOR_INPUTS.T, c=XOR, cmap="Greys", vmin=-0.2, edgecolors=plots.INK, s=80)
        axes.set(title=f"{name}: error {errors[-1]:.2g}", xticks=(0, 1), yticks=(0, 1))
        axes.grid(False)
    figure.colorbar(image, ax=[left, middle], label="output")
    histories = {name: (errors,) for name, (_, errors) in learned.items()}
    plots.curves(right, histories, title="Learning XOR", xlabel="step", ylabel="mean squared error")
    right.set(yscale="log", ylim=(1e-6, 2), xscale="log")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
