"""An exported encoder with the step of its decoder, in a bundle: a picture or a text in, sentences out."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.answers.answer import Reader, tokens_of, vocabulary_of
from suite.deploy.image_input import image_input
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact, load_artifact
from suite.language.decoding import StepModel
from suite.language.encoder_decoder import ENCODER, MAX_TOKENS, SEARCH_FILE, STEP, EncoderDecoder

MIN_BEAM_WIDTH = 3

# (inputs of one example, number) -> the best sentences with their log-probabilities in nats, best first.
SentenceWriter = Callable[[Mapping[str, np.ndarray], int], list[tuple[str, float]]]


@dataclasses.dataclass(frozen=True)
class Sentences:
    """The best sentences of a search.

    Attributes:
        kind: "captions" or "translations".
        sentences: (text, log-probability in nats), best first.
    """

    kind: str
    sentences: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """{kind: [{"text", "log_probability"}, ...]}."""
        return {self.kind: [{"text": text, "log_probability": nats} for text, nats in self.sentences]}

    def __str__(self) -> str:
        return " | ".join(f"{text} ({nats:.2f})" for text, nats in self.sentences)


def captioner(encoder: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with `Sentences`."""
    image = image_input(encoder, scale)
    write = sentence_writer(encoder)
    return lambda path, top: Sentences("captions", tuple(write(image.load([path]), top)))


def translator(encoder: Artifact, scale: ValueRange | None) -> Reader:
    """Answers texts with `Sentences`.

    Raises:
        ValueError: The decoder or words are missing; of an answer: the text is empty or too long.
    """
    write, known = sentence_writer(encoder), vocabulary_of(encoder)
    length = encoder.signature.inputs[0].shape[0]

    def answer(text: str, top: int) -> Sentences:
        if known.spells:  # a capital that the model never saw is read as a small letter
            tokens = [letter if letter in known else letter.lower() for letter in text]
        else:
            tokens = tokens_of(text)
        if not tokens or (length and len(tokens) > length):
            limit = f"1 to {length}" if length else "at least 1"
            raise ValueError(f"expected a text of {limit} tokens, received {len(tokens)}: {text!r}")
        return Sentences("translations", tuple(write({"source": known.ids(tokens, length)[None]}, top)))

    return answer


def sentence_writer(encoder: Artifact) -> SentenceWriter:
    """How the pair that an encoder belongs to answers.

    Raises:
        ValueError: The decoder or its words are missing, or it does not fit the encoder.
    """
    step = StepModel(load_artifact(_step_of(encoder.path.resolve()), threads=1))
    pair = EncoderDecoder(encoder, step, vocabulary_of(step.artifact), _length_power(step.artifact))

    def write(inputs: Mapping[str, np.ndarray], top: int) -> list[tuple[str, float]]:
        return pair.search(pair.encode(inputs), 0, max(top, MIN_BEAM_WIDTH), MAX_TOKENS)[:top]

    return write


def _length_power(step: Artifact) -> float:
    """What was best on validation; of a step without that file 0."""
    try:
        return float(json.loads(step.beside(SEARCH_FILE, "length power"))["length_power"])
    except ValueError:
        return 0.0


def _step_of(encoder: Path) -> Path:
    """The artifact of the decoder's step: of the same name; where that was not to be had, in float32."""
    folder = encoder.parent.with_name(STEP)
    for name in (encoder.name, f"model{encoder.suffix}"):
        if encoder.parent.name == ENCODER and (folder / name).exists():
            return folder / name
    raise ValueError(
        f"expected the folders {ENCODER} and {STEP} side by side, found no decoder for {encoder}; keep the "
        "pair together, as its bundle has it"
    )
