"""An encoder and its decoder, exported apart: each is judged by the images that come out of the two."""

from collections.abc import Mapping

import numpy as np

from suite.bundle.task import Task
from suite.deploy.export import Export
from suite.evaluation.metrics import Metric, r2
from suite.models.autoencoders import Autoencoder


def encoder_export(
    autoencoder: Autoencoder, images: np.ndarray, calibration: np.ndarray, name: str = "encoder"
) -> Export:
    """Describes the encoder; its codes, decoded by the Keras decoder, are compared with the images.

    Args:
        autoencoder: Trained.
        images: Held-out `(n, height, width, channels)` uint8 in [0, 255].
        calibration: Training images of the same form.
        name: Subfolder of the bundle.

    Returns:
        An export whose metric is the R-squared of the reconstructions, "test_r2".
    """

    def decoded(outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> float:
        return r2(autoencoder.decoder.predict(outputs["code"], batch_size=500, verbose=0), targets)

    metric = Metric("test_r2", decoded, tolerance=0.02)
    return Export(
        autoencoder.encoder,
        images,
        calibration,
        images.astype(np.float32) / 255,
        metric,
        name=name,
        task=Task.IMAGE_EMBEDDER,
    )


def decoder_export(
    autoencoder: Autoencoder, images: np.ndarray, calibration: np.ndarray, name: str = "decoder"
) -> Export:
    """Describes the decoder, fed with the codes of the Keras encoder; as `encoder_export`."""
    metric = Metric("test_r2", lambda outputs, targets: r2(outputs["image"], targets), tolerance=0.02)
    codes, some = (
        autoencoder.encoder.predict(pixels, batch_size=500, verbose=0) for pixels in (images, calibration)
    )
    targets = images.astype(np.float32) / 255
    return Export(autoencoder.decoder, codes, some, targets, metric, name=name, task=Task.GENERATOR)
