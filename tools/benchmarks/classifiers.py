"""Image classifiers: from a folder to a head that is good enough, features, fine-tuning, inference.

All on EfficientNet-Lite0 with the same ImageNet weights, and on the texture photos that ship with the suite.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Peer, Work, assert_close

SIDE = 224
FLOPS = 2 * 407e6  # forward, one image: 407 M multiplications, each with an addition
ENOUGH = 0.95  # validation accuracy
MOST_EPOCHS = 25


def finetune(rounds: int = 3) -> Iterator[Work]:
    """From a folder to a head on frozen features whose validation accuracy is measured, and is enough."""
    from suite.data.generated.textures import write_textures
    from tools.benchmarks.torch_classifiers import torch_tutorial

    with tempfile.TemporaryDirectory() as work:
        root = write_textures(Path(work) / "photos")
        yield Work(
            f"folder to a head with validation accuracy {ENOUGH}, runs/s",
            lambda: _enough(fit_head(root, views=0)),  # enough without augmented views; peers stop there, too
            (
                Peer("Keras transfer-learning guide", lambda: _enough(keras_guide(root)), 5),
                Peer("torch transfer-learning tutorial", lambda: _enough(torch_tutorial(root)), 10),
            ),
            rounds=rounds,
            cost=Cost(flops=FLOPS * (180 + 60)),  # training and validation photos
        )


def _enough(validation_accuracy: float) -> None:
    if validation_accuracy < ENOUGH:
        raise ValueError(f"expected a validation accuracy of {ENOUGH}, received {validation_accuracy:.3f}")


def fit_head(root: Path, **settings: Any) -> float:
    """What `suite finetune --epochs 0` does before the export; gives the validation accuracy.

    Its settings are those of `finetune.Config`.
    """
    import keras

    from suite.data.folders.labeled import read_folder
    from suite.evaluation.metrics import accuracy
    from suite.finetuning import phases
    from suite.finetuning.config import Config
    from suite.finetuning.data import image_source
    from suite.finetuning.head import train_head
    from suite.models.backbones import build_backbone

    keras.utils.set_random_seed(0)
    folder, backbone = read_folder(root, 0), build_backbone("efficientnet_lite0")
    views = Config(epochs=0, **settings).views
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        train, validation = (image_source(folder, part, backbone, work) for part in ("train", "validation"))
        model = phases.classifier(
            backbone, *train_head(backbone, train, len(folder.classes), views, seed=0, folder=work)
        )
        return accuracy(phases.predict(model, validation), validation.labels)


def keras_guide(root: Path, batch_size: int = 32) -> float:
    """The guide's way: a frozen base called with training=False, dropout, a head trained by fit and Adam.

    Reference:
        keras.io/guides/transfer_learning, "An end-to-end example"; epochs until the accuracy is enough.
    """
    import keras
    from keras import layers

    from suite.models.backbones import build_backbone

    keras.utils.set_random_seed(0)
    train, validation = (
        keras.utils.image_dataset_from_directory(
            root / part, image_size=(SIDE, SIDE), batch_size=batch_size, seed=0, verbose=False
        )
        for part in ("train", "validation")
    )
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
    train = train.map(lambda images, labels: (augment(images), labels)).prefetch(2)
    base_model = build_backbone("efficientnet_lite0")
    base_model.trainable = False
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Dropout(0.2)(base_model(image, training=False))
    model = keras.Model(image, layers.Dense(3)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    for _ in range(MOST_EPOCHS):
        history = model.fit(train, validation_data=validation.prefetch(2), verbose=0).history
        if history["val_accuracy"][-1] >= ENOUGH:
            break
    return history["val_accuracy"][-1]


def features(images: int = 64) -> Iterator[Work]:
    """Frozen features, as phase 1 of fine-tuning computes them."""
    from suite.deploy.feature_extractor import feature_extractor
    from suite.models.backbones import build_backbone
    from tools.benchmarks.torch_classifiers import torch_features

    pixels = np.random.default_rng(0).integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8)
    backbone = build_backbone("efficientnet_lite0")
    extract, with_torch = feature_extractor(backbone), torch_features(pixels)
    reference = extract(pixels)
    assert_close(reference, backbone.predict(pixels, verbose=0), "Keras")
    assert_close(reference, with_torch(), "torch")
    yield Work(
        "frozen features, images/s",
        lambda: extract(pixels),
        (
            Peer("Keras predict, batch 32", lambda: backbone.predict(pixels, verbose=0, batch_size=32), 4),
            Peer("torch eval, batch 32", with_torch, 10),
        ),
        images,
        cost=Cost(flops=FLOPS * images),
    )


def fine_tuning_step(batch_size: int = 16, steps: int = 4) -> Iterator[Work]:
    """Steps of Adam on every layer, batch normalization frozen, from the same head of zeros."""
    import keras
    import tensorflow as tf

    from suite.finetuning import phases
    from suite.models.backbones import build_backbone
    from suite.training.checkpoints import TrainingState
    from suite.training.steps import Steps
    from suite.training.training_run import TrainingRun
    from tools.benchmarks.torch_classifiers import torch_fine_tuning

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch_size, SIDE, SIDE, 3), dtype=np.uint8)
    labels = (np.arange(batch_size) % 3).astype(np.int32)
    batches = tf.data.Dataset.from_tensors((pixels, labels)).repeat(steps)
    loss = keras.losses.SparseCategoricalCrossentropy()

    def build() -> keras.Model:
        backbone = build_backbone("efficientnet_lite0")
        head = np.zeros((backbone.output_shape[-1], 3), np.float32), np.zeros(3, np.float32)
        model = phases.classifier(backbone, *head)
        phases.unfreeze(model, 1.0)
        return model

    model, rival = build(), build()
    for each in (model, rival):
        each.compile(keras.optimizers.Adam(1e-4), loss)
    model.optimizer.build(model.trainable_variables)
    state = TrainingState(model)
    trainer = Steps(
        model,
        batches,
        None,
        run=TrainingRun(),
        optimizer=model.optimizer,
        state=state,
        jit_compile=False,
    )

    def train() -> float:
        state.step, state.total = 0, (0.0, 0.0)
        return trainer.run(1, lambda _: None, lambda: False, contextlib.nullcontext)

    def train_keras() -> float:
        return rival.fit(batches, shuffle=False, verbose=0).history["loss"][-1]

    train_torch = torch_fine_tuning(pixels, labels, steps, 1e-4)
    reference = train()
    assert_close(reference, train_keras(), f"Keras: mean loss of {steps} steps", 0.02)
    assert_close(reference, train_torch(), f"torch: mean loss of {steps} steps", 0.02)
    yield Work(
        f"full fine-tuning, batch {batch_size}, images/s",
        train,
        (Peer("Keras fit", train_keras, 1), Peer("torch", train_torch, 2)),
        batch_size * steps,
        cost=Cost(flops=3 * FLOPS * batch_size * steps),
    )


def inference(calls: int = 20) -> Iterator[Work]:
    """One photo at a time through what is exported, two threads each."""
    import tensorflow as tf

    from suite.data.folders.labeled import read_folder
    from suite.data.generated.textures import write_textures
    from suite.deploy.convert.onnx import save_onnx
    from suite.deploy.convert.saved_model import save_saved_model
    from suite.deploy.convert.tflite import FILES, convert_tflite
    from suite.deploy.runtime import load_artifact
    from suite.finetuning import phases
    from suite.finetuning.data import image_source
    from suite.finetuning.head import train_head
    from suite.models.backbones import build_backbone
    from tools.benchmarks.torch_classifiers import torch_classifier

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = read_folder(write_textures(work / "photos"), 0)
        backbone = build_backbone("efficientnet_lite0")
        sources = {part: image_source(folder, part, backbone, work) for part in ("train", "test")}
        head = train_head(backbone, sources["train"], 3, views=0, seed=0, folder=work)
        model = phases.classifier(backbone, *head)
        chosen = range(0, len(sources["test"]), len(sources["test"]) // calls)
        photos = [sources["test"].image(index)[None] for index in chosen][:calls]
        save_saved_model(model, work / "saved_model", batch_size=1)
        calibration = {"image": np.stack([sources["train"].image(i) for i in range(0, 180, 2)])}
        for variant in ("float32", "int8"):
            content = convert_tflite(work / "saved_model", variant, calibration)
            (work / FILES[variant]).write_bytes(content)
        save_onnx(model, work / "model.onnx")
        artifacts = {
            name: load_artifact(work / file, threads=2)
            for name, file in (("onnx", "model.onnx"), ("float32", "model.tflite"), ("int8", FILES["int8"]))
        }

    graph = tf.function(model)
    ways = {
        "Keras predict": lambda photo: model.predict(photo, verbose=0),
        "tf.function": lambda photo: graph(photo).numpy(),
        "ONNX Runtime": lambda photo: artifacts["onnx"](photo)["probabilities"],
        "torch": torch_classifier(*head),
    }

    def through(way: Callable[[np.ndarray], np.ndarray]) -> Callable[[], np.ndarray]:
        return lambda: np.concatenate([way(photo) for photo in photos])

    def tflite(variant: str) -> Callable[[], np.ndarray]:
        return through(lambda photo: artifacts[variant](photo)["probabilities"])

    goals = {"int8": (40, 10, 3, 8), "float32": (None,) * 4}
    for variant, goal in goals.items():
        ours = tflite(variant)
        reference = ours()
        for name, way in ways.items():
            # An int8 model is another one: it has to decide alike.
            answer, tolerance = through(way)(), 1e-3 if variant == "float32" else 0.15
            assert_close(reference, answer, name, tolerance)
        peers = [Peer(name, through(way), at) for (name, way), at in zip(ways.items(), goal, strict=True)]
        yield Work(
            f"inference, batch 1, {variant} TFLite, images/s", ours, peers, len(photos), 11,
            Cost(flops=FLOPS * len(photos)) if variant == "float32" else None,
        )  # fmt: skip
