"""How a language model goes on with a text."""

import dataclasses
from typing import Any

import numpy as np

from suite.answers.answer import Reader, vocabulary_of
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.deploy.task import fixed_states
from suite.language.decoding import CONTINUATION, TEMPERATURE, StepModel, generate
from suite.language.tokens import tokenize
from suite.language.vocabulary import PADDING, UNKNOWN


@dataclasses.dataclass(frozen=True)
class Continuations:
    """What may follow a text, drawn at random, the same at each call."""

    continuations: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """{"continuations": [...]}."""
        return {"continuations": list(self.continuations)}

    def __str__(self) -> str:
        return " | ".join(text.replace("\n", " / ") for text in self.continuations)


def language_model(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers texts with `Continuations`.

    Raises:
        ValueError: The step needs an encoder, or its words are missing; of an answer: the text is empty.
    """
    step, fixed = StepModel(model), fixed_states(model.signature)
    if fixed:
        raise ValueError(
            f"expected the step of a language model, {model.path} also takes {', '.join(fixed)}, which an "
            "encoder gives"
        )
    known = vocabulary_of(model)
    unit = "character" if known.spells else "word"

    def answer(text: str, top: int) -> Continuations:
        tokens = list(text) if known.spells else tokenize(text)
        if not tokens:
            raise ValueError(f"expected a text with at least one {unit}, received {text!r}; give one")
        beginning = ["\n"] if "\n" in known else []  # a text begins after a break
        prompt, rng = known.ids([*beginning, *tokens]), np.random.default_rng(0)
        settings = {"temperature": TEMPERATURE, "forbidden": (PADDING, UNKNOWN)}
        state = step.initial_state()
        drawn = [generate(step, state, prompt, CONTINUATION[unit], rng, **settings) for _ in range(top)]
        return Continuations(tuple(known.sentence(ids) for ids in drawn))

    return answer
