import numpy as np
import pytest

from suite.evaluation.classification import (
    classification_tables,
    confusion,
    mistakes_table,
    most_wrong,
)

# Predicted: 0 0 1 1 1 2 0; the class "dog" is never there and never predicted.
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.90, 0.05, 0.05, 0.0],
        [0.60, 0.30, 0.10, 0.0],
        [0.40, 0.55, 0.05, 0.0],
        [0.10, 0.80, 0.10, 0.0],
        [0.20, 0.70, 0.10, 0.0],
        [0.10, 0.20, 0.70, 0.0],
        [0.95, 0.04, 0.01, 0.0],
    ]
)
CLASSES = ("ant", "bee", "cat", "dog")


def test_confusion_has_true_classes_in_rows_and_all_classes():
    expected = [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(confusion(PROBABILITIES, LABELS, 4), expected)


def test_scores_of_every_class_and_their_mean():
    table, _ = classification_tables(PROBABILITIES, LABELS, CLASSES)
    assert table.columns == ("class", "precision", "recall", "F1", "examples")
    # By hand: of the 3 taken for "ant", 2 are; of the 3 that are, 2 were.
    assert table.rows == [
        ("ant", "0.667", "0.667", "0.667", "3"),
        ("bee", "0.667", "1.000", "0.800", "2"),
        ("cat", "1.000", "0.500", "0.667", "2"),
        ("dog", "0.000", "0.000", "0.000", "0"),
        ("all classes (mean)", "0.583", "0.542", "0.533", "7"),
    ]
    assert "Precision" in table.note


def test_mistakes_are_counted_most_frequent_first():
    probabilities = np.eye(3)[[0, 1, 1, 0, 2, 2, 1]]
    labels = np.array([0, 0, 0, 1, 2, 1, 1])
    _, mistakes = classification_tables(probabilities, labels, ("a", "b", "c"))
    assert mistakes.rows == [("a", "b", "2", "66.7%"), ("b", "a", "1", "33.3%"), ("b", "c", "1", "33.3%")]


def test_no_table_of_mistakes_without_mistakes():
    labels = np.array([0, 1, 1])
    (table,) = classification_tables(np.eye(2)[labels], labels, ("a", "b"))
    assert table.title == "Classes"


def test_ten_mistakes_at_most_of_100_classes():
    labels = np.arange(100)
    tables = classification_tables(np.eye(100)[(labels + 1) % 100], labels, [f"class {i}" for i in labels])
    assert [len(table.rows) for table in tables] == [101, 10]


def test_most_wrong_puts_the_surest_mistake_first():
    assert list(most_wrong(PROBABILITIES, LABELS, 5)) == [6, 2]
    assert list(most_wrong(PROBABILITIES, LABELS, 1)) == [6]
    assert list(most_wrong(np.eye(2), np.array([0, 1]), 5)) == []


def test_most_wrong_goes_by_the_true_class_not_by_the_guess():
    probabilities = np.array([[0.55, 0.05, 0.40], [0.60, 0.30, 0.10]])  # the second guess is the surer one
    assert list(most_wrong(probabilities, np.array([1, 1]), 2)) == [0, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda probabilities, labels: classification_tables(probabilities, labels, ("a", "b")),
        lambda probabilities, labels: confusion(probabilities, labels, 2),
        lambda probabilities, labels: most_wrong(probabilities, labels, 1),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(
        ValueError, match=r"one row per label and one column per class, received \(3, 2\) for 2"
    ):
        call(np.ones((3, 2)), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"received \(0, 2\) for 0 labels and 2 classes"):
        call(np.ones((0, 2)), np.array([], int))
    with pytest.raises(ValueError, match=r"expected labels in \[0, 2\), received 0 to 2"):
        call(np.ones((2, 2)), np.array([0, 2]))


def test_the_surest_mistakes_are_shown_with_their_texts():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.99, 0.01], [0.2, 0.8]])
    texts = ["right", "a little wrong", "w" * 300, "right"]
    table = mistakes_table(texts, probabilities, np.array([0, 0, 1, 1]), ("ham", "spam"))
    assert list(table.rows) == [("w" * 200, "spam", "ham 0.99"), ("a little wrong", "ham", "spam 0.60")]
    assert len(mistakes_table(texts, probabilities, np.array([0, 0, 1, 1]), ("ham", "spam"), 1).rows) == 1
