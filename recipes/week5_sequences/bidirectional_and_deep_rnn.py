"""Read a sentence from both ends, and in many layers.

Week 5, "Bidirectional RNN", "Multi-layer RNN".
Claim: where a later word explains an ambiguous one, an LSTM that reads forward guesses between its two senses
       (accuracy at most 0.65), one that reads both ways knows (at least 0.98). Where an earlier word explains
       it, one layer reaches 0.98; in as many steps 8 plain layers stay at 0.5 or below, while 8 with skip or
       with dense connections reach 0.98.
Cost:  90 s on 2 CPU cores.
Run:   suite run bidirectional_and_deep_rnn
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.generated.ambiguous_words import CLASSES, WORDS, Sentences, generate_sentences
from suite.evaluation import plots
from suite.evaluation.metrics import Metric
from suite.evaluation.table import Table
from suite.layers import LSTMCell, Recurrent
from suite.models.recurrent_stacks import CONNECTIONS, recurrent_stack
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_least


@dataclasses.dataclass(frozen=True)
class Config:
    sentences: int = 4000
    length: int = 16  # words a sentence
    units: int = 24
    depths: tuple[int, ...] = (1, 2, 4, 8)
    steps: int = 120
    batch_size: int = 64
    learning_rate: float = 4e-3


SMOKE = Config(sentences=100, length=6, units=4, depths=(1, 2), steps=4, batch_size=16)

CLAIMS = (
    Claim("test_accuracy_forward", at_most=0.65),
    *at_least(0.98, "test_accuracy_bidirectional", "test_accuracy_one_layer"),
    Claim("test_accuracy_deep_plain", at_most=0.5),
    *at_least(0.98, "test_accuracy_deep_skip", "test_accuracy_deep_dense"),
)


def build_model(config: Config, read: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    """Ids of words, 0 where a sentence is over, to the probability of each sense, word by word."""
    words = keras.Input((config.length,), dtype="int32", name="words")
    x = read(layers.Embedding(WORDS, config.units, mask_zero=True)(words))
    return keras.Model(words, layers.Dense(CLASSES, "softmax", name="probabilities")(x))


def readers(config: Config) -> dict:
    """What stands between the embedding and the senses, by name: for words that a later one explains."""

    def layer() -> keras.Layer:
        return Recurrent(LSTMCell(config.units), return_sequences=True)

    return {"forward": lambda x: layer()(x), "bidirectional": lambda x: layers.Bidirectional(layer())(x)}


def stacks(config: Config) -> dict:
    """The same for words that an earlier one explains: connections and depth."""
    kinds = [("plain", 1)] + [(kind, depth) for kind in CONNECTIONS for depth in config.depths if depth > 1]
    return {
        (kind, depth): lambda x, kind=kind, depth=depth: recurrent_stack(
            x, lambda: LSTMCell(config.units), depth, kind
        )
        for kind, depth in kinds
    }


def train(
    read: Callable[[keras.KerasTensor], keras.KerasTensor],
    sentences: Sentences,
    config: Config,
    context: Context,
) -> keras.Model:
    """Fits a model; only ambiguous words that are explained count."""
    keras.utils.set_random_seed(context.seed)
    model = build_model(config, read)
    model.compile(Adam(config.learning_rate), "sparse_categorical_crossentropy")
    batches = shuffled(tuple(sentences), config.batch_size, context.seed).repeat()
    context.fit(model, batches, steps_per_epoch=config.steps)
    return model


def sense_accuracy(probabilities: np.ndarray, sentences: Sentences) -> float:
    """Share of the explained ambiguous words that get the right sense."""
    right = (probabilities.argmax(axis=-1) == sentences.senses) * sentences.weights
    return float(right.sum() / sentences.weights.sum())


def run(config: Config, context: Context) -> Result:
    accuracies, models, texts = {}, {}, {}
    for ahead, ways in ((True, readers(config)), (False, stacks(config))):
        sentences, test = (
            generate_sentences(n, 2 * context.seed + part, length=config.length, ahead=ahead)
            for part, n in enumerate((config.sentences, 1000))
        )
        for name, read in ways.items():
            models[name], texts[name] = train(read, sentences, config, context), (sentences, test)
            answers = models[name].predict(test.words, batch_size=500, verbose=0)
            accuracies[name] = sense_accuracy(answers, test)
    deepest = max(config.depths)
    metrics = {f"test_accuracy_{name}": accuracies[name] for name in readers(config)}
    metrics["test_accuracy_one_layer"] = accuracies["plain", 1]
    metrics |= {f"test_accuracy_deep_{kind}": accuracies[kind, deepest] for kind in CONNECTIONS}
    return Result(
        metrics=metrics,
        figures={"depth": draw_depth(accuracies, config)},
        exports=[
            sense_export(models[key], *texts[key], name)
            for key, name in (("bidirectional", "bidirectional"), (("skip", deepest), "deep_skip"))
        ],
        data={"source": "generated sentences", "train": config.sentences, "test": 1000},
        tables=[
            Table(
                "Networks",
                ("network", "parameters", "accuracy on ambiguous words, test"),
                [
                    (
                        key if isinstance(key, str) else f"{key[0]}, layers: {key[1]}",
                        f"{models[key].count_params():,}",
                        f"{accuracy:.3f}",
                    )
                    for key, accuracy in accuracies.items()
                ],
            )
        ],
    )


def sense_export(model: keras.Model, training: Sentences, test: Sentences, name: str) -> Export:
    shown = Sentences(*(values[:300] for values in test))
    metric = Metric(
        "test_accuracy", lambda outputs, targets: sense_accuracy(outputs["probabilities"], targets)
    )
    return Export(model, shown.words, training.words[:300], shown, metric, name=name, task=Task.TENSORS)


def draw_depth(accuracies: dict, config: Config) -> Figure:
    figure, axes = plots.new_figure("Layers in a row, trained for as many steps")
    depths = [depth for depth in config.depths if depth > 1]
    lines = {
        kind: ([1, *depths], [accuracies["plain", 1], *(accuracies[kind, depth] for depth in depths)], style)
        for kind, style in zip(CONNECTIONS, ("o-", "s--", "^:"), strict=True)  # they may lie on each other
    }
    plots.curves(axes, lines, xlabel="layers", ylabel="accuracy on ambiguous words, test", ylim=(0, 1.05))
    axes.axhline(0.5, color=plots.MUTED, linestyle=":", linewidth=1)
    axes.text(config.depths[-1], 0.51, "word known, sense guessed", color=plots.MUTED, ha="right", fontsize=8)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
