import numpy as np
from scipy import ndimage

from suite.data.generated.tissue import draw_tissue
from suite.data.sets.segmentation_sets import draw_tissue_set

IMAGES, MASKS = draw_tissue("train", 20, 0, (48, 40))


def test_same_arguments_same_images():
    images, masks = draw_tissue("train", 3, 0, (48, 40))
    np.testing.assert_array_equal(images, IMAGES[:3])
    np.testing.assert_array_equal(masks, MASKS[:3])
    for part, seed in (("validation", 0), ("train", 1)):
        assert (draw_tissue(part, 3, seed, (48, 40))[1] != masks).any()


def test_membranes_are_thin_and_part_the_cells():
    assert IMAGES.shape == (20, 48, 40, 3) and IMAGES.dtype == np.uint8 and set(np.unique(MASKS)) == {0, 1}
    assert 0.15 < MASKS.mean() < 0.35
    cells = [ndimage.label(mask == 0)[1] for mask in MASKS]
    assert np.mean(cells) >= 6  # about 14 pixels from one to the next
    depths = [ndimage.distance_transform_cdt(np.pad(mask, 1)).max() for mask in MASKS]
    assert np.median(depths) <= 2  # of a membrane that is two to four pixels wide where it is widest


def test_membranes_are_dark_and_not_alone_in_that():
    gray = IMAGES[..., 0].astype(float)
    assert gray[MASKS == 1].mean() < gray[MASKS == 0].mean() - 30
    limits = range(256)
    right = max(np.mean((gray < limit) == MASKS) for limit in limits)
    assert right < 0.93  # no threshold tells them apart


def test_the_set():
    data = draw_tissue_set(0, (48, 40), 5)
    assert data.classes == ("cell", "membrane") and data.source == "tissue"
    np.testing.assert_array_equal(data.masks["train"], MASKS[:5])
    assert [len(data.images[part]) for part in ("train", "validation", "test")] == [5, 5, 5]
