import keras
import pytest
from keras import layers, ops

from suite.deploy.convert.onnx import save_onnx
from suite.deploy.convert.saved_model import weights_in_use
from suite.deploy.obstacles import FormatError, check_exportable, in_a_line, layer_in, runtime_obstacle

SELECT = """Could not translate MLIR to FlatBuffer.<unknown>:0: error: loc(callsite(fused[\
"Conv2DBackpropInput:", "functional_1/up_1/conv_transpose@__inference_serve_11186"] at fused["P:", "P"])): \
'tf.Conv2DBackpropInput' op is neither a custom op nor a flex op
<unknown>:0: error: failed while converting: 'main':
Some ops are not supported by the native TFLite runtime, you can enable TF kernels fallback using TF Select.
TF Select ops: Conv2DBackpropInput, Erfinv
Details:
"""
OPERAND = """<unknown>:0: error: loc(callsite(fused["BatchMatMulV3:", "functional_1/up_1_1/MatMul@serve"] \
at fused["P:", "P"])): 'tfl.fully_connected' op operand #0 must be 32-bit float, but got 'tensor<1xi8>'
"""


def model_of(*given):
    x = keras.Input((6, 6, 2), name="x")
    y = x
    for layer in given:
        y = layer(y)
    return keras.Model(x, y)


MEND = "; end the model before that, or put another layer in its place"


@pytest.fixture(scope="module")
def model():
    return model_of(layers.Conv2D(2, 1, name="up_1"), layers.Conv2D(2, 1, name="up"))


def test_the_converters_pages_become_a_line(model):
    assert str(in_a_line(Exception(SELECT), "TFLite", model)) == (
        "TFLite has no operator for Conv2DBackpropInput, Erfinv (layer 'up'); end the model before it, or "
        "put another layer in its place"
    )
    assert str(in_a_line(Exception(OPERAND), "TFLite", model)) == (
        "TFLite cannot hold this model (layer 'up_1'): the operator FULLY_CONNECTED: operand #0 "
        f"must be 32-bit float, but got 'tensor<1xi8>'{MEND}"
    )
    assert str(in_a_line(Exception("\0\1<unknown>:0: error: \x1b[1mbad\nmore"), "TFLite", model)) == (
        f"TFLite cannot hold this model: bad{MEND}"
    )
    other = str(in_a_line(KeyError("tf.float8"), "ONNX", model))
    assert other == f"ONNX cannot hold this model: 'tf.float8'{MEND}"
    own = FormatError("ONNX has no operator")
    assert in_a_line(own, "ONNX", model) is own
    assert "gives no reason" in str(in_a_line(Exception(), "TFLite", model))


def test_a_runtime_refuses_in_words():
    onnx = (
        "expected a readable onnx model, /tmp/a b/model.onnx cannot be loaded: [ONNXRuntimeError] : 1 : "
        "FAIL : Exception during initialization: /onnxruntime_src/onnxruntime/core/upsamplebase.h:314"
    )
    assert runtime_obstacle(onnx) == f"does not load: Exception during initialization{MEND}"
    assert runtime_obstacle("its process was ended by SIGSEGV") == f"its process was ended by SIGSEGV{MEND}"


def test_the_layer_is_found_by_its_scope(model):
    assert layer_in(["functional_1/up_1/Sub"], model) == "up"
    assert layer_in(["nothing", "functional/up_1_2/Sub"], model) == "up_1"
    assert layer_in(["functional_1/other/Sub"], model) is None


def test_an_operator_that_onnx_lacks_is_named_and_nothing_is_written(tmp_path):
    spectrum = keras.Input((64,), name="x")
    model = keras.Model(
        spectrum, layers.MelSpectrogram(fft_length=16, sequence_stride=8, name="mel")(spectrum)
    )
    with pytest.raises(
        FormatError, match=r"^ONNX has no operator for .*RFFT.* \(layer 'mel'\); end the model"
    ):
        save_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_function_without_a_scope_is_named(tmp_path):
    x = keras.Input((6,), name="x")
    model = keras.Model(x, ops.argmax(layers.Dense(3)(x), axis=-1))
    with pytest.raises(FormatError, match=r"^ONNX has no operator for Bitcast \(layer 'argmax.*'\)"):
        save_onnx(model, tmp_path / "model.onnx")


def stateful():
    x = keras.Input(batch_shape=(2, 5, 3))
    return keras.Model(x, layers.Bidirectional(layers.LSTM(4, stateful=True))(x))


def nested_stateful():
    inner = keras.Sequential(
        [keras.Input(batch_shape=(2, 5, 3)), layers.GRU(4, stateful=True, name="memory")]
    )
    x = keras.Input(batch_shape=(2, 5, 3))
    return keras.Model(x, inner(x))


@pytest.mark.parametrize("build", [stateful, nested_stateful])
def test_layers_with_a_memory_are_refused(build):
    with pytest.raises(ValueError, match="without a memory .* with stateful=True.* states as inputs"):
        check_exportable(build())


@pytest.mark.parametrize(
    ("kind", "settings"), [("IntegerLookup", {"vocabulary": [1, 2]}), ("Hashing", {"num_bins": 3})]
)
def test_tables_are_refused_by_name(kind, settings):
    layer, x = getattr(layers, kind)(**settings), keras.Input((4,), dtype="int64")
    with pytest.raises(
        ValueError, match=f"'{layer.name}': TFLite has no built-in .* export the part .* behind"
    ):
        check_exportable(keras.Model(x, layer(x)))


def test_a_layer_that_needs_to_know_the_size_is_named():
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, layers.AdaptiveAveragePooling1D(2)(x))
    message = (
        r"every size of x: float32 \(None, 4\), received .* \(AdaptiveAveragePooling1D\) .*; build .* fixed"
    )
    with pytest.raises(ValueError, match=message):
        weights_in_use(model)
