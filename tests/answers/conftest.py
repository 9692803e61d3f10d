"""A model beside its class names and a picture."""

import keras
import pytest
from PIL import Image

from tests.answers.pictures import ANY_PIXELS


@pytest.fixture
def save(tmp_path):
    Image.fromarray(ANY_PIXELS).save(tmp_path / "photo.png")
    (tmp_path / "labels.txt").write_text("cat\ndog\nhen\n")
    keras.utils.set_random_seed(0)

    def write(model: keras.Model):
        model.save(tmp_path / "model.keras")
        return tmp_path / "model.keras", tmp_path / "photo.png"

    return write
