import numpy as np
import pytest

from suite.deploy.runtime import examples_at_once


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(8, 8, 1)], 32),
        ([(320, 320, 3)], 6),
        ([(320, 320, 3), (640, 640, 3)], 1),
        ([(4000, 3000, 3)], 1),
        ([()], 32),
    ],
)
def test_large_pictures_go_through_a_model_a_few_at_a_time(shapes, expected):
    arrays = {str(number): np.broadcast_to(np.uint8(0), (50, *shape)) for number, shape in enumerate(shapes)}
    assert examples_at_once(arrays) == expected
