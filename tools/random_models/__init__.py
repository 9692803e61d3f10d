"""Random functional Keras models: layers of all kinds, in all the ways that models are put together.

Model `index` of a seed depends on these two numbers only. Nothing here knows which layer exports to which
format: what is drawn is what Keras builds.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from tools.random_models import operations, pictures, sequences, steps, unusual  # noqa: F401  fill the tables
from tools.random_models.drawing import DYNAMIC_SIZE, STEPS, Domain, Draw, draw_examples, draw_weights
from tools.random_models.structures import OPEN, STRUCTURES

POLICIES = ("mixed_float16", "mixed_bfloat16", "float16")
USUAL_SHARE = 0.82  # of models in float32
DYNAMIC_SHARE = 0.2
LEAST_VARIATION = 1e-3  # of an output over examples, as a share of its size
WEIGHT_DRAWS = 6
ROWS = 8
WANTED = 3  # steps of a model that have their turn


class RandomModel(NamedTuple):
    """A model with what is known of it.

    Attributes:
        model: Built and with weights.
        domains: One for each of `model.inputs`.
        kinds: What it consists of: its structure first, then policy, steps and so on.
        policy: Its dtype policy.
    """

    model: Any
    domains: tuple[Domain, ...]
    kinds: tuple[str, ...]
    policy: str

    def examples(self, rows: int, seed: int, size: int = DYNAMIC_SIZE) -> list[np.ndarray]:
        """Draws an array for each of `model.inputs`, `size` long where any length is taken."""
        described = [
            (tuple(tensor.shape[1:]), str(tensor.dtype), domain)
            for tensor, domain in zip(self.model.inputs, self.domains, strict=True)
        ]
        batch = self.model.inputs[0].shape[0]
        return draw_examples(described, batch or rows, np.random.default_rng(seed), size)


def draw_model(seed: int, index: int, policy: str | None = None) -> RandomModel:
    """Draws a model.

    Args:
        seed: Of all models.
        index: Which one; structures and steps come round in turn.
        policy: A dtype policy in the place of the drawn one, with everything else the same.

    Returns:
        The model with its weights. Its outputs vary over its examples.
    """
    try:
        return _drawn(seed, index, policy)
    except Exception:  # of kernels that TensorFlow has in float32 only
        if policy is not None:
            raise
        return _drawn(seed, index, "float32")


def _drawn(seed: int, index: int, policy: str | None) -> RandomModel:
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed * 10_000 + index)
    random = np.random.default_rng((seed, index))
    d = Draw(random, _wanted(seed, index), dynamic=random.random() < DYNAMIC_SHARE)
    usual = random.random() < USUAL_SHARE
    drawn = "float32" if usual else d.pick(POLICIES)
    kind = _in_turn(tuple(STRUCTURES), seed + 1, index)
    d.note(kind)
    if (policy or drawn) != "float32":
        d.note(f"policy: {policy or drawn}")
    if d.dynamic:
        d.note("dynamic size")
    keras.config.set_dtype_policy(policy or drawn)
    try:
        model = STRUCTURES[kind](d)
    finally:
        keras.config.set_dtype_policy("float32")
    known = {id(tensor): domain for tensor, domain in d.inputs}
    domains = tuple(known[id(tensor)] for tensor in model.inputs)
    found = RandomModel(model, domains, tuple(d.kinds), policy or drawn)
    _give_weights(found, random)
    if d.after is not None:
        d.after(model)
    return found


def _wanted(seed: int, index: int) -> list[str]:
    """Steps that share a rank, so that all find their place; all kinds come once before any comes again."""
    kinds = tuple(STRUCTURES)
    if _in_turn(kinds, seed + 1, index) not in OPEN:
        return []
    number = sum(_in_turn(kinds, seed + 1, each) in OPEN for each in range(index))
    random = np.random.default_rng((seed, 0))
    by_rank: dict[int, list[str]] = {}
    for place in random.permutation(len(STEPS)):
        kind = tuple(STEPS)[place]
        ranks = STEPS[kind][0]
        by_rank.setdefault(ranks[int(random.integers(len(ranks)))], []).append(kind)
    for own in by_rank.values():  # what fits one rank only comes before what may change it
        own.sort(key=lambda kind: len(STEPS[kind][0]))
    sets = [
        own[i :: -(-len(own) // WANTED)] for own in by_rank.values() for i in range(-(-len(own) // WANTED))
    ]
    return list(sets[random.permutation(len(sets))[number % len(sets)]])


def _in_turn(kinds: tuple[str, ...], seed: int, index: int) -> str:
    """Every kind comes once before any comes again, in an order that the seed shuffles."""
    order = np.random.default_rng((seed, index // len(kinds))).permutation(len(kinds))
    return kinds[order[index % len(kinds)]]


def _give_weights(drawn: RandomModel, random: np.random.Generator) -> None:
    """Draws weights until every output varies with the inputs; the last ones stay where none makes it."""
    examples = drawn.examples(ROWS, seed=0)
    for _ in range(WEIGHT_DRAWS):
        draw_weights(drawn.model, random)
        if all(_varies(values) for values in call(drawn.model, examples)):
            return


def call(model: keras.Model, examples: list[np.ndarray]) -> list[np.ndarray]:
    """Runs a model's inference directly.

    Args:
        model: Any functional one.
        examples: An array for each of `model.inputs`.

    Returns:
        An array for each of its outputs, in the order of `keras.tree.flatten`.
    """
    tensors = [_tensor(values, tensor) for values, tensor in zip(examples, model.inputs, strict=True)]
    # A Sequential has no `input` before its first call.
    is_chain = isinstance(model, keras.Sequential)
    given = tensors[0] if is_chain else keras.tree.pack_sequence_as(model.input, tensors)
    outputs = model(given, training=False)
    return [keras.ops.convert_to_numpy(value) for value in keras.tree.flatten(outputs)]


def _tensor(values: np.ndarray, tensor: Any) -> Any:
    import tensorflow as tf

    return tf.constant(values, dtype=str(tensor.dtype))


def _varies(values: np.ndarray) -> bool:
    numbers = np.asarray(values, np.float64)
    size = max(1e-6, float(np.max(np.abs(numbers), initial=0.0)))
    return bool(
        np.all(np.isfinite(numbers)) and np.max(np.ptp(numbers, axis=0), initial=0.0) > LEAST_VARIATION * size
    )
