"""Word vectors by negative sampling, whole rows of words at a time: skip-gram and CBOW."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.language.embeddings import (
    Stream,
    Text,
    cut_windows,
    keep_probabilities,
    negative_sampling_loss,
    noise_distribution,
    pair_mask,
    subsample,
)
from suite.language.vocabulary import Vocabulary


class Vectors(NamedTuple):
    """What is learned: `(V, size)` float32 each; the score of a pair is the product of the two."""

    words: np.ndarray
    contexts: np.ndarray


class Settings(NamedTuple):
    """How pairs are drawn, and how many side by side.

    Attributes:
        size: Numbers a vector.
        window: Largest reach of a window.
        negatives: Noise words for each pair.
        threshold: Share of the corpus above which words are thinned out.
        noise_words: Drawn once for each batch, and weighed as `negatives`.
        rows: A batch.
        span: Words of a row that windows stand around.
    """

    size: int = 100
    window: int = 5
    negatives: int = 5
    threshold: float = 1e-3
    noise_words: int = 128
    rows: int = 16
    span: int = 32


def skip_gram(
    words: tf.Tensor, contexts: tf.Tensor, pairs: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The word in the middle predicts each word around it.

    Args:
        words: `(rows, span + 2 * window, size)`, word vectors.
        contexts: The same of context vectors.
        pairs: `(rows, span, span + 2 * window)`, from `pair_mask`.

    Returns:
        What predicts, `(rows, span, size)`; its scores `(rows, span, span + 2 * window)`; where they count.
    """
    window = (words.shape[1] - pairs.shape[1]) // 2
    middle = words[:, window:-window]
    return middle, tf.matmul(middle, contexts, transpose_b=True), pairs


def cbow(words: tf.Tensor, contexts: tf.Tensor, pairs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The mean of the words around predicts the one in the middle.

    Args:
        words: As of `skip_gram`.
        contexts: The same.
        pairs: The same.

    Returns:
        What predicts, `(rows, span, size)`; its scores `(rows, span, 1)`; where they count.
    """
    window = (words.shape[1] - pairs.shape[1]) // 2
    counts = tf.reduce_sum(pairs, axis=-1, keepdims=True)
    around = tf.matmul(pairs, words) / tf.maximum(counts, 1.0)
    scores = tf.reduce_sum(around * contexts[:, window:-window], axis=-1, keepdims=True)
    return around, scores, tf.minimum(counts, 1.0)


Predict: TypeAlias = Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]  # skip_gram or cbow
_Tables: TypeAlias = tuple[tf.Tensor, tf.Tensor]


def window_loss(
    predict: Predict, tables: _Tables, windows: tuple[tf.Tensor, ...], noise_words: tf.Tensor, negatives: int
) -> tf.Tensor:
    """The loss of negative sampling over rows of windows, in nats a prediction.

    Args:
        predict: `skip_gram` or `cbow`.
        tables: Word and context vectors, `(V, size)` each.
        windows: Words, sentences and reach, as in `suite.language.embeddings.Windows`.
        noise_words: `(K,)` int32.
        negatives: What the K together weigh.

    Returns:
        Scalar float32.
    """
    words, sentences, reach = windows
    inputs, outputs = (tf.gather(table, words) for table in tables)
    predicting, scores, counted = predict(inputs, outputs, pair_mask(sentences, reach))
    noise_scores = tf.einsum("rsd,kd->rsk", predicting, tf.gather(tables[1], noise_words))
    return negative_sampling_loss(scores, counted, noise_scores, negatives)


class Trainer:
    """Trains word vectors by a bare loop: `epoch` goes once through a stream.

    Args:
        predict: `skip_gram` or `cbow`.
        counts: `(V,)`, how often each word occurs.
        settings: How pairs are drawn.
        optimizer: Of Keras, not built.
        seed: Of the first vectors and of all draws.
    """

    def __init__(
        self,
        predict: Predict,
        counts: np.ndarray,
        settings: Settings,
        optimizer: keras.optimizers.Optimizer,
        seed: int,
    ):
        self.predict, self.settings, self.optimizer = predict, settings, optimizer
        self.rng = np.random.default_rng(seed)
        self.keep = keep_probabilities(counts, settings.threshold)
        self.noise = noise_distribution(counts)
        shape = (len(counts), settings.size)
        self.words = keras.Variable(self.rng.uniform(-0.05, 0.05, shape), dtype="float32")
        self.contexts = keras.Variable(np.zeros(shape), dtype="float32")
        optimizer.build([self.words, self.contexts])

    @staticmethod
    def steps_for(counts: np.ndarray, settings: Settings) -> int:
        """How many steps an epoch has, at most, for words that occur as often as `counts` says."""
        kept = np.sum(keep_probabilities(counts, settings.threshold) * counts)
        return int(np.ceil(kept / settings.span / settings.rows + 1))

    @tf.function(jit_compile=True)
    def _step(self, noise_words: tf.Tensor, *windows: tf.Tensor) -> tf.Tensor:
        variables = [self.words, self.contexts]
        with tf.GradientTape() as tape:
            tables = (self.words.value, self.contexts.value)
            loss = window_loss(self.predict, tables, windows, noise_words, self.settings.negatives)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        return loss

    @tf.function(reduce_retracing=True)
    def _steps(self, noise_words: tf.Tensor, *windows: tf.Tensor) -> tf.Tensor:
        total, size = 0.0, self.settings.rows
        for index in tf.range(len(noise_words)):
            rows = slice(index * size, (index + 1) * size)
            batch = [tf.ensure_shape(x[rows], (size, x.shape[1])) for x in windows]
            total += self._step(noise_words[index], *batch)
        return total / tf.cast(len(noise_words), tf.float32)

    def epoch(self, stream: Stream) -> float:
        """Subsamples, cuts windows, trains; gives the mean loss in nats a prediction."""
        settings = self.settings
        windows = cut_windows(
            subsample(stream, self.keep, self.rng), settings.window, settings.span, self.rng
        )
        steps = -(-len(windows.words) // settings.rows)
        # The last batch is filled up with rows from the first.
        rows = np.arange(steps * settings.rows) % len(windows.words)
        noise_words = self.rng.choice(len(self.noise), (steps, settings.noise_words), p=self.noise)
        batches = tf.constant(noise_words, tf.int32), *(tf.constant(values[rows]) for values in windows)
        return float(self._steps(*batches))

    def vectors(self) -> Vectors:
        """What was learned so far."""
        return Vectors(self.words.numpy(), self.contexts.numpy())


def learn(
    texts: Sequence[Sequence[str]], words: Vocabulary, size: int, steps: int, seed: int, spread: float = 0.3
) -> np.ndarray:
    """Word vectors by skip-gram, for an embedding to begin with.

    Args:
        texts: Tokens of each; no labels are needed.
        words: Whose vectors are asked for; those that do not occur in the texts have the unknown word's.
        size: Numbers a vector.
        steps: Of training at least; whole passes over the texts are made.
        seed: Of the first vectors and of all draws.
        spread: Standard deviation of all numbers together.

    Returns:
        `(len(words), size)` float32.
    """
    text, settings = Text.encode({"train": texts}, 1), Settings(size)
    epochs = -(-steps // Trainer.steps_for(text.counts(), settings))
    schedule = keras.optimizers.schedules.PolynomialDecay(
        9e-3, epochs * Trainer.steps_for(text.counts(), settings), 0.0
    )
    trainer = Trainer(skip_gram, text.counts(), settings, keras.optimizers.Adam(schedule), seed)
    for _ in console.track(range(epochs), "word vectors"):
        trainer.epoch(text.streams["train"])
    found = trainer.vectors().words[text.vocabulary.ids(words.words)]
    return spread * found / max(1e-9, float(found.std()))
