"""What stands in for exports where a test is not about them."""

from suite.deploy.runtime import load_artifact


def keras_alone(model, folder):
    """As `exported_artifacts`, with the Keras file for every format."""
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")
    return dict.fromkeys(("keras", "tflite", "onnx"), load_artifact(folder / "model.keras", threads=1))
