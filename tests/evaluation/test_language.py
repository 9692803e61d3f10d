import keras
import numpy as np

from suite.evaluation.language import text_surprisals
from suite.layers import LSTMCell, Recurrent
from suite.training.reproducibility import set_seed

SPREAD = keras.initializers.RandomNormal(stddev=1, seed=0)


def build(stateful: bool) -> keras.Model:
    tokens = keras.Input(batch_shape=(1, None), dtype="int32")
    x = keras.layers.Embedding(7, 4, embeddings_initializer=SPREAD)(tokens)
    x = Recurrent(LSTMCell(6), return_sequences=True, stateful=stateful)(x)
    return keras.Model(tokens, keras.layers.Dense(7, "softmax", kernel_initializer=SPREAD)(x))


def test_the_state_is_carried_through_the_text():
    set_seed(0)
    reader, whole, ids = build(True), build(False), np.random.default_rng(0).integers(7, size=48)
    whole.set_weights(reader.get_weights())
    probabilities = np.asarray(whole(ids[None, :-1]))[0]
    expected = -np.log(probabilities[np.arange(47), ids[1:]])
    for span in (5, 47, 47, 100):  # the state of the text before is forgotten
        np.testing.assert_allclose(text_surprisals(reader, ids, span), expected, atol=1e-6)  # measured 1e-7
    assert expected.std() > 0.3
    assert text_surprisals(reader, ids[:1]).shape == (0,)  # the only token is given
