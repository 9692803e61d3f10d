"""Whole models that are seldom written, but are: odd names and dtypes, states, strings, fixed batches."""

import keras
from keras import layers, ops

from suite import layers as own
from tools.random_models.drawing import VOCABULARY, WORDS, Domain, Draw
from tools.random_models.structures import embedded, structure, the_inputs

INPUT_NAMES = (
    "in",
    "class",
    "self",
    "training",
    "mask",
    "inputs",
    "kwargs",
    "_x",
    "größe",
    "x-1",
    "my input",
    "1st",
    "a.b",
    "X",
    "None",
)
OUTPUT_NAMES = ("lambda", "return", "_y", "наука", "y-1", "my output", "2nd", "a.b", "Y", "output_0", "True")


@structure("odd names")
def odd_names(d: Draw) -> keras.Model:
    one, other = (str(name) for name in d.random.choice(INPUT_NAMES, 2, replace=False))
    a, b = d.input(2, one, shape=(4,)), d.input(2, other, shape=(4,))
    x = d.grow(layers.Add()([a, b]), 1)
    y = d.head(x, d.pick(OUTPUT_NAMES))
    return keras.Model(
        [a, b], y if d.chance(0.6) else {d.pick(OUTPUT_NAMES): y, "z": layers.Dense(2)(d.vector(x))}
    )


@structure("names that become one")
def same_names(d: Draw) -> keras.Model:
    a, b = d.input(2, "a-b"), d.input(2, "a_b")
    vector = layers.Concatenate()([a, b])
    return keras.Model([a, b], [layers.Dense(2, name="y-1")(vector), layers.Dense(3, name="y_1")(vector)])


@structure("pixels")
def pixels(d: Draw) -> keras.Model:
    image = d.input(4, "image", dtype="uint8", domain=Domain("pixels"))
    x = (
        layers.Rescaling(1 / 255)(image)
        if d.chance(0.7)
        else ops.cast(image, keras.config.floatx()) / 127.5 - 1.0
    )
    return keras.Model(image, d.head(d.grow(x, 2), d.pick((None, "probabilities"))))


@structure("integer inputs")
def integers(d: Draw) -> keras.Model:
    kind = d.pick(("cast", "one_hot", "multi_hot", "embedding", "lookup", "hashing", "tf-idf"))
    dtypes = (
        ("int32", "int64", "uint8", "int16", "int8") if kind in ("cast", "embedding") else ("int32", "int64")
    )
    x = d.input(2, dtype=d.pick(dtypes), domain=Domain("ids", VOCABULARY))
    d.note(f"integers: {kind}")
    if kind == "cast":
        y = ops.cast(x, "float32") * 0.1
    elif kind in ("one_hot", "multi_hot"):
        y = layers.CategoryEncoding(VOCABULARY, output_mode=kind)(x)
    elif kind == "embedding":
        y = layers.Embedding(VOCABULARY, 4)(x)
    elif kind == "lookup":
        y = layers.Embedding(8, 3)(layers.IntegerLookup(vocabulary=[1, 3, 5, 7, 9])(x))
    elif kind == "hashing":
        y = layers.Embedding(6, 3)(layers.Hashing(6)(x))
    else:
        y = own.TfIdf(VOCABULARY, 0)(ops.cast(x, "int32"))
    return keras.Model(x, d.head(d.grow(y, 1)))


@structure("inputs of several dtypes", takes_any=True)
def several_dtypes(d: Draw) -> keras.Model:
    x = d.vector(d.chain(2))
    switch = d.input(2, "switch", shape=(1,), dtype=d.pick(("bool", "uint8")), domain=Domain("switch"))
    half = d.input(2, "half", shape=(3,), dtype=d.pick(("float16", "float64", "bfloat16")), domain=Domain())
    chosen = ops.where(ops.cast(switch, "bool"), ops.cast(x, "float32"), 0.1 * ops.cast(x, "float32"))
    return keras.Model(the_inputs(d), d.head(layers.Concatenate()([chosen, ops.cast(half, "float32")])))


@structure("outputs that are no floats", takes_any=True)
def other_outputs(d: Draw) -> keras.Model:
    x = d.vector(d.chain(2))
    scores = layers.Dense(6, name="scores")(x)
    kind = d.pick(("argmax", "greater", "cast", "top_k", "argsort"))
    d.note(f"output: {kind}")
    found = {
        "argmax": lambda: ops.argmax(scores, axis=-1),
        "greater": lambda: scores > 0.1,
        "cast": lambda: ops.cast(ops.clip(scores * 40 + 128, 0, 255), "uint8"),
        "top_k": lambda: ops.top_k(scores, 2)[1],
        "argsort": lambda: ops.argsort(scores, axis=-1),
    }[kind]()
    return keras.Model(the_inputs(d), [scores, found] if d.chance(0.7) else found)


@structure("scalars")
def scalars(d: Draw) -> keras.Model:
    one, features = keras.Input((), name="one"), d.input(2)
    d.inputs.insert(0, (one, Domain()))
    x = layers.Concatenate()([ops.expand_dims(one, -1), features])
    y = layers.Dense(4, activation="tanh")(x)
    return keras.Model(
        [one, features], d.pick((ops.sum(y, axis=-1), layers.Dense(1)(y)[:, 0], layers.Dense(2)(y)))
    )


@structure("an input that nothing uses", takes_any=True)
def unused_input(d: Draw) -> keras.Model:
    x = d.chain(1)
    d.input(2, "unused")
    return keras.Model(the_inputs(d), d.head(x))


@structure("a fixed batch")
def fixed_batch(d: Draw) -> keras.Model:
    shape = d.shape(2)
    x = d.input(2, shape=shape, batch_size=d.pick((1, 4)))
    return keras.Model(x, d.head(d.grow(x, 1)))


@structure("stateful")
def stateful(d: Draw) -> keras.Model:
    x = d.input(3, "x", shape=(6, 3), batch_size=d.pick((1, 2)))
    layer = d.pick((layers.LSTM, layers.GRU))(4, stateful=True, return_sequences=d.chance(0.3))
    return keras.Model(x, d.head(layer(x)))


@structure("strings")
def strings(d: Draw) -> keras.Model:
    words = d.input(2, "text", shape=(1,), dtype="string", domain=Domain("words"))
    kind = d.pick(("vectorize", "lookup", "hashing"))
    d.note(f"strings: {kind}")
    if kind == "vectorize":
        layer = layers.TextVectorization(max_tokens=20, output_sequence_length=5)
        layer.adapt(list(WORDS))
    elif kind == "lookup":
        layer = layers.StringLookup(vocabulary=[word for word in WORDS if word])
    else:
        layer = layers.Hashing(8)
    y = layers.GlobalAveragePooling1D()(layers.Embedding(24, 4)(layer(words)))
    if d.chance(0.4):
        y = layers.Concatenate()([y, d.input(2, "numbers")])
    return keras.Model(the_inputs(d), d.head(y))


@structure("quantized", takes_any=True)
def quantized(d: Draw) -> keras.Model:
    x = layers.Dense(96, activation="relu")(d.vector(d.chain(2)))
    if keras.config.dtype_policy().compute_dtype != "float16":  # Keras does not quantize from it
        d.after = lambda model: model.quantize("int8")  # when the weights have their values
    return keras.Model(the_inputs(d), d.head(layers.Dense(96, activation="tanh")(x)))


@structure("many parameters", takes_any=True)
def large(d: Draw) -> keras.Model:
    """Large enough for its weights to outweigh the graph in every file."""
    x = layers.Dense(160, activation="relu")(d.vector(d.chain(2)))
    frozen = layers.Dense(160, trainable=False, dtype=d.pick((None, "float16")))(x)
    return keras.Model(the_inputs(d), d.head(ops.cast(frozen, "float32")))


@structure("undefined for some inputs")
def partly_undefined(d: Draw) -> keras.Model:
    x = d.input(2, domain=Domain("positive"))
    y = d.pick((ops.log(x), ops.sqrt(x), ops.power(x, 0.3)))
    return keras.Model(x, d.head(d.grow(y, 1)))


@structure("attention with a mask from tokens")
def masked_attention(d: Draw) -> keras.Model:
    ids = d.tokens(masked=True)
    x = layers.Embedding(VOCABULARY, 4, mask_zero=True)(ids)
    if d.chance(0.5):
        y = layers.MultiHeadAttention(2, 3)(x, x)
    else:
        present = ops.not_equal(ids, 0)
        y = layers.MultiHeadAttention(2, 3)(x, x, attention_mask=present[:, None, :])
    y = layers.GlobalAveragePooling1D()(y) if d.chance(0.6) else layers.LSTM(3)(y)
    return keras.Model(ids, d.head(y))


@structure("detections")
def detections(d: Draw) -> keras.Model:
    x = d.input(3, shape=(12, 4))
    scores = layers.Dense(3, activation="sigmoid")(x)
    corner = layers.Dense(2, activation="sigmoid")(x) * 0.5
    boxes = layers.Concatenate()([corner, corner + 0.2 + 0.2 * layers.Dense(2, activation="sigmoid")(x)])
    found = own.NonMaximumSuppression(max_detections=5, candidates=12)([boxes, scores])
    return keras.Model(x, found)


@structure("a memory beside the tokens")
def captioner(d: Draw) -> keras.Model:
    image = d.input(4, "image", dtype="uint8", shape=(8, 8, 3), domain=Domain("pixels"))
    feature = layers.Dense(4, activation="gelu")(layers.Flatten()(layers.Rescaling(1 / 255)(image)))
    words = embedded(d)
    y = layers.LSTM(4, return_sequences=True)(words, initial_state=[feature, ops.tanh(feature)])
    return keras.Model(the_inputs(d), layers.Dense(VOCABULARY, activation="softmax")(y))
