"""Choose activations and initial weights: signs of gradients, dead units, symmetry, variance by depth.

Week 3, "Activation Functions", "Weights Initialization".
Claim: where sigmoid units are the inputs, any two weights of a neuron have gradients of the same sign for an
       example (share 1), where tanh units are, by chance (0.45 to 0.55); of hidden units with a bias of -3
       at least 0.9 start below zero on all digits: ReLU units stay there (share 1) and their network learns
       next to nothing (training loss at least 2.2 nats, chance has 2.3), of leaky ones at most 0.9 stay, and
       theirs learns (at most 0.3); hidden units that start at zero stay copies of each other (rank of their
       weights at most 1), random ones do not (at least 16, of 16 units); through 20 layers He's variance
       (ReLU) and Xavier's (tanh, near 0) hold the standard deviation of activations and of gradients (ratio
       of the ends 0.5 to 2), a quarter of the variance makes both vanish (at most 0.01), 4 times as much
       makes ReLU's explode (at least 100); after the same steps, each at the best of 8 learning rates,
       networks so ill-conditioned have on digits at least 5 times the training loss that He's variance leads
       to.
Cost:  15 s on 2 CPU cores.
Run:   suite run activations_and_initialization
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from suite.backprop.activations import ACTIVATIONS
from suite.backprop.layers import Activate, Dense
from suite.backprop.losses import softmax_cross_entropy, softmax_cross_entropy_derivative
from suite.backprop.network import Network, mlp
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.runs.recipe import Claim, Context, Result, at_least


@dataclasses.dataclass(frozen=True)
class Config:
    width: int = 256  # of the layers whose variance is followed
    depth: int = 20  # layers
    networks: int = 10  # to average over: one of them is off by a third
    units: int = 64  # of the layers that are trained
    steps: int = 600  # of training
    bias: float = -3.0  # of units that are to start dead


SMOKE = Config(width=16, depth=3, networks=2, units=8, steps=10)

COPIES = 16  # hidden units that start at zero
VARIANCES = {"quarter": 0.25, "right": 1.0, "fourfold": 4.0}  # relative to He's or Xavier's
LEARNING_RATES = (1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1)  # what explodes needs tiny ones

CLAIMS = (
    Claim("sigmoid_same_sign_share", at_least=1),
    Claim("tanh_same_sign_share", at_least=0.45, at_most=0.55),
    Claim("relu_dead_before", at_least=0.9),
    Claim("relu_dead_kept", at_least=1),
    Claim("relu_dead_loss", at_least=2.2),
    Claim("leaky_relu_dead_before", at_least=0.9),
    Claim("leaky_relu_dead_kept", at_most=0.9),
    Claim("leaky_relu_dead_loss", at_most=0.3),
    Claim("zero_start_rank", at_most=1),
    Claim("random_start_rank", at_least=COPIES),
    *(
        Claim(f"{name}_right_{way}_ratio", at_least=0.5, at_most=2)
        for name in ("relu", "tanh")
        for way in ("activations", "gradients")
    ),
    *(
        Claim(f"{name}_quarter_{way}_ratio", at_most=0.01)
        for name in ("relu", "tanh")
        for way in ("activations", "gradients")
    ),
    *at_least(100, "relu_fourfold_activations_ratio", "relu_fourfold_gradients_ratio"),
    *at_least(5, "quarter_loss_over_right", "fourfold_loss_over_right"),
)


def same_sign_share(
    activation: str, X: np.ndarray, labels: np.ndarray, units: int, rng: np.random.Generator
) -> float:
    """How often two weights of a second-layer neuron get gradients of the same sign from an example."""
    network, shares = mlp((X.shape[1], units, units, 10), rng, activation=activation), []
    for x, label in zip(X[:200, None], labels[:200, None], strict=True):
        network.backward(softmax_cross_entropy_derivative(network.forward(x), label))
        signs = np.sign(network.gradients[2])  # (inputs, neurons)
        pairs = (np.sum(signs, axis=0) ** 2 - units) / (units * (units - 1))  # mean product of two signs
        shares.append(np.mean(1 + pairs) / 2)
    return np.mean(shares)


def train(
    network: Network,
    X: np.ndarray,
    labels: np.ndarray,
    learning_rate: float,
    steps: int,
    rng: np.random.Generator,
    look: Callable[[], None] | None = None,
) -> list[float]:
    """Gradient descent on batches of 64; gives the losses of the batches, before each step."""
    losses = []
    for _ in range(steps):
        if look:
            look()
        rows = rng.integers(len(X), size=64)
        scores = network.forward(X[rows])
        losses.append(softmax_cross_entropy(scores, labels[rows]))
        network.backward(softmax_cross_entropy_derivative(scores, labels[rows]))
        for parameter, gradient in zip(network.parameters, network.gradients, strict=True):
            parameter -= learning_rate * gradient
    return losses


def dead_units(
    activation: str, X: np.ndarray, labels: np.ndarray, config: Config, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Which units of the first layer are below zero on all examples, `(steps, units)`, and the last loss."""
    network, dead = mlp((X.shape[1], config.units, 10), rng, activation=activation), []
    W, b = network.parameters[:2]
    b += config.bias

    def look() -> None:
        dead.append(np.all(X @ W + b <= 0, axis=0))

    losses = train(network, X, labels, 1.0, config.steps, rng, look)
    return np.array(dead), float(np.mean(losses[-10:]))


def symmetry(
    random: bool, X: np.ndarray, labels: np.ndarray, steps: int, rng: np.random.Generator
) -> tuple[int, float]:
    """Rank of the weights of the hidden units after training, and the accuracy of the network."""
    network = mlp((X.shape[1], COPIES, 10), rng, activation="sigmoid", dtype=np.float64)
    for parameter in network.parameters:
        parameter *= random
    train(network, X, labels, 1.0, steps, rng)
    spectrum = np.linalg.svd(network.parameters[0], compute_uv=False)
    return np.sum(spectrum > 1e-6 * spectrum[0]), accuracy(network.forward(X), labels)


def spread_by_depth(activation: str, variance: float, config: Config, rng: np.random.Generator) -> np.ndarray:
    """Standard deviations after each layer of the activations, and of the gradients: `(2, depth)`."""
    gain = variance * (2 if activation == "relu" else 1)
    # Xavier reckons with an activation that is like the identity, as tanh is near 0.
    X = (1.0 if activation == "relu" else 0.1) * rng.normal(size=(100, config.width)).astype(np.float32)
    squares = np.zeros((2, config.depth))
    for _ in range(config.networks):
        dense = [Dense(config.width, config.width, rng, gain=gain) for _ in range(config.depth)]
        activate, x = [Activate(activation) for _ in dense], X
        for layer in range(config.depth):
            x = activate[layer].forward(dense[layer].forward(x))
            squares[0, layer] += np.mean(x**2)
        dx = rng.normal(size=x.shape).astype(np.float32)
        for layer in reversed(range(config.depth)):
            squares[1, layer] += np.mean(dx**2)
            dx = dense[layer].input_gradient(activate[layer].input_gradient(dx))
    return np.sqrt(squares / config.networks)


def best_losses(variance: float, X: np.ndarray, labels: np.ndarray, config: Config, seed: int) -> list[float]:
    """Losses of a deep network from weights of this variance, at the rate after which the last are least."""
    histories = []
    for rate in LEARNING_RATES:
        rng = np.random.default_rng(seed)  # the same start and batches at each rate
        network = mlp((X.shape[1], *[config.units] * config.depth, 10), rng)
        for W in network.parameters[::2]:
            W *= variance**0.5
        with np.errstate(all="ignore"):  # what explodes overflows, and is not the best
            histories.append(train(network, X, labels, rate, config.steps, rng))
    return min(histories, key=lambda losses: np.nan_to_num(np.mean(losses[-10:]), nan=np.inf))


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    digits = image_sets.load_digits(context.seed)
    X = (digits.images["train"].reshape(len(digits.labels["train"]), -1) / 255).astype(np.float32)
    labels, metrics = digits.labels["train"], {}
    for name in ("sigmoid", "tanh"):
        metrics[f"{name}_same_sign_share"] = same_sign_share(name, X, labels, config.units, rng)

    dead = {}
    for name in ("relu", "leaky_relu"):
        dead[name], metrics[f"{name}_dead_loss"] = dead_units(name, X, labels, config, rng)
        metrics[f"{name}_dead_before"] = dead[name][0].mean()
        metrics[f"{name}_dead_kept"] = dead[name][-1, dead[name][0]].mean()
    for name, random in (("zero", False), ("random", True)):
        rank, share = symmetry(random, X, labels, config.steps, rng)
        metrics |= {f"{name}_start_rank": rank, f"{name}_start_accuracy": share}

    spreads = {}
    for activation in ("relu", "tanh"):
        for name, variance in VARIANCES.items():
            spread = spread_by_depth(activation, variance, config, rng)
            spreads[activation, name] = spread
            key = f"{activation}_{name}"
            metrics[f"{key}_activations_ratio"] = spread[0, -1] / spread[0, 0]
            metrics[f"{key}_gradients_ratio"] = spread[1, 0] / spread[1, -1]  # they come from the last layer

    losses = {name: best_losses(each, X, labels, config, context.seed) for name, each in VARIANCES.items()}
    last = {name: float(np.mean(history[-10:])) for name, history in losses.items()}
    for name, loss in last.items():
        metrics |= {f"{name}_loss": loss, f"{name}_loss_over_right": loss / last["right"]}
    return Result(
        metrics=metrics,
        figures={
            "activations": draw_activations(),
            "depth": draw_spreads(spreads),
            "training": draw_training(dead, losses),
        },
        data=digits.describe(),
    )


def draw_activations() -> Figure:
    figure, panels = plots.new_figure(width=14, height=3.4, columns=4)
    z = np.linspace(-5, 5, 501)
    for axes, name in zip(panels, ("sigmoid", "tanh", "relu", "leaky_relu"), strict=True):
        function, derivative = ACTIVATIONS[name]
        lines = {"function": (z, function(z)), "derivative": (z, derivative(z))}
        plots.curves(axes, lines, title=name.replace("_", " "), xlabel="z", ylim=(-1.2, 2))
    return figure


def draw_spreads(spreads: dict) -> Figure:
    figure, panels = plots.new_figure(width=14, columns=4)
    for column, (activation, way) in enumerate((a, w) for a in ("relu", "tanh") for w in (0, 1)):
        title = f"{activation}: {('activations', 'gradients going backward')[way]}"
        lines = {
            f"{name} variance": (
                np.arange(1, each.shape[1] + 1),
                each[way],
            )
            for (of, name), each in spreads.items()
            if of == activation
        }
        plots.curves(panels[column], lines, title=title, xlabel="layer", yscale="log")
    panels[0].set_ylabel("standard deviation")
    return figure


def draw_training(dead: dict, losses: dict) -> Figure:
    figure, (left, right) = plots.new_figure(width=9.6, columns=2)
    lines = {name.replace("_", " "): (units.mean(axis=1),) for name, units in dead.items()}
    plots.curves(left, lines, title="Units below zero on all digits", xlabel="step", ylabel="share")
    left.set_ylim(0, 1.02)
    lines = {f"{name} variance": (history,) for name, history in losses.items()}
    plots.curves(right, lines, title="A deep network on digits", xlabel="step", yscale="log")
    right.set_ylabel("loss of a batch (nats)")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
