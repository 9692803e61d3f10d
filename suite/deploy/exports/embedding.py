"""A table of word vectors as a model to deploy."""

import keras
import numpy as np

from suite.bundle.task import Task
from suite.deploy.export import Export
from suite.language.vocabulary import SPECIAL, Vocabulary


def lookup_export(vectors: np.ndarray, words: Vocabulary) -> Export:
    """A model that gives the vector of a word.

    Args:
        vectors: `(V, size)` float32; the rows of padding and of the unknown are replaced by zeros.
        words: The V words.

    Returns:
        "word" `(batch,)` int32, the word's line in `vocabulary.txt` counted from 0, to "embedding"
        `(batch, size)` float32; proven on every word.
    """
    table = vectors.astype(np.float32)
    table[: len(SPECIAL)] = 0
    word = keras.Input((), dtype="int32", name="word")
    lookup = keras.layers.Embedding(*table.shape, name="embedding")
    model = keras.Model(word, lookup(word))
    lookup.set_weights([table])
    ids = np.arange(len(table), dtype=np.int32)
    return Export(model, ids, ids[:300], files=words.to_files(), task=Task.WORD_EMBEDDINGS)
