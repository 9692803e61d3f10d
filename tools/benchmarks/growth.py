"""How the cost of fitting grows with the data: the same work on 1, 4 and 16 times as much."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tools.benchmarks.measuring import Growth

TIMES = (1, 4, 16)


def growth() -> Iterator[Growth]:
    """One row a method; what is compiled is compiled in the warm-up."""
    yield from (finetuning(), counting(), skip_gram(), pca(), autoencoder())


def finetuning(images: int = 180) -> Growth:
    """Phase 1 of fine-tuning: features of photos and one view of each, penalty, head.

    Converting the backbone for LiteRT, which costs the same for one photo as for thousands, is in it.
    """
    from suite.data.generated.textures import write_textures
    from suite.data.pictures.image_source import ImageSource
    from suite.finetuning.head import train_head
    from suite.models.backbones import build_backbone

    work = tempfile.TemporaryDirectory()
    files = sorted((write_textures(Path(work.name) / "photos") / "train").glob("*/*"))
    names = sorted({file.parent.name for file in files})
    backbone = build_backbone("efficientnet_lite0")
    every = np.random.default_rng(0).permutation(len(files))

    def run(count: int) -> None:
        chosen = [files[index] for index in np.resize(every, count)]
        labels = [names.index(file.parent.name) for file in chosen]
        source = ImageSource(chosen, labels, backbone.input_shape[1:3])
        with tempfile.TemporaryDirectory(dir=work.name) as folder:
            train_head(backbone, source, len(names), views=1, seed=0, folder=Path(folder))

    return Growth(f"fine-tuning, phase 1, from {images} photos", _runs(run, images), rounds=1)


def counting(order: int = 5) -> Growth:
    """n-grams of words drawn from Zipf's law."""
    from suite.language.ngrams import NgramCounts

    words = 20_000

    def run(count: int) -> NgramCounts:
        return NgramCounts([_zipf(count)], order, 10_001)

    return Growth(f"counting 1- to {order}-grams, from {words:,} words", _runs(run, words))


def skip_gram() -> Growth:
    """An epoch of word vectors."""
    from recipes.week4_representations import word_embeddings as recipe
    from suite.language.embeddings import Text
    from suite.language.word2vec import Settings

    sentences, length = 500, 20
    trainers = {}

    def run(count: int) -> None:
        if count not in trainers:
            texts = [[str(word) for word in row] for row in _zipf(count * length, 1000).reshape(count, -1)]
            text = Text.encode({"train": texts}, 1)
            trainers[count] = text, recipe.make_trainer(recipe.skip_gram, text, Settings(), 1, 9e-3, seed=0)
        text, trainer = trainers[count]
        trainer.epoch(text.streams["train"])

    return Growth(f"skip-gram, an epoch, from {sentences * length:,} words", _runs(run, sentences))


def pca(images: int = 1000) -> Growth:
    """scikit-learn's PCA as the recipe calls it, on images of 28 x 28 pixels."""
    from sklearn.decomposition import PCA

    pixels = np.random.default_rng(0).random((images * TIMES[-1], 784), np.float32)
    return Growth(
        f"PCA to 10 numbers, from {images} images",
        _runs(lambda count: PCA(10, random_state=0).fit(pixels[:count]), images),
    )


def autoencoder(images: int = 1000) -> Growth:
    """An epoch of the recipe's nonlinear autoencoder, on images of 28 x 28 pixels."""
    import tensorflow as tf

    from recipes.week4_representations import pca_versus_autoencoder as recipe
    from suite.models.autoencoders import build_dense
    from suite.optimizers import Adam

    pixels = np.random.default_rng(0).integers(0, 256, (images * TIMES[-1], 28, 28, 1), dtype=np.uint8)
    config = recipe.Config()
    model = build_dense((28, 28, 1), config.code_size, config.units).model

    model.compile(Adam(config.learning_rate), "mse")  # once: it is traced anew after each

    def run(count: int) -> None:
        examples = tf.data.Dataset.from_tensor_slices(
            (pixels[:count], pixels[:count].astype(np.float32) / 255)
        )
        batches = examples.shuffle(count).repeat().batch(config.batch_size).prefetch(2)
        model.fit(batches, steps_per_epoch=-(-count // config.batch_size), shuffle=False, verbose=0)

    return Growth(f"autoencoder, an epoch, from {images} images", _runs(run, images))


def _runs(run: Callable[[int], object], base: int) -> dict[int, Callable[[], object]]:
    return {times: functools.partial(run, base * times) for times in TIMES}


@functools.cache
def _zipf(count: int, words: int = 10_000) -> np.ndarray:
    """Ids from 1, drawn with probabilities that fall as 1 / id."""
    shares = 1 / np.arange(1, words + 1)
    return np.random.default_rng(0).choice(words, count, p=shares / shares.sum()) + 1
