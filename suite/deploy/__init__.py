"""One Keras model to SavedModel, TFLite and ONNX, each proven in its own runtime."""
