import numpy as np

from suite.training.feature_classifier import train_feature_classifier
from suite.training.training_run import TrainingRun


def test_features_and_probabilities_of_what_it_has_learned():
    labels = np.arange(96) % 3
    images = np.random.default_rng(0).random((96, 8, 8, 1), np.float32) * 0.2
    for label in range(3):
        images[labels == label, :, 2 * label : 2 * label + 2] += 0.8  # a bar at a place of its own
    model = train_feature_classifier(images, labels, TrainingRun(), steps=60, seed=0)
    features, probabilities = model.predict(images, verbose=0)
    assert features.shape == (96, 64) and features.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(probabilities.argmax(axis=1) == labels) > 0.9


def test_images_of_one_class_are_told_by_their_turns():
    images = np.random.default_rng(0).random((96, 8, 8, 1), np.float32) * 0.2
    images[:, :2] += 0.8  # a bar at the top
    model = train_feature_classifier(images, np.zeros(96, int), TrainingRun(), steps=60, seed=0)
    turned = np.stack([np.rot90(image, row % 4) for row, image in enumerate(images)])
    assert np.mean(model.predict(turned, verbose=0)[1].argmax(axis=1) == np.arange(96) % 4) > 0.9
