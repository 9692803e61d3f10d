import numpy as np
import pytest

from suite.evaluation.embeddings import WordVectors, context_ranking

RNG = np.random.default_rng(0)
WORDS = ["man", "woman", "king", "queen", "tree", "nothing"]
VECTORS = np.float32([[1, 0, 0.1], [0, 1, 0.1], [2, 0, 2], [0, 3, 3], [-1, -1, 1], [0, 0, 0]])


def test_nearest_is_by_the_angle():
    found = WordVectors(WORDS, 5 * VECTORS).nearest("king", 3)
    unit = VECTORS[:5] / np.linalg.norm(VECTORS[:5], axis=1, keepdims=True)
    expected = unit @ unit[2]
    assert [word for word, _ in found] == ["man", "queen", "woman"]
    assert [value for _, value in found] == pytest.approx(expected[[0, 3, 1]].tolist(), abs=1e-6)
    with pytest.raises(ValueError, match=r"^expected words of the vocabulary \(6 words\), received 'frog'$"):
        WordVectors(WORDS, VECTORS).nearest("frog")


def test_analogies():
    vectors = WordVectors(WORDS, VECTORS)
    questions = [
        ("man", "king", "woman", "queen"),
        ("king", "man", "queen", "woman"),
        ("man", "king", "woman", "tree"),
    ]
    assert vectors.complete(questions) == ["queen", "woman", "queen"]
    assert vectors.analogy_accuracy(questions) == pytest.approx(2 / 3)


def test_projector_files():
    files = WordVectors(["a", "b"], np.float32([[1, -0.25], [3e-9, 2]])).projector_files()
    assert files == {"vectors.tsv": "1\t-0.25\n3e-09\t2\n", "metadata.tsv": "a\nb\n"}


def test_context_ranking_is_the_area_under_the_curve():
    words, contexts = RNG.integers(-9, 9, (2, 9, 4)).astype(np.float32)  # products without rounding
    contexts[5] = contexts[7]
    pairs, noise = RNG.integers(9, size=(20, 2)), RNG.integers(9, size=15)
    wins = []
    for word, context in pairs:
        for other in noise:
            right, wrong = words[word] @ contexts[context], words[word] @ contexts[other]
            wins.append(0.5 if wrong == right else float(wrong < right))
    assert 0.5 in wins
    assert context_ranking(words, contexts, pairs, noise) == pytest.approx(np.mean(wins))


def test_an_analogy_is_b_less_a_plus_c_whatever_the_words():
    rng = np.random.default_rng(3)
    words, vectors = [f"w{row}" for row in range(9)], rng.normal(size=(9, 4)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    questions, answers, others, allowed = [], [], [], []
    for a, b, c in (rng.permutation(9)[:3] for _ in range(60)):
        likeness = unit @ (unit[b] - unit[a] + unit[c])
        allowed.append(words[int(likeness.argmax())])
        turned = unit @ (unit[a] - unit[b] + unit[c])
        likeness[[a, b, c]] = turned[[a, b, c]] = -np.inf
        questions.append((words[a], words[b], words[c], "w0"))
        answers.append(words[int(likeness.argmax())])
        others.append(words[int(turned.argmax())])
    found = WordVectors(words, vectors)
    assert found.complete(questions) == answers
    assert answers != others and sum(one in each for one, each in zip(allowed, questions, strict=True)) > 20
    assert found.analogy_accuracy(questions) == np.mean([answer == "w0" for answer in answers])


def test_no_word_is_its_own_neighbor_however_many_are_asked_for():
    found = WordVectors(WORDS, VECTORS).nearest("king", 99)
    assert sorted(word for word, _ in found) == sorted(set(WORDS) - {"king"})
    assert all(np.isfinite(value) for _, value in found)


def test_nothing_to_rank_or_to_answer():
    with pytest.raises(ValueError, match="^expected at least one question, received none$"):
        WordVectors(WORDS, VECTORS).analogy_accuracy([])
    with pytest.raises(ValueError, match="^expected pairs and noise words, received 0 and 3$"):
        context_ranking(VECTORS, VECTORS, np.zeros((0, 2), int), np.arange(3))
