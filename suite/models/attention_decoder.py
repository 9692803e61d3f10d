"""A decoder that writes token by token and looks, at each of them, at all that an encoder has read."""

import dataclasses
from typing import NamedTuple

import keras
from keras import layers

from suite.layers import Attention, Dropout, LSTMCell, Recurrent
from suite.models.step_model import STATES


class EncoderDecoderModels(NamedTuple):
    """One set of weights, several models.

    Attributes:
        encoder: What is read to "memory" `(batch, length, features)`, and the decoder's first "hidden_state"
            and "cell_state" `(batch, units)`.
        training: The same, and the "previous" tokens `(batch, steps)`, to the probabilities of each token
            `(batch, steps, V)`.
        step: "token" `(batch,)`, the states and, with attention, "memory" and what it is masked by, to
            "probabilities" `(batch, V)` and the new states.
        attention_model: As `training`, to the weights `(batch, steps, length)`; None without attention.
    """

    encoder: keras.Model
    training: keras.Model
    step: keras.Model
    attention_model: keras.Model | None


@dataclasses.dataclass(frozen=True)
class AttentionDecoder:
    """What a decoder is made of; `build` makes it.

    Attributes:
        vocabulary: Number of tokens V.
        embedding: Numbers a token.
        attends: Whether it attends to the memory; else it has the encoder's states alone.
        masks: Whether the encoder reads ids, of which 0 is padding that is not attended to.
        steps: Tokens of a target in training; None for any number.
        first_value: Of the memory's features, the first that gets into the output; those before it only
            decide where the decoder looks.
        word_dropout: Share of the previous tokens that are dropped in training, each as a whole.
        hidden_dropout: Share of the hidden state that is dropped in training before the output.
    """

    vocabulary: int
    embedding: int
    attends: bool = True
    masks: bool = False
    steps: int | None = None
    first_value: int = 0
    word_dropout: float = 0.0
    hidden_dropout: float = 0.0

    def build(self, encoder: keras.Model) -> EncoderDecoderModels:
        """Puts the decoder on an encoder. Its layers serve twice: in training on all tokens, then on each.

        Args:
            encoder: One input; "memory", "hidden_state" and "cell_state" as outputs.
        """
        shape, units = encoder.output["memory"].shape[1:], encoder.output[STATES[0]].shape[-1]
        embed, cell = layers.Embedding(self.vocabulary, self.embedding), LSTMCell(units)
        attention, head = Attention(), layers.Dense(self.vocabulary, "softmax", name="probabilities")

        def attend(
            hidden: keras.KerasTensor, memory: keras.KerasTensor
        ) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
            if not self.attends:
                return head(hidden), None  # (B, steps, V)
            context, weights = attention(hidden, memory, *([source] if self.masks else []))
            return head(layers.Concatenate()([hidden, context[..., self.first_value :]])), weights

        source = keras.Input(encoder.input.shape[1:], dtype=encoder.input.dtype, name=encoder.input.name)
        previous = keras.Input((self.steps,), dtype="int32", name="previous")
        encoded = encoder(source)
        word_dropout = layers.Dropout(self.word_dropout, noise_shape=(None, None, 1))
        word_embeddings = word_dropout(embed(previous)) if self.word_dropout else embed(previous)
        states = [encoded[name] for name in STATES]
        hidden = Recurrent(cell, return_sequences=True)(word_embeddings, initial_state=states)
        hidden = Dropout(self.hidden_dropout)(hidden) if self.hidden_dropout else hidden
        probabilities, weights = attend(hidden, encoded["memory"])
        training = keras.Model([source, previous], probabilities)
        attention_model = None if weights is None else keras.Model([source, previous], weights)

        token = keras.Input((), dtype="int32", name="token")
        memory = keras.Input(shape, name="memory")
        states = [keras.Input((units,), name=name) for name in STATES]
        hidden, new_states = cell(embed(token), states)
        probabilities, _ = attend(layers.Reshape((1, -1))(hidden), memory)
        outputs = {"probabilities": layers.Flatten()(probabilities)}
        outputs |= {f"new_{name}": state for name, state in zip(STATES, new_states, strict=True)}
        attended = [memory, *([source] if self.masks else [])] if self.attends else []
        step = keras.Model([token, *states, *attended], outputs, name="decoder_step")
        return EncoderDecoderModels(encoder, training, step, attention_model)
