"""`predict` on texts and words."""

import keras
import numpy as np
import pytest

import suite
from suite.cli import main
from suite.language.decoding import CONTINUATION
from suite.language.vocabulary import Vocabulary
from tests.answers.pictures import LABELS


def test_word_embeddings_find_the_nearest_words(tmp_path, capsys):
    from suite.deploy.exports.embedding import lookup_export

    vectors = np.float32([[9, 9], [9, 9], [1, 0], [0, 1], [1, 1], [-1, 0]])
    words = Vocabulary(["sun", "moon", "star", "mud"])
    item = lookup_export(vectors, words)
    model = item.model
    np.testing.assert_array_equal(model(np.arange(6)), [[0, 0], [0, 0], *vectors[2:]])
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put it th"
    ):
        suite.predict(path, "sun")
    assert item.files == {"vocabulary.txt": words.to_text()}
    (tmp_path / "vocabulary.txt").write_text(words.to_text())
    (row,) = suite.predict(path, "Sun", top=2)
    assert row["word"] == "Sun" and [entry["name"] for entry in row["neighbors"]] == ["star", "moon"]
    assert [entry["distance"] for entry in row["neighbors"]] == pytest.approx([1 - 0.5**0.5, 1], abs=1e-6)
    assert main.execute(["predict", str(path), "sun", "moon", "--top", "1"]) == 0
    assert "sun: star 0.293\nmoon: star 0.293\n" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"^expected words of the vocabulary \(4 words\), received 'frog'$"):
        suite.predict(path, "frog")


@pytest.mark.parametrize("kind", ["character", "word"])
def test_a_language_model_goes_on_with_a_text(kind, tmp_path, capsys):
    """It says after each token the next one of the vocabulary, round and round, but never "<unk>"."""
    words = ["\n", "a", "b", "c"] if kind == "character" else ["\n", "sun", "moon", "star"]
    token = keras.Input((), dtype="int32", name="token")
    hidden_state = keras.Input((1,), name="hidden_state_0")
    following = keras.ops.where(token >= 5, 2, token + 1)
    logits = 50 * keras.ops.one_hot(following, 6) + 100 * keras.ops.one_hot(1 + 0 * token, 6)
    outputs = {"logits": logits, "new_hidden_state_0": hidden_state + 1}
    path = tmp_path / "model.keras"
    keras.Model([token, hidden_state], outputs).save(path)
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put i"
    ):
        suite.predict(path, "a")
    (tmp_path / "vocabulary.txt").write_text(Vocabulary(words).to_text())
    with pytest.raises(
        ValueError, match=f"^expected a text with at least one {kind}, received ''; give one$"
    ):
        suite.predict(path, "")
    text, gap = ("ab", "") if kind == "character" else ("Sun MOON", " ")
    (row,) = suite.predict(path, text, top=2)
    around = gap.join((words[3:] + words[:3]) * 40)
    assert row["text"] == text and len(row["continuations"]) == 2
    for continuation in row["continuations"]:
        assert around.startswith(continuation)
        assert sum(map(continuation.count, words)) == CONTINUATION[kind]
    assert main.execute(["predict", str(path), text, "--top", "1"]) == 0
    shown = capsys.readouterr().out
    assert f"{text}: {row['continuations'][0][:9]}".replace("\n", " / ") in shown
    assert "next: suite benchmark" in shown


def test_continuations_are_drawn_with_a_seed(tmp_path):
    token = keras.Input((), dtype="int32", name="token")
    hidden_state = keras.Input((1,), name="hidden_state_0")
    logits = keras.ops.one_hot(token, 6)
    model = keras.Model([token, hidden_state], {"logits": logits, "new_hidden_state_0": hidden_state})
    model.save(tmp_path / "model.keras")
    (tmp_path / "vocabulary.txt").write_text(Vocabulary(list("abcd")).to_text())
    first, again = (suite.predict(tmp_path / "model.keras", "a", "a") for _ in range(2))
    assert first == again and len(set(first[0]["continuations"])) == 3
    assert first[0] == first[1]


def test_a_decoder_is_no_language_model(tmp_path):
    token, memory = keras.Input((), dtype="int32", name="token"), keras.Input((6,), name="memory")
    logits = keras.ops.one_hot(token, 6) + memory
    keras.Model([token, memory], {"logits": logits}).save(tmp_path / "model.keras")
    message = (
        "^expected the step of a language model, .*model.keras also takes memory, which an encoder gives$"
    )
    with pytest.raises(ValueError, match=message):
        suite.predict(tmp_path / "model.keras", "a")


def test_a_classifier_of_texts(save, capsys):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    one_hot = keras.ops.one_hot(keras.ops.mod(tokens, 3), 3, dtype="float32")  # (B, T, 3)
    probabilities = keras.layers.Softmax(name="probabilities")(keras.ops.sum(one_hot, axis=1))
    path, _ = save(keras.Model(tokens, probabilities))
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put i"
    ):
        suite.predict(path, "a text")
    (path.parent / "vocabulary.txt").write_text(Vocabulary(["purr", "!", "bark", "cluck"]).to_text())
    # "purr" is 2, "!" 3, "bark" 4, what is unknown 1: hen, cat, dog, dog
    rows = suite.predict(path, "Purr purr PURR!", "Woof! Bark")
    assert [row["text"] for row in rows] == ["Purr purr PURR!", "Woof! Bark"]
    assert [entry["class"] for entry in rows[0]["classes"]] == ["hen", "cat", "dog"]
    expected = np.exp([3, 1, 0]) / np.sum(np.exp([3, 1, 0]))
    np.testing.assert_allclose([entry["probability"] for entry in rows[0]["classes"]], expected, atol=1e-6)
    assert [entry["class"] for entry in rows[1]["classes"]] == ["dog", "cat", "hen"]
    assert main.execute(["predict", str(path), "Woof! Bark", "--top", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Woof! Bark: dog 0.665" in shown and "next: suite benchmark" in shown
    with pytest.raises(ValueError, match="^expected a text with at least one word, received ' '; give one$"):
        suite.predict(path, " ")


@pytest.mark.parametrize("length", [None, 4])
def test_a_tagger_tags_every_word_of_a_text(length, save, capsys):
    """Of any length or of one that is shorter than the text, which is then read in pieces."""
    words = keras.Input((length,), dtype="int32", name="words")
    characters = keras.Input((length, 5), dtype="int32", name="characters")
    # The id of the word, and that of its first character, which tells the case.
    sums = keras.ops.mod(words + characters[..., 1], 3)
    one_hot = keras.layers.Identity(name="probabilities")(keras.ops.one_hot(sums, 3, dtype="float32"))
    path, _ = save(keras.Model({"words": words, "characters": characters}, one_hot))
    known = Vocabulary(["the", "cat", "."])  # 2, 3, 4
    (path.parent / "vocabulary.txt").write_text(known.to_text())
    with pytest.raises(
        ValueError, match="^expected the characters in .*characters.txt, found no such file; put it there$"
    ):
        suite.predict(path, "The")
    (path.parent / "characters.txt").write_text(Vocabulary(["T", "t", "c", "."]).to_text())  # 2, 3, 4, 5
    (row,) = suite.predict(path, "The cat, the cat.")
    assert [entry["word"] for entry in row["tags"]] == ["The", "cat", ",", "the", "cat", "."]
    expected = [2 + 2, 3 + 4, 1 + 1, 2 + 3, 3 + 4, 4 + 5]
    assert [entry["tag"] for entry in row["tags"]] == [LABELS[number % 3] for number in expected]
    assert {entry["probability"] for entry in row["tags"]} == {1.0}
    assert main.execute(["predict", str(path), "The cat"]) == 0
    assert "The cat: The/dog cat/dog" in capsys.readouterr().out


def test_a_tagger_is_asked_about_words_as_it_learned_them(save):
    """Of a treebank's words, with marks, blanks and apostrophes in them, and of Thai, which has no blanks."""
    words = keras.Input((None,), dtype="int32", name="words")
    one_hot = keras.ops.one_hot(keras.ops.mod(words, 3), 3, dtype="float32")
    path, _ = save(keras.Model(words, keras.layers.Identity(name="probabilities")(one_hot)))
    known = Vocabulary(["l'", "eau", "10 000", "नमस्ते", "ฉัน", "กิน", "istanbul", "."])
    (path.parent / "vocabulary.txt").write_text(known.to_text(), encoding="utf-8")
    (row,) = suite.predict(path, "L'eau 10 000 नमस्ते ฉันกิน İstanbul.")
    expected = ["L'", "eau", "10 000", "नमस्ते", "ฉัน", "กิน", "İstanbul", "."]
    assert [entry["word"] for entry in row["tags"]] == expected
    numbers = [index for index, _ in enumerate(expected, 2)]
    assert [entry["tag"] for entry in row["tags"]] == [LABELS[index % 3] for index in numbers]
