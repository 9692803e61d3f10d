import numpy as np
import pytest

from suite.data.source import Source
from suite.language.vocabulary import Vocabulary, check_known, unknown_share

TEXTS = [["b", "a", "b"], ["c", "a", "b", "d"]]


def test_the_most_frequent_come_first_and_ties_by_the_alphabet():
    vocabulary = Vocabulary.fit(TEXTS)
    assert vocabulary.words == ("<pad>", "<unk>", "b", "a", "c", "d")
    assert vocabulary.counts.tolist() == [0, 0, 3, 2, 1, 1]
    assert len(vocabulary) == 6 and "c" in vocabulary and "e" not in vocabulary


def test_what_is_left_out_is_unknown():
    for vocabulary in (Vocabulary.fit(TEXTS, size=4), Vocabulary.fit(TEXTS, min_count=2)):
        assert vocabulary.words[2:] == ("b", "a")
        assert vocabulary.counts.tolist() == [0, 2, 3, 2]
        assert vocabulary.ids(["a", "c", "b", "z"]).tolist() == [3, 1, 2, 1]
    with pytest.raises(
        ValueError, match="^expected a vocabulary size of at least 3, received 2; two are special$"
    ):
        Vocabulary.fit(TEXTS, size=2)
    with pytest.raises(ValueError, match="^expected words that occur at least 9 times, received 4 different"):
        Vocabulary.fit(TEXTS, min_count=9)


def test_ids_of_a_length_and_back():
    vocabulary = Vocabulary.fit(TEXTS)
    ids = vocabulary.ids(["d", "a"], 4)
    assert ids.tolist() == [5, 3, 0, 0] and ids.dtype == "int32"
    assert vocabulary.ids(["d", "a", "b"], 2).tolist() == [5, 3] and vocabulary.ids([]).shape == (0,)
    assert vocabulary.decode(ids) == ["d", "a"] and vocabulary.decode([1, 2]) == ["<unk>", "b"]
    for wrong in (6, -1):
        with pytest.raises(ValueError, match=rf"^expected ids in \[0, 6\), received {wrong}$"):
            vocabulary.decode([2, wrong])


def test_a_file_of_it():
    words = ["a", "\n", "\\n", "\\", "not bad", "é", "\r", " "]
    text = Vocabulary(words).to_text()
    assert text.count("\n") == len(words) + 2
    assert Vocabulary.from_text(text).words[2:] == tuple(words)
    with pytest.raises(
        ValueError, match="^expected <pad> and <unk> in the first two lines of a vocabulary, rec"
    ):
        Vocabulary.from_text("a\nb\n")
    with pytest.raises(ValueError, match="^expected every word once, received 'a' twice; leave one out$"):
        Vocabulary.from_text("<pad>\n<unk>\na\na\n")
    with pytest.raises(ValueError, match="^expected every word once, received '<pad>' twice"):
        Vocabulary(["<pad>"])


def test_a_text_of_which_most_is_unknown_has_no_perplexity():
    texts = [np.array([1, 2, 3]), np.array([4, 1, 5, 6, 7, 8, 9])]
    assert unknown_share(texts) == 0.2
    check_known(texts, Source.parse("/my/book.txt"))
    texts.append(np.array([1, 1, 1]))
    message = (
        "^expected at most 30% unknown words in held-out text of /my/book.txt, received 38%, so that a "
        "perplexity would say nothing; take its characters, as by suite run character_generation, or give "
    )
    with pytest.raises(ValueError, match=message):
        check_known(texts, Source.parse("/my/book.txt"))
    for source in ("embedded", "tfds", "tfds:x"):
        check_known(texts, Source.parse(source))


def test_ties_do_not_depend_on_the_order_of_the_texts():
    words = ["pear", "apple", "fig", "zoo", "date"]
    for texts in ([words], [words[::-1]], [[word] for word in sorted(words)]):
        assert Vocabulary.fit([*texts, ["fig"]]).words[2:] == ("fig", "apple", "date", "pear", "zoo")
        assert Vocabulary.fit([*texts, ["fig"]], size=4).words[2:] == ("fig", "apple")


def test_special_words_of_a_text_are_no_words():
    vocabulary = Vocabulary.fit([["<pad>", "a", "<unk>", "<unk>", "a", "b"]])
    assert vocabulary.words == ("<pad>", "<unk>", "a", "b")
    assert vocabulary.counts.tolist() == [0, 3, 2, 1]


def test_a_sentence_ends_at_the_first_end():
    words = Vocabulary(["<start>", "<end>", "a", "cat"])
    assert words.sentence([4, 5, 3, 4, 3]) == "a cat"
    assert words.sentence([4, 5]) == "a cat" and words.sentence([3, 4]) == ""
