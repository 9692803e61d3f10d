"""The class names beside an artifact, or in it."""

from suite.bundle.names import LABELS_FILE, RESULT_FILE
from suite.bundle.record import bundle_of, foreign_labels
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.runtime import Artifact
from suite.deploy.signature import check_class_names, class_output


def split_labels(text: str) -> list[str]:
    """The class names in the text of a `labels.txt`, one a line; the last line may end without a break."""
    return text.removesuffix("\n").split("\n") if text else []


def class_labels(artifact: Artifact) -> list[str]:
    """Class names by label, from the `labels.txt` beside an artifact, or in it.

    Those of a personal model have the spare ones, too.

    Raises:
        ValueError: There is none, or it has not as many names as the model has classes.
    """
    text = artifact.beside(LABELS_FILE, "class names")
    beside = artifact.path.resolve().parent / LABELS_FILE
    is_ours = (bundle_of(artifact.path) / RESULT_FILE).is_file() or not beside.is_file()
    labels = split_labels(text) if is_ours else foreign_labels(text)
    outputs = artifact.signature.outputs
    if artifact.path.name == PERSONAL_FILE and (output := class_output(outputs)):
        labels = with_spare_labels(labels, output.shape[-1])
    check_class_names(outputs, labels, beside if beside.is_file() else artifact.path)
    return labels


def with_spare_labels(labels: list[str], classes: int) -> list[str]:
    """Gives a name to each output of a personal model: the given ones, then "spare 1" and so on."""
    return labels + [f"spare {number}" for number in range(1, classes - len(labels) + 1)]
