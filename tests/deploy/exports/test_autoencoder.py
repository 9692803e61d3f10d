"""As on a phone: image -> encoder.tflite -> decoder.tflite -> image."""

import keras
import numpy as np
import pytest

from suite.data.sets.image_sets import load_digits
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.deploy.pipeline import export_model
from suite.deploy.runtime import load_artifact
from suite.models.autoencoders import build_convolutional, build_variational


@pytest.mark.parametrize("kind", ["convolutional", "variational"])
def test_the_exported_halves_in_a_row_give_the_images_of_the_keras_model(kind, tmp_path):
    keras.utils.set_random_seed(0)
    digits = load_digits(0).images
    if kind == "convolutional":
        autoencoder = build_convolutional((8, 8, 1), 10, (16,))
        autoencoder.model.compile(keras.optimizers.Adam(4e-3), "mse")
        autoencoder.model.fit(digits["train"], digits["train"] / 255, epochs=8, verbose=0)
    else:  # untrained: the exported pair must agree all the same
        autoencoder = build_variational((8, 8, 1), 10, (32,))
    images = digits["test"][:40]
    rows = {}
    for half in (encoder_export, decoder_export):
        item = half(autoencoder, images, digits["train"][:100])
        (tmp_path / item.name).mkdir()
        rows |= {f"{item.name}/{row.path}": row for row in export_model(item, tmp_path / item.name)}
    assert {row.status for name, row in rows.items() if row.variant == "float32"} == {"ok"}

    expected = autoencoder.decoder(autoencoder.encoder(images)).numpy()
    for suffix in ("tflite", "onnx"):
        codes = load_artifact(tmp_path / f"encoder/model.{suffix}").predict(images)["code"]
        received = load_artifact(tmp_path / f"decoder/model.{suffix}").predict(codes)["image"]
        np.testing.assert_allclose(received, expected, atol=1e-5)
    errors = [np.mean((answer - images / 255) ** 2) for answer in (received, expected)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)
    if kind == "convolutional":
        assert errors[0] < 0.06 < np.var(images / 255)  # it has learned something
        for half in ("encoder", "decoder"):
            value = rows[f"{half}/model_int8.tflite"].metric.value
            assert value == pytest.approx(rows[f"{half}/model.keras"].metric.value, abs=0.02)
