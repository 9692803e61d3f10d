"""What the readers of sequences in week 5 may look at: not padding, and the order of words or not."""

import numpy as np
import pytest

from recipes.week5_sequences import part_of_speech_tagging as tagging
from recipes.week5_sequences import sentence_classification as classification
from suite.language.tagging import TaggerVocabulary
from suite.language.vocabulary import Vocabulary

IDS = np.random.default_rng(0).integers(2, 12, (5, 7), dtype=np.int32)
IDS[1:3, 4:] = 0


@pytest.mark.parametrize("reader", classification.READERS)
def test_a_classifier_does_not_see_padding_and_only_the_bag_has_no_order(reader):
    model = classification.build_model(reader, 12, 3, classification.SMOKE)
    for weight in model.weights:  # embeddings begin so small that any two texts are alike
        if weight.path.endswith("embeddings"):
            weight.assign(40 * weight)
    expected = np.array(model(IDS))
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)
    padded = np.pad(IDS, [(0, 0), (0, 6)])
    np.testing.assert_allclose(model(padded), expected, atol=1e-6)  # measured 6e-8
    gaps = []
    for word in range(2, 12):  # of which not each is stronger than what was read before
        padded[:, -1] = word
        gaps.append(np.abs(model(padded) - expected).max())
    assert max(gaps) > 1e-3
    whole = [0, 3, 4]
    turned = np.array(model(IDS[whole, ::-1]))
    if reader is classification.bag_of_words:
        np.testing.assert_allclose(turned, expected[whole], atol=1e-6)
    else:
        assert np.abs(turned - expected[whole]).max() > 1e-3


@pytest.mark.parametrize("name", tagging.TAGGERS)
def test_what_a_tagger_sees(name):
    """Not padding; what stands on the right only in both directions; spelling only with characters."""
    reader, spells = tagging.TAGGERS[name]
    sizes = TaggerVocabulary(Vocabulary("abcdefghij"), Vocabulary("abcdefghij"))
    model = tagging.build_tagger(reader, spells, sizes, 4, tagging.SMOKE)
    for weight in model.weights:
        if weight.path.endswith("embeddings"):
            weight.assign(40 * weight)
    rng = np.random.default_rng(1)
    characters = rng.integers(2, 12, (5, 7, tagging.SMOKE.letters), dtype=np.int32)
    characters[..., 5:] = 0
    characters[IDS == 0] = 0

    def tag(words, characters):
        given = {"words": words, "characters": characters}
        return np.array(model({tensor.name: given[tensor.name] for tensor in model.inputs}))

    expected = tag(IDS, characters)
    longer = tag(np.pad(IDS, [(0, 0), (0, 6)]), np.pad(characters, [(0, 0), (0, 6), (0, 0)]))
    np.testing.assert_allclose(longer[:, :7][IDS > 0], expected[IDS > 0], atol=1e-6)  # measured 6e-8
    other = IDS.copy()
    other[0, 6] = 2 if IDS[0, 6] != 2 else 3
    changed = np.abs(tag(other, characters) - expected).max(axis=-1)[0]
    assert changed[6] > 1e-4 and (changed[5] > 1e-5) == (name != "simple_rnn")
    spelled = characters.copy()
    spelled[0, 3, 2] = 2 if characters[0, 3, 2] != 2 else 3
    assert (np.abs(tag(IDS, spelled) - expected).max() > 1e-5) == spells


def test_the_baseline_counts_tags_and_guesses_by_words_that_occur_once():
    from suite.data.sets.tagged_sets import TaggedSet
    from suite.language.tagging import Sequences

    words = {"train": [("The", "plan", "works"), ("the", "works"), ("works", "odd")]}
    labels = {"train": [np.array([0, 1, 2]), np.array([0, 1]), np.array([2, 1])]}
    data = TaggedSet(words, labels, ("DET", "NOUN", "VERB"), "here")
    vocabulary = TaggerVocabulary.fit(words["train"])
    test = Sequences.of([("THE", "works", "new")], [np.array([0, 2, 1])], vocabulary, 4, 6)
    counts = tagging.baseline(data, test)
    np.testing.assert_array_equal(counts[0, :3], [[2, 0, 0], [0, 1, 2], [0, 2, 0]])


def test_words_are_made_unknown_at_their_rates_and_padded_little():
    sentences = [("a",) * 30] * 4 + [("b", "c")] * 60
    vocabulary = TaggerVocabulary.fit(sentences)
    train = tagging.Sequences.of(sentences, [np.ones(len(s), int) for s in sentences], vocabulary, 40, 5)
    rates = np.float32([0, 0, 1, 0, 0.5])[: len(vocabulary.words)]  # of a, b and c
    assert vocabulary.words.words[2:] == ("a", "b", "c")
    found = {}
    for inputs, labels, mask in tagging.batches(train.inputs, train, rates, 4, seed=0).take(200):
        words = np.array(inputs["words"])
        found.setdefault(words.shape[1], []).append(words)
        np.testing.assert_array_equal(mask, words > 0)
        np.testing.assert_array_equal(labels, words > 0)
        assert inputs["characters"].shape == (4, words.shape[1], 5)
    assert set(found) == {2, 30}
    assert {*np.unique(found[30])} == {1}
    short = np.concatenate(found[2])
    assert {*np.unique(short[:, 0])} == {3} and {*np.unique(short[:, 1])} == {1, 4}
    assert np.mean(short[:, 1] == 1) == pytest.approx(0.5, abs=0.1)
