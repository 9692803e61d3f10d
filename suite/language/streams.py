"""Texts as language models read them: streams side by side, piece by piece, or a fixed window of words."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from suite.language.vocabulary import END, START, Vocabulary


def parallel_streams(ids: np.ndarray, batch_size: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a text for truncated backpropagation: row b of a batch goes on where that of the last one ended.

    The text is cut into `batch_size` streams of equal length, and these into pieces. A model that keeps its
    state from batch to batch reads each stream as a whole, while gradients go back one piece at most.

    Args:
        ids: `(n,)`.
        batch_size: Number of streams, >= 1.
        length: Tokens of a piece, >= 1.

    Returns:
        Inputs, and targets, the token after each input: `(pieces * batch_size, length)` int32, batch after
        batch. What fills no batch at the end of the text is left out.

    Raises:
        ValueError: The text is too short for one batch.
    """
    pieces = (len(ids) - 1) // (batch_size * length)
    if pieces < 1:
        raise ValueError(
            f"expected at least {batch_size * length + 1} tokens for {batch_size} streams of {length}, "
            f"received {len(ids)}; give more text, or a smaller batch or length"
        )
    size = pieces * batch_size * length

    def cut(tokens: Sequence[int] | np.ndarray) -> np.ndarray:
        streams = np.reshape(np.asarray(tokens, np.int32), (batch_size, pieces, length))
        return streams.swapaxes(0, 1).reshape(-1, length)

    return cut(ids[:size]), cut(ids[1 : size + 1])


def stream_batches(
    ids: Mapping[str, np.ndarray], batch_size: int, length: int
) -> tuple[tf.data.Dataset, tf.data.Dataset, int]:
    """Cuts the parts of a text into batches for truncated backpropagation.

    Args:
        ids: `(n,)` of "train" and of "validation".
        batch_size: Streams side by side at most; fewer where the validation text is too short for them.
        length: Tokens of a piece, >= 1.

    Returns:
        The batches of training and of validation, of `parallel_streams`, and their size.

    Raises:
        ValueError: A part is too short for one batch.
    """
    size = max(1, min(batch_size, (len(ids["validation"]) - 1) // length))
    train, validation = (
        tf.data.Dataset.from_tensor_slices(parallel_streams(ids[part], size, length)).batch(size)
        for part in ("train", "validation")
    )
    return train, validation, size


def windows(texts: Sequence[np.ndarray], order: int) -> tuple[np.ndarray, np.ndarray]:
    """Every word of texts with the fixed window of words before it, for models that see no more.

    Args:
        texts: Ids `(length,)` of each text, int > 0.
        order: Words of a window and the one that follows, >= 2.

    Returns:
        Windows `(words of all texts, order - 1)` int32, 0 where they reach beyond the beginning of a text;
        and the words that follow, `(words of all texts,)` int32.

    Raises:
        ValueError: The order is below 2.
    """
    if order < 2:
        raise ValueError(f"expected an order of at least 2, received {order}; 2 has one word before")
    stream = np.concatenate([np.pad(np.asarray(text, np.int32), (order - 1, 0)) for text in texts])
    grams = np.lib.stride_tricks.sliding_window_view(stream, order)
    grams = grams[grams[:, -1] > 0]
    return grams[:, :-1], grams[:, -1]


def teacher_forcing(
    texts: Sequence[Sequence[str]], words: Vocabulary, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a decoder is trained on: the true token before each token, and the token.

    Args:
        texts: Tokens of each of n texts.
        words: The vocabulary, with `START` and `END`.
        length: Tokens with `END`; of a longer text the first `length - 1` are taken.

    Returns:
        `previous`, `START` and what follows, and `target`, the same one step later, with `END`; `(n, length)`
        int32 each, filled up with 0.
    """
    taken = [list(text[: length - 1]) for text in texts]
    previous = np.stack([words.ids([START, *text], length) for text in taken])
    return previous, np.stack([words.ids([*text, END], length) for text in taken])
