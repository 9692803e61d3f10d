"""What every answer can do, and what all pictures and all texts go through before a model answers."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from suite.deploy.image_input import image_input
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.language.tokens import cut_like, tokenize
from suite.language.vocabulary import VOCABULARY_FILE, Vocabulary


class Answer(Protocol):
    """What a model says of one input; `str` puts it in words."""

    def to_json(self) -> dict[str, Any]:
        """The answer as `suite.predict` gives it, without what was asked."""
        ...


@runtime_checkable
class DrawnAnswer(Answer, Protocol):
    """An answer that says where things are in a photo."""

    def draw(self, photo: np.ndarray) -> np.ndarray:
        """The photo, `(height, width, 3)` uint8, with what was found drawn over it; of the same shape."""
        ...


Reader = Callable[[str, int], Answer]  # of a file, a text or a word, and the number of classes at most


def picture_reader(
    model: Artifact, scale: ValueRange | None, read: Callable[[dict[str, np.ndarray], int], Answer]
) -> Reader:
    """Answers image files.

    Args:
        model: Takes one image.
        scale: What the user says of its values of black and white.
        read: Reads the model's outputs of one image, arrays by name, and how many classes are wanted.
    """
    image = image_input(model, scale)

    def answer(path: str, top: int) -> Answer:
        outputs = model.predict(image.load([path]))
        return read({name: values[0] for name, values in outputs.items()}, top)

    return answer


def vocabulary_of(model: Artifact, name: str = VOCABULARY_FILE, what: str = "words") -> Vocabulary:
    """The words beside a model, or in it.

    Args:
        model: The artifact.
        name: Of their file.
        what: What is in it, for the message where it is missing.
    """
    return Vocabulary.from_text(model.beside(name, what))


def tokens_of(text: str, words: Vocabulary | None = None) -> list[str]:
    """Tokens in lower case, or words as a tagger that has `words` knows them.

    Raises:
        ValueError: There are none.
    """
    tokens = tokenize(text) if words is None else cut_like(text, words)
    if not tokens:
        raise ValueError(f"expected a text with at least one word, received {text!r}; give one")
    return tokens
