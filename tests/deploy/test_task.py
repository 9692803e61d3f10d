"""What a model is for: refused where it is wrong, carried by its files, guessed where nobody says it."""

import shutil

import keras
import pytest

from suite.bundle.task import Task, known_task, parse_task
from suite.cli import main
from suite.deploy.runtime import load_artifact
from suite.deploy.signature import Signature, Tensor
from suite.deploy.task import NEEDS, check_task, guess_task, settled_task, task_of

PICTURE = {"image": (8, 8, 3)}
BOXES = {"boxes": (4, 4), "scores": (4,), "labels": (4,)}
STATE = {"token": (), "hidden_state_0": (2,)}


def signature(inputs, outputs):
    return Signature(
        *(tuple(Tensor(name, "float32", side[name]) for name in side) for side in (inputs, outputs))
    )


GUESSES = [
    (PICTURE, {"probabilities": (3,)}, Task.CLASSIFIER),
    ({"input_1": (None, None, 3)}, {"dense": (1000,)}, Task.CLASSIFIER),
    (PICTURE, BOXES, Task.DETECTOR),
    (PICTURE, {"box": (4,), "probabilities": (3,)}, Task.LOCALIZER),
    (PICTURE, {"probabilities": (8, 8, 3)}, Task.SEGMENTER),
    (PICTURE, {"stylized": (8, 8, 3)}, Task.IMAGE_TO_IMAGE),
    (PICTURE, {"code": (16,)}, Task.IMAGE_EMBEDDER),
    (PICTURE, {"left": (3,), "right": (3,)}, Task.TENSORS),
    ({"tokens": (9,)}, {"probabilities": (3,)}, Task.TEXT_CLASSIFIER),
    ({"words": (9,)}, {"probabilities": (9, 3)}, Task.TAGGER),
    ({"characters": (9, 5), "words": (9,)}, {"probabilities": (9, 3)}, Task.TAGGER),
    ({"word": ()}, {"embedding": (8,)}, Task.WORD_EMBEDDINGS),
    (STATE, {"logits": (9,), "new_hidden_state_0": (2,)}, Task.LANGUAGE_MODEL),
    ({**STATE, "memory": (3,)}, {"logits": (9,), "new_hidden_state_0": (2,)}, Task.DECODER_STEP),
    ({"source": (9,)}, {"hidden_state_0": (2,)}, Task.TENSORS),
    ({"age": (1,)}, {"price": (1,)}, Task.TENSORS),
]


@pytest.mark.parametrize(("inputs", "outputs", "task"), GUESSES)
def test_a_foreign_model_is_guessed_by_what_it_takes_and_gives(inputs, outputs, task):
    assert guess_task(signature(inputs, outputs)) is task


def test_the_encoder_of_a_pair_is_told_by_its_decoder():
    states = {"hidden_state_0": (2,)}
    assert guess_task(signature(PICTURE, states), has_decoder=True) is Task.CAPTIONER
    assert guess_task(signature({"source": (9,)}, states), has_decoder=True) is Task.TRANSLATOR


def test_a_guess_without_the_texts_that_it_needs_is_none():
    assert settled_task(Task.CLASSIFIER, ["cat"], []) is Task.CLASSIFIER
    assert settled_task(Task.CLASSIFIER, [], ["vocabulary.txt"]) is Task.TENSORS
    assert settled_task(Task.TAGGER, ["noun"], []) is Task.TENSORS
    assert settled_task(Task.REGRESSOR, [], []) is Task.REGRESSOR


@pytest.mark.parametrize(
    ("task", "inputs", "outputs", "message"),
    [
        (
            *(Task.DETECTOR, PICTURE, {"probabilities": (3,)}),
            "expected the outputs boxes of rank 2, scores of rank 1, labels of rank 1 (batch aside), "
            "received probabilities: float32 (3,)",
        ),
        (
            *(Task.DETECTOR, {"features": (4,)}, BOXES),
            "expected one RGB or gray image as input, received features: float32 (4,)",
        ),
        (
            *(Task.SEGMENTER, PICTURE, {"probabilities": (3,)}),
            "expected one output of rank 3 (batch aside), received probabilities: float32 (3,)",
        ),
        (
            *(Task.TAGGER, {"tokens": (9,)}, {"probabilities": (9, 3)}),
            "expected the inputs words, received tokens: float32 (9,)",
        ),
        (
            *(Task.LANGUAGE_MODEL, {**STATE, "memory": (3,)}, {"logits": (9,), "new_hidden_state_0": (2,)}),
            "expected new states for all, received none for memory, which an encoder gives",
        ),
        (
            *(Task.DECODER_STEP, {"word": ()}, {"logits": (9,)}),
            "expected the input token, received word: float32 ()",
        ),
    ],
)
def test_a_wrong_task_is_refused_in_one_line(task, inputs, outputs, message):
    with pytest.raises(ValueError, match="^for the task ") as failure:
        check_task(task, signature(inputs, outputs), ["a", "b", "c"], ["vocabulary.txt"])
    expected = f"for the task {task.value} {message}; give it these, or say another task"
    assert str(failure.value) == expected


def test_a_task_without_its_texts_is_refused():
    words = signature({"words": (9,)}, {"probabilities": (9, 3)})
    check_task(Task.TAGGER, words, ["noun"], ["vocabulary.txt"])
    with pytest.raises(ValueError, match="^for the task tagger expected labels.txt and vocabulary.txt, "):
        check_task(Task.TAGGER, words, [], [])
    with pytest.raises(ValueError, match="^for the task tagger expected vocabulary.txt, received none; "):
        check_task(Task.TAGGER, words, ["noun"], [])


def test_every_task_has_its_needs_and_its_name():
    assert set(NEEDS) == set(Task)
    assert parse_task("classifier") is Task.CLASSIFIER and f"{Task.CLASSIFIER}" == "classifier"
    assert known_task("a task of a later version") is known_task(None) is None
    with pytest.raises(ValueError, match="^expected a task among classifier, localizer, .*, received 'd"):
        parse_task("dogs")


def test_files_that_travel_alone_say_their_task(exported_images, tmp_path):
    assert {row.task for row in exported_images.rows.values()} == {"classifier"}
    for row in exported_images.rows.values():
        if row.is_shipped and row.format in ("tflite", "onnx"):
            alone = shutil.copy(exported_images.folder / row.path, tmp_path / row.path)
            assert load_artifact(alone).task is Task.CLASSIFIER, row.path
    assert load_artifact(exported_images.folder / "model.keras").task is None
    assert task_of(load_artifact(exported_images.folder / "model.keras")) is Task.CLASSIFIER  # guessed


def test_an_export_is_told_its_task_or_guesses_and_says_it(tmp_path, capsys):
    x = keras.Input((3,), name="x")
    keras.Model(x, keras.layers.Dense(2, name="y")(x)).save(tmp_path / "model.keras")
    command = ["export", str(tmp_path / "model.keras"), "--out", str(tmp_path / "out")]
    for task, message in (
        (
            "segmenter",
            "for the task segmenter expected one RGB or gray image as input, received x: ",
        ),
        ("classifier", "for the task classifier expected labels.txt, received none"),
        ("dogs", "expected a task among classifier, "),
    ):
        assert main.execute([*command, "--task", task]) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()
