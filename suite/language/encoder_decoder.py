"""An encoder with the step of its decoder: what the one reads, the other puts in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from suite.language.decoding import StepModel, beam_search, generate, greedy_search
from suite.language.vocabulary import END, START, Vocabulary

ENCODER, STEP = "encoder", "decoder_step"  # folders of the two models
LONGEST = 60  # tokens of a sentence


class EncoderDecoder:
    """Two exported models that work together, in whatever runtime they are.

    The step's states begin as outputs of the encoder of the same names. What it takes beside the token and
    changes not, such as all that the encoder has read, may be the encoder's inputs, too.

    Args:
        encoder: What `suite.export.runtime.load_artifact` gives.
        step: The decoder's step.
        words: Its vocabulary, with `START` and `END`.

    Raises:
        ValueError: The step takes what the encoder does not give.
    """

    def __init__(self, encoder: Any, step: StepModel, words: Vocabulary):
        signature = encoder.signature
        given = {tensor.name for tensor in (*signature.inputs, *signature.outputs)}
        missing = [name for name in step.initial_state() if name not in given]
        if missing:
            raise ValueError(
                f"expected an encoder that gives {', '.join(missing)}, {encoder.path} gives "
                f"{', '.join(sorted(given))}"
            )
        self.encoder, self.step, self.words = encoder, step, words
        self._start, self._end = map(int, words.ids([START, END]))

    def encode(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The step's states before the first token, a row for each row of the encoder's inputs."""
        encoded = inputs | self.encoder.predict(inputs)
        return {name: encoded[name] for name in self.step.initial_state()}

    def write(self, states: dict[str, np.ndarray], length: int) -> list[str]:
        """The most probable token after each other, at most `length` of them, for all rows at once."""
        starts = np.full(len(next(iter(states.values()))), self._start, np.int32)
        return list(map(self.words.sentence, greedy_search(self.step, states, starts, length)))

    def search(
        self, states: dict[str, np.ndarray], row: int, width: int, length: int, length_power: float = 0.0
    ) -> list[tuple[str, float]]:
        """The most probable sentences of a row by beam search, best first, with their log-probabilities.

        Args:
            states: What `encode` gives.
            row: Number of the row.
            width, length_power: As in `beam_search`.
            length: Tokens at most.
        """
        found = beam_search(self.step, _row(states, row), self._start, self._end, width, length, length_power)
        return [(self.words.sentence(each.tokens), each.log_probability) for each in found]

    def draw(
        self, states: dict[str, np.ndarray], row: int, length: int, rng: np.random.Generator, **settings: Any
    ) -> str:
        """A sentence of a row, drawn token by token.

        Args:
            states: What `encode` gives.
            row: Number of the row.
            length: Tokens at most.
            rng: Source of the draws.
            **settings: Those of `next_probabilities`: temperature, top_k, forbidden.
        """
        drawn = generate(self.step, _row(states, row), [self._start], length, rng, **settings)
        return self.words.sentence(drawn)


def _row(states: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {name: values[row : row + 1] for name, values in states.items()}
