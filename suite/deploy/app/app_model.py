"""What the code of an app has to know of a model: a small class by what the model does."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from suite.bundle.names import LABELS_FILE
from suite.bundle.task import Task
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.ranges import PIXELS, ValueRange
from suite.deploy.signature import Tensor, is_image
from suite.language.decoding import CONTINUATION, NEW, SCORES, TOKEN
from suite.language.encoder_decoder import ENCODER, STEP
from suite.language.tagging import CHARACTERS_FILE
from suite.language.vocabulary import VOCABULARY_FILE, Vocabulary

DTYPES = ("float32", "int32", "uint8")  # that Kotlin, Swift and JavaScript have runtimes for


@dataclasses.dataclass(frozen=True)
class PictureInput:
    """How a picture becomes the only input of a model, by its values of black and white."""

    range: ValueRange

    @property
    def is_pixels(self) -> bool:
        """Whether the values of a picture are its pixels as they are."""
        return self.range == PIXELS

    @property
    def divisor(self) -> float:
        """What a pixel is divided by; then `offset` is added."""
        return round(float(self.range.deviation), 6)

    @property
    def offset(self) -> float:
        """The value of black."""
        return round(float(self.range.low), 6)

    @property
    def mean(self) -> float:
        """The mean that other tools ask for."""
        return round(float(self.range.mean), 6)

    @property
    def pictured(self) -> str:
        """What the code says of the values."""
        if self.is_pixels:
            return "[0, 255]: the whole picture, stretched; the model normalizes."
        return f"{self.range}: the whole picture, stretched; each value is pixel{self.scaled}."

    @property
    def scaled(self) -> str:
        """How the code makes values of pixels: "" where they are them."""
        return self._scaled("")

    @property
    def kotlin_scaled(self) -> str:
        """The same in Kotlin, whose numbers say that they are float32."""
        return self._scaled("f")

    def _scaled(self, suffix: str) -> str:
        if self.is_pixels:
            return ""
        sign, offset = "-" if self.offset < 0 else "+", abs(self.offset)
        divide, add = f" / {self.divisor:.9g}{suffix}", f" {sign} {offset:.9g}{suffix}" if offset else ""
        return divide + add


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppModel:
    """What the templates say of any model; shapes are those of its TFLite file, with the batch of 1.

    Attributes:
        task: What it is for; TENSORS where the code gives arrays for arrays.
        name: Name of the class in the code.
        inputs: What it takes.
        outputs: What it gives.
        file: The TFLite file.
        signature: Name of its signature.
        labels: Class names.
        words: Its vocabulary.
        personal: Signatures of `model_personal.tflite`, `name -> (inputs, outputs)`; empty without one.
        picture: Its only input, where that is a picture of known values of black and white.
    """

    task: Task
    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    file: str
    signature: str
    labels: tuple[str, ...] = ()
    words: Vocabulary | None = None
    personal: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    picture: PictureInput | None = None

    @property
    def template(self) -> str:
        """What writes the code that answers."""
        return f"tasks/{self.task}.j2"

    @property
    def takes(self) -> str:
        """The inputs as one line."""
        return ", ".join(map(str, self.inputs))

    @property
    def gives(self) -> str:
        """The outputs as one line."""
        return ", ".join(map(str, self.outputs))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the inputs by name."""
        return {tensor.name: tensor.shape for tensor in self.inputs}

    @property
    def dtypes(self) -> dict[str, str]:
        """Dtypes of the inputs by name."""
        return {tensor.name: tensor.dtype for tensor in self.inputs}

    @property
    def is_portable(self) -> bool:
        """Whether every language has its types."""
        return all(tensor.dtype in DTYPES for tensor in (*self.inputs, *self.outputs))

    @property
    def lacks_range(self) -> bool:
        """Whether its only input has the shape of a picture, but it is not known which values that has."""
        return self.picture is None and takes_image(self.inputs)

    @property
    def spells(self) -> bool:
        """Whether its words are single characters."""
        return self.words is not None and self.words.spells

    @property
    def takes_text(self) -> bool:
        """Whether an app cuts a text into tokens for it."""
        return False

    @property
    def draws(self) -> bool:
        """Whether its answer is somewhere in the picture, where the code draws it."""
        return self.task in (Task.DETECTOR, Task.LOCALIZER, Task.SEGMENTER)

    @property
    def step(self) -> "DecoderStep | None":
        """The step of its decoder, where it has one."""
        return None

    @property
    def copies(self) -> list[tuple[str, str]]:
        """(name in the app, file in the bundle) of what the code reads; the model's file first."""
        names = [self.file, *([LABELS_FILE] if self.labels else []), *self.texts]
        return [(name, name) for name in [*names, *([PERSONAL_FILE] if self.personal else [])]]

    @property
    def texts(self) -> list[str]:
        """The vocabularies that the code reads."""
        return [VOCABULARY_FILE] if self.takes_text else []


class TextClassifier(AppModel):
    """A class for a text."""

    @property
    def takes_text(self) -> bool:
        """It does."""
        return True


class Tagger(TextClassifier):
    """A class for each word of a text."""

    @property
    def length(self) -> int:
        """Words of a sentence."""
        return self.shapes["words"][1]

    @property
    def letters(self) -> int:
        """Characters of a word; 0 where it reads words only."""
        return self.shapes.get("characters", (0, 0, 0))[2]

    @property
    def texts(self) -> list[str]:
        """The words, and the characters where it reads them."""
        return [VOCABULARY_FILE, *([CHARACTERS_FILE] if self.letters else [])]


class DecoderStep(AppModel):
    """A token and states in, the scores of the next token and new states out."""

    @property
    def states(self) -> list[str]:
        """Inputs beside the token."""
        return [tensor.name for tensor in self.inputs if tensor.name != TOKEN]

    @property
    def changing(self) -> list[str]:
        """States that a step replaces."""
        given = {tensor.name for tensor in self.outputs}
        return [name for name in self.states if NEW + name in given]

    @property
    def scores(self) -> str:
        """The output that says how probable each next token is."""
        return next(tensor.name for tensor in self.outputs if tensor.name in SCORES)


class LanguageModel(DecoderStep):
    """A step that goes on with a text."""

    @property
    def takes_text(self) -> bool:
        """It does."""
        return True

    @property
    def continuation(self) -> int:
        """Tokens that it adds to a text."""
        return CONTINUATION["character" if self.spells else "word"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairEncoder(AppModel):
    """The encoder of a picture or of a text, whose decoder is in the folder beside.

    Attributes:
        decoder: The step of that.
    """

    decoder: DecoderStep

    @property
    def template(self) -> str:
        """One for both inputs."""
        return "tasks/pair.j2"

    @property
    def step(self) -> DecoderStep:
        """The decoder's."""
        return self.decoder

    @property
    def takes_text(self) -> bool:
        """It does where it takes no picture."""
        return self.picture is None

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Files of both, under names that tell them apart."""
        own = [(f"{ENCODER}.tflite", self.file), *((f"{ENCODER}_{name}", name) for name in self.texts)]
        names = {f"{STEP}.tflite": self.decoder.file, f"{STEP}_{VOCABULARY_FILE}": VOCABULARY_FILE}
        return own + [(asset, f"../{STEP}/{name}") for asset, name in names.items()]


CLASSES: Mapping[Task, type[AppModel]] = {
    Task.TEXT_CLASSIFIER: TextClassifier,
    Task.TAGGER: Tagger,
    Task.LANGUAGE_MODEL: LanguageModel,
    Task.DECODER_STEP: DecoderStep,
}


def takes_image(inputs: tuple[Tensor, ...]) -> bool:
    """Whether the only input, with the batch in front, has the shape of an image of fixed size."""
    return len(inputs) == 1 and is_image(inputs[0]._replace(shape=inputs[0].shape[1:]))
