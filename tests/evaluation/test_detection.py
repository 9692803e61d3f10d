import time

import numpy as np
import pytest

from suite.evaluation.detection import (
    COCO_THRESHOLDS,
    MatchedDetections,
    Truths,
    average_precisions,
    box_iou,
    mean_average_precision,
)

LEFT, RIGHT, BELOW = (0.1, 0.1, 0.5, 0.4), (0.1, 0.6, 0.5, 0.9), (0.6, 0.2, 0.9, 0.8)
NOWHERE = (0.0, 0.95, 0.05, 1.0)


def detections(*images, padded_to=6):
    """Images of (box, score, label) rows, as the fixed-size arrays that an exported model gives."""
    arrays = {
        "boxes": np.zeros((len(images), padded_to, 4), np.float32),
        "scores": np.zeros((len(images), padded_to), np.float32),
        "labels": np.zeros((len(images), padded_to), np.int64),
    }
    for index, rows in enumerate(images):
        for row, (box, score, label) in enumerate(rows):
            arrays["boxes"][index, row], arrays["scores"][index, row] = box, score
            arrays["labels"][index, row] = label
    return arrays


def truths(*images):
    """Images of (box, label) or (box, label, is_crowd) rows."""
    rows = [[(*row, False)[:3] for row in image] for image in images]
    return Truths(
        [np.array([box for box, _, _ in image], np.float32).reshape(-1, 4) for image in rows],
        [np.array([label for _, label, _ in image], int) for image in rows],
        [np.array([crowd for _, _, crowd in image], bool) for image in rows],
    )


def ap(found, wanted, num_classes=1, threshold=0.5):
    return average_precisions(found, wanted, num_classes, (threshold,))[0].tolist()


def test_box_iou_by_hand():
    a = [(0, 0, 0.5, 0.5), (0.2, 0.2, 0.2, 0.4)]
    b = [(0, 0, 0.5, 0.5), (0.25, 0.25, 0.75, 0.75), (0.5, 0.5, 1, 1), (0, 0, 1, 0.5), (0.4, 0.4, 0.1, 0.1)]
    # 1/16 common of 7/16; touching corners have nothing in common; half of the taller box
    np.testing.assert_allclose(box_iou(a, b), [[1, 1 / 7, 0, 1 / 2, 0], [0, 0, 0, 0, 0]])
    assert box_iou(np.zeros((0, 4)), b).shape == (0, 5)


def test_perfect_detections():
    wanted = truths([(LEFT, 0), (RIGHT, 1)], [(BELOW, 1)])
    found = detections([(LEFT, 0.9, 0), (RIGHT, 0.6, 1)], [(BELOW, 0.7, 1)])
    assert ap(found, wanted, 2) == [1, 1]
    assert mean_average_precision(found, wanted, 2, COCO_THRESHOLDS) == 1
    np.testing.assert_array_equal(average_precisions(found, wanted, 2, (1.0,)), [[1, 1]])


def test_a_duplicate_is_wrong():
    wanted = truths([(LEFT, 0), (RIGHT, 0)])
    # right, wrong, right: precision 1 up to recall 1/2 (recalls 0 to 0.50: 51 of 101), then 2/3
    found = detections([(LEFT, 0.9, 0), (LEFT, 0.8, 0), (RIGHT, 0.7, 0)])
    assert ap(found, wanted) == pytest.approx([(51 + 50 * 2 / 3) / 101])
    # A duplicate after everything is found costs nothing.
    found = detections([(LEFT, 0.9, 0), (LEFT, 0.6, 0), (RIGHT, 0.7, 0)])
    assert ap(found, wanted) == [1]


def test_the_wrong_class_is_wrong():
    wanted = truths([(LEFT, 0), (RIGHT, 1)])
    found = detections([(LEFT, 0.9, 1), (RIGHT, 0.8, 1)])
    assert ap(found, wanted, 2) == pytest.approx([0, 1 / 2])


def test_a_half_right_ranking_by_hand():
    wanted = truths([(LEFT, 0), (RIGHT, 0)], [(LEFT, 0), (BELOW, 0)])
    found = detections(
        [(NOWHERE, 0.9, 0), (LEFT, 0.8, 0)],
        [(LEFT, 0.7, 0), (NOWHERE, 0.6, 0), (BELOW, 0.5, 0), (NOWHERE, 0.4, 0)],
    )
    # In order: wrong, right (1/2), right (2/3), wrong, right (3/5), wrong; one of four is never found.
    # Envelope: 2/3 for recalls to 0.50 (51 of 101), 3/5 for those to 0.75 (25), 0 for the others.
    assert ap(found, wanted) == pytest.approx([(51 * 2 / 3 + 25 * 3 / 5) / 101])


def test_the_threshold_decides():
    # 0.8 of the box and nothing else: IoU 0.8, exact in these numbers up to rounding
    shorter = (0.1, 0.1, 0.5, 0.34)
    found, wanted = detections([(shorter, 0.9, 0)]), truths([(LEFT, 0)])
    values = average_precisions(found, wanted, 1, (0.5, 0.75, 0.79, 0.81))
    np.testing.assert_array_equal(values, [[1], [1], [1], [0]])
    assert mean_average_precision(found, wanted, 1) == 1
    assert mean_average_precision(found, wanted, 1, (0.79, 0.81)) == 0.5


def test_the_best_of_the_free_truths_is_taken():
    near = (0.1, 0.13, 0.5, 0.43)  # IoU 0.82 with LEFT
    wanted = truths([(LEFT, 0), (near, 0)])
    found = detections([(near, 0.9, 0), (near, 0.8, 0)])  # the second has to be content with LEFT
    assert ap(found, wanted) == [1]
    assert ap(found, wanted, threshold=0.9) == pytest.approx([51 / 101])


def test_classes_and_images_without_truths():
    wanted = truths([(LEFT, 0)], [])
    found = detections([(LEFT, 0.5, 0)], [(LEFT, 0.9, 0), (RIGHT, 0.8, 2)])
    # The detection in the empty image comes first and is wrong.
    np.testing.assert_allclose(ap(found, wanted, 3), [1 / 2, np.nan, np.nan])
    assert mean_average_precision(found, wanted, 3) == pytest.approx(1 / 2)
    assert ap(detections([], []), wanted, 1) == [0]


def test_a_crowd_excuses_detections_and_asks_for_none():
    crowd = (0.5, 0.0, 1.0, 1.0)
    inside, half_inside = (0.6, 0.1, 0.8, 0.2), (0.4, 0.1, 0.6, 0.2)
    wanted = truths([(LEFT, 0), (crowd, 0, True)])
    found = detections([(inside, 0.9, 0), (BELOW, 0.8, 0), (half_inside, 0.6, 0), (LEFT, 0.5, 0)])
    assert ap(found, wanted, threshold=0.45) == [1]  # half_inside shares 1/2 of its area
    assert ap(found, wanted, threshold=0.55) == [1 / 2]
    only_crowd = truths([(crowd, 0, True)])
    assert np.isnan(ap(found, only_crowd)[0])


def test_padding_counts_for_nothing():
    found, wanted = detections([(LEFT, 0.9, 0)]), truths([(LEFT, 0)])
    found["boxes"][0, 1:], found["labels"][0, 1:] = np.nan, -1
    found["scores"][0, 2:] = -1
    assert ap(found, wanted) == [1]
    found["labels"] = found["labels"].astype(np.float32)
    assert ap(found, wanted) == [1]


def random_set(seed, images=8, most=12, num_classes=3):
    """Truths, some of them crowds, and detections around them, on a grid of 1/64 (no rounding in an IoU)."""
    rng = np.random.default_rng(seed)

    def boxes(n):
        corners = rng.integers(0, 50, (n, 2))
        return np.hstack([corners, corners + rng.integers(3, 14, (n, 2))])

    wanted, found = [], []
    for _ in range(images):
        real = boxes(rng.integers(0, 7))
        kinds = rng.integers(0, num_classes, len(real))
        wanted.append(list(zip(real / 64, kinds, rng.random(len(real)) < 0.2, strict=True)))
        copies = np.repeat(real, 2, axis=0) + rng.integers(-1, 2, (2 * len(real), 4))
        places = np.vstack([copies, boxes(most)])[:most]
        labels = np.append(kinds.repeat(2), rng.integers(0, num_classes, most))[:most]
        labels = np.where(rng.random(most) < 0.1, rng.integers(0, num_classes, most), labels)
        scores = rng.integers(1, 30, most) / 30 if seed % 2 else rng.random(most)  # odd seeds: many ties
        order = rng.permutation(most)
        found.append(list(zip(places[order] / 64, scores[order], labels[order], strict=True)))
    return detections(*found, padded_to=most + 3), truths(*wanted)


def by_pycocotools(found, wanted, num_classes):
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")

    def pixels(box):
        top, left, bottom, right = (64 * float(side) for side in box)
        return [left, top, right - left, bottom - top]

    n = len(wanted.boxes)
    annotations = [
        {"image_id": i, "category_id": int(label), "bbox": pixels(box), "iscrowd": int(crowd), "area": 1}
        for i in range(n)
        for box, label, crowd in zip(wanted.boxes[i], wanted.labels[i], wanted.is_crowd[i], strict=True)
    ]
    reference = coco.COCO()
    reference.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(n)],
        "categories": [{"id": label} for label in range(num_classes)],
        "annotations": [{**annotation, "id": i + 1} for i, annotation in enumerate(annotations)],
    }
    reference.createIndex()
    results = [
        {"image_id": i, "category_id": int(label), "bbox": pixels(box), "score": float(score)}
        for i in range(n)
        for box, score, label in zip(found["boxes"][i], found["scores"][i], found["labels"][i], strict=True)
        if score > 0
    ]
    evaluation = cocoeval.COCOeval(reference, reference.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (thresholds, recalls, classes), area "all"
    assert evaluation.params.areaRngLbl[0] == "all" and evaluation.params.maxDets[-1] == 100
    evaluation.summarize()
    values = np.where((precision < 0).any(axis=1), np.nan, precision.mean(axis=1))
    return values, evaluation.stats[:3]


@pytest.mark.parametrize("seed", range(30))
def test_pycocotools_agrees(seed):
    # Every fifth set has more than 100 detections of a class in an image.
    images, most, num_classes = (4, 260, 2) if seed % 5 == 4 else (8, 12, 3)
    found, wanted = random_set(seed, images, most, num_classes)
    values, (ap_all, ap_50, ap_75) = by_pycocotools(found, wanted, num_classes)
    # Largest difference measured: 2e-15.
    np.testing.assert_allclose(average_precisions(found, wanted, num_classes), values, rtol=0, atol=1e-9)
    assert mean_average_precision(found, wanted, num_classes, COCO_THRESHOLDS) == pytest.approx(
        ap_all, abs=1e-9
    )
    assert mean_average_precision(found, wanted, num_classes, (0.5,)) == pytest.approx(ap_50, abs=1e-9)
    assert mean_average_precision(found, wanted, num_classes, (0.75,)) == pytest.approx(ap_75, abs=1e-9)


def test_of_truths_that_fit_equally_well_the_last_is_taken():
    above, below = np.array([0, 0, 24, 16]) / 64, np.array([8, 0, 32, 16]) / 64
    between = np.array([4, 0, 28, 16]) / 64  # IoU 5/7 with either
    found = detections([(between, 0.9, 0), (above, 0.8, 0)])
    for boxes, value in (((above, below), 1), ((below, above), 51 / 101)):
        wanted = truths([(box, 0) for box in boxes])
        # IoU of `above` and `below`: 1/2, too little once the other is taken.
        assert ap(found, wanted, threshold=0.7) == pytest.approx([value])
        expected, _ = by_pycocotools(found, wanted, 1)
        np.testing.assert_allclose(average_precisions(found, wanted, 1), expected, rtol=0, atol=1e-9)


def test_at_most_100_detections_of_a_class_in_an_image():
    found = [[(NOWHERE, 0.9 - i / 1000, 0) for i in range(99)] + [(LEFT, 0.5, 0), (RIGHT, 0.4, 0)]]
    assert ap(detections(*found, padded_to=101), truths([(RIGHT, 0)])) == [0]
    assert ap(detections(*found, padded_to=101), truths([(LEFT, 0)])) == pytest.approx([1 / 100])


def test_300_images_take_less_than_2_seconds():
    found, wanted = random_set(1, images=300, most=20, num_classes=5)
    start = time.process_time()
    average_precisions(found, wanted, 5)
    assert time.process_time() - start < 2  # 0.1 s measured


def changed(**parts):
    return detections([(LEFT, 0.9, 0)]) | parts


ONE = truths([(LEFT, 0)])


@pytest.mark.parametrize(
    ("found", "wanted", "thresholds", "message"),
    [
        ({"boxes": 0, "scores": 0}, ONE, (0.5,), "with boxes, scores and labels, received boxes, scores$"),
        (
            changed(scores=np.zeros((1, 5))),
            ONE,
            (0.5,),
            r"boxes \(n, K, 4\), .* and labels \(n, K\), received \(1, 6, 4\), \(1, 5\) and \(1, 6\)$",
        ),
        (
            changed(labels=np.full((1, 6), 2)),
            ONE,
            (0.5,),
            "labels of detections in 0, ..., 0, received 2$",
        ),
        (changed(labels=np.full((1, 6), 0.5)), ONE, (0.5,), "labels of detections in .*, received 0.5$"),
        (changed(), truths([(LEFT, -1)]), (0.5,), "labels of truths in 0, ..., 0, received -1$"),
        (
            changed(),
            truths([(LEFT, 0)], []),
            (0.5,),
            r"truths for 1 images as for the detections, received \[2, 2, 2\]$",
        ),
        (
            changed(),
            Truths([np.array([LEFT])], [np.array([0, 0])]),
            (0.5,),
            r"a label and a crowd flag for each of the 1 boxes of image 0, received \(2,\) and \(2,\)$",
        ),
        (changed(), ONE, (0.5, 1.5), r"IoU thresholds in \(0, 1\], received \(0.5, 1.5\)$"),
        (changed(), ONE, (), r"IoU thresholds in \(0, 1\], received \(\)$"),
    ],
)
def test_what_does_not_fit_is_refused(found, wanted, thresholds, message):
    for function in (average_precisions, mean_average_precision):
        with pytest.raises(ValueError, match=f"^expected .*{message}"):
            function(found, wanted, 1, thresholds)


def test_nothing_to_find_is_refused():
    with pytest.raises(
        ValueError, match="^expected at least one box to find that is no crowd, received none$"
    ):
        mean_average_precision(detections([]), truths([]), 1)


def test_a_choice_of_images_is_measured_as_if_there_were_no_others():
    rng = np.random.default_rng(0)
    images = [[(BELOW, 0), (LEFT, 1)][: rng.integers(1, 3)] for _ in range(6)]
    rows = [
        [((BELOW, LEFT, NOWHERE)[rng.integers(3)], rng.random(), rng.integers(2)) for _ in range(3)]
        for _ in images
    ]
    matched = MatchedDetections(detections(*rows), truths(*images), 2)
    for chosen in ([0, 1, 2, 3, 4, 5], [2, 4], [1, 1, 5]):
        alone = average_precisions(
            detections(*(rows[index] for index in chosen)), truths(*(images[index] for index in chosen)), 2
        )
        np.testing.assert_array_equal(matched.average_precisions(chosen), alone)
