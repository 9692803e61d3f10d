import keras
import numpy as np
import pytest

from suite.deploy.exports.steps import exported_steps, step_export
from suite.deploy.pipeline import export_model
from suite.deploy.runtime import load_artifact
from suite.language import decoding
from suite.language.vocabulary import Vocabulary
from suite.layers import Dropout, GRUCell, LSTMCell, Recurrent, SimpleRNNCell
from suite.models.step_model import build_step_model
from tests.language import decoding_checks

SPREAD = keras.initializers.RandomNormal(stddev=1, seed=0)
FLOAT32 = ("model.keras", "saved_model", "model.onnx", "model.tflite")


def test_against_brute_force():
    decoding_checks.decoding(decoding)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1}, "^expected a temperature >= 0, received -1$"),
        ({"temperature": np.nan}, "^expected a temperature >= 0, received nan$"),
        ({"top_k": 0}, "^expected top_k >= 1, received 0; None for all tokens$"),
        ({"top_p": 0}, r"^expected a top_p in \(0, 1\], received 0; None for all tokens$"),
        ({"forbidden": (1, 4)}, r"^expected forbidden ids in \[0, 4\), received 4$"),
        (
            {"forbidden": range(4)},
            "^expected at least one token that is not forbidden, received none; forbid ",
        ),
    ],
)
def test_wrong_settings_of_sampling(settings, message):
    with pytest.raises(ValueError, match=message):
        decoding.next_probabilities(np.zeros(4), **settings)


def test_wrong_settings_of_searching_and_generating():
    for width, max_length, power in ((0, 1, 0), (1, 0, 0), (1, 1, -0.5)):
        message = "^expected width >= 1, max_length >= 1 and length_power >= 0, received "
        with pytest.raises(ValueError, match=f"{message}{width}, {max_length} and {power:g}$"):
            decoding.beam_search(None, None, 0, 1, width, max_length, power)
    with pytest.raises(
        ValueError, match="^expected a prompt of at least one token, received none; give a st"
    ):
        decoding.generate(None, None, [], 3, None)


@pytest.fixture(scope="module")
def language_model():
    keras.utils.set_random_seed(0)
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 5, embeddings_initializer=SPREAD)(tokens)
    for cell in (LSTMCell(6), GRUCell(4), SimpleRNNCell(7)):
        x = Dropout(0.5)(Recurrent(cell, return_sequences=True)(x))
    return keras.Model(tokens, keras.layers.Dense(9, "softmax", kernel_initializer=SPREAD)(x))


@pytest.fixture(scope="module")
def exported(language_model, tmp_path_factory):
    model, folder = build_step_model(language_model), tmp_path_factory.mktemp("step")
    return model, exported_steps(model, folder), folder


def test_a_step_model_shares_the_weights_and_gives_the_same_probabilities(language_model, exported):
    model, steps, _ = exported
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in language_model.weights}
    states = ("hidden_state_0", "cell_state_0", "hidden_state_1", "hidden_state_2")
    assert tuple(tensor.name for tensor in model.inputs) == ("token", *states)
    assert tuple(model.output) == ("probabilities", *(f"new_{name}" for name in states))
    ids = np.random.default_rng(0).integers(9, size=40)
    probabilities = np.asarray(language_model(ids[None, :-1]))[0]
    expected = -np.log(probabilities[np.arange(39), ids[1:]])
    assert set(steps) == {"keras", "tflite", "onnx"}
    for step in steps.values():
        nats = decoding.surprisals(step, step.initial_state(), ids)
        np.testing.assert_allclose(nats, expected, atol=2e-6)  # measured 4e-7


def test_beams_run_on_an_exported_model(language_model, exported):
    def read_again(tokens, prefixes):  # the state is all that was read
        prefixes = np.concatenate([prefixes, tokens[:, None]], axis=1)
        return np.log(np.asarray(language_model(prefixes))[:, -1]), prefixes

    expected = decoding.beam_search(read_again, np.zeros((1, 0), np.int32), 1, 2, 4, 6, 0.5)
    for step in exported[1].values():
        found = decoding.beam_search(step, step.initial_state(), 1, 2, 4, 6, 0.5)
        assert [each.tokens for each in found] == [each.tokens for each in expected]
        np.testing.assert_allclose(
            [each.log_probability for each in found], [each.log_probability for each in expected], atol=1e-5
        )


def test_every_artifact_of_a_step_model_generates_the_same(exported, tmp_path):
    model, steps, _ = exported
    ids = np.random.default_rng(1).integers(9, size=200)
    item = step_export(model, steps["onnx"], ids, ids[::-1], Vocabulary("abcdefg"))
    rows = {row.path: row for row in export_model(item, tmp_path)}
    assert {rows[name].status for name in ("model.keras", "saved_model", "model.onnx", "model.tflite")} == {
        "ok"
    }
    assert rows["model.tflite"].metric.value == pytest.approx(
        decoding.surprisals(steps["tflite"], steps["tflite"].initial_state(), ids[::-1]).mean(), abs=1e-6
    )
    assert (tmp_path / "vocabulary.txt").read_text().split() == ["<pad>", "<unk>", *"abcdefg"]
    written = []
    for name in FLOAT32:
        step = decoding.StepModel(load_artifact(tmp_path / name))
        rng = np.random.default_rng(0)
        written.append(decoding.generate(step, step.initial_state(), [3], 40, rng, forbidden=(0, 1)).tolist())
    assert written[0] == written[1] == written[2] == written[3]
    assert len(set(written[0])) > 3 and not {0, 1} & set(written[0])


def test_other_models_are_no_step_models(tmp_path):
    token = keras.Input((), dtype="int32", name="token")
    state = keras.Input((3,), name="state")
    embedded = keras.layers.Embedding(5, 3)(token)
    for outputs in (
        {"embedding": embedded, "new_state": state + embedded},
        {"probabilities": embedded, "other": state},
        {"logits": embedded, "probabilities": embedded, "new_state": state},
    ):
        keras.Model([token, state], outputs).save(tmp_path / "model.keras")
        message = (
            "^expected a step model, with 'token' and states in, 'logits' or 'probabilities' and new_STATE "
            f"out, .*model.keras takes token, state and gives {', '.join(sorted(outputs))}$"
        )
        with pytest.raises(ValueError, match=message):
            decoding.StepModel(load_artifact(tmp_path / "model.keras"))
    keras.Model([token, state], {"logits": embedded + state}).save(tmp_path / "model.keras")
    step = decoding.StepModel(load_artifact(tmp_path / "model.keras"))
    given = {"state": np.float32([[1, 2, 3]])}
    log_probabilities, after = step(np.int32([2]), given)
    np.testing.assert_array_equal(after["state"], given["state"])  # an input that no output replaces
    np.testing.assert_allclose(np.exp(log_probabilities).sum(), 1)
