import numpy as np

from suite.data.sets import domains, image_sets


def test_a_digit_of_training_is_in_one_domain_and_a_test_digit_in_both():
    data = image_sets.load_digits(0)
    parts = domains.on_black_and_gravel(data, contrast=0.0, seed=0)  # gravel of no contrast is black
    train, test = parts["train"], parts["test"]
    half = len(data.images["train"]) // 2
    assert train.images.shape == (2 * half, 16, 16, 1) and train.is_target.sum() == half
    enlarged, labels = train.of(False)
    np.testing.assert_array_equal(labels, data.labels["train"][:half])
    assert abs(enlarged.mean() - data.images["train"][:half].mean()) < 2
    np.testing.assert_array_equal(train.of(True)[1], data.labels["train"][-half:])
    for one, other in zip(test.of(False), test.of(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_target_is_on_gravel():
    black, gravel = (
        domains.on_black_and_gravel(image_sets.load_digits(0), contrast, seed=0)["test"]
        for contrast in (0.0, 0.7)
    )
    np.testing.assert_array_equal(black.of(False)[0], gravel.of(False)[0])
    assert np.all(gravel.of(True)[0] >= black.of(True)[0])
    assert gravel.of(True)[0].mean() > black.of(True)[0].mean() + 30
