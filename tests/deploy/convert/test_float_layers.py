import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite, is_of_layer


@pytest.mark.parametrize(
    ("tensor", "layers", "expected"),
    [
        ("detector_1/boxes_1/add", ("boxes",), True),
        ("detector/boxes/clip_by_value", ("rows", "boxes"), True),
        ("detector_1/heat_1_1/add;detector_1/boxes_1/add", ("boxes",), True),
        ("detector_1/lateral_stride_32_1/convolution", ("lateral_stride_32",), True),
        ("detector_1/boxes_of_all_1/add", ("boxes",), False),
    ],
)
def test_is_of_layer(tensor, layers, expected):
    assert is_of_layer(tensor, layers) is expected


def answers(folder, inputs, layers=()):
    content = convert_tflite(folder, "int8", {"x": inputs}, layers)
    runner = Interpreter(model_content=content).get_signature_runner()
    return np.concatenate([next(iter(runner(x=row[None]).values())) for row in inputs])


def save(outputs, x, folder):
    keras.utils.set_random_seed(0)
    model = keras.Model(x, outputs)
    save_saved_model(model, folder, batch_size=1)
    return model


def test_words_keep_their_probabilities(tmp_path):
    x = keras.Input((8,), name="x")
    model = save(keras.layers.Dense(400, activation="softmax", name="probabilities")(x), x, tmp_path / "one")
    data = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    surprise = np.log(answers(tmp_path / "one", data))  # an integer would be 0
    np.testing.assert_allclose(surprise, np.log(model.predict(data, verbose=0)), atol=0.03)  # measured 0.010


def test_a_layer_stays_in_float_among_integers(tmp_path):
    x = keras.Input((8,), name="x")
    first = keras.layers.Dense(8, name="first")(x)
    squared = keras.layers.Multiply(name="squared")([first, first])
    save(keras.layers.Dense(8, name="last")(squared), x, tmp_path / "one")
    data = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    for layers, dtype in (((), np.int8), (("squared",), np.float32)):
        content = convert_tflite(tmp_path / "one", "int8", {"x": data}, layers)
        tensors = Interpreter(model_content=content).get_tensor_details()
        (squared,) = [each for each in tensors if "squared" in each["name"]]
        assert squared["dtype"] == dtype
