"""Classify sentences: a bag of words, LSTMs in one and in both directions, and a convolution over time.

Week 5, "Practical use cases for RNNs".
Claim: of generated judgments with a negation ("not bad", and "not bad , it was good", whose opposite has the
       same words) a linear classifier on the mean of the words' vectors gets at most 0.75 right, and at most
       0.5 of the second sort; an LSTM at least 0.98, in one direction and in both, and a convolution, too.
       Where the negation stands far from its word ("not what i would call bad") the LSTM gets at least 0.95.
       The classifier that is best on validation gets at least 0.98 of all kinds of sentences. Further padding
       changes no probability by more than 1e-5.
Cost:  30 s on 2 CPU cores.
Run:   suite run sentence_classification [--data tfds | --data FILE.csv or FOLDER with train, test]
       The columns of texts and labels are found; --text_column and --label_column name others.
"""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib.figure import Figure
from sklearn.metrics import balanced_accuracy_score

from suite.data.batches import shuffled
from suite.data.generated.judgments import KINDS
from suite.data.sets import labeled_texts
from suite.data.sets.labeled_texts import TextSet
from suite.evaluation import plots
from suite.evaluation.baselines import most_frequent_class
from suite.evaluation.classification import classification_tables, most_wrong
from suite.evaluation.metrics import Metric, accuracy, choose
from suite.evaluation.table import Table
from suite.language.vocabulary import PADDING, SPECIAL, Vocabulary, tokenize
from suite.layers import Dropout, LSTMCell, Recurrent
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_least
from suite.training.loop import epochs_for, lower


@dataclasses.dataclass(frozen=True)
class Config:
    words: int = 20_000  # in the vocabulary at most
    min_count: int = 2  # in training; rarer words are the unknown one, which thereby has a vector
    length: int = 0  # tokens of a text at most; 0: that of the longest in training, at most 256
    embedding: int = 64
    units: int = 64  # of an LSTM, in each direction
    filters: int = 64  # of each width
    dropout: float = 0.5  # of the embeddings, and of what the classifier reads
    epochs: int = 20  # at most
    least_steps: int = 1200  # at most as well: small data is passed over more often
    patience: int = 3  # of 20 epochs, those without a gain on validation before the end
    batch_size: int = 64
    learning_rate: float = 2e-3
    text_column: str | None = None  # of your own file: its name, or its number from 1
    label_column: str | None = None  # likewise


SMOKE = Config(words=100, embedding=4, units=4, filters=4, epochs=1, least_steps=0, batch_size=512)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    Claim("test_accuracy_bag_of_words_negation", at_most=0.75, data="embedded"),
    Claim("test_accuracy_bag_of_words_contrasted", at_most=0.5, data="embedded"),
    *at_least(
        0.98,
        "test_accuracy_lstm_negation",
        "test_accuracy_bidirectional_negation",
        "test_accuracy_convolution_negation",
        data="embedded",
    ),
    Claim("test_accuracy_lstm_distant", at_least=0.95, data="embedded"),
    Claim("test_accuracy", at_least=0.98, data="embedded"),
    Claim("padding_gap", at_most=1e-5),
)


def bag_of_words(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The mean of the words' vectors, which has no order."""
    return layers.GlobalAveragePooling1D()(x, mask=mask)


def lstm(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The state after the last word; padding leaves it as it is."""
    return Recurrent(LSTMCell(config.units))(x, mask=mask)


def bidirectional(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The states after the last word, and after the first one, read backwards."""
    return layers.Bidirectional(Recurrent(LSTMCell(config.units)))(x, mask=mask)


def convolution(x: keras.KerasTensor, mask: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The strongest answer of each filter of 2, 3 and 4 words, wherever it is.

    Reference:
        Kim (2014), Convolutional neural networks for sentence classification.
    """
    inside = ops.cast(mask, x.dtype)[..., None]  # (B, T, 1)
    strongest = []
    for width in (2, 3, 4):
        answers = layers.Conv1D(config.filters, width, padding="same", activation="relu")(x * inside)
        strongest.append(ops.max(answers * inside, axis=1))  # 0, what padding gives, is also ReLU's least
    return layers.Concatenate()(strongest)


READERS = (bag_of_words, lstm, bidirectional, convolution)


def build_model(
    reader: Callable[..., keras.KerasTensor], words: int, num_classes: int, config: Config
) -> keras.Model:
    """From the ids of a text, `(batch, length)` int32 with 0 for padding, to probabilities."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = ops.not_equal(tokens, PADDING)
    x = Dropout(config.dropout)(layers.Embedding(words, config.embedding)(tokens))  # (B, T, embedding)
    x = Dropout(config.dropout)(reader(x, mask, config))
    return keras.Model(tokens, layers.Dense(num_classes, "softmax", name="probabilities")(x))


def train(model: keras.Model, ids: dict, data: TextSet, config: Config, context: Context) -> list[float]:
    """Trains until validation gains no more, and goes back to the best epoch; gives its losses in nats.

    Every label weighs the same in total, however many texts it has.
    """
    weights = 1 / (len(data.classes) * np.bincount(data.labels["train"]) / len(data.labels["train"]))
    examples = {
        part: (ids[part], data.labels[part], weights[data.labels[part]].astype(np.float32))
        for part in ("train", "validation")
    }
    model.compile(Adam(config.learning_rate), "sparse_categorical_crossentropy")
    batches = shuffled(examples["train"], config.batch_size, context.seed)
    epochs = epochs_for(len(batches), config.epochs, config.least_steps)
    curves = context.fit(
        model,
        batches,
        epochs=epochs,
        validation=tf.data.Dataset.from_tensor_slices(examples["validation"]).batch(256),
        better=lower("validation_loss", by=1e-3),
        patience=-(-config.patience * epochs // max(1, config.epochs)),
    )
    return curves["validation_loss"]


def average(models: Sequence[keras.Model]) -> keras.Model:
    """One model that gives the mean of what several say."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    # Without their optimizers, which who loads the file would have to know.
    bare = [keras.Model(model.input, model.output) for model in models]
    return keras.Model(tokens, layers.Average(name="probabilities")([model(tokens) for model in bare]))


def predict(model: keras.Model, ids: np.ndarray) -> np.ndarray:
    return model.predict(ids, batch_size=256, verbose=0)


def run(config: Config, context: Context) -> Result:
    data = labeled_texts.load(context.source, context.seed, config.text_column, config.label_column)
    tokens = {part: [tokenize(text) for text in texts] for part, texts in data.texts.items()}
    length = config.length or min(256, max(map(len, tokens["train"])))
    words = Vocabulary.fit(tokens["train"], config.words + len(SPECIAL), config.min_count)
    ids = {part: np.stack([words.ids(text, length) for text in texts]) for part, texts in tokens.items()}
    models, losses = {}, {}
    for reader in READERS:
        keras.utils.set_random_seed(context.seed)
        name = reader.__name__
        models[name] = build_model(reader, len(words), len(data.classes), config)
        losses[name] = train(models[name], ids, data, config, context)
    models["average"] = average(list(models.values()))

    labels = data.labels["test"]
    scores = {
        name: balanced_accuracy_score(data.labels["validation"], predict(model, ids["validation"]).argmax(1))
        for name, model in models.items()
    }
    best = choose(scores, "balanced accuracy")
    answers = {name: predict(model, ids["test"]) for name, model in models.items()}
    padded = {name: predict(model, np.pad(ids["test"], [(0, 0), (0, 7)])) for name, model in models.items()}
    metric = Metric("test_accuracy", lambda outputs, labels: accuracy(outputs["probabilities"], labels))
    export = Export(
        models[best], ids["test"][:1000], ids["train"][:300], labels[:1000], metric, data.classes,
        files=words.to_files(), task=Task.TEXT_CLASSIFIER,
    )  # fmt: skip
    figures = {
        "loss": plots.learning_curves(
            losses, ylabel="nats a text", title="Loss on validation", first_epoch=0
        ),
        "reading": draw_reading(models["lstm"], words, data, length),
    }
    if data.kinds:
        figures["accuracy_by_kind"] = draw_kinds(answers, data)
    return Result(
        metrics={
            "test_accuracy": accuracy(answers[best], labels),
            "test_balanced_accuracy": balanced_accuracy_score(labels, answers[best].argmax(1)),
            "padding_gap": max(np.max(np.abs(answers[name] - padded[name])) for name in models),
            **{f"validation_balanced_accuracy_{name}": score for name, score in scores.items()},
            **{f"test_accuracy_{name}": accuracy(p, labels) for name, p in answers.items()},
            **by_kind(answers, data),
        },
        figures=figures,
        exports=[export],
        data=data.describe() | {"vocabulary": len(words), "length": length, "exported": best},
        baselines=[most_frequent_class(data.labels["train"], labels, data.classes)],
        tables=[
            *classification_tables(answers[best], labels, data.classes),
            mistakes_table(answers[best], data),
        ],
    )


def by_kind(answers: dict[str, np.ndarray], data: TextSet) -> dict[str, float]:
    """Accuracy on the negated and on the distantly negated sentences, where the set has kinds."""
    groups = {"negation": ("negated", "contrasted"), "contrasted": ("contrasted",), "distant": ("distant",)}
    metrics = {}
    for group, kinds in groups.items() if data.kinds else ():
        rows = np.isin(data.kinds["test"], kinds)
        for name, p in answers.items():
            metrics[f"test_accuracy_{name}_{group}"] = accuracy(p[rows], data.labels["test"][rows])
    return metrics


def mistakes_table(probabilities: np.ndarray, data: TextSet) -> Table:
    """The test texts that the exported classifier is most wrong about."""
    rows = [
        (
            data.texts["test"][row][:200],
            data.classes[data.labels["test"][row]],
            f"{data.classes[probabilities[row].argmax()]} {probabilities[row].max():.2f}",
        )
        for row in most_wrong(probabilities, data.labels["test"], 10)
    ]
    return Table("Surest mistakes", ("text", "label", "taken for"), rows)


def draw_reading(
    model: keras.Model, words: Vocabulary, data: TextSet, length: int, shown: int = 14
) -> Figure:
    """The probability of the last label after each word of a text of either label."""
    kinds = data.kinds["test"] if data.kinds else np.full(len(data.labels["test"]), "contrasted")
    figure, panels = plots.new_figure("What the LSTM thinks after each word", 9, 3.6, 1, 2)
    for axes, label in zip(panels, (0, len(data.classes) - 1), strict=True):
        row = np.flatnonzero((kinds == "contrasted") & (data.labels["test"] == label))[0]
        tokens = tokenize(data.texts["test"][row])[: min(shown, length)]
        prefixes = np.stack([words.ids(tokens[: end + 1], length) for end in range(len(tokens))])
        axes.plot(predict(model, prefixes)[:, -1], "o-")
        axes.axhline(0.5, color=plots.MUTED, linestyle="--", linewidth=1)
        axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", parse_math=False)
        axes.set(ylim=(-0.05, 1.05))
        axes.set_title(f"label {data.classes[label]!r}", parse_math=False)
        axes.set_ylabel(f"probability of {data.classes[-1]!r}", parse_math=False)
    return figure


def draw_kinds(answers: dict[str, np.ndarray], data: TextSet) -> Figure:
    figure, axes = plots.new_figure("Accuracy by kind of sentence", 8, 3.4)
    width = 0.8 / len(answers)
    for place, (name, p) in enumerate(answers.items()):
        rows = [data.kinds["test"] == kind for kind in KINDS]
        values = [accuracy(p[row], data.labels["test"][row]) for row in rows]
        starts = np.arange(len(rows)) + width * (place - (len(answers) - 1) / 2)
        axes.bar(starts, values, 0.9 * width, label=name.replace("_", " "))
    axes.axhline(1 / len(data.classes), color=plots.MUTED, linestyle="--", linewidth=1, label="chance")
    axes.set_xticks(range(len(rows)), KINDS)
    axes.set(ylabel="test accuracy", ylim=(0, 1.05))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
