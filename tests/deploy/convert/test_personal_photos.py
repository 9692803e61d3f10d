"""A classifier of two textures learns the third from ten photos, in LiteRT alone."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from suite.data.generated.textures import write_textures
from suite.data.pictures.images import load_image
from suite.deploy.convert.personal import base_of, save_personal
from suite.deploy.convert.tflite import PERSONAL_LEARNING_RATE, convert_tflite
from suite.deploy.feature_extractor import feature_extractor
from suite.finetuning.phases import classifier
from suite.linear.softmax_regression import fit_softmax_regression
from suite.models.backbones import build_backbone

KNOWN, NEW = ("brick", "grass"), "gravel"
TAUGHT = 10
ENOUGH = 0.3  # nats: mean loss of the new photos in a round, after which an app stops
MOST_ROUNDS = 20


def photos(root, part, name, count):
    chosen = np.linspace(0, len(list((root / part / name).iterdir())) - 1, count).astype(int)
    files = sorted((root / part / name).iterdir())
    return np.stack([load_image(files[index], (224, 224)) for index in chosen])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_textures(tmp_path_factory.mktemp("photos") / "textures")


@pytest.fixture(scope="module")
def personal(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("personal")
    images = np.concatenate([photos(root, "train", name, 20) for name in KNOWN])
    backbone = build_backbone("efficientnet_lite0")
    features = feature_extractor(backbone)(images)
    head = fit_softmax_regression(features, np.repeat([0, 1], 20), 2, l2=1e-3)
    model = classifier(backbone, *head)
    save_personal(model, base_of(model, KNOWN), folder / "personal", images, spare_classes=4)
    (folder / "model.tflite").write_bytes(convert_tflite(folder / "personal", "dynamic"))
    return folder / "model.tflite"


def learn(run, examples):
    """What an app does: features once, then rounds in random order until the new photos are learned."""
    features = [(run["infer_features"](image=image[None]), np.int32([label])) for image, label in examples]
    generator = np.random.default_rng(0)
    for count in range(1, MOST_ROUNDS + 1):
        losses = []
        for index in generator.permutation(len(features)):
            of_photo, label = features[index]
            rate = np.float32(PERSONAL_LEARNING_RATE)
            loss = run["train_on_features"](**of_photo, label=label, learning_rate=rate)["loss"]
            losses += [loss] if label == len(KNOWN) else []
        if np.mean(losses) < ENOUGH:
            return count
    raise AssertionError(f"learned too slowly: {np.mean(losses)}")


def accuracies(run, root):
    """Share of each class's test photos named rightly; they share no pixel with those that were taught."""
    return [
        np.mean(
            [
                run["infer"](image=image[None])["probabilities"].argmax() == label
                for image in photos(root, "test", name, 40)
            ]
        )
        for label, name in enumerate((*KNOWN, NEW))
    ]


@pytest.mark.parametrize("kept", [0, 2], ids=["new photos alone", "with 2 photos of each old class"])
def test_a_new_class_from_ten_photos(personal, root, kept):
    interpreter = Interpreter(model_path=str(personal), num_threads=2)
    run = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
    if not kept:
        before = accuracies(run, root)
        assert min(before[:2]) >= 0.95 and before[2] == 0
    examples = [(image, len(KNOWN)) for image in photos(root, "train", NEW, TAUGHT)]
    for label, name in enumerate(KNOWN):
        examples += [(image, label) for image in photos(root, "train", name, 2)[:kept]]
    assert learn(run, examples) <= 5  # measured 2
    assert min(accuracies(run, root)) >= 0.95  # of the old classes and of the new one; measured 1
