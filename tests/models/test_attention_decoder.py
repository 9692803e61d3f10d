import keras
import numpy as np
import pytest
from keras import layers

from suite.models.attention_decoder import AttentionDecoder

SOURCE = np.array([[3, 1, 2, 0], [1, 1, 0, 0]], np.int32)
PREVIOUS = np.array([[1, 4, 2], [1, 3, 3]], np.int32)


def make_encoder() -> keras.Model:
    source = keras.Input((4,), dtype="int32", name="source")
    memory = layers.Embedding(5, 6)(source)
    mean = layers.GlobalAveragePooling1D()(memory)
    states = {name: layers.Dense(3, "tanh")(mean) for name in ("hidden_state", "cell_state")}
    return keras.Model(source, {"memory": memory, **states})


@pytest.mark.parametrize(("attends", "masks"), [(True, True), (True, False), (False, False)])
def test_the_step_says_token_by_token_what_training_says_at_once(attends, masks):
    keras.utils.set_random_seed(0)
    decoder = AttentionDecoder(7, 4, attends, masks, first_value=2, word_dropout=0.5, hidden_dropout=0.5)
    models = decoder.build(make_encoder())
    expected = models.training([SOURCE, PREVIOUS]).numpy()
    given = {name: value.numpy() for name, value in models.encoder(SOURCE).items()} | {"source": SOURCE}
    for step in range(PREVIOUS.shape[1]):
        given["token"] = PREVIOUS[:, step]
        outputs = models.step({tensor.name: given[tensor.name] for tensor in models.step.inputs})
        np.testing.assert_allclose(outputs["probabilities"], expected[:, step], rtol=0, atol=1e-6)
        given |= {name: outputs[f"new_{name}"].numpy() for name in ("hidden_state", "cell_state")}


def test_attention_goes_to_what_is_no_padding():
    keras.utils.set_random_seed(0)
    weights = AttentionDecoder(7, 4, masks=True).build(make_encoder()).attention_model([SOURCE, PREVIOUS])
    assert weights.shape == (2, 3, 4)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-6)
    assert not (weights.numpy() * (SOURCE == 0)[:, None]).any()


def test_values_are_the_memory_from_the_first_on():
    keras.utils.set_random_seed(0)
    head = AttentionDecoder(7, 4, first_value=2).build(make_encoder()).step.get_layer("probabilities")
    assert head.kernel.shape == (3 + 6 - 2, 7)


def test_without_attention_there_is_no_memory_in_the_step():
    models = AttentionDecoder(7, 4, attends=False).build(make_encoder())
    assert models.attention_model is None
    assert [tensor.name for tensor in models.step.inputs] == ["token", "hidden_state", "cell_state"]
