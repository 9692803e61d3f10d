"""Tag each word with its part of speech: from counts to an LSTM in both directions that spells.

Week 5, "Practical use cases for RNNs".
Claim: in a generated grammar, each step of the ladder gains test accuracy: a simple RNN, which knows what
       stands on the left, at least 0.03 on the most frequent tag of each word; an LSTM in both directions at
       least 0.05 more; one that also reads the characters of each word at least 0.01 more, of words that
       never occur in training at least 0.05, and reaches at least 0.98. On the English Web Treebank that
       tagger gives at least 0.93 of the words the right universal tag. Further padding changes no
       probability by more than 1e-5.
Cost:  40 s on 2 CPU cores; the English Web Treebank 8 min.
Run:   suite run part_of_speech_tagging [--data tfds | --data FILE.conllu, or a treebank's folder]
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers, ops
from matplotlib.figure import Figure

from suite.data.sets import tagged_sets
from suite.data.splits import SPLITS
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import Metric, choose, masked_accuracy
from suite.evaluation.table import Table
from suite.language.tagging import Sequences, TaggerVocabulary, baseline
from suite.language.vocabulary import PADDING, UNKNOWN, Vocabulary
from suite.layers import Dropout, LSTMCell, Recurrent, SimpleRNNCell
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task
from suite.training.loop import epochs_for, higher


@dataclasses.dataclass(frozen=True)
class Config:
    min_count: int = 2  # of a word in training; rarer ones are the unknown one
    length: int = 48  # words of a sentence; longer ones are cut into pieces
    letters: int = 16  # characters of a word at most; of a longer one, the first and last
    embedding: int = 100  # numbers a word
    letter_embedding: int = 24  # numbers a character
    filters: int = 64  # over three characters
    units: int = 128  # of a recurrent layer, in each direction
    dropout: float = 0.4
    word_dropout: float = 0.25  # a word that occurs n times becomes unknown with d / (d + n)
    epochs: int = 6
    least_steps: int = 500  # of all epochs: small data is passed over more often
    batch_size: int = 32
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine


SMOKE = Config(embedding=4, letter_embedding=4, filters=4, units=4, epochs=1, least_steps=0, batch_size=512)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    Claim("test_accuracy_gained_by_simple_rnn", at_least=0.03, data="embedded"),
    Claim("test_accuracy_gained_by_bilstm", at_least=0.05, data="embedded"),
    Claim("test_accuracy_gained_by_characters", at_least=0.01, data="embedded"),
    Claim("test_accuracy_gained_by_characters_unseen", at_least=0.05, data="embedded"),
    Claim("test_accuracy", at_least=0.98, data="embedded"),
    Claim("test_accuracy", at_least=0.93, data="tfds"),
    Claim("padding_gap", at_most=1e-5),
)

BUCKETS = (9, 17, 25, 33)  # words from which a sentence goes with longer ones


def simple_rnn(x: KerasTensor, mask: KerasTensor, config: Config) -> KerasTensor:
    """Reads from left to right."""
    return Recurrent(SimpleRNNCell(config.units), return_sequences=True)(x, mask=mask)


def bilstm(x: KerasTensor, mask: KerasTensor, config: Config) -> KerasTensor:
    """Reads in both directions."""
    return layers.Bidirectional(Recurrent(LSTMCell(config.units), return_sequences=True))(x, mask=mask)


def read_spelling(characters: KerasTensor, sizes: TaggerVocabulary, config: Config) -> KerasTensor:
    """What each word looks like: the strongest answers of two convolutions over its characters."""
    inside = ops.cast(ops.not_equal(characters, PADDING), "float32")[..., None]  # (B, T, letters, 1)
    x = layers.Embedding(len(sizes.characters), config.letter_embedding)(characters) * inside
    for _ in range(2):
        x = layers.Conv2D(config.filters, (1, 3), padding="same", activation="relu")(x) * inside
    return ops.max(x, axis=2)  # (B, T, filters)


def build_tagger(
    reader: Callable, spells: bool, sizes: TaggerVocabulary, num_tags: int, config: Config
) -> keras.Model:
    """From ids of words, and of their characters, to the probabilities of each word's tags."""
    words = keras.Input((None,), dtype="int32", name="words")
    mask = ops.not_equal(words, PADDING)
    inputs, x = {"words": words}, layers.Embedding(len(sizes.words), config.embedding)(words)
    if spells:
        inputs["characters"] = keras.Input((None, config.letters), dtype="int32", name="characters")
        x = layers.Concatenate()([x, read_spelling(inputs["characters"], sizes, config)])
    x = Dropout(config.dropout)(reader(Dropout(config.dropout)(x), mask, config))
    return keras.Model(inputs, layers.Dense(num_tags, "softmax", name="probabilities")(x))


def batches(inputs: dict, train: Sequences, rates: np.ndarray, size: int, seed: int) -> tf.data.Dataset:
    """Sentences of similar length, padded no further than needed, some words made unknown; without end."""

    def prepare(inputs: dict, labels: tf.Tensor, mask: tf.Tensor) -> tuple[dict, tf.Tensor, tf.Tensor]:
        length = tf.reduce_sum(tf.cast(mask, tf.int32))
        inputs = {name: ids[:length] for name, ids in inputs.items()}
        unknown = tf.random.uniform((length,)) < tf.gather(rates, inputs["words"])
        inputs["words"] = tf.where(unknown, UNKNOWN, inputs["words"])
        return inputs, labels[:length], tf.cast(mask[:length], tf.float32)

    examples = tf.data.Dataset.from_tensor_slices((inputs, train.labels, train.mask))
    prepared = examples.shuffle(len(train.labels), seed=seed).repeat().map(prepare, tf.data.AUTOTUNE)
    sizes = [size] * (len(BUCKETS) + 1)
    return prepared.bucket_by_sequence_length(
        lambda *example: tf.shape(example[1])[0], BUCKETS, sizes
    ).prefetch(2)


def inputs_of(model: keras.Model, sequences: Sequences) -> dict[str, np.ndarray]:
    return {tensor.name: sequences.inputs[tensor.name] for tensor in model.inputs}


def answers(model: keras.Model, sequences: Sequences) -> np.ndarray:
    """Probabilities `(n, length, K)`."""
    return model.predict(inputs_of(model, sequences), batch_size=128, verbose=0)


def train(
    model: keras.Model, parts: dict[str, Sequences], vocabulary: Vocabulary, config: Config, context: Context
) -> list[float]:
    """Trains with words left out at random, to the best epoch; gives the accuracies on validation."""
    rates = config.word_dropout / np.maximum(config.word_dropout + vocabulary.counts, 1e-9)
    rates = rates.astype(np.float32)
    train, held_out = parts["train"], parts["validation"]
    examples = batches(inputs_of(model, train), train, rates, config.batch_size, context.seed)
    steps = -(-len(train.labels) // config.batch_size)
    epochs = epochs_for(steps, config.epochs, config.least_steps)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * steps)
    # The sum over the words of a batch, divided once by their number: padding weighs nothing.
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(Adam(schedule), loss)

    def measure() -> dict[str, float]:
        accuracy = masked_accuracy(answers(model, held_out), held_out.labels, held_out.mask)
        return {"validation_accuracy": accuracy}

    curves = context.fit(
        model,
        examples,
        epochs=epochs,
        steps_per_epoch=steps,
        measure=measure,
        better=higher("validation_accuracy"),
        jit_compile=False,  # sentences differ in length
    )
    return curves["validation_accuracy"]


TAGGERS = {"simple_rnn": (simple_rnn, False), "bilstm": (bilstm, False), "characters": (bilstm, True)}


def run(config: Config, context: Context) -> Result:
    data = tagged_sets.load(context.source, context.seed)
    vocabulary = TaggerVocabulary.fit(data.words["train"], config.min_count)
    sizes = config.length, config.letters
    parts = {part: Sequences.of(data.words[part], data.labels[part], vocabulary, *sizes) for part in SPLITS}
    test, probabilities, curves, taggers = parts["test"], {"baseline": baseline(data, parts["test"])}, {}, {}
    for name, (reader, spells) in TAGGERS.items():
        keras.utils.set_random_seed(context.seed)
        taggers[name] = build_tagger(reader, spells, vocabulary, len(data.tags), config)
        curves[name] = train(taggers[name], parts, vocabulary.words, config, context)
        probabilities[name] = answers(taggers[name], test)
    best = choose({name: max(curve) for name, curve in curves.items()}, "accuracy")

    groups = {"": test.mask, "_unseen": test.unseen} if test.unseen.any() else {"": test.mask}
    rows = {
        group: {name: masked_accuracy(p, test.labels, mask) for name, p in probabilities.items()}
        for group, mask in groups.items()
    }
    counted, true = {name: p[test.mask] for name, p in probabilities.items()}, test.labels[test.mask]
    counting = Baseline(
        "test_accuracy", rows[""]["baseline"], "the most frequent tag of each word",
        examples=int(test.mask.sum()),
    )  # fmt: skip
    export, padding_gap = make_export(taggers[best], test, parts["train"], data.tags, vocabulary)
    return Result(
        metrics={"test_accuracy": rows[""][best], "padding_gap": padding_gap, **steps_up(rows)},
        figures={
            **{
                f"confusion_{name}": confusion_matrix(confusion(p, true, len(data.tags)), data.tags)
                for name, p in counted.items()
            },
            "ladder": draw_ladder(rows),
            "learning": plots.learning_curves(
                curves, ylabel="accuracy", title="Accuracy on validation", first_epoch=0
            ),
        },
        exports=[export],
        data=data.describe()
        | {"words": len(vocabulary.words), "characters": len(vocabulary.characters), "exported": best},
        baselines=[counting],
        tables=[
            examples_table(probabilities, test, data.tags),
            *classification_tables(counted[best], true, data.tags),
        ],
    )


def steps_up(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The accuracies by metric, and what each step of the ladder gains on the one before."""
    metrics: dict[str, float] = {}
    for group, row in rows.items():
        metrics |= {f"test_accuracy_{name}{group}": value for name, value in row.items()}
        for before, name in itertools.pairwise(row):
            metrics[f"test_accuracy_gained_by_{name}{group}"] = row[name] - row[before]
    return metrics


def make_export(
    model: keras.Model, test: Sequences, train: Sequences, tags: Sequence[str], vocabulary: TaggerVocabulary
) -> tuple[Export, float]:
    """The tagger to deploy, and what further padding changes in its probabilities."""
    rows = slice(0, 500)
    inputs, (labels, mask) = inputs_of(model, test), (test.labels[rows], test.mask[rows])
    inputs = {name: ids[rows] for name, ids in inputs.items()}
    longer = {name: np.pad(ids, [(0, 0), (0, 5)] + [(0, 0)] * (ids.ndim - 2)) for name, ids in inputs.items()}
    predict = functools.partial(model.predict, batch_size=128, verbose=0)
    before, after = (predict(each)[mask.nonzero()] for each in (inputs, longer))
    metric = Metric(
        "test_accuracy", lambda outputs, _: masked_accuracy(outputs["probabilities"], labels, mask)
    )
    calibration = {name: ids[:300] for name, ids in inputs_of(model, train).items()}
    export = Export(
        model, inputs, calibration, labels, metric, tags, files=vocabulary.to_files(), task=Task.TAGGER
    )
    return export, np.max(np.abs(before - after))


def examples_table(
    probabilities: dict[str, np.ndarray], test: Sequences, tags: Sequence[str], shown: int = 15
) -> Table:
    """Words that the first rung gets wrong and the last one right, in their sentences."""
    first, *_, last = (p.argmax(-1) for p in probabilities.values())
    places = np.argwhere(test.mask & (first != test.labels) & (last == test.labels))
    rows = []
    for row, place in places[:: max(1, len(places) // shown)][:shown]:
        words = list(test.words[row])
        words[place] = f"[{words[place]}]"
        rows.append((" ".join(words), *(tags[p[row, place].argmax()] for p in probabilities.values())))
    return Table("What counts alone miss", ("word in its sentence", *probabilities), rows)


def draw_ladder(rows: dict[str, dict[str, float]]) -> Figure:
    figure, axes = plots.new_figure("Each step up the ladder", 8, 3.6)
    for place, (group, row) in enumerate(rows.items()):
        starts = np.arange(len(row)) + 0.38 * place
        bars = axes.bar(starts, row.values(), 0.36, label="not in training" if group else "all words")
        axes.bar_label(bars, fmt="%.3f", fontsize=8)
    axes.set_xticks(np.arange(len(row)) + 0.19, [name.replace("_", " ") for name in row])
    axes.set(ylabel="test accuracy", ylim=(0, 1.1))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
