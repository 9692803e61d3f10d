"""What an exported model does: the word that its bundle and its files carry, and that readers switch on."""

import enum


class Task(str, enum.Enum):
    """What a model is for.

    Attributes:
        CLASSIFIER: One class for an image, or for numbers.
        LOCALIZER: A class and the box of the one thing in an image.
        DETECTOR: Boxes, scores and classes of the things in an image.
        SEGMENTER: A class for each pixel of an image.
        REGRESSOR: Numbers that are estimated.
        IMAGE_EMBEDDER: A code of an image, near to those of similar ones.
        IMAGE_TO_IMAGE: An image, painted anew.
        GENERATOR: A sample, such as an image, of noise or of a code.
        CAPTIONER: The encoder of images of a pair, whose decoder describes them.
        TRANSLATOR: The encoder of texts of a pair, whose decoder translates them.
        DECODER_STEP: The step of such a decoder.
        TEXT_CLASSIFIER: A class for a text.
        TAGGER: A class for each word of a text.
        LANGUAGE_MODEL: The step of a recurrent network that says which token follows.
        WORD_EMBEDDINGS: The vector of a word.
        TENSORS: Anything else.
    """

    CLASSIFIER = "classifier"
    LOCALIZER = "localizer"
    DETECTOR = "detector"
    SEGMENTER = "segmenter"
    REGRESSOR = "regressor"
    IMAGE_EMBEDDER = "image_embedder"
    IMAGE_TO_IMAGE = "image_to_image"
    GENERATOR = "generator"
    CAPTIONER = "captioner"
    TRANSLATOR = "translator"
    DECODER_STEP = "decoder_step"
    TEXT_CLASSIFIER = "text_classifier"
    TAGGER = "tagger"
    LANGUAGE_MODEL = "language_model"
    WORD_EMBEDDINGS = "word_embeddings"
    TENSORS = "tensors"

    __str__ = str.__str__  # the word itself, in every version of Python


def parse_task(text: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: There is none.
    """
    if text not in list(Task):
        raise ValueError(f"expected a task among {', '.join(Task)}, received {text!r}")
    return Task(text)


def known_task(text: str | None) -> Task | None:
    """The task that a record or a file names; None where it names none that this version knows."""
    return Task(text) if text in list(Task) else None
