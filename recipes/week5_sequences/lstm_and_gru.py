"""Remember over 200 steps: where a simple RNN fails, LSTM, GRU and an identity RNN do not.

Week 5, "Long Short-Term Memory (LSTM)", "Gated Recurrent Units (GRU)".
Claim: with the same weights, all different, our cells give the outputs and gradients of Keras' (1e-5). On the
       adding problem at length 200, after a curriculum of growing lengths, a simple RNN that begins at
       Glorot's uniform weights is no better than guessing (mean squared error at least 0.15; guessing 1, the
       mean, has 0.167), while LSTM, GRU and a simple RNN of as many units, but ReLU ones that begin at an
       identity matrix, have at most 0.02.
Cost:  2 min on 2 CPU cores.
Run:   suite run lstm_and_gru
"""

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.gradient_check import relative_error
from suite.data.generated.sequences import ADDING_BASELINE, Sequences, adding_problem
from suite.evaluation import plots
from suite.evaluation.metrics import Metric
from suite.evaluation.table import Table
from suite.layers import GRUCell, LSTMCell, Recurrent, SimpleRNNCell
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    length: int = 200
    rounds: tuple[int, ...] = (2, 1, 3)  # at an eighth of the length, at half of it, at all of it
    steps: int = 200  # a round
    batch_size: int = 50
    gated_units: int = 32
    simple_units: int = 64  # about as many weights
    gated_learning_rate: float = 0.01  # at first; falls to 0 along a cosine
    simple_learning_rate: float = 0.002
    clip_norm: float = 0.1  # at 1 the identity RNN, whose gradients explode at times, failed on a seed of six


SMOKE = Config(length=16, rounds=(0, 0, 1), steps=2, gated_units=3, simple_units=4)

LABELS = {"simple_rnn": "simple RNN", "identity_rnn": "identity RNN", "lstm": "LSTM", "gru": "GRU"}
SHARES = (8, 2, 1)  # of the length, in a curriculum
KERAS: dict[str, tuple[type, dict]] = {  # the layer with the same equations
    "simple_rnn": (keras.layers.SimpleRNN, {}),
    "identity_rnn": (keras.layers.SimpleRNN, {"activation": "relu"}),
    "lstm": (keras.layers.LSTM, {}),
    "gru": (keras.layers.GRU, {"reset_after": False}),
}

CLAIMS = (
    *at_most(1e-5, "output_gap", "gradient_gap"),
    Claim("test_mean_squared_error_simple_rnn", at_least=0.15),
    *at_most(
        0.02,
        "test_mean_squared_error_identity_rnn",
        "test_mean_squared_error_lstm",
        "test_mean_squared_error_gru",
    ),
)


def make_cell(name: str, config: Config) -> keras.Layer:
    """A cell, with weights of its own."""
    match name:
        case "simple_rnn":
            # Keras' default, an orthogonal matrix, is a remedy itself: half of the error is left.
            return SimpleRNNCell(config.simple_units, recurrent_initializer="glorot_uniform")
        case "identity_rnn":
            return SimpleRNNCell(
                config.simple_units,
                "relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.05),
                recurrent_initializer="identity",
            )
        case "lstm":
            return LSTMCell(config.gated_units)
        case "gru":
            return GRUCell(config.gated_units)


def build_model(name: str, config: Config) -> keras.Model:
    sequence = keras.Input((None, 2), name="sequence")
    state = Recurrent(make_cell(name, config), name=name)(sequence)
    return keras.Model(sequence, keras.layers.Dense(1, name="answer")(state), name=name)


def gaps_to_keras(name: str, config: Config, rng: np.random.Generator) -> tuple[float, float]:
    """How far outputs and gradients are from those of Keras' layer, both with the same random weights."""
    kind, settings = KERAS[name]
    x = tf.constant(rng.normal(size=(4, 20, 3)), tf.float32)
    cell = make_cell(name, config)
    pair = Recurrent(cell, return_sequences=True), kind(cell.units, return_sequences=True, **settings)
    for layer in pair:
        layer.build(x.shape)
    weights = [rng.normal(0, 0.3, weight.shape) for weight in pair[0].weights]
    pair[0].set_weights(weights)
    pair[1].set_weights([cell.in_keras_order(weight) for weight in weights])
    results, direction = [], rng.normal(size=(*x.shape[:2], cell.units)).astype(np.float32)
    for layer in pair:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
        variables = [weight.value for weight in layer.trainable_variables]
        by_x, *by_weights = tape.gradient(outputs, [x, *variables], output_gradients=direction)
        results.append((outputs, by_x, by_weights))
    (mine, my_x, my_weights), (other, other_x, other_weights) = results
    ours = [my_x, *(cell.in_keras_order(gradient) for gradient in my_weights)]
    gradients = (relative_error(*each) for each in zip(ours, [other_x, *other_weights], strict=True))
    return relative_error(mine, other), max(gradients)


def mean_squared_error(answers: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean((np.asarray(answers, np.float64) - targets) ** 2))


class Training(NamedTuple):
    """A trained model and how it came about."""

    model: keras.Model
    infer: Callable  # the model as a graph
    curve: list[float]  # mean squared error on validation, at full length, after each round
    seconds: float  # of a round at full length, the median; the first one compiles


def train(name: str, validation: Sequences, config: Config, context: Context) -> Training:
    """A curriculum: what is learned on short sequences, where every model learns, goes on on longer ones."""
    keras.utils.set_random_seed(context.seed)
    model = build_model(name, config)
    is_gated = name in ("lstm", "gru")
    rate = config.gated_learning_rate if is_gated else config.simple_learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(rate, sum(config.rounds) * config.steps)
    model.compile(Adam(schedule, clipnorm=config.clip_norm), "mean_squared_error")
    lengths = np.repeat(config.length // np.array(SHARES), config.rounds)
    infer = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    started = 0.0

    def of_round(number: int) -> tf.data.Dataset:
        nonlocal started
        count, rng = config.steps * config.batch_size, np.random.default_rng([context.seed, 0, number])
        data = adding_problem(count, lengths[number - 1], rng)  # new ones every time
        started = time.perf_counter()
        return tf.data.Dataset.from_tensor_slices(tuple(data)).batch(config.batch_size)

    def measure() -> dict[str, float]:
        seconds = time.perf_counter() - started
        error = mean_squared_error(infer(validation.inputs), validation.targets)
        return {"validation_mean_squared_error": error, "seconds": seconds}

    curves = context.fit(model, of_round, epochs=len(lengths), measure=measure)
    seconds = float(np.median(curves["seconds"][-config.rounds[-1] :]))
    return Training(model, infer, curves["validation_mean_squared_error"], seconds)


def microseconds(infer: Callable, inputs: np.ndarray, rounds: int = 5) -> float:
    """The median time of a step of one sequence, where 100 sequences run side by side."""
    batch, times = tf.constant(inputs[:100]), []
    for _ in range(rounds):
        start = time.perf_counter()
        infer(batch).numpy()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times)) / (batch.shape[0] * batch.shape[1])


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng([context.seed, 1])  # other sequences than those of the training
    gaps = np.array([gaps_to_keras(name, config, rng) for name in KERAS])
    validation, test = (adding_problem(count, config.length, rng) for count in (500, 2000))
    trained = {name: train(name, validation, config, context) for name in KERAS}
    errors = {
        name: mean_squared_error(each.infer(test.inputs), test.targets) for name, each in trained.items()
    }
    tokens = config.steps * config.batch_size * config.length  # of a round at full length
    rows = [
        (name, each.model.count_params(), 1e6 * each.seconds / tokens, microseconds(each.infer, test.inputs))
        for name, each in trained.items()
    ]
    metric = Metric(
        "test_mean_squared_error",
        lambda outputs, targets: mean_squared_error(outputs["answer"], targets),
        higher_is_better=False,
    )
    return Result(
        metrics={
            "output_gap": gaps[:, 0].max(),
            "gradient_gap": gaps[:, 1].max(),
            **{f"test_mean_squared_error_{name}": error for name, error in errors.items()},
            **{f"parameters_{name}": parameters for name, parameters, *_ in rows},
            **{f"training_microseconds_{name}": spent for name, _, spent, _ in rows},
            **{f"microseconds_{name}": spent for name, *_, spent in rows},
        },
        figures={"adding_problem": draw(trained, rows, errors, config)},
        exports=[
            Export(
                each.model,
                test.inputs[:200],
                validation.inputs[:200],
                test.targets[:200],
                metric,
                name=name,
                task=Task.REGRESSOR,
            )
            for name, each in trained.items()
        ],
        data={
            "source": f"adding problem, length {config.length}",
            "train": sum(config.rounds) * config.steps * config.batch_size,
            "validation": len(validation.inputs),
            "test": len(test.inputs),
        },
        tables=[costs_table(rows, errors)],
    )


def costs_table(rows: list[tuple], errors: dict[str, float]) -> Table:
    cells = [
        (LABELS[name], f"{count:,}", *(f"{each:.2f}" for each in spent), f"{errors[name]:.4f}")
        for name, count, *spent in rows
    ]
    columns = "cell", "parameters", "training, us a token", "inference, us a token", "test error"
    note = (
        f"A token is a step of a sequence; guessing has an error of {ADDING_BASELINE:.3f}. "
        "The GRU runs in Keras' loop, since its reset gate stands before its product; the others run "
        "in ours, which is faster."
    )
    return Table("Side by side", columns, cells, note)


def draw(trained: dict[str, Training], rows: list[tuple], errors: dict[str, float], config: Config) -> Figure:
    figure, (left, right) = plots.new_figure(
        f"The adding problem at length {config.length}", 11, 4, columns=2
    )
    steps = config.steps * np.arange(1, sum(config.rounds) + 1)
    lines = {LABELS[name]: (steps, np.minimum(each.curve, 1), "o-") for name, each in trained.items()}
    title = "Validation after each round, at most 1"
    plots.curves(left, lines, title=title, xlabel="steps", ylabel="mean squared error", yscale="log")
    left.axhline(ADDING_BASELINE, color=plots.MUTED, linestyle=":", linewidth=1)
    for color, (name, count, spent, _) in zip(plots.COLORS, rows, strict=False):
        right.scatter(spent, errors[name], s=count / 40, color=color)
        right.annotate(
            f"{LABELS[name]}\n{count:,} parameters",
            (spent, errors[name]),
            (0, -30 if name == "gru" else 12),
            ha="center",
            textcoords="offset points",
            fontsize=8,
        )
    right.set(
        title="Test", xlabel="training, microseconds a token", ylabel="mean squared error", yscale="log"
    )
    right.margins(0.25)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
