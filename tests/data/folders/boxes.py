"""Pictures of noise with boxes, written as a user would, and what was read of them."""

import pytest
from PIL import Image

from suite.data.sets.detection_sets import load, read_detection_folder
from suite.data.source import Source
from tests.data.noise import noise

SIZE = (20, 40)


def write(path, seed, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, SIZE)).save(path, **options)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(root, seed=0):
    return read_detection_folder(root, seed, SIZE)


def of_seed(found, seed):
    """Boxes, labels and crowds of the picture made from a seed."""
    for part, images in found.images.items():
        for index, image in enumerate(images):
            if (image == noise(seed, SIZE)).all():
                return found.boxes[part][index], found.labels[part][index], found.is_crowd[part][index]
    raise AssertionError(f"no picture {seed}")


def message(root):
    with pytest.raises(ValueError, match="^expected ") as raised:
        load(Source.parse(root), 0, SIZE)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(str(root), "ROOT")
