"""Go back through time by hand, watch the gradient vanish and explode, and clip it.

Week 5, "Backpropagation for RNNs", "Dealing with vanishing and exploding gradients".
Claim: backpropagation through time in NumPy equals GradientTape (1e-6, float64) and central differences
       (1e-6). Over 100 steps the gradient of a tanh network with small weights vanishes (at most 1e-10 of it
       is left), with large ones it explodes (at least 1e3 times as much), and from an identity matrix with
       ReLU it stays (0.5 to 2); through a feed-forward network of 100 layers likewise. On the adding problem
       at length 30, each at the best of 5 learning rates, an identity RNN has after the same steps a mean
       squared error of at least 0.08 without clipping (guessing has 0.167): it diverges, stalls or crawls;
       with its gradient clipped by norm it has at most 0.05, and so it has where backpropagation is truncated
       after 5 steps, too: what a marked number needs is the same at every step, and the identity carries it.
Cost:  20 s on 2 CPU cores.
Run:   suite run backpropagation_through_time
"""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite import console
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients
from suite.backprop.gradient_check import numeric_gradients, relative_error
from suite.backprop.layers import Dense
from suite.backprop.losses import quadratic, quadratic_derivative
from suite.backprop.network import mlp
from suite.backprop.recurrent import recurrent, recurrent_backward
from suite.data.generated.sequences import ADDING_BASELINE, Sequences, adding_problem
from suite.evaluation import plots
from suite.evaluation.table import Table
from suite.runs.recipe import Claim, Context, Result, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    units: int = 50
    distance: int = 100  # steps, or layers, over which gradients are followed
    length: int = 30  # of the sequences that are trained on
    steps: int = 1500  # of a training
    batch_size: int = 32
    clip_norm: float = 1.0
    window: int = 5  # steps of truncated backpropagation


SMOKE = Config(units=6, distance=5, length=6, steps=20)

LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
MOMENTUM = 0.9
DIVERGED = 1e3  # a loss from which no training comes back
WEIGHTS = {"small": 0.5, "large": 3.0}  # standard deviation of a recurrent weight, times the root of units

HELD_OUT = 2000  # sequences to validate on, and to test on

CLAIMS = (
    *at_most(1e-6, "tape_gap", "numeric_gap"),
    Claim("left_small", at_most=1e-10),
    Claim("left_large", at_least=1e3),
    Claim("left_identity", at_least=0.5, at_most=2),
    Claim("left_deep_small", at_most=1e-10),
    Claim("left_deep_large", at_least=1e3),
    Claim("left_deep_identity", at_least=0.5, at_most=2),
    Claim("test_mean_squared_error_unclipped", at_least=0.08),
    *at_most(0.05, "test_mean_squared_error_clipped", "test_mean_squared_error_truncated"),
)


class Parameters(NamedTuple):
    """A recurrent layer, and a dense one that answers from its last state."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    output_kernel: np.ndarray
    output_bias: np.ndarray


def initial_parameters(recurrent_kernel: np.ndarray, rng: np.random.Generator, dtype: type) -> Parameters:
    units = len(recurrent_kernel)
    return Parameters(
        rng.normal(0, 0.1, (2, units)).astype(dtype),
        recurrent_kernel.astype(dtype),
        np.zeros(units, dtype),
        rng.normal(0, 1 / np.sqrt(units), (units, 1)).astype(dtype),
        np.ones(1, dtype),  # the mean of the answers
    )


def backpropagate(
    p: Parameters, data: Sequences, activation: str, window: int | None = None
) -> tuple[float, Parameters, np.ndarray]:
    """The mean squared error, its gradients by the parameters, and its derivatives by the states."""
    initial_state = np.zeros((len(data.inputs), len(p.bias)), p.bias.dtype)
    H, cache = recurrent(data.inputs, *p[:3], initial_state, activation)
    answers = dense(H[:, -1], *p[3:])
    d_answers = 2 * quadratic_derivative(answers, data.targets)
    dH = np.zeros_like(H)
    dH[:, -1] = dense_input_gradient(d_answers, p.output_kernel)
    back = recurrent_backward(dH, cache, window)
    gradients = Parameters(*back[1:4], *dense_parameter_gradients(d_answers, H[:, -1]))
    return float(2 * quadratic(answers, data.targets)), gradients, back.H


def check_gradients(rng: np.random.Generator, activation: str) -> list[tuple[str, float, float]]:
    """How far each gradient is from GradientTape's over Keras' layers, and from central differences."""
    data = Sequences(*(array.astype(np.float64) for array in adding_problem(4, 20, rng)))
    p = initial_parameters(rng.normal(0, 0.4, (5, 5)), rng, np.float64)
    for array in p:
        array += rng.normal(0, 0.1, array.shape)  # no two alike, and no bias of 0
    sequence = keras.Input((None, 2), dtype="float64")
    state = keras.layers.SimpleRNN(5, activation, dtype="float64")(sequence)
    model = keras.Model(sequence, keras.layers.Dense(1, dtype="float64")(state))
    model.set_weights(p)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(data.inputs) - data.targets) ** 2)
    by_tape = tape.gradient(loss, model.trainable_variables)
    measured = numeric_gradients(lambda: backpropagate(p, data, activation)[0], p)
    ours = backpropagate(p, data, activation)[1]
    return [
        (f"{activation}, {name}", relative_error(mine, peer.numpy()), relative_error(mine, number))
        for name, mine, peer, number in zip(Parameters._fields, ours, by_tape, measured, strict=True)
    ]


def norms_through_time(config: Config, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The norm of the derivative by the state, from the last step to the first."""
    data = adding_problem(config.batch_size, config.distance + 1, rng)
    shape, derivatives = (config.units, config.units), {}
    for name, deviation in WEIGHTS.items():
        kernel = rng.normal(0, deviation / np.sqrt(config.units), shape)
        derivatives[name] = backpropagate(initial_parameters(kernel, rng, np.float64), data, "tanh")[2]
    identity = initial_parameters(np.eye(config.units), rng, np.float64)
    derivatives["identity"] = backpropagate(identity, data, "relu")[2]
    return {name: np.linalg.norm(by_state, axis=(0, 2))[::-1] for name, by_state in derivatives.items()}


def norms_through_layers(config: Config, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The same for ReLU layers one on the other, by the layer, from the last to the first."""
    norms_by_name, sizes = {}, (config.units,) * (config.distance + 3)
    x, direction = rng.normal(size=(2, config.batch_size, config.units))
    for name in (*WEIGHTS, "identity"):
        deep = mlp(sizes, rng, dtype=np.float64)
        for kernel in deep.parameters[::2]:  # of He's deviation, the root of 2 over that of the units
            kernel[:] = np.eye(config.units) if name == "identity" else kernel * WEIGHTS[name] / np.sqrt(2)
        deep.forward(x)
        derivative, norms = direction, []
        for layer in reversed(deep.layers[1:]):
            derivative = layer.input_gradient(derivative)
            if isinstance(layer, Dense):
                norms.append(np.linalg.norm(derivative))
        norms_by_name[name] = np.array(norms)
    return norms_by_name


def clip_by_norm(gradients: Parameters, limit: float) -> list[np.ndarray]:
    """Shortens all gradients together, where their norm is above the limit; they keep their direction.

    Reference:
        Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.
    """
    norm = np.sqrt(sum(np.sum(np.square(gradient, dtype=np.float64)) for gradient in gradients))
    return [np.float32(min(1, limit / norm)) * gradient for gradient in gradients]


def train(
    config: Config, learning_rate: float, limit: float, window: int | None, seed: int
) -> tuple[Parameters, list[float]]:
    """An identity RNN by momentum, its learning rate falling to 0 along a cosine; stops where it diverges."""
    rng = np.random.default_rng(seed)
    p = initial_parameters(np.eye(config.units), rng, np.float32)
    velocities, losses = [np.zeros_like(array) for array in p], []
    for rate in learning_rate * (1 + np.cos(np.linspace(0, np.pi, config.steps))) / 2:
        data = adding_problem(config.batch_size, config.length, rng)
        loss, gradients, _ = backpropagate(p, data, "relu", window)
        losses.append(loss)
        if not loss < DIVERGED:
            break
        for array, velocity, gradient in zip(p, velocities, clip_by_norm(gradients, limit), strict=True):
            velocity *= MOMENTUM
            velocity += np.float32(rate) * gradient
            array -= velocity
    return p, losses


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    gaps = [row for activation in ("tanh", "relu") for row in check_gradients(rng, activation)]
    norms = {"": norms_through_time(config, rng), "deep_": norms_through_layers(config, rng)}
    validation, test = (adding_problem(HELD_OUT, config.length, rng) for _ in range(2))
    settings = {
        "unclipped": (np.inf, None),
        "clipped": (config.clip_norm, None),
        "truncated": (config.clip_norm, config.window),
    }
    sizes = {"train": config.steps * config.batch_size, "validation": HELD_OUT, "test": HELD_OUT}
    curves, errors, tested = {}, {}, {}
    with np.errstate(over="ignore", invalid="ignore"):  # where a training diverges
        for name, setting in settings.items():
            rates = console.track(LEARNING_RATES, name)
            trained = [train(config, rate, *setting, context.seed) for rate in rates]
            curves[name] = [losses for _, losses in trained]
            on_validation = [backpropagate(p, validation, "relu")[0] for p, _ in trained]
            errors[name] = [error if error < DIVERGED else np.inf for error in on_validation]
            tested[name] = backpropagate(trained[np.argmin(errors[name])][0], test, "relu")[0]
    by_rate = zip(LEARNING_RATES, *errors.values(), strict=True)
    return Result(
        metrics={
            "tape_gap": max(by_tape for _, by_tape, _ in gaps),
            "numeric_gap": max(measured for *_, measured in gaps),
            **{
                f"left_{deep}{name}": values[config.distance] / values[0]
                for deep, by_name in norms.items()
                for name, values in by_name.items()
            },
            **{f"test_mean_squared_error_{name}": error for name, error in tested.items()},
        },
        figures={
            "gradients": draw_norms(*norms.values()),
            "clipping": draw_training(curves, errors, int(np.argmin(errors["clipped"]))),
        },
        data={"source": f"adding problem, length {config.length}", **sizes},
        tables=[
            Table(
                "Gradients",
                ("of", "GradientTape", "central differences"),
                [(name, *(f"{gap:.1e}" for gap in pair)) for name, *pair in gaps],
                "Relative gaps, float64.",
            ),
            Table(
                "Validation error",
                ("learning rate", *errors),
                [(f"{rate:g}", *(f"{error:.3f}" for error in row)) for rate, *row in by_rate],
                f"Mean squared; {ADDING_BASELINE:.3f} for guessing, inf where the training diverged.",
            ),
        ],
    )


def draw_norms(through_time: dict[str, np.ndarray], through_layers: dict[str, np.ndarray]) -> Figure:
    figure, panels = plots.new_figure("Norm of the gradient, relative to where it begins", 11, 4, columns=2)
    kinds = (("Recurrent: tanh", "steps", through_time), ("Feed-forward: ReLU", "layers", through_layers))
    names = {"small": "small weights", "large": "large weights", "identity": "identity, ReLU"}
    for axes, (title, unit, norms) in zip(panels, kinds, strict=True):
        lines = {names[name]: (range(len(values)), values / values[0]) for name, values in norms.items()}
        plots.curves(axes, lines, title=title, xlabel=f"{unit} back", yscale="log")
    return figure


def draw_training(curves: dict[str, list], errors: dict[str, list[float]], index: int) -> Figure:
    figure, (left, right) = plots.new_figure("An identity RNN on the adding problem", 11, 4, columns=2)
    lines, ylabel = {}, "mean squared error"
    for name, by_rate in curves.items():
        losses = np.minimum(by_rate[index], 10)
        pieces = np.array_split(losses, len(losses) // 25 or len(losses))  # all of one that diverges at once
        steps, style = np.cumsum([len(piece) for piece in pieces]), "-" if len(losses) > 25 else "o-"
        lines[name] = steps, [np.mean(piece) for piece in pieces], style
    title = f"Training, at most 10; learning rate {LEARNING_RATES[index]:g}"
    plots.curves(left, lines, title=title, xlabel="step", ylabel=ylabel, yscale="log")
    shown = {name: (LEARNING_RATES, np.minimum(by_rate, 1), "o-") for name, by_rate in errors.items()}
    title, scales = "Validation, 1 where it diverged", {"xscale": "log", "yscale": "log"}
    plots.curves(right, shown, title=title, xlabel="learning rate", ylabel=ylabel, **scales)
    for axes in (left, right):
        axes.axhline(ADDING_BASELINE, color=plots.MUTED, linestyle=":", linewidth=1)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
