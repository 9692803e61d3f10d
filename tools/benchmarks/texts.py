"""Words: n-grams and vectors, on Python's own documentation."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from suite import console
from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Peer, Work, assert_close


def word_vectors(epochs: int = 20) -> Iterator[Work]:
    """Skip-gram with negative sampling on Python's documentation, at the recipe's settings."""
    from gensim.models import Word2Vec
    from threadpoolctl import threadpool_limits

    from recipes.week4_representations import word_embeddings as recipe
    from suite.data.sets import corpora
    from suite.data.source import EMBEDDED
    from suite.language.embeddings import Text
    from suite.language.vocabulary import tokenize
    from suite.language.word2vec import Settings, Vectors

    parts = corpora.load(EMBEDDED, 0).texts
    sentences = {
        part: [tokenize(text, punctuation=False) for text in parts[part]] for part in ("train", "test")
    }
    config, settings = recipe.Config(), Settings()
    text = Text.encode(sentences, config.min_count)
    trainer = recipe.make_trainer(recipe.skip_gram, text, settings, epochs, 9e-3, seed=0)
    peer = Word2Vec(
        vector_size=settings.size, window=settings.window, min_count=config.min_count,
        negative=settings.negatives, sample=settings.threshold, sg=1, workers=2, seed=0,
    )  # fmt: skip
    peer.build_vocab(sentences["train"])

    def train() -> None:
        for _ in range(epochs):
            trainer.epoch(text.streams["train"])

    def train_peer() -> None:
        peer.train(sentences["train"], total_examples=peer.corpus_count, epochs=epochs)

    with threadpool_limits(1, user_api="blas"):  # gensim's two workers each call BLAS on single vectors
        train()
        train_peer()
        order = [peer.wv.key_to_index.get(word, 0) for word in text.vocabulary.words]
        vectors = Vectors(peer.wv.vectors[order], peer.syn1neg[order])
        theirs, ours = (
            recipe.held_out(each, text, settings, 0, "test")[0] for each in (vectors, trainer.vectors())
        )
        console.say(f"held-out context above noise: ours {ours:.4f}, gensim {theirs:.4f}")
        if ours < theirs - 0.005:
            raise ValueError(
                f"expected a held-out ranking of at least gensim's {theirs:.4f}, ours is {ours:.4f}"
            )
        words = epochs * sum(map(len, sentences["train"]))
        yield Work(
            f"skip-gram, {settings.size} numbers, words/s",
            train,
            (Peer("gensim, 2 workers", train_peer, 1),),
            words,
            11,
            skip_gram_cost(text, settings, epochs),
        )


def skip_gram_cost(text: Any, settings: Any, epochs: int) -> Cost:
    """Scores of each word that is kept with its row and the noise, forward and backward; Adam's arrays."""
    from suite.language.embeddings import keep_probabilities

    counts = text.counts()
    words = epochs * float(np.sum(keep_probabilities(counts, settings.threshold) * counts))
    scored = settings.span + 2 * settings.window + settings.noise_words
    weights = 2 * len(counts) * settings.size
    steps = words / (settings.rows * settings.span)
    return Cost(flops=3 * 2 * words * scored * settings.size, bytes=4 * 7 * weights * steps)


def ngrams(order: int = 5) -> Iterator[Work]:
    """Counting n-grams of Python's documentation, and scoring its test text; both begin with words."""
    from nltk import lm

    from suite.data.sets import corpora
    from suite.data.source import EMBEDDED
    from suite.language.ngrams import NgramCounts
    from suite.language.smoothing import KneserNey, WittenBell
    from suite.language.vocabulary import Vocabulary, tokenize

    parts = corpora.load(EMBEDDED, 0).texts
    train, test = ([tokenize(text) for text in parts[part]] for part in ("train", "test"))
    vocabulary = Vocabulary.fit(train, min_count=2)
    known = [word for word in vocabulary.words if word != "<unk>"]
    # nltk is given the n-grams, ready made: up to each word, after our paddings.
    windows = [["<pad>"] * (order - 1) + text for text in train]
    grams = [
        [tuple(text[end - n : end]) for end in range(order, len(text) + 1) for n in range(1, order + 1)]
        for text in windows
    ]

    def fit() -> NgramCounts:
        return NgramCounts([vocabulary.ids(text) for text in train], order, len(vocabulary))

    def fit_peer(kind: Any = lm.WittenBellInterpolated, **settings: Any) -> Any:
        model = kind(order=order, vocabulary=lm.Vocabulary(known, unk_label="<unk>"), **settings)
        model.fit(grams)
        return model

    counts, total = fit(), sum(map(len, train))
    yield Work(f"counting 1- to {order}-grams, words/s", fit, (Peer("nltk.lm", fit_peer, 20),), total)
    ways = (
        ("Witten-Bell", WittenBell(uniform=False), fit_peer(), test),
        # nltk goes through all counts for each word.
        (
            "Kneser-Ney",
            KneserNey(0.75, uniform=False),
            fit_peer(lm.KneserNeyInterpolated, discount=0.75),
            test[:3],
        ),
    )
    for name, smoothing, peer, texts in ways:
        contexts = [
            (text[end - 1], text[end - order : end - 1])
            for text in (["<pad>"] * (order - 1) + text for text in texts)
            for end in range(order, len(text) + 1)
        ]

        def score(smoothing: Any = smoothing, texts: Sequence[list[str]] = texts) -> np.ndarray:
            return np.exp(counts.log_probabilities([vocabulary.ids(text) for text in texts], smoothing))

        def score_peer(peer: Any = peer, contexts: Sequence[tuple[str, list[str]]] = contexts) -> np.ndarray:
            return np.array([peer.score(*pair) for pair in contexts])

        assert_close(score(), score_peer(), "nltk.lm", 1e-10)
        work = f"scoring {order}-grams, {name}, words/s"
        yield Work(work, score, (Peer("nltk.lm", score_peer, 20),), len(contexts))
