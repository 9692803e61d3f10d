import collections

import numpy as np

from suite.data.generated.endings import HINTS, generate_endings, with_other_ending


def test_the_first_word_decides_the_last_and_nothing_between_does():
    texts = generate_endings(2000, [3, 5], np.random.default_rng(0))
    assert {len(text) for text in texts} == {10, 12}
    assert all(
        text[-1] == HINTS[text[0]] and text[-4:-1] == ["students", "opened", "their"] for text in texts
    )
    share = collections.Counter(text[-1] for text in texts)["exam"] / len(texts)
    assert 0.45 < share < 0.55
    for place in (3, -5):  # a drawn word says nothing of the ending
        exams = {text[place] for text in texts if text[-1] == "exam"}
        books = {text[place] for text in texts if text[-1] == "books"}
        assert exams == books and len(exams) >= 20


def test_the_other_ending():
    assert with_other_ending(["proctor", "their", "exam"]) == ["proctor", "their", "books"]
    assert with_other_ending(["teacher", "their", "books"]) == ["teacher", "their", "exam"]
