"""Pictures as a pretrained network sees them, for search by example."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from suite.bundle.task import Task
from suite.data.pictures.image_source import ImageSource
from suite.deploy.export import Export
from suite.deploy.feature_extractor import feature_extractor
from suite.finetuning.data import images_on_disk
from suite.models.backbones import build_backbone


def embed_files(
    files: Mapping[str, Sequence[Path]], backbone: str, folder: Path
) -> tuple[np.ndarray, np.ndarray, Export]:
    """Gives the features of pictures on the unit sphere, where the nearest is the one of least angle.

    Args:
        files: Pictures by part, "train" and "test".
        backbone: As of `build_backbone`.
        folder: Existing; decoded pictures are written into it.

    Returns:
        Features of both parts, `(n, size)` float32 each, and the network that gives them, named "features".
    """
    base = build_backbone(backbone)
    network = keras.Model(base.input, keras.layers.UnitNormalization(name="code")(base.output))
    pixels = {}
    for part in ("train", "test"):
        source = ImageSource(files[part], [0] * len(files[part]), base.input_shape[1:3])
        pixels[part] = images_on_disk(source, folder / f"{part}.npy")
    extract, (train, test) = feature_extractor(network), pixels.values()
    export = Export(network, test, train[:300], name="features", task=Task.IMAGE_EMBEDDER)
    return extract(train), extract(test), export
