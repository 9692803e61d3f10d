"""Keras model -> float32 serving graph -> SavedModel."""

from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from suite.export.signature import call_model, signature_of

SIGNATURE_KEY = "serving_default"


def serving_function(
    model: keras.Model, batch_size: int | None, lengths: Mapping[str, tuple] | None = None
) -> tuple[tf.types.experimental.PolymorphicFunction, list[tf.TensorSpec]]:
    """Traces inference as a function of named tensors that returns a dict of named tensors.

    Args:
        model: A functional model in float32.
        batch_size: Fixed batch size, or None for any.
        lengths: Shapes (without batch) by input name that replace the model's own where those have None.

    Returns:
        A `tf.function` and its list of `tf.TensorSpec`, in the order of the model's inputs.
    """
    signature = signature_of(model)
    specs = [
        tf.TensorSpec((batch_size, *(lengths or {}).get(name, shape)), dtype, name=name)
        for name, dtype, shape in signature.inputs
    ]

    @tf.function(input_signature=specs)
    def serve(*tensors):
        outputs = call_model(model, {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)})
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    return serve, specs


def save_saved_model(
    model: keras.Model,
    path: str | Path,
    batch_size: int | None = None,
    lengths: Mapping[str, tuple] | None = None,
) -> None:
    """Writes the inference graph with the one signature `serving_default`.

    Args:
        model: A functional model in float32.
        path: Folder to write.
        batch_size: As in `serving_function`.
        lengths: As in `serving_function`.
    """
    serve, _ = serving_function(model, batch_size, lengths)
    module = tf.Module()
    # Keras variables that are reached only through the model would be written without their values.
    module.variables_of_the_model = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(path), signatures={SIGNATURE_KEY: serve.get_concrete_function()})


def as_float32(model: keras.Model) -> keras.Model:
    """Copies a mixed-precision model into float32, which is what the converters accept; others pass through.

    Args:
        model: A functional model of any dtype policy.

    Returns:
        The model itself where every layer already computes in float32, else a float32 copy with the same
        weights.
    """
    if all(layer.compute_dtype in ("float32", None) for layer in model.layers):
        return model

    def in_float32(layer):
        config = layer.get_config()
        if not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=in_float32)
    copy.set_weights(model.get_weights())
    return copy
