"""The rules of word embeddings against their references, as functions of the module that holds them."""

import numpy as np
import tensorflow as tf

from tests.references import embeddings as reference

RNG = np.random.default_rng(0)
COUNTS = np.array([0, 3, 1, 700, 40, 12, 9, 235])
LOGITS = RNG.normal(0, 3, (2, 4, 5)).astype(np.float32)
PAIRS = (RNG.random((2, 4, 5)) < 0.4).astype(np.float32)
NOISE = RNG.normal(1, 3, (2, 4, 3)).astype(np.float32)


def embeddings(module):
    loss(module)
    subsampling_and_noise(module)
    windows(module)
    counts(module)


def loss(module):
    assert len(set(PAIRS.sum(axis=-1).ravel())) > 2  # words with different numbers of contexts
    for negatives in (1, 5):
        given = tf.constant(LOGITS), tf.constant(NOISE)
        with tf.GradientTape() as tape:
            tape.watch(given)
            value = module.negative_sampling_loss(given[0], PAIRS, given[1], negatives)
        expected = reference.negative_sampling_loss(LOGITS, PAIRS, NOISE, negatives)
        np.testing.assert_allclose(value, expected, rtol=1e-5)  # measured 1e-7
        for which, gradient in enumerate(tape.gradient(value, given)):
            assert gradient is not None
            expected = central_differences(which, negatives)
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)  # measured 2e-7
    zero = module.negative_sampling_loss(0 * LOGITS, PAIRS, 0 * NOISE, 5)
    np.testing.assert_allclose(zero, 6 * np.log(2), rtol=1e-6)
    assert float(module.negative_sampling_loss(LOGITS, 0 * PAIRS, NOISE, 5)) == 0


def central_differences(which: int, negatives: int, h: float = 1e-5) -> np.ndarray:
    given = [np.float64(LOGITS), np.float64(NOISE)]
    gradient = np.zeros(given[which].shape)
    for index in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            moved = [array.copy() for array in given]
            moved[which][index] += sign * h
            values.append(reference.negative_sampling_loss(moved[0], PAIRS, moved[1], negatives))
        gradient[index] = (values[0] - values[1]) / (2 * h)
    return gradient


def subsampling_and_noise(module):
    for threshold in (1e-3, 1e-2):
        expected = [
            1.0 if count == 0 else reference.keep_probability(count, COUNTS.sum(), threshold)
            for count in COUNTS
        ]
        np.testing.assert_allclose(module.keep_probabilities(COUNTS, threshold), expected, rtol=1e-12)
    powers = [0 if count == 0 else count**0.75 for count in COUNTS.tolist()]
    np.testing.assert_allclose(
        module.noise_distribution(COUNTS), [power / sum(powers) for power in powers], rtol=1e-12
    )
    np.testing.assert_allclose(module.noise_distribution(COUNTS, 0), (COUNTS > 0) / 7, rtol=1e-12)


def windows(module):
    lengths = [1, 9, 3, 20, 5]
    words = np.arange(1, sum(lengths) + 1, dtype=np.int32)
    stream = module.Stream.of(np.split(words, np.cumsum(lengths)[:-1]))
    for window, span, seed in ((2, 4, 0), (5, 3, 1), (4, 50, 2)):
        cut = module.cut_windows(stream, window, span, np.random.default_rng(seed))
        mask = np.asarray(module.pair_mask(cut.sentences, cut.reach))
        middle, reach = cut.words[:, window:-window], np.zeros(len(words) + 1, int)
        inside = cut.sentences[:, window:-window] >= 0
        np.testing.assert_array_equal(np.sort(middle[inside]), words)  # each once
        reach[middle[inside]] = cut.reach[inside]
        row, place, other = np.nonzero(mask)
        found = sorted(zip(middle[row, place].tolist(), cut.words[row, other].tolist(), strict=True))
        assert found == sorted(reference.windows(words, stream.sentences, reach[1:]))
    many = module.Stream(np.arange(20_000, dtype=np.int32), np.zeros(20_000, np.int32))
    cut = module.cut_windows(many, 4, 10, np.random.default_rng(0))
    shares = np.bincount(cut.reach.ravel(), minlength=5) / cut.reach.size
    np.testing.assert_allclose(shares, [0, 0.25, 0.25, 0.25, 0.25], atol=0.015)  # standard deviation 0.003
    pairs = module.draw_pairs(many, 4, np.random.default_rng(0))
    distances = np.bincount(np.abs(pairs[:, 0] - pairs[:, 1])) / len(many.words)
    np.testing.assert_allclose(distances, [0, 2, 1.5, 1, 0.5], atol=0.04)
    assert abs(np.mean(pairs[:, 0] < pairs[:, 1]) - 0.5) < 0.01


def counts(module):
    sentences = [RNG.integers(0, 6, size) for size in (1, 7, 12, 2)]
    stream, window = module.Stream.of(sentences), 3
    expected = np.zeros((7, 7))
    for reach in range(1, window + 1):  # each reach is as likely
        every = np.full(len(stream.words), reach)
        for pair in reference.windows(stream.words, stream.sentences, every):
            expected[pair] += 1 / window
    found = module.cooccurrences(stream, window, 7)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12)
    for power, shift in ((0.75, 1.0), (1.0, 2.0)):
        information = module.ppmi(found, power, shift).toarray()
        np.testing.assert_allclose(
            information, reference.ppmi(expected, power, shift), rtol=1e-10, atol=1e-12
        )
    left, right = module.factorize(found, 4)
    u, s, v = np.linalg.svd(expected)
    np.testing.assert_allclose(left @ right.T, u[:, :4] * s[:4] @ v[:4], atol=1e-5)
    np.testing.assert_allclose((left**2).sum(axis=0), s[:4], rtol=1e-5)


def tagging(module):
    """The spelling of words, and the arrays that a tagger reads."""
    assert module.spell("Cat") == [" ", "C", "a", "t", " "]
    assert module.spell("Cat", 5) == [" ", "C", "a", "t", " "]
    assert module.spell("Cat", 4) == [" ", "C", "t", " "]
    assert module.spell("abcdef", 5) == [" ", "a", "e", "f", " "]
    assert module.spell("abcdef", 4) == [" ", "a", "f", " "]
    assert module.spell("abcdef", 1) == [" "]
    assert module.spell("e\u0301") == [" ", "\u00e9", " "]
    assert module.fold("E\u0301A") == "\u00e9a"
    vocabulary = module.TaggerVocabulary.fit([["The", "cat"], ["the", "Ox"]], min_count=1)
    assert vocabulary.words.words[2:] == ("the", "cat", "ox")
    letters = vocabulary.characters.words
    encoded = vocabulary.encode([["THE", "Ox", "box"], ["cat"]], 2, 4)
    assert {name: ids.dtype for name, ids in encoded.items()} == {"words": "int32", "characters": "int32"}
    np.testing.assert_array_equal(encoded["words"], [[2, 4], [3, 0]])
    spelled = [[[letters[index] for index in word] for word in words] for words in encoded["characters"]]
    pad = ["<pad>"] * 4
    assert spelled == [
        [[" ", "T", "<unk>", " "], [" ", "O", "x", " "]],
        [[" ", "c", "t", " "], pad],
    ]


def tokens(module):
    """Texts of several scripts, and words as they are known."""
    text = "Cafe\u0301 İKİ co\u00adop नमस्ते 我爱 👍🏽"
    assert module.tokenize(text) == ["caf\u00e9", "iki", "coop", "नमस्ते", "我", "爱", "👍🏽"]
    assert module.tokenize("A B", lower=False) == ["A", "B"]
    known = {"l'", "eau", "eau de", "de l'", "été", "new york", "ฉัน", "กิน", "ฉันก"}
    cut = {
        "L'eau été": ["L'", "eau", "été"],
        "New  York l'inconnu": ["New York", "l'", "inconnu"],
        "ฉันกินข้าว": ["ฉัน", "กิน", "ข้าว"],
    }
    for given, words in cut.items():
        assert module.cut_like(given, known) == words, given
