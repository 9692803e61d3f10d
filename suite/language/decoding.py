"""From probabilities of the next token to sequences: sampling, beam search, generation by a step model.

All of it takes steps. A step is a function

    log_probabilities, state = step(tokens, state)

of the last token of n sequences, `(n,)` int32, and of their state: an array with n rows, or a tuple, list or
dict of such. It gives the log-probabilities of the next token, `(n, V)` in nats, and the new state.
`StepModel` makes one of an exported model.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

TOKEN = "token"  # the input of a step model that is no state
NEW = "new_"  # before the name of a state, the name of the output that replaces it
SCORES = ("logits", "probabilities")  # a step model has one of these outputs
CONTINUATION = {"character": 120, "word": 30}  # tokens that an app adds to a text
TEMPERATURE = 0.7  # of these

Step = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities in nats, `(..., V)` float64; logits may be -inf, but not all of a row."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def next_probabilities(
    logits: np.ndarray,
    temperature: float = 1.0,
    top_k: int | None = None,
    forbidden: Sequence[int] = (),
    top_p: float | None = None,
) -> np.ndarray:
    """What the next token is drawn from: `softmax(logits / temperature)` over the tokens that are left.

    Args:
        logits: `(..., V)`; log-probabilities are logits, too.
        temperature: > 0; 1 leaves the model's probabilities as they are, towards 0 the most probable token
            takes all, above 1 the rare ones gain. 0 is the limit: probability 1 for the most probable token,
            the first of equals ("greedy").
        top_k: Number of tokens that are left, the most probable ones (the first of equals); None for all.
        forbidden: Ids that get probability 0; padding, say.
        top_p: In (0, 1]: the fewest most probable tokens that have this probability together are left, at
            least one ("nucleus sampling"). It is theirs at this temperature, among those that `top_k` and
            `forbidden` leave. None for all.

    Returns:
        `(..., V)` float64.

    Raises:
        ValueError: A negative temperature, a top_k below 1, a top_p not in (0, 1], an id out of range, or no
            token left.

    Reference:
        Holtzman, Buys, Du, Forbes, Choi (2020), The curious case of neural text degeneration: top_p.
    """
    logits = np.array(logits, np.float64)
    if not 0 <= temperature < np.inf:
        raise ValueError(f"expected a temperature >= 0, received {temperature:g}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"expected top_k >= 1, received {top_k}; None for all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"expected a top_p in (0, 1], received {top_p:g}; None for all tokens")
    outside = [index for index in forbidden if not 0 <= index < logits.shape[-1]]
    if outside:
        raise ValueError(f"expected forbidden ids in [0, {logits.shape[-1]}), received {outside[0]}")
    if len(set(forbidden)) == logits.shape[-1]:
        raise ValueError("expected at least one token that is not forbidden, received none; forbid fewer")
    logits[..., list(forbidden)] = -np.inf
    kept = 1 if temperature == 0 else top_k
    if kept is not None:
        dropped = np.argsort(-logits, axis=-1, kind="stable")[..., kept:]
        np.put_along_axis(logits, dropped, -np.inf, axis=-1)
    found = np.exp(log_softmax(logits / (temperature or 1.0)))
    if top_p is None:
        return found
    order = np.argsort(-found, axis=-1, kind="stable")
    ranked = np.take_along_axis(found, order, axis=-1)
    before = np.cumsum(ranked, axis=-1) - ranked  # of the more probable ones
    np.put_along_axis(found, order, np.where(before < top_p, ranked, 0.0), axis=-1)
    return found / found.sum(axis=-1, keepdims=True)


def sample(logits: np.ndarray, rng: np.random.Generator, **settings: Any) -> np.ndarray:
    """Draws a token for each row of logits.

    Args:
        logits: `(..., V)`.
        rng: Source of the draws, one a row.
        **settings: Those of `next_probabilities`: temperature, top_k, forbidden, top_p.

    Returns:
        `(...)` int32.
    """
    cumulative = np.cumsum(next_probabilities(logits, **settings), axis=-1)
    # Draws below the sum, which rounding may leave below 1: a token of probability 0 is never drawn.
    draws = rng.random(cumulative.shape[:-1]) * cumulative[..., -1]
    return np.argmax(cumulative > draws[..., None], axis=-1).astype(np.int32)


def greedy_search(step: Step, state: Any, starts: np.ndarray, length: int) -> np.ndarray:
    """Takes the most probable token after each other, of many sequences at once; none ends before.

    Args:
        step: As above.
        state: State of n sequences before their start tokens.
        starts: Ids of these, `(n,)` int32.
        length: Tokens after them.

    Returns:
        `(n, length)` int32; of equally probable tokens the first.
    """
    tokens, found = starts, []
    for _ in range(length):
        log_probabilities, state = step(tokens, state)
        tokens = log_probabilities.argmax(axis=-1).astype(np.int32)
        found.append(tokens)
    return np.stack(found, axis=1)


class Hypothesis(NamedTuple):
    """A sequence that a search found.

    Attributes:
        tokens: Ids after the start, with the end token where it was reached.
        log_probability: Of all its tokens, the sum in nats.
        score: What hypotheses are ranked by.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float


def beam_search(
    step: Step, state: Any, start: int, end: int, width: int, max_length: int, length_power: float = 0.0
) -> list[Hypothesis]:
    """Looks for the most probable sequences, going on with the `width` best unfinished ones after each step.

        score = log_probability / length ** length_power

    A sequence is finished when it has the end token, or `max_length` tokens, and is among the `width` most
    probable continuations of its step; its length counts the end token. The search ends when `width`
    sequences are finished. So a width of 1 is `greedy_search` up to the end token. With a power of 0 the
    score is the log-probability, which favors short sequences; with 1 it is the mean per token.

    Args:
        step: As above.
        state: State of one sequence, that is with one row, before the start token.
        start: Id of the start token.
        end: Id of the end token.
        width: Sequences kept, >= 1; 1 follows the most probable tokens.
        max_length: Most tokens after the start, >= 1.
        length_power: In [0, 1] usually; >= 0.

    Returns:
        The best finished hypotheses, at most `width`, best first.

    Raises:
        ValueError: A number out of its range.

    Reference:
        Graves (2012), Sequence transduction with recurrent neural networks: beam search for such models.
    """
    if width < 1 or max_length < 1 or length_power < 0:
        raise ValueError(
            "expected width >= 1, max_length >= 1 and length_power >= 0, received "
            f"{width}, {max_length} and {length_power:g}"
        )
    finished: list[Hypothesis] = []
    prefixes: list[tuple[int, ...]] = [()]
    totals: np.ndarray = np.zeros(1)
    last = np.array([start], np.int32)
    for length in range(1, max_length + 1):
        log_probabilities, state = step(last, state)
        totals = totals[:, None] + np.asarray(log_probabilities, np.float64)  # (n, V)
        ends = np.full(totals.shape, length == max_length)
        ends[:, end] = True
        finished += [
            Hypothesis((*prefixes[row], token), total, total / length**length_power)
            for row, token, total in _best(totals, width)
            if ends[row, token]
        ]
        alive = _best(np.where(ends, -np.inf, totals), width)
        if not alive or len(finished) >= width:
            break
        rows = np.array([row for row, _, _ in alive])
        prefixes = [(*prefixes[row], token) for row, token, _ in alive]
        last = np.array([token for _, token, _ in alive], np.int32)
        totals, state = np.array([total for _, _, total in alive]), _take(state, rows)
    return sorted(finished, key=lambda found: -found.score)[:width]


def _best(totals: np.ndarray, width: int) -> list[tuple[int, int, float]]:
    """The largest finite entries of `(n, V)`, largest first: row, column, value."""
    order = np.argsort(-totals, axis=None, kind="stable")[:width]
    places = zip(*np.unravel_index(order, totals.shape), strict=True)
    found = [(int(row), int(column), float(totals[row, column])) for row, column in places]
    return [entry for entry in found if entry[2] > -np.inf]


def _take(state: Any, rows: np.ndarray) -> Any:
    if isinstance(state, dict):
        return {name: _take(part, rows) for name, part in state.items()}
    if isinstance(state, (tuple, list)):
        return type(state)(_take(part, rows) for part in state)
    return np.asarray(state)[rows]


class StepModel:
    """An exported step model as a step, whatever its format.

    Such a model takes "token" `(batch,)` int32 and states, and gives "logits" or "probabilities" `(batch, V)`
    and, for each state NAME, "new_NAME". An input without such an output stays as it is: the encoder's
    outputs, say.

    Args:
        artifact: What `suite.deploy.runtime.load_artifact` gives.

    Raises:
        ValueError: The model has other inputs or outputs.
    """

    def __init__(self, artifact: Any):
        names = [tensor.name for tensor in artifact.signature.inputs]
        outputs = {tensor.name: tensor for tensor in artifact.signature.outputs}
        given = [name for name in SCORES if name in outputs]
        states = [name for name in names if name != TOKEN]
        others = set(outputs) - {NEW + name for name in states}
        if TOKEN not in names or len(given) != 1 or others != set(given):
            raise ValueError(
                f"expected a step model, with {TOKEN!r} and states in, {' or '.join(map(repr, SCORES))} and "
                f"{NEW}STATE out, {artifact.path} takes {', '.join(names)} and gives {', '.join(outputs)}"
            )
        self.artifact, self._scores = artifact, given[0]
        self._states = [tensor for tensor in artifact.signature.inputs if tensor.name != TOKEN]

    def initial_state(self, n: int = 1) -> dict[str, np.ndarray]:
        """The state before the first token: zeros for n sequences."""
        return {name: np.zeros((n, *shape), dtype) for name, dtype, shape in self._states}

    def __call__(
        self, tokens: np.ndarray, state: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        outputs = self.artifact.predict({TOKEN: np.asarray(tokens, np.int32), **state})
        new = {name: outputs.get(NEW + name, values) for name, values in state.items()}
        scores = np.asarray(outputs[self._scores], np.float64)
        if self._scores == "probabilities":
            scores = np.log(np.maximum(scores, np.finfo(np.float32).tiny))
        return log_softmax(scores), new


def generate(
    step: Step,
    state: Any,
    prompt: Sequence[int] | np.ndarray,
    length: int,
    rng: np.random.Generator,
    **settings: Any,
) -> np.ndarray:
    """Continues a prompt, each token drawn after all before it; the state carries what came before.

    Args:
        step: A `StepModel`, or any step.
        state: State of one sequence before the prompt, such as `StepModel.initial_state()`.
        prompt: Ids, at least one.
        length: Tokens to add.
        rng: Source of the draws.
        **settings: Those of `next_probabilities`: temperature, top_k, forbidden, top_p.

    Returns:
        `(length,)` int32, without the prompt.

    Raises:
        ValueError: An empty prompt.
    """
    if not len(prompt):
        raise ValueError("expected a prompt of at least one token, received none; give a start token")
    for token in prompt:
        log_probabilities, state = step(np.array([token], np.int32), state)
    drawn = np.zeros(length, np.int32)
    for place in range(length):
        if place:
            log_probabilities, state = step(drawn[place - 1 : place], state)
        drawn[place] = sample(log_probabilities, rng, **settings)[0]
    return drawn


def surprisals(step: Step, state: Any, ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """How unexpected each token of a text is after all before it: `-log p`, `(n - 1,)` float64, in nats.

    Args:
        step: As in `generate`.
        state: State of one sequence before the first token.
        ids: `(n,)`; the first token is given.
    """
    found = np.zeros(len(ids) - 1)
    for place, token in enumerate(ids[1:]):
        log_probabilities, state = step(np.array([ids[place]], np.int32), state)
        found[place] = -log_probabilities[0, token]
    return found
