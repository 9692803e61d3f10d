"""Turn texts into numbers by counting words and pairs of words, and classify them by a line.

Week 4, "Representing text".
Claim: our counts and TF-IDF equal scikit-learn's (gaps at most 1e-6). Of generated judgments with a negation
       ("not bad", and "not bad , it was good", whose opposite has the same words) a linear classifier on
       words, without their order, gets at most 0.75 right, one on words and pairs of neighbors at least 0.98.
       Pairs in turn miss a negation that stands far from its word: at most 0.75. Over all kinds of sentences
       test accuracy is at least 0.9.
Cost:  15 s on 2 CPU cores.
Run:   suite run text_primer [--data FILE.csv or FOLDER with train, test]
       The columns of texts and labels are found; --text_column and --label_column name others.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from suite.data.generated.judgments import KINDS
from suite.data.sets import labeled_texts
from suite.data.sets.labeled_texts import TextSet
from suite.evaluation import plots
from suite.evaluation.baselines import most_frequent_class
from suite.evaluation.classification import classification_tables
from suite.evaluation.metrics import Metric, accuracy, choose
from suite.evaluation.table import Table
from suite.language.features import bag_of_words, inverse_document_frequency, ngrams, one_hot, tf_idf
from suite.language.vocabulary import SPECIAL, Vocabulary, tokenize
from suite.layers import TfIdf
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    words: int = 5000  # in the vocabulary at most, and as many pairs of neighbors
    length: int = 0  # tokens of a text at most; 0: that of the longest in training, at most 256
    steps: int = 1500
    batch_size: int = 64
    learning_rate: float = 0.02  # at first; falls to 0 along a cosine
    l2: float = 1e-4  # on the kernel
    text_column: str | None = None  # of your own file: its name, or its number from 1
    label_column: str | None = None  # likewise


SMOKE = Config(words=100, steps=20)
DATA = ("embedded", "path")

CLAIMS = (
    *at_most(1e-6, "counts_gap", "tf_idf_gap"),
    Claim("test_accuracy_words_negation", at_most=0.75, data="embedded"),
    Claim("test_accuracy_pairs_negation", at_least=0.98, data="embedded"),
    Claim("test_accuracy_pairs_distant", at_most=0.75, data="embedded"),
    Claim("test_accuracy", at_least=0.9, data="embedded"),
)


class Features(NamedTuple):
    """What texts are turned into, fitted on those of training.

    Attributes:
        largest: 1 for words, 2 for words and pairs of neighbors.
        vocabulary: Of these n-grams.
        idf: Inverse document frequency of each.
    """

    largest: int
    vocabulary: Vocabulary
    idf: np.ndarray

    @classmethod
    def fit(cls, texts: Sequence[list[str]], words: Vocabulary, largest: int, most: int) -> "Features":
        """Takes the known words, and of pairs of them the most frequent, if `largest` is 2."""
        names = list(words.words[len(SPECIAL) :])
        if largest == 2:
            pairs = [ngrams(text, 2, 2) for text in texts]
            known = [
                [pair for pair in each if all(word in words for word in pair.split(" "))] for each in pairs
            ]
            if any(known):
                names += Vocabulary.fit(known, most + len(SPECIAL)).words[len(SPECIAL) :]
        vocabulary = Vocabulary(names)
        counts = bag_of_words([ngrams(text, 1, largest) for text in texts], vocabulary)
        return cls(largest, vocabulary, inverse_document_frequency(counts))

    def of(self, texts: Sequence[list[str]]) -> scipy.sparse.csr_array:
        return tf_idf(
            bag_of_words([ngrams(text, 1, self.largest) for text in texts], self.vocabulary), self.idf
        )


def gaps(texts: Sequence[list[str]], features: Features) -> tuple[float, float]:
    """The largest differences of our counts and of our TF-IDF from scikit-learn's, on the same tokens."""
    settings = {"analyzer": lambda text: ngrams(text, 1, features.largest)}
    columns = dict(zip(features.vocabulary.words[len(SPECIAL) :], range(len(features.idf)), strict=True))
    counts = CountVectorizer(vocabulary=columns, **settings).fit_transform(texts)
    weighted = TfidfVectorizer(vocabulary=columns, **settings).fit_transform(texts)
    ours = bag_of_words([ngrams(text, 1, features.largest) for text in texts], features.vocabulary)
    return abs(ours - counts).max(), abs(tf_idf(ours, features.idf) - weighted).max()


def batches(matrix: scipy.sparse.csr_array, labels: np.ndarray, size: int, seed: int) -> tf.data.Dataset:
    """Random batches without end; dense, one at a time."""
    cells = matrix.tocoo()
    rows = tf.SparseTensor(np.stack(cells.coords, axis=1), cells.data.astype(np.float32), cells.shape)
    examples = tf.data.Dataset.from_tensor_slices((tf.sparse.reorder(rows), labels))
    drawn = examples.shuffle(len(labels), seed=seed).repeat().batch(size)
    return drawn.map(lambda rows, labels: (tf.sparse.to_dense(rows), labels)).prefetch(2)


def train(
    matrix: scipy.sparse.csr_array, labels: np.ndarray, classes: int, config: Config, context: Context
) -> layers.Dense:
    """The linear classifier: softmax regression, by its cross-entropy and a penalty on the kernel."""
    dense = layers.Dense(
        classes, "softmax", kernel_regularizer=keras.regularizers.L2(config.l2), name="probabilities"
    )
    model = keras.Sequential([keras.Input((matrix.shape[1],)), dense])
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    context.fit(model, batches(matrix, labels, config.batch_size, context.seed), steps_per_epoch=config.steps)
    return dense


def build_model(words: Vocabulary, features: Features, dense: layers.Dense, length: int) -> keras.Model:
    """From the ids of a text to the probabilities of its labels: the counting is inside."""
    pairs = [name.split(" ") for name in features.vocabulary.words[len(words) :]]
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    counted = TfIdf(len(words), len(pairs), name="tf_idf")
    model = keras.Model(tokens, dense(counted(tokens)))
    counted.adapt(np.reshape([words.ids(pair) for pair in pairs], (-1, 2)), features.idf)
    return model


def run(config: Config, context: Context) -> Result:
    data = labeled_texts.load(context.source, context.seed, config.text_column, config.label_column)
    tokens = {part: [tokenize(text) for text in texts] for part, texts in data.texts.items()}
    length = config.length or min(256, max(2, *map(len, tokens["train"])))
    # What the exported model cannot see, nobody sees.
    tokens = {part: [text[:length] for text in texts] for part, texts in tokens.items()}
    words = Vocabulary.fit(tokens["train"], config.words + len(SPECIAL))
    kinds = {
        name: Features.fit(tokens["train"], words, largest, config.words)
        for name, largest in (("words", 1), ("pairs", 2))
    }
    heads, probabilities, scores = {}, {}, {}
    for name, features in kinds.items():
        matrices = {part: features.of(texts) for part, texts in tokens.items()}
        heads[name] = train(matrices["train"], data.labels["train"], len(data.classes), config, context)
        scores[name] = accuracy(heads[name](matrices["validation"].toarray()), data.labels["validation"])
        probabilities[name] = np.asarray(heads[name](matrices["test"].toarray()))
    best = choose(scores, "accuracy")

    ids = {part: np.stack([words.ids(text, length) for text in texts]) for part, texts in tokens.items()}
    model = build_model(words, kinds[best], heads[best], length)
    answers = model.predict(ids["test"], verbose=0)
    counts_gap, tf_idf_gap = gaps(tokens["train"], kinds["pairs"])
    metrics = {
        "counts_gap": counts_gap,
        "tf_idf_gap": tf_idf_gap,
        "test_accuracy": accuracy(answers, data.labels["test"]),
        "graph_gap": np.max(np.abs(answers - probabilities[best])),
        **{f"validation_accuracy_{name}": score for name, score in scores.items()},
        **{f"test_accuracy_{name}": accuracy(p, data.labels["test"]) for name, p in probabilities.items()},
        **by_kind(probabilities, data),
    }
    metric = Metric("test_accuracy", lambda outputs, labels: accuracy(outputs["probabilities"], labels))
    export = Export(
        model, ids["test"], ids["train"][:300], data.labels["test"], metric, data.classes,
        files=words.to_files(),
        task=Task.TEXT_CLASSIFIER,
    )  # fmt: skip
    figures = {"weights": draw_weights(kinds, heads, data.classes)}
    if data.kinds:
        figures["accuracy_by_kind"] = draw_kinds(probabilities, data)
    return Result(
        metrics=metrics,
        figures=figures,
        exports=[export],
        data=data.describe() | {"exported": best},
        baselines=[most_frequent_class(data.labels["train"], data.labels["test"], data.classes)],
        tables=[
            step_by_step(data.texts["train"][0], words, kinds["pairs"]),
            *classification_tables(answers, data.labels["test"], data.classes),
        ],
    )


def by_kind(probabilities: dict[str, np.ndarray], data: TextSet) -> dict[str, float]:
    """Accuracy on the negated and on the distantly negated sentences, where the set has kinds."""
    metrics = {}
    groups = {"negation": ("negated", "contrasted"), "distant": ("distant",)} if data.kinds else {}
    for (name, p), (group, kinds) in (
        (way, group) for way in probabilities.items() for group in groups.items()
    ):
        rows = np.isin(data.kinds["test"], kinds)
        metrics[f"test_accuracy_{name}_{group}"] = accuracy(p[rows], data.labels["test"][rows])
    return metrics


def step_by_step(text: str, words: Vocabulary, features: Features) -> Table:
    """One text of training on its way to numbers."""
    tokens = tokenize(text)
    ids = words.ids(tokens)
    weights = features.of([tokens]).toarray()[0]
    largest = np.argsort(-weights)[:5]
    rows = [
        ("text", text[:300]),
        ("tokens", " | ".join(tokens[:30])),
        ("ids", " ".join(map(str, ids[:30]))),
        ("one-hot, first token", f"{len(words)} numbers, 1 at {one_hot(ids[:1], len(words)).argmax()}"),
        ("bigrams", " | ".join(ngrams(tokens, 2, 2)[:30])),
        (
            "largest TF-IDF",
            ", ".join(f"{features.vocabulary.words[i + len(SPECIAL)]} {weights[i]:.2f}" for i in largest),
        ),
    ]
    return Table("From text to numbers", ("step", "result"), rows)


def draw_weights(kinds: dict, heads: dict, classes: Sequence[str], shown: int = 12) -> Figure:
    """The n-grams that speak most for and against the last class, in each classifier."""
    figure, panels = plots.new_figure("What speaks for and against the last label", 9, 5, 1, 2)
    for axes, name in zip(panels, kinds, strict=True):
        kernel = np.asarray(heads[name].kernel)
        weights = kernel[:, -1] - kernel.mean(axis=1)
        order = np.argsort(weights)
        order = np.unique(np.concatenate([order[:shown], order[-shown:]]))
        order = order[np.argsort(weights[order])]
        names = [kinds[name].vocabulary.words[row + len(SPECIAL)] for row in order]
        axes.barh(range(len(order)), weights[order], color=[plots.COLORS[int(w < 0)] for w in weights[order]])
        axes.set_yticks(range(len(order)), names, fontsize=8, parse_math=False)
        axes.set_title({"words": "words", "pairs": "words and pairs"}[name])
        axes.set_xlabel(f"weight for {classes[-1]!r}", parse_math=False)
    return figure


def draw_kinds(probabilities: dict[str, np.ndarray], data: TextSet) -> Figure:
    figure, axes = plots.new_figure("Order-free features miss negation", 7, 3.4)
    kinds = KINDS
    for place, (name, p) in enumerate(probabilities.items()):
        rows = [data.kinds["test"] == kind for kind in kinds]
        values = [accuracy(p[row], data.labels["test"][row]) for row in rows]
        axes.bar(
            np.arange(len(kinds)) + 0.36 * place,
            values,
            0.34,
            label=f"{name}, {accuracy(p, data.labels['test']):.2f} over all",
        )
    axes.axhline(1 / len(data.classes), color=plots.MUTED, linestyle="--", linewidth=1, label="chance")
    axes.set_xticks(np.arange(len(kinds)) + 0.18, kinds)
    axes.set(ylabel="test accuracy", ylim=(0, 1.05))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
