"""Steps made of keras.ops, as functional models hold them between their layers."""

from collections.abc import Callable

import keras
from keras import layers, ops

from tools.random_models.drawing import DoesNotFitError, Draw, step

# Each keeps the shape, and stays finite for every finite input.
ELEMENTWISE = {
    "abs": lambda x: ops.abs(x),
    "arctan": lambda x: ops.arctan(x),
    "arctan2": lambda x: ops.arctan2(x, 1.5),
    "arcsinh": lambda x: ops.arcsinh(x),
    "cbrt": lambda x: ops.cbrt(ops.abs(x) + 0.1),
    "clip": lambda x: ops.clip(x, -0.8, 1.1),
    "cos": lambda x: ops.cos(x),
    "cosh": lambda x: ops.cosh(ops.tanh(x)),
    "divide": lambda x: x / (2.0 + ops.square(x)),
    "divide_no_nan": lambda x: ops.divide_no_nan(x, ops.relu(x) + 0.5),
    "erf": lambda x: ops.erf(x),
    "exp": lambda x: ops.exp(-ops.abs(x)),
    "expm1": lambda x: ops.expm1(ops.tanh(x)),
    "hypot": lambda x: ops.hypot(x, ops.flip(x, -1) + 0.1),
    "isnan": lambda x: ops.where(ops.isnan(x), 0.0, x),
    "log": lambda x: ops.log(ops.abs(x) + 0.2),
    "log10": lambda x: ops.log10(ops.square(x) + 0.3),
    "log1p": lambda x: ops.log1p(ops.abs(x)),
    "logaddexp": lambda x: ops.logaddexp(x, 0.3),
    "logical": lambda x: ops.where(ops.logical_and(x > -0.5, ops.logical_not(x > 0.7)), x, 0.1 * x),
    "maximum": lambda x: ops.maximum(x, -0.3) + ops.minimum(x, 0.4),
    "mod": lambda x: ops.mod(ops.sigmoid(x) * 0.9, 1.0),
    "nan_to_num": lambda x: ops.nan_to_num(x),
    "negative": lambda x: 1.0 - x,
    "power": lambda x: (ops.abs(x) + 0.1) ** 1.5,
    "reciprocal": lambda x: ops.reciprocal(1.0 + ops.abs(x)),
    "rsqrt": lambda x: ops.rsqrt(ops.square(x) + 0.4),
    "sin": lambda x: ops.sin(x),
    "sign": lambda x: ops.sign(x) * 0.3 + x,
    "sinh": lambda x: ops.sinh(ops.tanh(x)),
    "sqrt": lambda x: ops.sqrt(ops.relu(x) + 0.1),
    "square": lambda x: ops.square(x) * 0.5,
    "tan": lambda x: ops.tan(ops.tanh(x)),
    "arctanh": lambda x: ops.arctanh(0.8 * ops.tanh(x)),
    "where": lambda x: ops.where(x > 0, x, 0.3 * x),
    "cast": lambda x: ops.cast(ops.cast(x > 0.1, "int32"), x.dtype) + x,
    "cumsum": lambda x: ops.cumsum(x, axis=-1) * 0.5,
    "cumprod": lambda x: ops.cumprod(ops.tanh(x) + 0.5, axis=-1),
    "flip": lambda x: ops.flip(x, axis=-1),
    "roll": lambda x: ops.roll(x, 1, axis=-1) + x,
    "sort": lambda x: ops.sort(x, axis=-1),
    "softmax": lambda x: ops.softmax(x, axis=-1),
    "normalize": lambda x: ops.normalize(x, axis=-1),
    "sum": lambda x: x - 0.2 * ops.sum(x, axis=-1, keepdims=True),
    "mean and std": lambda x: (x - ops.mean(x, -1, keepdims=True)) / (ops.std(x, -1, keepdims=True) + 0.3),
    "var": lambda x: x * ops.var(x, axis=-1, keepdims=True),
    "max and min": lambda x: x + ops.max(x, axis=-1, keepdims=True) - ops.min(x, axis=-1, keepdims=True),
    "prod": lambda x: x + ops.prod(ops.tanh(x), axis=-1, keepdims=True),
    "logsumexp": lambda x: x - ops.logsumexp(x, axis=-1, keepdims=True),
    "norm": lambda x: x / (ops.norm(x, axis=-1, keepdims=True) + 0.3),
    "diff and pad": lambda x: ops.concatenate([x[..., :1], ops.diff(x, axis=-1)], axis=-1),
    "outer and trace": lambda x: x * ops.sum(x * x, axis=-1, keepdims=True) * 0.1,
    "median": lambda x: x - ops.median(x, axis=-1, keepdims=True),
    "nested where": lambda x: ops.where(x > 0, ops.where(x > 1, 1.0 + 0.1 * x, x), 0.1 * x),
    "floor": lambda x: x + 0.1 * ops.floor(x),
}


def _enter_elementwise(name: str, function: Callable[[keras.KerasTensor], keras.KerasTensor]) -> None:
    step(f"ops: {name}", 2, 3, 4)(lambda d, x: function(x))


for _name, _function in ELEMENTWISE.items():
    _enter_elementwise(_name, _function)


def static(x: keras.KerasTensor) -> tuple[int, ...]:
    """The sides of a tensor without open ones."""
    if None in x.shape[1:]:
        raise DoesNotFitError
    return tuple(x.shape[1:])


@step("ops: slice", 2, 3, 4)
def sliced(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if x.shape[-1] is None or x.shape[-1] < 3:
        raise DoesNotFitError
    return d.pick((x[..., 1:], x[..., ::2], x[..., ::-1], x[:, 1:] if len(x.shape) > 2 else x[:, :-1]))


@step("ops: split and stack", 2, 3)
def split(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    left, right = ops.split(layers.Dense(6)(x), 2, axis=-1)
    return ops.stack([left, right], axis=-1) if len(x.shape) == 2 else left * ops.sigmoid(right)


@step("ops: unstack", 3)
def unstacked(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    first, *_, last = ops.unstack(x, num=static(x)[0], axis=1)
    return first + last


@step("ops: expand_dims and squeeze", 2, 3)
def expanded(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.squeeze(ops.expand_dims(x, 1) * 2.0, 1)


@step("ops: expand_dims", 2)
def as_channels(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return x[..., None]


@step("ops: triu", 3, 4)
def upper(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.triu(x)


@step("ops: transpose", 3)
def transposed(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    static(x)
    return d.pick((ops.transpose(x, (0, 2, 1)), ops.swapaxes(x, 1, 2), ops.moveaxis(x, 1, 2)))


@step("ops: tile", 2, 3)
def tiled(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.tile(x, (1, 2) if len(x.shape) == 2 else (1, 1, 2))


@step("ops: repeat", 2, 3)
def repeated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.repeat(x, 2, axis=-1)


@step("ops: pad", 2, 3, 4)
def padded(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    mode = d.pick(("constant", "reflect", "symmetric"))
    return ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(1, 1)], mode=mode)


@step("ops: take", 2, 3)
def taken(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.take(x, [0, 1, 0], axis=-1)


@step("ops: take_along_axis", 2, 3)
def along(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    static(x)
    return ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1)


@step("ops: top_k", 2, 3)
def best(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.top_k(x, 2)[0]


@step("ops: argmax and one_hot", 2)
def winner(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.one_hot(ops.argmax(x, axis=-1), x.shape[-1]) + 0.1 * x


@step("ops: matmul", 3)
def product(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.matmul(x, ops.swapaxes(x, 1, 2)) if None not in x.shape[1:] else x * 0.5


@step("ops: einsum", 2, 3)
def summed(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.einsum("bi,bj->bij" if len(x.shape) == 2 else "bti,btj->bij", x, x)


@step("ops: tensordot", 3)
def contracted(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    constant = ops.convert_to_tensor(d.random.normal(size=(x.shape[-1], 3)).astype("float32"))
    return ops.tensordot(x, ops.cast(constant, x.dtype), axes=1)


@step("ops: constant table", 2, 3, 4)
def table(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return x + ops.cast(d.random.normal(size=x.shape[-1]).astype("float32"), x.dtype)


@step("ops: cast to float32", 2, 3)
def as_float(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.cast(x, "float32") * 0.7


@step("ops: positions", 3)
def positions(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    steps = ops.cast(ops.arange(ops.shape(x)[1]), x.dtype)
    return x + 0.1 * steps[None, :, None]


@step("ops: image.resize", 4)
def resized(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.image.resize(x, (7, 6), interpolation=d.pick(("nearest", "bilinear", "bicubic", "lanczos3")))


@step("ops: nn.max_pool", 4)
def pooled(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return d.pick((ops.max_pool, ops.average_pool))(x, 2, strides=1, padding="same")


@step("ops: nn.conv", 4)
def convolved(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    kernel = d.random.normal(size=(2, 2, x.shape[-1], 3)).astype("float32")
    return ops.conv(x, ops.cast(kernel, x.dtype), padding="same")


@step("ops: depth_to_space", 4)
def deeper(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.depth_to_space(layers.Conv2D(8, 1)(x), 2)


@step("ops: rfft", 2)
def spectrum(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    real, imaginary = ops.rfft(ops.cast(x, "float32"))
    return real + imaginary


@step("ops: linear algebra", 2)
def solved(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    a = ops.einsum("bi,bj->bij", x, x) + 2 * ops.cast(ops.eye(x.shape[-1]), x.dtype)
    return ops.cast(
        ops.squeeze(ops.solve(ops.cast(a, "float32"), ops.cast(x, "float32")[..., None]), -1), x.dtype
    )
