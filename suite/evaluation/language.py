"""What a language model makes of a text."""

import keras
import numpy as np
import tensorflow as tf

from suite.training.steps import reset_states


def text_surprisals(model: keras.Model, ids: np.ndarray, span: int = 500) -> np.ndarray:
    """How unexpected each token of a text is after all before it: `-log p`, in nats.

    Args:
        model: Stateful, with one row a batch: token ids `(1, length)` to probabilities `(1, length, V)`. Its
            states begin at zero and are carried from span to span.
        ids: `(n,)` int; the first token is given.
        span: Tokens read at a time.

    Returns:
        `(n - 1,)` float64; their mean is the cross-entropy in nats per token, its exponential the perplexity.
    """
    reset_states(model)
    read = tf.function(lambda tokens: model(tokens, training=False), jit_compile=True)
    found = [np.zeros(0)]  # of a text of one token
    for start in range(0, len(ids) - 1, span):
        following = ids[start + 1 : start + 1 + span]
        given = ids[start : start + len(following)]
        # Every span has one length, so that one compiled graph reads all; what fills the last one up changes
        # nothing before it.
        inputs = np.pad(given, (0, span - len(given)))[None]
        probabilities = np.asarray(read(tf.constant(inputs))[0], np.float64)
        right = probabilities[np.arange(len(given)), following]
        found.append(-np.log(np.maximum(right, np.finfo(np.float32).tiny)))
    return np.concatenate(found)
