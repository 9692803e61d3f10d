"""Training of recurrent layers that keep their state from batch to batch."""

import keras

from suite import console


class ResetStates(keras.callbacks.Callback):
    """Sets the states to zero where a text begins: before each epoch, and before each validation."""

    def on_epoch_begin(self, epoch, logs=None):
        reset_states(self.model)

    def on_test_begin(self, logs=None):
        reset_states(self.model)


class SayLosses(keras.callbacks.Callback):
    """Says how training goes: a line after an epoch, about `lines` of them in all."""

    def __init__(self, lines=20):
        super().__init__()
        self.lines = lines

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % max(1, self.params["epochs"] // self.lines) == 0:
            losses = ", ".join(f"{name} {value:.3f}" for name, value in (logs or {}).items())
            console.say(f"epoch {epoch + 1} of {self.params['epochs']}: {losses}")


def reset_states(model: keras.Model) -> None:
    """Sets the states of the stateful layers of a model to zero."""
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()
