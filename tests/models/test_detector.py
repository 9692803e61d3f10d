import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.models.detector import build_detector, encode

BOXES = np.float32([(0.1, 0.2, 0.5, 0.6), (0.5, 0.55, 0.95, 0.95)])
LABELS = np.array([2, 0])
GRID = (8, 10)


def test_encode_marks_the_cell_of_each_center():
    heatmap, cells = (maps.numpy() for maps in encode(BOXES, LABELS, GRID, 3))
    assert heatmap.shape == (8, 10, 3) and cells.shape == (8, 10, 5)
    assert {tuple(place) for place in np.argwhere(heatmap == 1)} == {(2, 4, 2), (5, 7, 0)}
    np.testing.assert_allclose(cells[2, 4], [0.1, 0.2, 0.5, 0.6, 1], atol=1e-6)
    np.testing.assert_allclose(cells[5, 7], [0.5, 0.55, 0.95, 0.95, 1], atol=1e-6)
    assert np.all(heatmap[..., 1] == 0)
    assert 0 < heatmap[2, 5, 2] < 1 and heatmap[2, 5, 2] == cells[2, 5, 4]  # less, away from the center
    np.testing.assert_allclose(heatmap[2, 5, 2], np.exp(-0.5 * (0.1 / (0.09 * 0.4)) ** 2), rtol=1e-5)


def test_encode_of_nothing():
    heatmap, cells = encode(tf.zeros((0, 4)), tf.zeros((0,), tf.int32), GRID, 3)
    assert not np.any(heatmap) and not np.any(cells)


def test_perfect_maps_give_back_the_boxes():
    """What `encode` writes is what the deployed model reads."""
    keras.utils.set_random_seed(0)
    _, detector = build_detector((32, 40, 3), 3, filters=(4, 4, 4), max_detections=5)
    heatmap, cells = encode(BOXES, LABELS, GRID, 3)
    suppression = detector.get_layer("suppression")
    scores = tf.reshape(heatmap, (1, -1, 3))
    found = suppression([tf.reshape(cells[..., :4], (1, -1, 4)), scores])
    np.testing.assert_allclose(found["boxes"][0, :2], BOXES, atol=1e-6)
    assert found["labels"][0, :2].numpy().tolist() == [2, 0]


def test_both_models_share_their_weights_and_agree():
    keras.utils.set_random_seed(0)
    maps, detector = build_detector((32, 40, 3), 3, filters=(4, 4, 4))
    images = np.random.default_rng(0).integers(256, size=(2, 32, 40, 3), dtype=np.uint8)
    given, found = maps(images), detector(images)
    assert given["heatmap"].shape == (2, 8, 10, 3) and given["boxes"].shape == (2, 8, 10, 4)
    assert found["boxes"].shape == (2, 20, 4) and found["labels"].dtype == tf.int32
    best = tf.reduce_max(tf.sigmoid(given["heatmap"]), axis=(1, 2, 3))
    np.testing.assert_allclose(found["scores"][:, 0], best, rtol=1e-6)
    assert maps.count_params() == detector.count_params()


def test_bad_sides():
    with pytest.raises(ValueError, match=r"^expected sides that are multiples of 8, received \(32, 36\)$"):
        build_detector((32, 36, 3), 3)


def test_small_things_are_cared_for_by_their_neighbors():
    tiny = np.float32([(0.3, 0.35, 0.32, 0.37)])
    heat, cells = (maps.numpy() for maps in encode(tiny, np.array([1]), GRID, 3))
    same, wide = (maps.numpy() for maps in encode(tiny, np.array([1]), GRID, 3, least_spread=0.7))
    np.testing.assert_array_equal(heat, same)  # where it is stays as sharp
    assert np.sum(cells[..., 4] > 0.1) == 1
    np.testing.assert_allclose(wide[2, 4, 4], np.exp(-0.5 / 0.7**2), rtol=1e-5)  # one cell beside the center
    np.testing.assert_allclose(wide[2, 4, :4], tiny[0], atol=1e-6)
    plain, cared = (encode(BOXES, LABELS, (80, 80), 3, least_spread=least) for least in (0.0, 0.7))
    np.testing.assert_array_equal(plain[1], cared[1])  # large things are as they were
