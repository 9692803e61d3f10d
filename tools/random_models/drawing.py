"""What a random model is drawn with: one generator, the tables of steps, inputs and their examples."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import layers

LENGTHS = (5, 6, 7, 9)  # of sequences
SIDES = (8, 9, 10, 12)  # of pictures
DYNAMIC_SIZE = 11  # of examples, where a model takes any size
VOCABULARY = 12
WORDS = ("red", "green", "blue", "a red apple", "seven green pears", "")

Step: TypeAlias = Callable[["Draw", Any], Any]

# Kind of a step -> ranks of the tensors it takes (batch included), and what it makes of one.
STEPS: dict[str, tuple[tuple[int, ...], Step]] = {}


class Domain(NamedTuple):
    """What an input's examples are drawn from.

    Attributes:
        kind: "normal", "positive", "unit", "pixels", "ids", "padded ids", "switch" or "words".
        size: Ids are below it.
    """

    kind: str = "normal"
    size: int = 0


class DoesNotFitError(Exception):
    """A step cannot follow here, as one that needs a fixed size; another one is drawn."""


def step(kind: str, *ranks: int) -> Callable[[Step], Step]:
    """Enters a function `(draw, tensor) -> tensor` into the table of steps."""

    def enter(function: Step) -> Step:
        STEPS[kind] = (ranks, function)
        return function

    return enter


class Draw:
    """Draws one model.

    Args:
        random: Where every choice comes from.
        wanted: Kinds of steps; each goes into the first place that takes its rank.
        dynamic: Whether lengths and sides are left open.
    """

    def __init__(self, random: np.random.Generator, wanted: Sequence[str], dynamic: bool = False):
        self.random, self.wanted, self.dynamic = random, list(wanted), dynamic
        self.kinds: list[str] = []
        self.inputs: list[tuple[Any, Domain]] = []
        self._names: set[str] = set()
        self.after: Callable[[Any], None] | None = None  # what is done to the model with weights

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.random.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def number(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(self.random.integers(low, high + 1))

    def note(self, kind: str) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)

    def input(self, rank: int | None = None, name: str | None = None, **arguments: Any) -> Any:
        """A float input of a rank, by default the one that the wanted step takes."""
        rank = rank or self.wanted_rank()
        shape = arguments.pop("shape", None) or self.shape(rank)
        domain = arguments.pop("domain", Domain())
        tensor = keras.Input(shape, name=self._name(rank, name), **arguments)
        self.inputs.append((tensor, domain))
        return tensor

    def tokens(self, masked: bool = False, name: str | None = None, dtype: str = "int32") -> Any:
        """An input of token ids; where `masked`, some end early."""
        self.note("tokens")
        domain = Domain("padded ids" if masked else "ids", VOCABULARY)
        length = None if self.dynamic else self.pick(LENGTHS)
        return self.input(2, name, shape=(length,), dtype=dtype, domain=domain)

    def shape(self, rank: int) -> tuple[int | None, ...]:
        channels = self.pick((2, 3, 4, 6))
        if rank == 2:
            return (self.number(3, 8),)
        if rank == 3:
            return (None if self.dynamic else self.pick(LENGTHS), channels)
        if rank == 4:
            sides = (None, None) if self.dynamic else (self.pick(SIDES), self.pick(SIDES))
            return (*sides, self.pick((1, 3, 3, 4)))
        return (4, self.pick((4, 6)), self.pick((4, 5)), channels)

    def _name(self, rank: int, name: str | None) -> str | None:
        usual = {2: "features", 3: "sequence", 4: "image", 5: "volume"}.get(rank, "x")
        if name is None and self.chance(0.15):
            return None  # as many write it
        name = name or self.pick((usual, usual, "x", f"my_{usual}", "inputs"))
        while name in self._names:
            name += "_2"
        self._names.add(name)
        return name

    def wanted_rank(self) -> int:
        """A rank that all wanted steps take."""
        if not self.wanted:
            return self.number(2, 4)
        return self.pick(sorted(set.intersection(*(set(STEPS[kind][0]) for kind in self.wanted))))

    def grow(self, x: Any, steps: int) -> Any:
        """Applies steps: the wanted ones as far as they fit, then random ones up to the number."""
        count = 0
        while True:
            rank = len(x.shape)
            wanted = [kind for kind in self.wanted if rank in STEPS[kind][0]]
            if not wanted and count >= steps:
                return x
            if wanted:
                self.wanted.remove(wanted[0])
            fitting = wanted[:1] or [kind for kind, (ranks, _) in STEPS.items() if rank in ranks]
            x = self._try(self.pick(fitting), x)
            count += 1

    def _try(self, kind: str, x: Any) -> Any:
        try:
            y = STEPS[kind][1](self, x)
        except DoesNotFitError:
            return x
        if y.shape[-1] is None:  # of which no layer with weights can be built
            return x
        self.note(kind)
        return y

    def chain(self, steps: int = 2) -> Any:
        """An input and some steps."""
        return self.grow(self.input(), steps)

    def vector(self, x: Any) -> Any:
        """Brings any tensor down to `(batch, features)`."""
        rank, is_open = len(x.shape), None in x.shape[1:]
        if rank == 1:
            return keras.ops.expand_dims(x, -1)
        if rank == 3 and self.chance(0.4):
            return layers.GRU(self.number(3, 5))(x)
        if rank > 2 and (is_open or self.chance(0.5)):
            kind = self.pick(("Average", "Max"))
            return getattr(layers, f"Global{kind}Pooling{rank - 2}D")()(x)
        return layers.Flatten()(x) if rank > 2 else x

    def head(self, x: Any, name: str | None = None) -> Any:
        """A dense output layer on any tensor."""
        activation = self.pick((None, None, "sigmoid", "softmax"))
        # Softmax and sigmoid of mixed models are computed in float32, as Keras' guide has it.
        dtype = "float32" if activation and self.chance(0.5) else None
        return layers.Dense(self.number(2, 4), activation, name=name, dtype=dtype)(self.vector(x))


def draw_examples(
    inputs: Sequence[tuple[Sequence[int | None], str, Domain]],
    rows: int,
    random: np.random.Generator,
    size: int,
) -> list[np.ndarray]:
    """Draws an array for each input.

    Args:
        inputs: Shape after the batch, dtype and domain of each.
        rows: Number of examples.
        random: Where they come from.
        size: Stands for each None in a shape.

    Returns:
        An array for each, in order.
    """
    found = []
    for shape, dtype, domain in inputs:
        whole = (rows, *(size if side is None else side for side in shape))
        found.append(_values(domain, whole, dtype, random))
    return found


def _values(domain: Domain, shape: tuple[int, ...], dtype: str, random: np.random.Generator) -> np.ndarray:
    if domain.kind == "words":
        return np.array(random.choice(WORDS, shape), dtype=object)
    if domain.kind == "switch":
        return random.integers(0, 2, shape).astype(dtype)
    if domain.kind == "pixels":
        return random.integers(0, 256, shape).astype(dtype)
    if domain.kind == "ids":
        return random.integers(0, domain.size, shape).astype(dtype)
    if domain.kind == "padded ids":
        ids = random.integers(1, domain.size, shape)
        lengths = random.integers(2, shape[1] + 1, (shape[0], 1))
        return np.where(np.arange(shape[1]) < lengths, ids, 0).astype(dtype)
    if domain.kind == "unit":
        return random.random(shape).astype(dtype)
    values = random.normal(0.1, 1.0, shape)
    return (np.abs(values) + 0.1 if domain.kind == "positive" else values).astype(dtype)


def draw_weights(model: keras.Model, random: np.random.Generator) -> None:
    """Gives every weight a value of its own, so that no two gates, channels or statistics can be swapped."""
    for variable in model.weights:
        name, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
        is_float = "float" in variable.dtype
        if not is_float or name in ("mean", "variance", "count", "vector_u", "idf") or "scale" in name:
            continue  # what a layer has adapted to or counts
        if name in ("moving_variance", "gamma"):
            value = random.uniform(0.5, 1.6, shape)
        elif len(shape) < 2:
            value = random.uniform(-0.4, 0.6, shape)
        else:
            value = random.normal(0.02, 1.2 / np.sqrt(max(1, np.prod(shape[:-1]))), shape)
        variable.assign(value.astype(np.float32))
