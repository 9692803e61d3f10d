import numpy as np
import pytest

from suite.data.generated import word_kinds


def test_sentences_of_kinds():
    drawn = word_kinds.generate_kinds(0, 4000)
    assert {len(words) for words in drawn.texts} == {7, 8}
    words = {
        word: {index for index, text in enumerate(drawn.texts) if word in text} for word in ("cat", "was")
    }
    cats = [drawn.texts[index] for index in words["cat"]]
    assert not {"office", "smiling", "rusty"} & {word for text in cats for word in text}
    assert len(words["was"]) / 4000 == pytest.approx(0.5, abs=0.03)
    for text, log_probability in zip(drawn.texts[:50], drawn.log_probabilities, strict=False):
        manner = len(text) == 8  # kind, manner or not, then each word
        expected = 1 / 3 / 2 / (10 if manner else 1) / (4 * 16 * 2 * 12 * 4 * 4 * 12)
        assert np.exp(log_probability) == pytest.approx(expected, rel=1e-9)
    # Kinds have as many words of each sort: the shares of names are those of the kinds.
    assert len(words["cat"]) / 4000 == pytest.approx(1 / 48, abs=0.01)
    again = word_kinds.generate_kinds(0, 50).texts
    assert again == drawn.texts[:50] != word_kinds.generate_kinds(1, 50).texts
