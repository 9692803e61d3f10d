import numpy as np
import pytest

from suite.data.generated.ambiguous_words import CLASSES, MARKERS, WORDS, generate_sentences


@pytest.mark.parametrize("ahead", [True, False])
def test_the_nearest_marker_on_its_side_explains_a_word(ahead):
    sentences = generate_sentences(200, 3, length=12, ahead=ahead)
    assert sentences.words.min() >= 1 and sentences.words.max() == WORDS - 1
    assert sentences.senses.max() == CLASSES - 1
    for words, senses, weights in zip(*sentences, strict=True):
        for place, word in enumerate(words):
            others = words[place + 1 :] if ahead else words[:place][::-1]
            marker = next((other for other in others if other <= MARKERS), None)
            explained = 3 <= word < 7 and marker is not None
            assert weights[place] == explained
            assert senses[place] == (2 * (word - 3) + marker - 1 if explained else 0)
    senses = sentences.senses[sentences.weights > 0]
    assert abs(np.mean(senses % 2) - 0.5) < 0.07  # forward, a sense is a guess


def test_the_same_seed_gives_the_same_sentences():
    first, again, other = (generate_sentences(20, seed, ahead=True).words for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
