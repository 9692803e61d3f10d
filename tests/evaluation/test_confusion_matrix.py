import numpy as np
import pytest

from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.plots import INK


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_confusion_matrix_shows_counts_and_shares_of_the_rows():
    matrix = np.array([[6, 2, 0], [1, 30, 9], [0, 0, 0]])
    axes = confusion_matrix(matrix, ["ant", "bee", "a class without examples"]).axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(column, row): str(matrix[row, column]) for row in range(3) for column in range(3)}
    expected = [[0.75, 0.25, 0.0], [0.025, 0.75, 0.225], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(axes.get_images()[0].get_array(), expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert tick_names(axes.yaxis) == ["ant", "bee", "a class without examples"]


def test_counts_are_legible_on_dark_and_on_light_cells():
    axes = confusion_matrix(np.array([[99, 1], [0, 100]]), ["ant", "bee"]).axes[0]
    assert [text.get_color() for text in axes.texts] == ["white", INK, "#9AA4B0", "white"]


def test_confusion_matrix_of_100_classes_names_all_and_counts_none(tmp_path):
    names = [f"class {index}" for index in range(100)]
    figure = confusion_matrix(np.eye(100, dtype=int), names)
    axes = figure.axes[0]
    assert not axes.texts
    assert tick_names(axes.xaxis) == tick_names(axes.yaxis) == names
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {90.0}
    assert max(figure.get_size_inches()) < 20
    figure.savefig(tmp_path / "confusion.png", dpi=50)


def test_confusion_matrix_of_1000_classes_names_some():
    figure = confusion_matrix(np.eye(1000, dtype=int), [f"class {index}" for index in range(1000)])
    assert tick_names(figure.axes[0].xaxis)[:2] == ["class 0", "class 9"]
    assert max(figure.get_size_inches()) < 20


def test_long_names_are_cut_and_slanted_and_dollars_are_no_formula(tmp_path):
    figure = confusion_matrix(np.eye(2, dtype=int), ["$\\frac{$", "x" * 60])
    labels = figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == ["$\\frac{$", "x" * 23 + "…"]
    assert {label.get_rotation() for label in labels} == {45.0}
    figure.savefig(tmp_path / "confusion.png")  # a formula like this one cannot be drawn


def test_confusion_matrix_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"one row and one column per class name, received \(2, 3\) and 2 n"):
        confusion_matrix(np.zeros((2, 3), int), ["a", "b"])
    with pytest.raises(ValueError, match=r"received \(2, 2\) and 3 names"):
        confusion_matrix(np.zeros((2, 2), int), ["a", "b", "c"])
