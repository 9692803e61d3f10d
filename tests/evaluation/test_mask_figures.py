import numpy as np

from suite.evaluation.mask_figures import rows_of_masks


def test_rows_of_masks_tell_classes_apart():
    images = np.full((2, 8, 8, 3), 100, np.uint8)
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[:, :, 4:], masks[:, :2] = 1, 255
    figure = rows_of_masks(images, masks, {"a network": masks})
    assert [axes.get_ylabel() for axes in figure.axes] == ["image", "truth", "a network"]
    truth = np.array(figure.axes[1].images[0].get_array())
    side = truth.shape[0] // 8
    cell, membrane, unknown = (truth[row * side, column * side] for row, column in ((4, 0), (4, 6), (0, 0)))
    assert not cell.any() and np.all(unknown == 1) and 0 < membrane.sum() < 3
