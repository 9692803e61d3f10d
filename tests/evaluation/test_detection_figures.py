import numpy as np

from suite.evaluation import detection_figures
from suite.evaluation.detection import COCO_THRESHOLDS


def test_all_boxes_in_the_second_row_and_those_that_are_kept_in_the_third():
    images = np.zeros((2, 8, 8, 3), np.uint8)
    box = [0.25, 0.25, 0.75, 0.5]
    every = {
        "boxes": np.array([[box, box, box]] * 2),
        "scores": np.array([[0.9, 0.5, 0.1], [0.2, 0.1, 0.0]]),
        "labels": np.zeros((2, 3), int),
    }
    kept = {name: values[:, :1] for name, values in every.items()}
    figure = detection_figures.heat_and_boxes(images, np.zeros((2, 2, 2)), every, kept, ["egg"])
    cells = np.reshape(figure.axes, (3, 6))
    drawn = [[len(cell.patches) for cell in row[:3]] for row in cells]
    assert drawn == [[0, 0, 0], [2, 0, 0], [1, 0, 0]]  # scores below 0.3 are not drawn
    assert [text.get_text() for text in cells[2, 0].texts] == ["egg"] and not cells[1, 0].texts
    patch = cells[2, 0].patches[0]
    assert (patch.get_height(), patch.get_width()) == (4, 2)


def test_both_thresholds():
    falling = np.linspace(1, 0.1, 10)
    figure = detection_figures.thresholds({0.0: 0.8, 0.5: 0.9, 1.0: 0.6}, {"a": falling, "b": falling / 2})
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [[0, 0.8], [0.5, 0.9], [1, 0.6]])
    np.testing.assert_allclose(right.lines[1].get_xdata(), COCO_THRESHOLDS)
    np.testing.assert_array_equal(right.lines[1].get_ydata(), falling / 2)
