"""What each task asks of a model, and the task of a model that does not say it."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from suite.bundle.names import LABELS_FILE
from suite.bundle.record import Record, recorded_row
from suite.bundle.task import Task, known_task
from suite.deploy.ranges import is_picture
from suite.deploy.runtime import Artifact
from suite.deploy.signature import Signature
from suite.language.decoding import NEW, SCORES, TOKEN
from suite.language.encoder_decoder import ENCODER, STEP
from suite.language.vocabulary import VOCABULARY_FILE
from suite.layers.tensors import Tensor

MIN_SCORE = 0.3  # from which a detection counts, where none was chosen on validation


@dataclasses.dataclass(frozen=True)
class Needs:
    """What a model of a task has.

    Attributes:
        image: Whether its only input is an RGB or gray image.
        inputs: Names of all its inputs; empty: any.
        optional: Inputs besides, which it may have.
        outputs: Rank by name, without the batch, of all its outputs; empty: any.
        rank: That of its only output, whatever its name; None: any.
        labels: Whether it has class names.
        vocabulary: Whether it has a vocabulary.
    """

    image: bool = False
    inputs: Collection[str] = ()
    optional: Collection[str] = ()
    outputs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rank: int | None = None
    labels: bool = False
    vocabulary: bool = False

    def files(self) -> list[str]:
        """The texts that belong to it."""
        return [LABELS_FILE] * self.labels + [VOCABULARY_FILE] * self.vocabulary

    def obstacle(self, signature: Signature) -> str | None:
        """What a signature lacks, as "expected ..., received ..."; None where it fits."""
        inputs, outputs = signature
        names, ranks = {each.name for each in inputs}, {each.name: len(each.shape) for each in outputs}
        if self.image and not (len(inputs) == 1 and is_picture(inputs[0])):
            return f"expected one RGB or gray image as input, received {_listed(inputs)}"
        if self.inputs and not set(self.inputs) <= names <= {*self.inputs, *self.optional}:
            return f"expected the inputs {', '.join(self.inputs)}, received {_listed(inputs)}"
        if self.outputs and ranks != self.outputs:
            wanted = ", ".join(f"{name} of rank {rank}" for name, rank in self.outputs.items())
            return f"expected the outputs {wanted} (batch aside), received {_listed(outputs)}"
        if self.rank is not None and list(ranks.values()) != [self.rank]:
            return f"expected one output of rank {self.rank} (batch aside), received {_listed(outputs)}"
        return None


NEEDS: Mapping[Task, Needs] = {
    Task.WORD_EMBEDDINGS: Needs(inputs=("word",), rank=1, vocabulary=True),
    Task.TEXT_CLASSIFIER: Needs(inputs=("tokens",), rank=1, labels=True, vocabulary=True),
    Task.TAGGER: Needs(inputs=("words",), optional=("characters",), rank=2, labels=True, vocabulary=True),
    Task.LANGUAGE_MODEL: Needs(vocabulary=True),
    Task.DECODER_STEP: Needs(),
    Task.CAPTIONER: Needs(image=True),
    Task.TRANSLATOR: Needs(inputs=("source",), vocabulary=True),
    Task.IMAGE_EMBEDDER: Needs(image=True, outputs={"code": 1}),
    Task.DETECTOR: Needs(image=True, outputs={"boxes": 2, "scores": 1, "labels": 1}, labels=True),
    Task.LOCALIZER: Needs(image=True, outputs={"probabilities": 1, "box": 1}, labels=True),
    Task.IMAGE_TO_IMAGE: Needs(image=True, rank=3),
    Task.CLASSIFIER: Needs(rank=1, labels=True),
    Task.SEGMENTER: Needs(image=True, rank=3, labels=True),
    Task.REGRESSOR: Needs(rank=1),
    Task.GENERATOR: Needs(),
    Task.TENSORS: Needs(),
}


def check_task(task: Task, signature: Signature, labels: Sequence[str], files: Collection[str]) -> None:
    """Refuses a task that a model is not made for.

    Args:
        task: What is said of it.
        signature: What it takes and gives.
        labels: Its class names.
        files: Names of its other texts, such as the vocabulary.

    Raises:
        ValueError: It takes or gives something else, or lacks class names or a vocabulary.
    """
    obstacle = _obstacle(task, signature)
    missing = [name for name in NEEDS[task].files() if name not in _texts(labels, files)]
    if obstacle is None and missing:
        obstacle = f"expected {' and '.join(missing)}, received none"
    if obstacle:
        raise ValueError(f"for the task {task} {obstacle}; give it these, or say another task")


def guess_task(signature: Signature, has_decoder: bool = False) -> Task:
    """The task of a model that does not say it, by the names and shapes of what it takes and gives.

    Args:
        signature: What it takes and gives.
        has_decoder: Whether it is the encoder of a pair, with the step of its decoder in the folder beside.
    """
    pair = (Task.CAPTIONER, Task.TRANSLATOR)
    never = (Task.REGRESSOR, Task.GENERATOR, *(() if has_decoder else pair))
    for task in NEEDS:
        if task not in never and _obstacle(task, signature) is None and _is_likely(task, signature):
            return task
    return Task.TENSORS


def settled_task(task: Task, labels: Sequence[str], files: Collection[str]) -> Task:
    """A guessed task, where the texts that it needs are there; else TENSORS.

    Args:
        task: The guess.
        labels: Class names.
        files: Names of the other texts.
    """
    return task if set(NEEDS[task].files()) <= _texts(labels, files) else Task.TENSORS


def task_of(model: Artifact) -> Task:
    """What a loaded artifact is for: as it says itself, or its bundle; of others guessed."""
    row = recorded_row(model.path)
    recorded = known_task(row.task) if row else None
    path = model.path.resolve()
    has_decoder = path.parent.name == ENCODER and path.parent.with_name(STEP).is_dir()
    return model.task or recorded or guess_task(model.signature, has_decoder)


def least_score(record: Record | None) -> float:
    """The score from which a detection is shown, counted or put in words: the bundle's, else `MIN_SCORE`.

    Args:
        record: Of the detector's bundle; None of a file from elsewhere.
    """
    return MIN_SCORE if record is None or record.data.score is None else record.data.score


def fixed_states(signature: Signature) -> list[str]:
    """The states that a step takes and does not replace: an encoder must give them."""
    given = {tensor.name for tensor in signature.outputs}
    names = [tensor.name for tensor in signature.inputs if tensor.name != TOKEN]
    return [name for name in names if NEW + name not in given]


def _obstacle(task: Task, signature: Signature) -> str | None:
    if task in (Task.LANGUAGE_MODEL, Task.DECODER_STEP):
        return _step_obstacle(task, signature)
    return NEEDS[task].obstacle(signature)


def _step_obstacle(task: Task, signature: Signature) -> str | None:
    if TOKEN not in {each.name for each in signature.inputs}:
        return f"expected the input {TOKEN}, received {_listed(signature.inputs)}"
    if not set(SCORES) & {each.name for each in signature.outputs}:
        return f"expected an output among {', '.join(SCORES)}, received {_listed(signature.outputs)}"
    fixed = fixed_states(signature)
    if task is Task.LANGUAGE_MODEL and fixed:
        return f"expected new states for all, received none for {', '.join(fixed)}, which an encoder gives"
    return None


def _is_likely(task: Task, signature: Signature) -> bool:
    """Whether what has a general form, such as one vector, is that: of an image, or of that name."""
    if task is Task.CLASSIFIER:
        return len(signature.inputs) == 1 and is_picture(signature.inputs[0])
    if task is Task.IMAGE_TO_IMAGE:
        return signature.outputs[0].name == "stylized"
    return True


def _texts(labels: Sequence[str], files: Collection[str]) -> set[str]:
    return {*([LABELS_FILE] if labels else []), *files}


def _listed(tensors: Sequence[Tensor]) -> str:
    return ", ".join(map(str, tensors))
