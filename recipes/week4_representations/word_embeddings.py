"""Learn vectors of words from the company they keep: skip-gram, CBOW, and counts with an SVD.

Week 4, "Word embeddings".
Claim: where pairs of words differ in one way (a generated corpus), skip-gram and CBOW answer at least 0.95 of
       the analogies (France is to Paris as Italy is to ...), counts (the SVD of positive pointwise mutual
       information) at least 0.85. On real text, Python's own documentation, skip-gram puts a held-out context
       above a noise word with a probability of at least 0.67, CBOW 0.66; skip-gram gains at least 0.02 on the
       SVD.
Cost:  25 s on 2 CPU cores; tiny_shakespeare 60 s.
Run:   suite run word_embeddings [--data tfds | --data FILE.txt]
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from suite import console
from suite.data.generated.analogies import Analogies, generate_analogies
from suite.data.sets import corpora
from suite.deploy.exports.embedding import lookup_export
from suite.evaluation import plots
from suite.evaluation.embeddings import WordVectors, context_ranking
from suite.evaluation.metrics import choose
from suite.evaluation.table import Table
from suite.language import embeddings
from suite.language.embeddings import Stream, Text
from suite.language.vocabulary import SPECIAL, tokenize
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Result, about
from suite.training.loop import epochs_for


@dataclasses.dataclass(frozen=True)
class Config:
    size: int = 100  # numbers a vector
    window: int = 5
    negatives: int = 5
    noise_words: int = 128  # drawn once for each batch
    threshold: float = 1e-3  # share of the corpus above which words are thinned out
    min_count: int = 5
    epochs: int = 20
    least_steps: int = 1500  # of all epochs: small data is passed over more often
    rows: int = 16  # a batch; each has `span` words with their windows
    span: int = 32
    learning_rate: float = 9e-3  # at first; falls to 0 along a line
    planted_sentences: int = 20_000
    planted_epochs: int = 4
    planted_learning_rate: float = 0.03


SMOKE = Config(size=8, epochs=1, least_steps=0, planted_sentences=2000, planted_epochs=1)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim("analogy_accuracy_skip_gram", at_least=0.95),
        Claim("analogy_accuracy_cbow", at_least=0.95),
        Claim("analogy_accuracy_svd", at_least=0.85),
    ),
    Claim("test_ranking_skip_gram", at_least=0.67, data="embedded"),
    Claim("test_ranking_cbow", at_least=0.66, data="embedded"),
    Claim("test_ranking_gained_on_svd", at_least=0.02, data="embedded"),
)


class Vectors(NamedTuple):
    """What is learned: `(V, size)` float32 each."""

    words: np.ndarray
    contexts: np.ndarray


def skip_gram(
    words: tf.Tensor, contexts: tf.Tensor, pairs: tf.Tensor, window: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The word in the middle predicts each word around it: scores `(rows, span, span + 2 * window)`."""
    middle = words[:, window:-window]  # (rows, span, size)
    return middle, tf.matmul(middle, contexts, transpose_b=True), pairs


def cbow(
    words: tf.Tensor, contexts: tf.Tensor, pairs: tf.Tensor, window: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The mean of the words around predicts the one in the middle: scores `(rows, span, 1)`."""
    counts = tf.reduce_sum(pairs, axis=-1, keepdims=True)
    around = tf.matmul(pairs, words) / tf.maximum(counts, 1.0)  # (rows, span, size)
    scores = tf.reduce_sum(around * contexts[:, window:-window], axis=-1, keepdims=True)
    return around, scores, tf.minimum(counts, 1.0)


Predict: TypeAlias = Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]  # skip_gram or cbow


class Trainer:
    """Embeddings with negative sampling, by a bare loop: `epoch` goes once through a stream."""

    def __init__(self, predict: Predict, counts: np.ndarray, steps: int, config: Config, seed: int):
        """Takes `skip_gram` or `cbow`, how often each word occurs, and how many steps there will be."""
        self.config, self.rng = config, np.random.default_rng(seed)
        self.keep = embeddings.keep_probabilities(counts, config.threshold)
        self.noise = embeddings.noise_distribution(counts)
        shape = (len(counts), config.size)
        self.words = keras.Variable(self.rng.uniform(-0.05, 0.05, shape), dtype="float32")
        self.contexts = keras.Variable(np.zeros(shape), dtype="float32")
        schedule = keras.optimizers.schedules.PolynomialDecay(config.learning_rate, steps, 0.0)
        self.optimizer, self.predict = Adam(schedule), predict
        self.optimizer.build([self.words, self.contexts])

    @tf.function(jit_compile=True)
    def step(
        self, noise_words: tf.Tensor, words: tf.Tensor, sentences: tf.Tensor, reach: tf.Tensor
    ) -> tf.Tensor:
        config, variables = self.config, [self.words, self.contexts]
        with tf.GradientTape() as tape:
            inputs, outputs = (tf.gather(variable.value, words) for variable in variables)
            pairs = embeddings.pair_mask(sentences, reach)
            predicting, scores, pairs = self.predict(inputs, outputs, pairs, config.window)
            noise = tf.gather(self.contexts.value, noise_words)
            noise_scores = tf.einsum("rsd,kd->rsk", predicting, noise)
            loss = embeddings.negative_sampling_loss(scores, pairs, noise_scores, config.negatives)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        return loss

    @tf.function(reduce_retracing=True)
    def steps(self, noise_words: tf.Tensor, *windows: tf.Tensor) -> tf.Tensor:
        total, size = 0.0, self.config.rows
        for index in tf.range(len(noise_words)):
            rows = slice(index * size, (index + 1) * size)
            batch = [tf.ensure_shape(x[rows], (size, x.shape[1])) for x in windows]
            total += self.step(noise_words[index], *batch)
        return total / tf.cast(len(noise_words), tf.float32)

    def epoch(self, stream: Stream) -> float:
        """Subsamples, cuts windows, trains; gives the mean loss in nats a pair."""
        kept = embeddings.subsample(stream, self.keep, self.rng)
        windows = embeddings.cut_windows(kept, self.config.window, self.config.span, self.rng)
        steps = -(-len(windows.words) // self.config.rows)
        # The last batch is filled up with rows from the first.
        rows = np.arange(steps * self.config.rows) % len(windows.words)
        noise_words = self.rng.choice(len(self.noise), (steps, self.config.noise_words), p=self.noise)
        batches = tf.constant(noise_words, tf.int32), *(tf.constant(values[rows]) for values in windows)
        return float(self.steps(*batches))

    def vectors(self) -> Vectors:
        return Vectors(self.words.numpy(), self.contexts.numpy())


def make_trainer(predict: Predict, text: Text, config: Config, seed: int) -> Trainer:
    counts = text.counts()
    kept = np.sum(embeddings.keep_probabilities(counts, config.threshold) * counts)
    steps = int(np.ceil(kept / config.span / config.rows + 1))
    config = dataclasses.replace(config, epochs=epochs_for(steps, config.epochs, config.least_steps))
    return Trainer(predict, counts, config.epochs * steps, config, seed)


def train(predict: Predict, text: Text, config: Config, seed: int) -> tuple[Vectors, list[float]]:
    trainer = make_trainer(predict, text, config, seed)
    epochs = console.track(range(trainer.config.epochs), predict.__name__)
    losses = [trainer.epoch(text.streams["train"]) for _ in epochs]
    return trainer.vectors(), losses


def decompose(text: Text, config: Config) -> Vectors:
    """From counts: the SVD of the positive pointwise mutual information."""
    counts = embeddings.cooccurrences(text.streams["train"], config.window, len(text.vocabulary))
    return Vectors(*embeddings.factorize(embeddings.ppmi(counts), config.size))


def learn(text: Text, config: Config, seed: int) -> tuple[dict[str, Vectors], dict[str, list[float]]]:
    """Vectors and losses by method."""
    learned = {predict.__name__: train(predict, text, config, seed) for predict in (skip_gram, cbow)}
    vectors = {name: pair[0] for name, pair in learned.items()} | {"svd": decompose(text, config)}
    return vectors, {name: losses for name, (_, losses) in learned.items()}


def ranking(vectors: Vectors, text: Text, config: Config, seed: int, part: str = "test") -> float:
    """How often a held-out context scores above a noise word, pairs drawn as in training."""
    rng, counts = np.random.default_rng(seed), text.counts()
    stream = embeddings.subsample(
        text.streams[part], embeddings.keep_probabilities(counts, config.threshold), rng
    )
    pairs = embeddings.draw_pairs(stream, config.window, rng)
    noise = rng.choice(len(counts), 500, p=embeddings.noise_distribution(counts))
    return context_ranking(*vectors, rng.permutation(pairs)[:50_000], noise)


def known(text: Text, vectors: Vectors) -> WordVectors:
    return WordVectors(text.vocabulary.words[len(SPECIAL) :], vectors.words[len(SPECIAL) :])


def run(config: Config, context: Context) -> Result:
    planted = generate_analogies(context.seed, config.planted_sentences)
    small = dataclasses.replace(
        config, size=min(config.size, 32), threshold=1, epochs=config.planted_epochs, least_steps=0,
        learning_rate=config.planted_learning_rate,
    )  # fmt: skip
    planted_text = Text.encode({"train": planted.sentences}, 1)
    planted_vectors, _ = learn(planted_text, small, context.seed)

    corpus = corpora.load(context.source, context.seed)
    sentences = {
        part: [tokenize(each, punctuation=False) for each in texts] for part, texts in corpus.texts.items()
    }
    text = Text.encode(sentences, config.min_count)
    vectors, losses = learn(text, config, context.seed)

    metrics = {
        f"analogy_accuracy_{name}": known(planted_text, learned).analogy_accuracy(planted.questions)
        for name, learned in planted_vectors.items()
    }
    metrics |= {
        f"{part}_ranking_{name}": ranking(learned, text, config, context.seed, part)
        for part in ("validation", "test")
        for name, learned in vectors.items()
    }
    best = choose({name: metrics[f"validation_ranking_{name}"] for name in vectors}, "ranking of contexts")
    metrics["test_ranking"] = metrics[f"test_ranking_{best}"]
    frequency = Vectors(np.ones((len(text.vocabulary), 1)), text.counts()[:, None])
    trivial = ranking(frequency, text, config, context.seed)
    gained = metrics["test_ranking_skip_gram"] - metrics["test_ranking_svd"]
    metrics["test_ranking_gained_on_svd"] = gained
    best_vectors = known(text, vectors[best])
    return Result(
        metrics=metrics,
        figures={
            "planted_pairs": draw_pairs(known(planted_text, planted_vectors["skip_gram"]), planted),
            "loss": plots.learning_curves(losses, ylabel="nats a pair", title="Loss of negative sampling"),
        },
        exports=[lookup_export(vectors[best].words, text.vocabulary)],
        data=corpus.describe()
        | {"words": len(text.streams["train"].words), "vocabulary": len(text.vocabulary), "exported": best},
        baselines=[Baseline("test_ranking", trivial, "the more frequent word, whatever it stands beside")],
        tables=[nearest_table(best_vectors, {name: known(text, each) for name, each in vectors.items()})],
        files=best_vectors.projector_files(),
    )


def nearest_table(best_vectors: WordVectors, by_method: dict[str, WordVectors], shown: int = 15) -> Table:
    """The words nearest to some frequent ones that are no function words, by method."""
    asked = [word for word in best_vectors.words[:400] if len(word) > 4][:shown]
    rows = [
        (word, *(", ".join(near for near, _ in vectors.nearest(word, 5)) for vectors in by_method.values()))
        for word in asked
    ]
    return Table("Nearest words", ("word", *(name.replace("_", "-") for name in by_method)), rows)


def draw_pairs(vectors: WordVectors, planted: Analogies) -> Figure:
    figure, panels = plots.new_figure(
        "Pairs that differ in one way, in two principal components", 11, 4, 1, 3
    )
    for axes, (relation, pairs) in zip(panels, planted.relations.items(), strict=True):
        rows = vectors.rows([word for pair in pairs for word in pair])
        points = PCA(2).fit_transform(vectors.unit()[rows])
        for start, end, (first, second) in zip(points[::2], points[1::2], pairs, strict=True):
            axes.plot(*np.stack([start, end]).T, color=plots.GRID, linewidth=1)
            axes.text(*start, first, fontsize=7, color=plots.COLORS[0])
            axes.text(*end, second, fontsize=7, color=plots.COLORS[1])
        axes.scatter(*points.T, s=4, color=plots.MUTED)
        axes.set(title=relation)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
