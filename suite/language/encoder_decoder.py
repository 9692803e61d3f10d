"""An encoder with the step of its decoder: what the one reads, the other puts in words."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from suite.language.decoding import StepModel, beam_search, generate, greedy_search
from suite.language.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary

ENCODER, STEP = "encoder", "decoder_step"  # folders of the two models
MAX_TOKENS = 60  # tokens of a sentence
SEARCH_FILE = "search.json"  # beside the step: the length power that was best on validation
LENGTH_POWERS = (1.0, 0.5, 0.0)  # that are tried there


class EncoderDecoder:
    """Two exported models that work together, in whatever runtime they are.

    The step's states begin as outputs of the encoder of the same names. What it takes beside the token and
    changes not, such as all that the encoder has read, may be the encoder's inputs, too.

    A sentence has at least one token, and neither padding, nor `START`, nor the unknown word.

    Args:
        encoder: What `suite.deploy.runtime.load_artifact` gives.
        step: The decoder's step.
        words: Its vocabulary, with `START` and `END`.
        length_power: Of `search`, as in `beam_search`.

    Raises:
        ValueError: The step takes what the encoder does not give.
    """

    def __init__(self, encoder: Any, step: StepModel, words: Vocabulary, length_power: float = 0.0):
        signature = encoder.signature
        given = {tensor.name for tensor in (*signature.inputs, *signature.outputs)}
        missing = [name for name in step.initial_state() if name not in given]
        if missing:
            raise ValueError(
                f"expected an encoder that gives {', '.join(missing)}, {encoder.path} gives "
                f"{', '.join(sorted(given))}"
            )
        self.encoder, self.step, self.words, self.length_power = encoder, step, words, length_power
        self._start, self._end = map(int, words.ids([START, END]))

    def encode(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The step's states before the first token, a row for each row of the encoder's inputs."""
        encoded = inputs | self.encoder.predict(inputs)
        return {name: encoded[name] for name in self.step.initial_state()}

    def _speak(
        self, tokens: np.ndarray, states: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The step without what no sentence has. The start token is never written, so it only comes first."""
        scores, states = self.step(tokens, states)
        scores = np.array(scores)
        scores[:, [PADDING, UNKNOWN, self._start]] = -np.inf
        scores[np.asarray(tokens) == self._start, self._end] = -np.inf
        return scores, states

    def write(self, states: dict[str, np.ndarray], length: int) -> list[str]:
        """The most probable token after each other, at most `length` of them, for all rows at once."""
        starts = np.full(len(next(iter(states.values()))), self._start, np.int32)
        return list(map(self.words.sentence, greedy_search(self._speak, states, starts, length)))

    def search(
        self, states: dict[str, np.ndarray], row: int, width: int, length: int
    ) -> list[tuple[str, float]]:
        """The best sentences of a row by beam search, best first, with their log-probabilities.

        Args:
            states: What `encode` gives.
            row: Number of the row.
            width: As in `beam_search`.
            length: Tokens at most.
        """
        state, power = _row(states, row), self.length_power
        found = beam_search(self._speak, state, self._start, self._end, width, length, power)
        return [(self.words.sentence(each.tokens), each.log_probability) for each in found]

    def best(self, states: dict[str, np.ndarray], width: int, length: int) -> list[str]:
        """The best sentence of each row by `search`.

        Args:
            states: What `encode` gives.
            width: As in `search`.
            length: As in `search`.
        """
        rows = range(len(next(iter(states.values()))))
        return [self.search(states, row, width, length)[0][0] for row in rows]

    def choose_length_power(
        self, states: dict[str, np.ndarray], score: Callable[[Sequence[str]], float], width: int, length: int
    ) -> dict[float, float]:
        """Takes the power of `LENGTH_POWERS` whose sentences score best, of equals the first.

        Args:
            states: What `encode` gives of held-out examples, not those of a test.
            score: Of a sentence for each of them; higher is better.
            width: As in `search`.
            length: As in `search`.

        Returns:
            The scores by power.
        """
        scores = {}
        for self.length_power in LENGTH_POWERS:
            scores[self.length_power] = score(self.best(states, width, length))
        self.length_power = max(LENGTH_POWERS, key=lambda power: scores[power])
        return scores

    def to_files(self) -> dict[str, str]:
        """What `suite predict` needs beside the step, by file name, as an `Export` takes it."""
        return self.words.to_files() | {SEARCH_FILE: json.dumps({"length_power": self.length_power})}

    def draw(
        self, states: dict[str, np.ndarray], row: int, length: int, rng: np.random.Generator, **settings: Any
    ) -> str:
        """A sentence of a row, drawn token by token.

        Args:
            states: What `encode` gives.
            row: Number of the row.
            length: Tokens at most.
            rng: Source of the draws.
            **settings: Those of `next_probabilities`: temperature, top_k, forbidden, top_p.
        """
        drawn = generate(self._speak, _row(states, row), [self._start], length, rng, **settings)
        return self.words.sentence(drawn)


def _row(states: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {name: values[row : row + 1] for name, values in states.items()}
