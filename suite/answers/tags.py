"""The class of each word of a text."""

import dataclasses
from typing import Any, NamedTuple

from suite.answers.answer import Reader, tokens_of, vocabulary_of
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.language.tagging import CHARACTERS_FILE, TaggerVocabulary


class TaggedWord(NamedTuple):
    """A word with its most probable tag."""

    word: str
    tag: str
    probability: float


@dataclasses.dataclass(frozen=True)
class Tags:
    """The words of a text in order, each with its tag."""

    words: tuple[TaggedWord, ...]

    def to_json(self) -> dict[str, Any]:
        """{"tags": [{"word", "tag", "probability"}, ...]}."""
        return {"tags": [each._asdict() for each in self.words]}

    def __str__(self) -> str:
        return " ".join(f"{each.word}/{each.tag}" for each in self.words)


def tagger(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers texts with `Tags`."""
    shapes = {tensor.name: tensor.shape for tensor in model.signature.inputs}
    labels, words = class_labels(model), vocabulary_of(model)
    spelled = vocabulary_of(model, CHARACTERS_FILE, "characters") if "characters" in shapes else words
    known, letters = TaggerVocabulary(words, spelled), shapes.get("characters", (0, 0))[1]

    def answer(text: str, top: int) -> Tags:
        tokens, tagged = tokens_of(text, known.words), []
        length = shapes["words"][0] or len(tokens)
        for start in range(0, len(tokens), length):  # a model of fixed length reads a long text in pieces
            piece = tokens[start : start + length]
            inputs = known.encode([piece], length, letters)
            (probabilities,) = model.predict({name: inputs[name] for name in shapes}).values()
            tagged += [
                TaggedWord(word, labels[int(each.argmax())], float(each.max()))
                for word, each in zip(piece, probabilities[0], strict=False)
            ]
        return Tags(tuple(tagged))

    return answer
