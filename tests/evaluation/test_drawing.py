import io

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from suite.evaluation.drawing import animation, class_colors, draw_boxes, draw_mask

PHOTO = np.random.default_rng(0).integers(256, size=(30, 40, 3), dtype=np.uint8)
CLASSES = ("background", "leaf", "spot")


def labels():
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 8:28] = 1
    mask[10:16, 20:34] = 2
    return mask


def test_the_background_and_pixels_of_no_class_stay_as_they_are():
    mask = labels()
    mask[25:, :] = 255
    drawn = draw_mask(PHOTO, mask, CLASSES)
    outside = (mask == 0) | (mask == 255)
    np.testing.assert_array_equal(drawn[outside], PHOTO[outside])


def test_inside_a_class_the_photo_is_visible_and_its_contour_has_the_color():
    mask = labels()
    drawn, colors = draw_mask(PHOTO, mask, CLASSES), class_colors(3)
    for label in (1, 2):
        inner = binary_erosion(mask == label, np.ones((3, 3)))
        contour = (mask == label) & ~binary_erosion(mask == label)
        np.testing.assert_array_equal(drawn[contour], np.broadcast_to(colors[label], (contour.sum(), 3)))
        for channel in range(3):
            assert np.corrcoef(drawn[inner][:, channel], PHOTO[inner][:, channel])[0, 1] > 0.99
        assert np.ptp(drawn[inner]) > 150  # the photo has not faded


def test_classes_are_told_apart_and_keep_their_colors():
    assert len({tuple(color) for color in class_colors(14)}) == 14
    np.testing.assert_array_equal(class_colors(20)[:5], class_colors(5))
    # Without a background every class is drawn.
    assert (draw_mask(PHOTO, labels(), ("sky", "road", "car")) != PHOTO).any(axis=-1).all()


def test_boxes_are_outlines_in_the_color_of_their_class():
    photo = np.zeros((100, 200, 3), np.uint8)
    drawn = draw_boxes(photo, np.array([(0.2, 0.25, 0.6, 0.75)]), np.array([2]))
    rows, columns = np.nonzero(np.any(drawn, axis=2))
    np.testing.assert_allclose(
        [rows.min(), columns.min(), rows.max(), columns.max()], [20, 50, 59, 149], atol=1
    )
    assert (drawn[rows.min(), 100] == class_colors(3)[2]).all()
    assert not drawn[22:58, 52:148].any()  # the photo stays visible
    np.testing.assert_array_equal(draw_boxes(photo, np.zeros((0, 4)), np.zeros(0, int)), photo)


def test_an_animation_goes_there_and_back_and_is_large_enough_to_see():
    levels = np.linspace(0, 1, 4)
    images = np.broadcast_to(levels[:, None, None, None], (4, 8, 6, 1))
    for channels in (1, 3):
        with Image.open(io.BytesIO(animation(np.repeat(images, channels, axis=3)))) as film:
            assert film.size == (192, 256) and film.n_frames == 6 and film.info["loop"] == 0
            seen = []
            for frame in range(6):
                film.seek(frame)
                seen.append(np.asarray(film.convert("L")).mean())
    np.testing.assert_allclose(seen, 255 * levels[[0, 1, 2, 3, 2, 1]], atol=2)
