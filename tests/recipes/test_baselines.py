"""The trivial answers of the recipes whose metric is none of accuracy or perplexity."""

import numpy as np
import pytest

from recipes.week3_images import object_localization, semantic_segmentation
from suite.data.sets.detection_sets import DetectionSet
from suite.data.sets.segmentation_sets import IGNORED, SegmentationSet
from suite.evaluation.baselines import constant_boxes
from suite.evaluation.detection import Truths

BOX = np.float32([[0.1, 0.1, 0.5, 0.5]])
ELSEWHERE = np.float32([[0.6, 0.6, 0.9, 0.9]])


def test_a_constant_mask_has_the_class_that_training_has_most_of():
    train = np.array([[[0, 1, 1, IGNORED, IGNORED, IGNORED]]], np.uint8)
    test = np.array([[[1, 1, 1, 0, 0, IGNORED]]], np.uint8)
    images = dict.fromkeys(("train", "test"), np.zeros((1, 1, 6, 3), np.uint8))
    data = SegmentationSet(
        images=images, masks={"train": train, "test": test}, classes=("background", "cell"), source="here"
    )
    found = semantic_segmentation.constant_mask(data, 2)
    # IoU of cell 3 / 5, of background, which is never answered, 0
    assert found.value == pytest.approx(0.3) and found.says == "'cell' everywhere"


def detection_set(train_boxes, test_boxes):
    boxes = {"train": train_boxes, "test": test_boxes}
    labels = {part: [np.zeros(len(rows), np.int64) for rows in some] for part, some in boxes.items()}
    crowds = {part: [np.zeros(len(rows), bool) for rows in some] for part, some in boxes.items()}
    images = {part: np.zeros((len(some), 8, 8, 3), np.uint8) for part, some in boxes.items()}
    return DetectionSet(
        images=images, boxes=boxes, labels=labels, is_crowd=crowds, classes=("egg",), source="here"
    )


def known_of(data):
    return Truths(data.boxes["train"], data.labels["train"], data.is_crowd["train"])


def test_constant_boxes_are_the_mean_box_or_the_whole_image_whichever_finds_more():
    data = detection_set([BOX, BOX], [BOX, ELSEWHERE])
    truths = Truths(data.boxes["test"], data.labels["test"], data.is_crowd["test"])
    found = constant_boxes(known_of(data), truths, 1, "test_map_50", (0.5,))[0]
    assert found.says == "the mean box of each class, in every image"
    assert found.value == pytest.approx(51 / 101)  # half of the boxes at precision 1: recalls 0, ..., 0.5
    whole = np.float32([[0, 0, 1, 0.9]])
    data = detection_set([BOX], [whole, whole])
    truths = Truths(data.boxes["test"], data.labels["test"], data.is_crowd["test"])
    found = constant_boxes(known_of(data), truths, 1, "test_map_50", (0.5,))[0]
    assert (found.value, found.says) == (1, "the whole image as each class, in every image")


def test_the_mean_box_and_the_most_frequent_class():
    train = None, np.float32([[0, 0, 0.4, 0.4], [0.2, 0.2, 0.6, 0.6]]), np.array([1, 1])
    test = None, np.float32([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.3]]), np.array([1, 0])
    box, label = object_localization.constant_answer(train, test, ("a", "b"))
    assert box.value == pytest.approx(0.75, abs=1e-6)  # IoU of 1 and of 0.5
    assert (label.value, label.says) == (0.5, "always 'b'")
