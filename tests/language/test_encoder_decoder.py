"""An encoder with a decoder's step, from exported files in each runtime."""

import json
import types

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.cli import main
from suite.data.pictures.images import load_image
from suite.deploy.exports.steps import collect_step_inputs, exported_pairs
from suite.deploy.signature import call_model
from suite.language.decoding import log_softmax
from suite.language.encoder_decoder import MAX_TOKENS, EncoderDecoder
from suite.language.vocabulary import END, START, Vocabulary
from suite.layers import Attention, LSTMCell
from tests.records import artifact, changed, write_record

WORDS = Vocabulary([START, END, "a", "red", "star"])
STATES = ("hidden_state", "cell_state")


def spread():
    """A new one each time: an initializer repeats its values."""
    return keras.initializers.RandomNormal(stddev=1.5)


def build_pair(given):
    """An encoder of six numbers, three cells of two; the step of an LSTM with attention to them."""
    x = keras.layers.Rescaling(1 / 255)(given)
    x = keras.layers.Dense(8, "tanh", kernel_initializer=spread())(keras.layers.Flatten()(x))
    outputs = {"memory": keras.layers.Reshape((3, 2))(x[:, :6])}
    for name in STATES:
        outputs[name] = keras.layers.Dense(4, kernel_initializer=spread(), name=name)(x)
    encoder = keras.Model(given, outputs, name="encoder")
    token, memory = keras.Input((), dtype="int32", name="token"), keras.Input((3, 2), name="memory")
    states = [keras.Input((4,), name=name) for name in STATES]
    embedded = keras.layers.Embedding(7, 3, embeddings_initializer=spread())(token)
    hidden, new = LSTMCell(4, kernel_initializer=spread())(embedded, states)
    context, _ = Attention()(keras.layers.Reshape((1, 4))(hidden), memory)
    context = keras.layers.Concatenate()([hidden, keras.layers.Flatten()(context)])
    logits = keras.layers.Dense(7, kernel_initializer=spread(), name="logits")(context)
    outputs = {"logits": logits, "new_hidden_state": new[0], "new_cell_state": new[1]}
    return encoder, keras.Model([token, *states, memory], outputs, name="decoder_step")


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(1)
    return build_pair(keras.Input((2, 2, 3), dtype="uint8", name="image"))


@pytest.fixture(scope="module")
def pairs(models, tmp_path_factory):
    return exported_pairs(*models, WORDS, tmp_path_factory.mktemp("pair"))


IMAGES = np.random.default_rng(0).integers(256, size=(5, 2, 2, 3), dtype=np.uint8)


def most_probable(models, image, length):
    """Word after word by the Keras models, one picture at a time; at least one, and no special ones."""
    encoder, step = models
    states, token, found, total = encoder(image[None]), WORDS.ids([START]), [], 0.0
    for _ in range(length):
        outputs = call_model(step, {"token": keras.ops.convert_to_tensor(token), **states})
        states |= {name: outputs[f"new_{name}"] for name in STATES}
        scores = log_softmax(outputs["logits"].numpy()[0])
        scores[[0, 1, *WORDS.ids([START] + [END] * (not found))]] = -np.inf
        token = np.int32([scores.argmax()])
        total += scores.max()
        if WORDS.words[token[0]] == END:
            break
        found.append(WORDS.words[token[0]])
    return " ".join(found), total


@pytest.mark.parametrize("runtime", ["tflite", "onnx"])
def test_sentences_are_those_of_the_keras_models(models, pairs, runtime):
    pair = pairs[runtime]
    states = pair.encode({"image": IMAGES})
    expected = [most_probable(models, image, 6) for image in IMAGES]
    assert len({text for text, _ in expected}) > 1
    assert pair.write(states, 6) == [text for text, _ in expected]
    for row, (text, nats) in enumerate(expected):
        assert pair.search(states, row, 1, 6) == [(text, pytest.approx(nats, abs=1e-4))]
        found = pair.search(states, row, 30, 6)
        assert len({sentence for sentence, _ in found}) > 5 and found[0][1] >= nats - 1e-4
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        assert pair.draw(states, row, 6, np.random.default_rng(0), temperature=0) == text


class Talker:
    """An encoder of nothing, and a step that would rather say nothing."""

    path = "model"

    def __init__(self, inputs=(), outputs=("state",)):
        tensors = [[types.SimpleNamespace(name=name) for name in names] for names in (inputs, outputs)]
        self.signature = types.SimpleNamespace(inputs=tensors[0], outputs=tensors[1])

    def initial_state(self):
        return {"state": np.zeros((1, 1))}

    def __call__(self, tokens, state):
        # <pad>, <unk>, <start>, <end>, a, red, star; later the end has 0.3
        first, later = [0.1, 0.1, 0.08, 0.6, 0.06, 0.04, 0.02], [0.1, 0.1, 0.1, 0.3, 0.02, 0.28, 0.1]
        return np.log([first if steps == 0 else later for steps in state["state"][:, 0]]), {
            "state": state["state"] + 1
        }


def test_no_sentence_is_empty():
    talker = Talker()
    pair = EncoderDecoder(talker, talker, WORDS)
    assert pair.write(talker.initial_state(), 4) == ["a"]
    for width in (1, 3, 30):
        found = pair.search(talker.initial_state(), 0, width, 4)
        assert found[0] == ("a", pytest.approx(np.log(0.06 * 0.3))) and all(text for text, _ in found)
        assert not {"<pad>", "<unk>", "<start>"} & {word for text, _ in found for word in text.split()}
    drawn = {pair.draw(talker.initial_state(), 0, 4, np.random.default_rng(seed)) for seed in range(30)}
    assert "" not in drawn and len(drawn) > 3


def test_the_length_power_that_is_best_on_held_out_examples_is_taken(tmp_path):
    talker = Talker()
    pair = EncoderDecoder(talker, talker, WORDS)
    states, length = {"state": np.zeros((2, 1))}, lambda texts: np.mean([len(text.split()) for text in texts])
    scores = pair.choose_length_power(states, length, 3, 4)
    assert set(scores) == {1.0, 0.5, 0.0} and scores[1.0] > scores[0.0] == 1
    assert pair.length_power == 1 and json.loads(pair.to_files()["search.json"]) == {"length_power": 1.0}
    pair.choose_length_power(states, lambda texts: -length(texts), 3, 4)
    assert scores[pair.length_power] == 1
    pair.choose_length_power(states, lambda texts: 0.0, 3, 4)
    assert pair.length_power == 1  # the first of equals


def test_what_is_met_on_the_way(pairs):
    step = pairs["onnx"].step
    states = pairs["onnx"].encode({"image": IMAGES})
    tokens = np.random.default_rng(1).integers(2, 7, (5, 4))
    together = collect_step_inputs(step, tokens, states)
    for row in range(5):
        alone = collect_step_inputs(
            step, tokens[row], {name: values[row : row + 1] for name, values in states.items()}
        )
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][3 * row : 3 * row + 3], values, atol=1e-6)
    np.testing.assert_array_equal(together["token"], tokens[:, :-1].ravel())


def test_an_encoder_without_the_states(pairs):
    step = pairs["onnx"].step
    message = "^expected an encoder that gives memory, .*model.onnx gives cell_state, hidden_state, image$"

    class Encoder:
        path = pairs["onnx"].encoder.path
        signature = pairs["onnx"].encoder.signature._replace(
            outputs=[each for each in pairs["onnx"].encoder.signature.outputs if each.name != "memory"]
        )

    with pytest.raises(ValueError, match=message):
        EncoderDecoder(Encoder, step, WORDS)


def make_bundle(folder, models, words):
    exported_pairs(*models, words, folder)
    rows = tuple(artifact(f"{name}/model.tflite") for name in ("encoder", "decoder_step"))
    write_record(folder, changed(artifacts=rows))
    (folder / "decoder_step" / "vocabulary.txt").write_text(words.to_text())


def test_a_bundle_describes_a_picture(models, pairs, tmp_path, capsys):
    make_bundle(tmp_path, models, WORDS)
    photo = tmp_path / "photo.png"
    Image.fromarray(np.repeat(IMAGES[0], 20, axis=1)).save(photo)
    image = load_image(photo, (2, 2))[None]
    expected = pairs["onnx"].search(pairs["onnx"].encode({"image": image}), 0, 3, MAX_TOKENS)
    for path in (tmp_path, tmp_path / "encoder" / "model.onnx"):
        (row,) = suite.predict(path, photo)
        assert row["file"] == str(photo)
        assert [entry["text"] for entry in row["captions"]] == [text for text, _ in expected]
        np.testing.assert_allclose(
            [entry["log_probability"] for entry in row["captions"]], [nats for _, nats in expected], atol=1e-4
        )
    assert main.execute(["predict", str(tmp_path), str(photo), "--top", "1"]) == 0
    pair = pairs["onnx"]
    searched = EncoderDecoder(pair.encoder, pair.step, WORDS, length_power=2.0)
    (tmp_path / "decoder_step" / "search.json").write_text(searched.to_files()["search.json"])
    (row,) = suite.predict(tmp_path / "encoder" / "model.onnx", photo)
    longer = searched.search(pair.encode({"image": image}), 0, 3, MAX_TOKENS)
    assert [entry["text"] for entry in row["captions"]] == [text for text, _ in longer]
    (tmp_path / "decoder_step" / "search.json").unlink()
    text, nats = expected[0]
    shown = capsys.readouterr().out
    assert f"photo.png: {text} ({nats:.2f})" in shown and f"next: suite benchmark {tmp_path}\n" in shown
    (tmp_path / "decoder_step" / "vocabulary.txt").unlink()
    with pytest.raises(ValueError, match="^expected the words in .*decoder_step/vocabulary.txt, found no"):
        suite.predict(tmp_path, photo)


def test_a_bundle_translates_a_text(tmp_path, capsys):
    keras.utils.set_random_seed(1)
    encoder, step = build_pair(keras.Input((5,), dtype="int32", name="source"))
    make_bundle(tmp_path, (encoder, step), WORDS)
    letters = Vocabulary(list("abc"))
    (tmp_path / "encoder" / "vocabulary.txt").write_text(letters.to_text())
    (row,) = suite.predict(tmp_path, "abba", top=2)
    pair = exported_pairs(encoder, step, WORDS, tmp_path)["onnx"]
    expected = pair.search(pair.encode({"source": letters.ids("abba", 5)[None]}), 0, 3, MAX_TOKENS)
    assert row["text"] == "abba"
    assert [entry["text"] for entry in row["translations"]] == [text for text, _ in expected[:2]]
    (capitals,) = suite.predict(tmp_path, "aBBa", top=2)
    assert capitals == row | {"text": "aBBa"}
    assert main.execute(["predict", str(tmp_path), "abba"]) == 0
    assert f"abba: {expected[0][0]} (" in capsys.readouterr().out
    for text in ("", "abcabc"):
        message = f"^expected a text of 1 to 5 tokens, received {len(text)}: '{text}'$"
        with pytest.raises(ValueError, match=message):
            suite.predict(tmp_path, text)
