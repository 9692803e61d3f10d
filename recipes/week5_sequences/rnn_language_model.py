"""Predict the next word from all words before it with a simple recurrent network.

Week 5, "Simple RNN".
Claim: on held-out text from Python's documentation its perplexity is at most 0.3 times that of unigrams and
       0.9 times that of the best bigrams (Kneser-Ney); that of the best 5-grams, which profit from set
       phrases, it does not reach (at most 1.5 times). exp(mean nats) and 2 to the mean bits are the same
       number (gap at most 1e-9). What backpropagation keeps grows with the length along a line (R-squared at
       least 0.999; from 8 to 128 words at least 15 times as much), so that it is cut off. From half of the
       corpus to all of it there are at least 1.5 times as many trigrams, and at most 1 times as many weights:
       the vocabulary stays at its 2,000 words. The step models exported as TFLite and ONNX read the text as
       the trained model does (gaps at most 1e-5 nats).
Cost:  40 s on 2 CPU cores.
Run:   suite run rnn_language_model [--data tfds | --data FILE.txt or FOLDER with train, test]
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from suite.data.sets import corpora
from suite.deploy.exports.steps import exported_steps, reading_gap, step_export
from suite.evaluation import plots
from suite.evaluation.baselines import unigrams
from suite.evaluation.language import text_surprisals
from suite.evaluation.metrics import r2
from suite.evaluation.table import Table
from suite.keras_internals import traced_operations
from suite.language.decoding import StepModel, generate
from suite.language.ngrams import NgramCounts, perplexity
from suite.language.smoothing import KneserNey
from suite.language.streams import stream_batches
from suite.language.vocabulary import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    check_known,
    tokenize,
    unknown_share,
)
from suite.layers import Dropout, Recurrent, SimpleRNNCell
from suite.models.step_model import build_step_model
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, at_most
from suite.training.loop import epochs_for, lower


@dataclasses.dataclass(frozen=True)
class Config:
    words: int = 2000  # in the vocabulary at most; the rarer ones are one unknown word
    size: int = 128  # numbers a word
    units: int = 128
    dropout: float = 0.4
    epochs: int = 12
    least_steps: int = 1200  # of all epochs: small data is passed over more often
    batch_size: int = 32  # streams of text that are read side by side
    length: int = 20  # words that gradients go back at most
    learning_rate: float = 4e-3  # at first; falls to 0 along a cosine
    clipnorm: float = 1.0  # largest norm of a gradient
    order: int = 5  # largest n of the n-grams that it is compared with
    checked: int = 5_000  # words that the exported step models read, too


SMOKE = Config(words=100, size=8, units=8, epochs=1, least_steps=0, batch_size=200, checked=50)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    Claim("over_unigrams", at_most=0.3, data="embedded"),
    Claim("over_bigrams", at_most=0.9, data="embedded"),
    Claim("over_best_ngrams", at_most=1.5, data="embedded"),
    Claim("perplexity_gap", at_most=1e-9),
    Claim("kept_bytes_line", at_least=0.999),
    Claim("kept_bytes_128_over_8", at_least=15),
    Claim("trigrams_over_half", at_least=1.5, data="embedded"),
    Claim("weights_over_half", at_most=1, data="embedded"),
    *at_most(1e-5, "step_gap_tflite", "step_gap_onnx"),
)

BREAK = "\n"  # the token between paragraphs
LENGTHS = (8, 16, 32, 64, 128)
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # of the training text
DISCOUNTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of the n-grams; chosen on validation


def build_model(vocabulary: int, config: Config, batch_size: int) -> keras.Model:
    """From words to the probabilities of the next ones; the state is kept from batch to batch."""
    words = keras.Input(batch_shape=(batch_size, None), dtype="int32", name="words")
    x = Dropout(config.dropout)(layers.Embedding(vocabulary, config.size)(words))  # (B, T, size)
    x = Recurrent(SimpleRNNCell(config.units), return_sequences=True, stateful=True)(x)
    x = Dropout(config.dropout)(x)
    return keras.Model(words, layers.Dense(vocabulary, "softmax", name="probabilities")(x))


def train(
    ids: dict[str, np.ndarray], vocabulary: int, config: Config, context: Context
) -> tuple[keras.Model, dict]:
    """Truncated backpropagation: the state comes from the whole text so far, the gradient from one piece."""
    batches, held_out, size = stream_batches(ids, config.batch_size, config.length)
    epochs = epochs_for(len(batches), config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    model = build_model(vocabulary, config, size)
    model.compile(Adam(schedule, clipnorm=config.clipnorm), "sparse_categorical_crossentropy")
    curves = context.fit(
        model, batches, epochs=epochs, validation=held_out, better=lower("validation_loss"), jit_compile=True
    )
    return model, curves


def kept_bytes(model: keras.Model, batch_size: int, length: int) -> int:
    """What backpropagation needs of the forward pass: all that its operations read of it, but the weights."""

    @tf.function
    def measure(words: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            probabilities = model(words, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(words, probabilities)
        forward = set(traced_operations())
        tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        backward = [operation for operation in traced_operations() if operation not in forward]
        read = {tensor.ref() for operation in backward for tensor in operation.inputs}
        kept = [each.deref() for each in read if each.deref().op in forward]
        kept = [each for each in kept if each.dtype.is_floating and each.op.type != "ReadVariableOp"]
        return sum(tf.size(each, tf.int64) * each.dtype.size for each in kept)

    return int(measure(tf.zeros((batch_size, length), tf.int32)))


def ngram_perplexities(counts: NgramCounts, ids: dict[str, np.ndarray]) -> dict[int, float]:
    """Of the test text, by n; Kneser-Ney with the discount that is best on the validation text."""
    found = {}
    for n in range(1, counts.order + 1):
        way = counts.best(map(KneserNey, DISCOUNTS), [ids["validation"]], n)
        # Without the first word, which is given to the network.
        found[n] = perplexity(counts.log_probabilities([ids["test"]], way, n)[1:])
    return found


def run(config: Config, context: Context) -> Result:
    corpus = corpora.load(context.source, context.seed)
    tokens = {
        part: [token for text in texts for token in (BREAK, *tokenize(text))]
        for part, texts in corpus.texts.items()
    }
    vocabulary = Vocabulary.fit([tokens["train"]], config.words)
    ids = {part: vocabulary.ids(each) for part, each in tokens.items()}
    check_known([ids["validation"]], context.source)
    model, curves = train(ids, len(vocabulary), config, context)

    reader = build_model(len(vocabulary), config, batch_size=1)
    reader.set_weights(model.get_weights())
    nats = text_surprisals(reader, ids["test"])
    bits = -np.log2(np.exp(-nats))
    counts = NgramCounts([ids["train"]], config.order, len(vocabulary))
    ngrams = ngram_perplexities(counts, ids)
    step_model = build_step_model(reader)
    steps = exported_steps(step_model, context.folder)
    kept = [kept_bytes(reader, 1, length) for length in LENGTHS]
    line = np.polyval(np.polyfit(LENGTHS, kept, 1), LENGTHS)
    read = [int(share * len(ids["train"])) for share in SHARES]
    entries = [NgramCounts([ids["train"][:n]], 3, len(vocabulary)).entries()[2] for n in read]
    sizes = [len(Vocabulary.fit([tokens["train"][:n]], config.words)) for n in read]
    weights = [build_model(size, config, 1).count_params() for size in sizes]
    metrics = {
        "test_perplexity": np.exp(nats.mean()),
        "test_unknown_share": unknown_share([ids["test"]]),
        "perplexity_gap": abs(2 ** bits.mean() - np.exp(nats.mean())),
        **{f"test_perplexity_{n}_grams": value for n, value in ngrams.items()},
        "over_unigrams": np.exp(nats.mean()) / ngrams[1],
        "over_bigrams": np.exp(nats.mean()) / ngrams[2],
        "over_best_ngrams": np.exp(nats.mean()) / min(ngrams.values()),
        "kept_bytes_line": r2(line, np.array(kept)),
        "kept_bytes_128_over_8": kept[-1] / kept[0],
        "trigrams_over_half": entries[-1] / entries[-2],
        "weights_over_half": weights[-1] / weights[-2],
        **{
            f"step_gap_{name}": reading_gap(step, ids["test"], nats[: config.checked])
            for name, step in steps.items()
        },
    }
    return Result(
        metrics=metrics,
        figures={
            "perplexity": draw_perplexity(curves, ngrams),
            "memory": draw_memory(kept, line),
            "storage": draw_storage(read, entries, weights),
        },
        exports=[step_export(step_model, steps["tflite"], ids["train"], ids["test"], vocabulary)],
        data=corpus.describe() | {"words": len(ids["train"]), "vocabulary": len(vocabulary)},
        baselines=[unigrams(ids["train"], ids["test"][1:])],
        tables=[write(steps["tflite"], vocabulary, context.seed)],
    )


def write(step: StepModel, vocabulary: Vocabulary, seed: int, length: int = 60) -> Table:
    """New paragraphs, word by word from the exported model."""
    rng, rows = np.random.default_rng(seed), []
    for temperature in (0.5, 0.8, 1.0):
        ids = generate(
            step, step.initial_state(), vocabulary.ids([BREAK]), length, rng,
            temperature=temperature, forbidden=(PADDING, UNKNOWN),
        )  # fmt: skip
        rows.append((f"{temperature:g}", " ".join(vocabulary.decode(ids)).replace(BREAK, "/")))
    return Table("New text by temperature", ("temperature", "text"), rows, "Written by model.tflite.")


def draw_perplexity(curves: dict, ngrams: dict[int, float]) -> Figure:
    curves = {"training, with dropout": curves["train_loss"], "validation": curves["validation_loss"]}
    figure = plots.learning_curves(
        {name: np.exp(values) for name, values in curves.items()},
        ylabel="perplexity",
        title="Perplexity",
        first_epoch=0,
    )
    (axes,) = figure.axes
    for n, color in zip((1, 2, max(ngrams)), plots.COLORS[2:5], strict=True):
        axes.axhline(ngrams[n], color=color, linestyle="--", linewidth=1, label=f"{n}-grams, test")
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_memory(kept: list[int], line: np.ndarray) -> Figure:
    figure, axes = plots.new_figure("What backpropagation keeps grows with the length")
    axes.plot(LENGTHS, np.array(kept) / 1e6, "o", label="measured in the graph")
    axes.plot(LENGTHS, line / 1e6, color=plots.MUTED, linewidth=1, label="line")
    axes.set(xlabel="words that gradients go back", ylabel="MB a sequence", ylim=(0, None))
    axes.legend(frameon=False)
    return figure


def draw_storage(read: list[int], entries: list[int], weights: list[int]) -> Figure:
    figure, axes = plots.new_figure("Trigrams grow with the corpus, weights with the vocabulary alone")
    plots.curves(
        axes,
        {"different trigrams": (read, entries, "o-"), "weights of the network": (read, weights, "o-")},
        xlabel="words of the corpus", ylabel="how many are stored", xscale="log", yscale="log",
        xticks=read, xticklabels=[f"{n:,}" for n in read],
    )  # fmt: skip
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
