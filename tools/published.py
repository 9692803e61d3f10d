"""Figures that comparable projects publish on the same data, to stand beside ours in RESULTS.md."""

from typing import NamedTuple


class Published(NamedTuple):
    """A figure that a project states.

    Attributes:
        recipe: Ours that does the same.
        data: What `--data` is for it.
        metric: Metric of the recipe, one that it makes a claim about.
        figure: Theirs, as they write it.
        project: Who.
        address: Where it is written.
        differs: What to know before comparing.
    """

    recipe: str
    data: str
    metric: str
    figure: str
    project: str
    address: str
    differs: str


_KERAS_IO = "https://github.com/keras-team/keras-io/blob"
_NANOGPT = "https://github.com/karpathy/nanoGPT#quick-start"

PUBLISHED = (
    Published(
        "mlp_keras", "tfds", "test_accuracy", "0.984", "Keras 2, mnist_mlp",
        "https://github.com/keras-team/keras/blob/10bfb1c565582803982e2205d41b095bc929d4a4/examples/mnist_mlp.py",
        "theirs: 669,706 weights, dropout, 20 epochs",
    ),
    Published(
        "cnn_classification", "tfds", "test_accuracy", "0.9922", "keras.io, mnist_convnet",
        f"{_KERAS_IO}/38324b71e65c48731fb8ff4342cd8fcaac276953/examples/vision/md/mnist_convnet.md",
        "theirs: 34,826 weights, 15 epochs",
    ),
    Published(
        "cnn_classification", "tfds:cifar10", "test_accuracy", "over 0.70", "TensorFlow's tutorial, CNN",
        "https://www.tensorflow.org/tutorials/images/cnn",
        "theirs: 122,570 weights, 10 epochs, no augmentation",
    ),
    Published(
        "stochastic_autoencoder", "tfds", "test_negative_elbo", "146.95", "keras.io, vae",
        f"{_KERAS_IO}/216c5a2b6c4ef626f7acd8c69b29919ee7c5e758/examples/generative/md/vae.md",
        "both with a code of 2 numbers; theirs: 30 epochs, measured on what it was trained on",
    ),
    Published(
        "character_generation", "tfds", "test_nats_per_character", "1.4697", "nanoGPT", _NANOGPT,
        "theirs: a Transformer, 3 minutes of an A100, the best on its validation part",
    ),
    Published(
        "character_generation", "tfds", "test_nats_per_character", "1.88", "nanoGPT, on a CPU", _NANOGPT,
        "theirs: a smaller Transformer, 3 minutes",
    ),
    Published(
        "part_of_speech_tagging", "tfds", "test_accuracy", "0.9694", "spaCy, en_udv25_englishewt_trf",
        "https://huggingface.co/explosion/en_udv25_englishewt_trf",
        "theirs: a pretrained Transformer on UD 2.5; ours learns from the treebank alone",
    ),
)  # fmt: skip
