"""Whole models: how inputs, layers and outputs hang together. Each gives a `keras.Model`."""

from collections.abc import Callable
from typing import TypeAlias

import keras
from keras import layers, ops

from suite import layers as own
from tools.random_models.drawing import VOCABULARY, Domain, Draw

Structure: TypeAlias = Callable[[Draw], keras.Model]
STRUCTURES: dict[str, Structure] = {}
OPEN: set[str] = set()  # kinds of structures that take any step, on a tensor of any rank


def structure(kind: str, takes_any: bool = False) -> Callable[[Structure], Structure]:
    """Enters a function `(draw) -> keras.Model` into the table of structures."""

    def enter(function: Structure) -> Structure:
        STRUCTURES[kind] = function
        if takes_any:
            OPEN.add(kind)
        return function

    return enter


def the_inputs(d: Draw) -> keras.KerasTensor | list[keras.KerasTensor]:
    found = [tensor for tensor, _ in d.inputs]
    return found[0] if len(found) == 1 else found


@structure("chain", takes_any=True)
def chain(d: Draw) -> keras.Model:
    y = d.head(d.chain(d.number(2, 4)), d.pick((None, "y", "probabilities")))
    return keras.Model(the_inputs(d), y)


@structure("chain without a dense head", takes_any=True)
def bare(d: Draw) -> keras.Model:
    y = d.chain(d.number(2, 3))
    return keras.Model(the_inputs(d), y)


@structure("two branches", takes_any=True)
def branches(d: Draw) -> keras.Model:
    x = d.chain(2)
    left, right = (layers.Dense(4, activation="tanh")(d.vector(d.grow(x, 1))) for _ in range(2))
    merge = d.pick(
        (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
    )
    merged = merge()([left, right]) if d.chance(0.7) else layers.Dot(axes=1, normalize=True)([left, right])
    return keras.Model(the_inputs(d), d.head(merged))


@structure("several inputs", takes_any=True)
def several_inputs(d: Draw) -> keras.Model:
    vectors = [d.vector(d.chain(2)), d.vector(d.grow(d.input(d.number(2, 4)), 1))]
    if d.chance(0.5):
        vectors.append(d.vector(embedded(d)))
    return keras.Model(the_inputs(d), d.head(layers.Concatenate()(vectors), "y"))


@structure("several outputs", takes_any=True)
def several_outputs(d: Draw) -> keras.Model:
    x = d.chain(2)
    vector = d.vector(x)
    outputs = [d.head(vector, "first"), d.head(vector), vector * 2.0]
    return keras.Model(the_inputs(d), outputs[: d.number(2, 3)] if d.chance(0.7) else [x, outputs[0]])


@structure("dict of outputs", takes_any=True)
def dict_outputs(d: Draw) -> keras.Model:
    vector = d.vector(d.chain(2))
    names = d.pick((("logits", "code"), ("b", "a"), ("probabilities", "embedding")))
    outputs = {names[0]: d.head(vector), names[1]: layers.Dense(3)(vector)}
    return keras.Model(the_inputs(d), outputs)


@structure("nested outputs", takes_any=True)
def nested_outputs(d: Draw) -> keras.Model:
    vector = d.vector(d.chain(2))
    one, two, three = d.head(vector), layers.Dense(3)(vector), layers.Dense(2, name="third")(vector)
    outputs = d.pick(
        (
            {"heads": {"a": one, "b": two}},
            {"heads": [one, two], "rest": three},
            [one, [two, three]],
            {"one": {"x": one}, "two": {"x": two}},
        )
    )
    return keras.Model(the_inputs(d), outputs)


@structure("dict of inputs", takes_any=True)
def dict_inputs(d: Draw) -> keras.Model:
    x = d.chain(2)
    other = d.input(2, "other")
    y = d.head(layers.Concatenate()([d.vector(x), other]))
    given = {"main": d.inputs[0][0], "other": other}
    return keras.Model(given if d.chance(0.7) else {"both": [d.inputs[0][0], other]}, y)


@structure("an input passed through", takes_any=True)
def passed_through(d: Draw) -> keras.Model:
    x = d.input()
    name = x.name
    y = d.head(d.grow(x, 2), d.pick((None, "out")))
    outputs = d.pick(([x, y], {"y": y, "x": x}, {name: y}, [y, y]))
    return keras.Model(x, outputs)


@structure("a layer shared by two inputs")
def shared_layer(d: Draw) -> keras.Model:
    left, right = d.input(2, "left", shape=(5,)), d.input(2, "right", shape=(5,))
    embed = layers.Dense(4, activation=d.pick(("tanh", "relu", "gelu")), name="embed")
    a, b = embed(left), embed(right)
    distance = ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True) + 1e-3)
    outputs = d.pick(([a, b], [a, b, distance], distance, {"left": a, "right": b}))
    return keras.Model([left, right], outputs)


@structure("a model shared by two inputs")
def siamese(d: Draw) -> keras.Model:
    shape = d.shape(4)
    one, other = d.input(4, "one", shape=shape), d.input(4, "other", shape=shape)
    inner = keras.Input(shape)
    code = layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(inner)))
    twin = keras.Model(inner, code, name=d.pick((None, "twin")))
    a, b = twin(one), twin(other)
    return keras.Model([one, other], [a, b] if d.chance(0.5) else d.head(ops.abs(a - b)))


@structure("a functional model inside", takes_any=True)
def nested(d: Draw) -> keras.Model:
    x = d.input()
    inner = keras.Input(x.shape[1:])
    body = keras.Model(inner, d.grow(inner, 2), name=d.pick((None, "backbone")))
    y = d.head(d.grow(body(x), 1))
    return keras.Model(x, y)


@structure("models inside of models")
def twice_nested(d: Draw) -> keras.Model:
    x = d.input(4)
    inner = keras.Input(x.shape[1:])
    block = keras.Model(inner, layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inner)))
    middle = keras.Input(x.shape[1:])
    z = d.grow(block(middle), 1)
    body = keras.Model(middle, [z, layers.GlobalMaxPooling2D()(block(middle))])
    z, w = body(x)
    return keras.Model(x, layers.Concatenate()([d.head(z), w]) if d.chance(0.6) else [z, w])


@structure("a Sequential inside", takes_any=True)
def sequential_inside(d: Draw) -> keras.Model:
    vector = d.vector(d.chain(2))
    activation = d.pick(("relu", "gelu", "elu", "silu"))
    block = keras.Sequential([layers.Dense(5, activation=activation), layers.BatchNormalization()])
    if d.chance(0.4):
        block = keras.Sequential([block, layers.Dense(4)], name="block")
    return keras.Model(the_inputs(d), d.head(block(vector)))


@structure("a Sequential alone")
def sequential(d: Draw) -> keras.Model:
    rank = d.number(2, 4)
    shape = d.shape(rank)
    activation = d.pick(("relu", "relu", "gelu", "selu"))
    body = {
        2: [layers.Dense(6, activation=activation), layers.BatchNormalization()],
        3: [layers.Conv1D(4, 3, activation=activation), layers.LSTM(4)],
        4: [layers.Rescaling(0.5), layers.Conv2D(4, 3, activation=activation), layers.GlobalMaxPooling2D()],
    }[rank]
    tail = [layers.Dropout(0.2), layers.Dense(3, activation=d.pick((None, "softmax")))]
    if d.chance(0.3):  # without an Input: built by its first call
        model = keras.Sequential([*body, *tail])
        model.build((None, *shape))
    else:
        name = d.pick((None, "x"))
        model = keras.Sequential([keras.Input(shape, name=name), *body, *tail], name=d.pick((None, "net")))
    d.inputs = [(tensor, Domain()) for tensor in model.inputs]
    return model


@structure("Sequentials in a Sequential")
def sequential_of_sequentials(d: Draw) -> keras.Model:
    shape = d.shape(4)
    front = keras.Sequential([keras.Input(shape), layers.Conv2D(4, 3), layers.ReLU()])
    back = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(3)])
    model = keras.Sequential([keras.Input(shape), front, back])
    d.inputs = [(tensor, Domain()) for tensor in model.inputs]
    return model


@structure("states as outputs")
def states(d: Draw) -> keras.Model:
    x = d.input(3)
    kind = d.pick((layers.LSTM, layers.GRU, layers.SimpleRNN))
    layer = kind(4, return_sequences=d.chance(0.6), return_state=True)
    if d.chance(0.3):
        layer = layers.Bidirectional(layer)
    elif d.chance(0.2):
        layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)], return_state=True)
    outputs = list(layer(x))
    return keras.Model(x, outputs if d.chance(0.6) else outputs[1:])


@structure("states as inputs")
def initial_states(d: Draw) -> keras.Model:
    x, hidden, cell = d.input(3), d.input(2, "h0", shape=(4,)), d.input(2, "c0", shape=(4,))
    layer = layers.LSTM(4, return_sequences=d.chance(0.6), return_state=True, name=d.pick((None, "lstm")))
    y, *after = layer(x, initial_state=[hidden, cell])
    return keras.Model([x, hidden, cell], [d.head(y), *after] if d.chance(0.5) else [y, *after])


@structure("encoder and decoder")
def encoder_decoder(d: Draw) -> keras.Model:
    source, target = d.tokens(masked=d.chance(0.6), name="source"), d.tokens(name="target")
    embed = layers.Embedding(VOCABULARY, 5, mask_zero=d.chance(0.5))
    memory, *states = layers.GRU(4, return_sequences=True, return_state=True)(embed(source))
    decoded = layers.GRU(4, return_sequences=True)(embed(target), initial_state=states)
    if d.chance(0.5):
        attend = d.pick((layers.Attention, layers.AdditiveAttention))
        decoded = layers.Concatenate()([decoded, attend()([decoded, memory])])
    logits = layers.Dense(VOCABULARY, name="logits")(decoded)
    return keras.Model([source, target], logits)


@structure("attention scores as outputs")
def attention_scores(d: Draw) -> keras.Model:
    x = d.input(3)
    if d.chance(0.5):
        outputs = layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)
    else:
        outputs = own.Attention()(x, layers.Dense(3)(x))
    return keras.Model(x, list(outputs))


def embedded(d: Draw) -> keras.KerasTensor:
    """A sequence of vectors from token ids, masked or not."""
    tokens = d.tokens(masked=d.chance(0.5))
    return layers.Embedding(VOCABULARY, d.number(3, 5), mask_zero=d.chance(0.5))(tokens)


@structure("tokens")
def tokens(d: Draw) -> keras.Model:
    x = embedded(d)
    if d.chance(0.6):
        x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    return keras.Model(the_inputs(d), d.head(d.grow(x, 1)))
