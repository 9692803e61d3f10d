"""An exported encoder with the step of its decoder, in a bundle: a picture or a text in, sentences out."""

import json
from collections.abc import Callable
from pathlib import Path

from suite.deploy.runtime import Artifact, load_artifact
from suite.language.decoding import StepModel
from suite.language.encoder_decoder import ENCODER, LONGEST, SEARCH_FILE, STEP, EncoderDecoder
from suite.language.vocabulary import VOCABULARY_FILE, Vocabulary

LEAST_WIDTH = 3  # of the beam


def sentence_writer(encoder: Artifact) -> Callable[[dict, int], list[dict]] | None:
    """How a model answers with sentences, `(inputs, top) -> rows`; None where it has no decoder.

    A row is {"text", "log_probability"}, in nats, best first.

    Raises:
        ValueError: The decoder's words are missing, or it does not fit the encoder.
    """
    path = _step_of(encoder.path.resolve())
    if path is None:
        return None
    step = StepModel(load_artifact(path, threads=1))
    words = Vocabulary.from_text(step.artifact.beside(VOCABULARY_FILE, "words"))
    pair = EncoderDecoder(encoder, step, words, _length_power(step.artifact))

    def write(inputs: dict, top: int) -> list[dict]:
        found = pair.search(pair.encode(inputs), 0, max(top, LEAST_WIDTH), LONGEST)
        return [{"text": text, "log_probability": nats} for text, nats in found[:top]]

    return write


def _length_power(step: Artifact) -> float:
    """What was best on validation; of a step without that file 0."""
    try:
        return float(json.loads(step.beside(SEARCH_FILE, "length power"))["length_power"])
    except ValueError:
        return 0.0


def _step_of(encoder: Path) -> Path | None:
    """The artifact of the decoder's step: of the same name; where that was not to be had, in float32."""
    names = (encoder.name, f"model{encoder.suffix}")
    found = [path for name in names if (path := encoder.parent.with_name(STEP) / name).exists()]
    return found[0] if encoder.parent.name == ENCODER and found else None
