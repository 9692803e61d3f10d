"""What a TFLite file and the files beside it say of a model, for an app that uses it."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from suite.bundle.names import LABELS_FILE
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.labels import split_labels
from suite.deploy.ranges import PIXELS, ValueRange
from suite.deploy.signature import Tensor, is_image
from suite.deploy.tflite_metadata import read_normalizations
from suite.language.decoding import CONTINUATION, NEW, SCORES, TOKEN
from suite.language.encoder_decoder import ENCODER, STEP
from suite.language.vocabulary import VOCABULARY_FILE, Vocabulary

DTYPES = ("float32", "int32", "uint8")  # that Kotlin, Swift and JavaScript have runtimes for


@dataclasses.dataclass(frozen=True)
class AppModel:
    """What the templates say of a model; shapes are those of its TFLite file, with the batch of 1.

    Attributes:
        name: Name of the class in the code.
        kind: What its answer is: "classifier", "localizer", "detector", "segmenter", "text_classifier",
            "tagger", "language_model", "writer" (an encoder whose decoder is in the folder beside),
            "decoder_step", or "tensors".
        inputs: What it takes.
        outputs: What it gives.
        file: The TFLite file.
        signature: Name of its signature.
        labels: Class names.
        vocabulary: Whether there is a `vocabulary.txt`.
        spells: Whether its words are single characters.
        step: Of a "writer", the step of its decoder.
        personal: Signatures of `model_personal.tflite`, `name -> (inputs, outputs)`; empty without one.
        range: Its values of black and white, where its only input is a picture and they are known.
    """

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    file: str
    signature: str
    labels: tuple[str, ...] = ()
    vocabulary: bool = False
    spells: bool = False
    step: "AppModel | None" = None
    personal: dict = dataclasses.field(default_factory=dict)
    range: ValueRange | None = None

    @property
    def takes(self) -> str:
        """The inputs as one line."""
        return ", ".join(map(str, self.inputs))

    @property
    def gives(self) -> str:
        """The outputs as one line."""
        return ", ".join(map(str, self.outputs))

    @property
    def is_portable(self) -> bool:
        """Whether every language has its types."""
        return all(tensor.dtype in DTYPES for tensor in (*self.inputs, *self.outputs))

    @property
    def takes_image(self) -> bool:
        """Whether its only input is a picture, and it is known which values that has."""
        return self.range is not None

    @property
    def lacks_range(self) -> bool:
        """Whether its only input has the shape of a picture, but it is not known which values that has."""
        return self.range is None and _is_image(self.inputs)

    @property
    def takes_pixels(self) -> bool:
        """Whether the values of a picture are its pixels as they are."""
        return self.range == PIXELS

    @property
    def divisor(self) -> float:
        """What a pixel is divided by; then `offset` is added."""
        assert self.range is not None
        return round(float(self.range.deviation), 6)

    @property
    def offset(self) -> float:
        """The value of black."""
        assert self.range is not None
        return round(float(self.range.low), 6)

    @property
    def mean(self) -> float:
        """The mean that other tools ask for."""
        assert self.range is not None
        return round(float(self.range.mean), 6)

    @property
    def takes_text(self) -> bool:
        """Whether an app cuts a text into tokens for it."""
        return self.kind in ("text_classifier", "tagger", "language_model") or (
            self.kind == "writer" and not self.takes_image
        )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the inputs by name."""
        return {tensor.name: tensor.shape for tensor in self.inputs}

    @property
    def dtypes(self) -> dict[str, str]:
        """Dtypes of the inputs by name."""
        return {tensor.name: tensor.dtype for tensor in self.inputs}

    @property
    def states(self) -> list[str]:
        """Inputs of a step beside the token."""
        return [tensor.name for tensor in self.inputs if tensor.name != TOKEN]

    @property
    def changing(self) -> list[str]:
        """States that a step replaces."""
        given = {tensor.name for tensor in self.outputs}
        return [name for name in self.states if NEW + name in given]

    @property
    def scores(self) -> str:
        """Output of a step that says how probable each next token is."""
        return next(tensor.name for tensor in self.outputs if tensor.name in SCORES)

    @property
    def continuation(self) -> int:
        """Tokens that a language model adds to a text."""
        return CONTINUATION["character" if self.spells else "word"]

    @property
    def length(self) -> int:
        """Words of a tagger's sentence."""
        return self.shapes["words"][1]

    @property
    def letters(self) -> int:
        """Characters of a tagger's word; 0 where it reads words only."""
        return self.shapes.get("characters", (0, 0, 0))[2]


def app_model(path: str | Path, name: str) -> AppModel:
    """Describes a TFLite file with what lies beside it.

    Args:
        path: The `model.tflite` of a bundle.
        name: Any text; of its words the name of the class is made.
    """
    path = Path(path)
    folder, signatures = path.parent, _signatures(path)
    key = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    inputs, outputs = signatures[key]
    words, labels, taken = _vocabulary(folder), _labels(folder), _range(path, inputs)
    step = folder.with_name(STEP) / path.name
    has_step = folder.name == ENCODER and step.is_file() and _vocabulary(step.parent) is not None
    personal = folder / PERSONAL_FILE
    return AppModel(
        name="".join(map(str.capitalize, re.findall("[A-Za-z0-9]+", name))).lstrip("0123456789") or "Model",
        kind=_kind(inputs, outputs, bool(labels), words is not None, has_step, taken is not None),
        inputs=inputs,
        outputs=outputs,
        file=path.name,
        signature=key,
        labels=labels,
        vocabulary=words is not None,
        spells=words is not None and words.spells,
        step=app_model(step, f"{name} step") if has_step else None,
        personal=_signatures(personal) if personal.is_file() and taken else {},
        range=taken,
    )


def _range(path: Path, inputs: tuple[Tensor, ...]) -> ValueRange | None:
    """The values of black and white of a picture, the only input: by its dtype, or the file's metadata."""
    if not _is_image(inputs) or inputs[0].dtype not in ("uint8", "float32"):
        return None
    return PIXELS if inputs[0].dtype == "uint8" else next(iter(read_normalizations(path.read_bytes())), None)


def _kind(inputs, outputs, has_labels: bool, has_words: bool, has_step: bool, takes_image: bool) -> str:
    """What an answer is, by the names and shapes of inputs and outputs, as `suite.predict` tells it."""
    names, ranks = {x.name for x in inputs}, {x.name: len(x.shape) for x in outputs}
    if has_step and (takes_image or (names == {"source"} and has_words)):
        return "writer"
    if TOKEN in names and set(SCORES) & set(ranks):
        fixed = any(NEW + name not in ranks for name in names - {TOKEN})
        return "decoder_step" if fixed else "language_model" if has_words else "tensors"
    if has_labels and has_words and names == {"tokens"}:
        return "text_classifier"
    if has_labels and has_words and names in ({"words"}, {"words", "characters"}):
        return "tagger"
    if not (has_labels and takes_image):
        return "tensors"
    if set(ranks) == {"boxes", "scores", "labels"}:
        return "detector"
    if set(ranks) == {"probabilities", "box"}:
        return "localizer"
    kinds: dict[tuple[int, ...], str] = {(2,): "classifier", (4,): "segmenter"}
    return kinds.get(tuple(ranks.values()), "tensors")


def _is_image(inputs: tuple[Tensor, ...]) -> bool:
    return len(inputs) == 1 and is_image(inputs[0]._replace(shape=inputs[0].shape[1:]))


def _signatures(path: Path) -> dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Nothing is run: kernels need not be prepared.
    interpreter = Interpreter(
        str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )

    def tensors(details):
        return tuple(
            Tensor(name, np.dtype(detail["dtype"]).name, tuple(map(int, detail["shape"])))
            for name, detail in details.items()
        )

    runners = {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
    return {
        key: (tensors(runner.get_input_details()), tensors(runner.get_output_details()))
        for key, runner in runners.items()
    }


def _labels(folder: Path) -> tuple[str, ...]:
    path = folder / LABELS_FILE
    return tuple(split_labels(path.read_text(encoding="utf-8"))) if path.is_file() else ()


def _vocabulary(folder: Path) -> Vocabulary | None:
    path = folder / VOCABULARY_FILE
    if not path.is_file():
        return None
    try:
        return Vocabulary.from_text(path.read_text(encoding="utf-8"))
    except ValueError:
        return None  # another file of that name
