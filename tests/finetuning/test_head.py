import keras
import numpy as np
import pytest
from PIL import Image

from suite.data.pictures.image_source import ImageSource
from suite.deploy.convert.tflite import convert_for_now
from suite.deploy.runtime import load_artifact
from suite.finetuning import head
from suite.finetuning.head import frozen_features, plain_features, train_head

COUNT, VIEWS, SIDE = 70, 2, 16  # two whole batches and a rest, three times


class KilledError(Exception):
    pass


@pytest.fixture
def source(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    files = [tmp_path / "photos" / f"{index}.png" for index in range(COUNT)]
    labels = np.arange(COUNT) % 2
    for file, label in zip(files, labels, strict=True):
        pixels = random.integers(0, 120 + 100 * label, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    return ImageSource(files, labels, (SIDE, SIDE))


@pytest.fixture
def backbone(monkeypatch):
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image)))
    monkeypatch.setattr(head, "feature_extractor", lambda model: model.predict_on_batch)
    return model


def kill_after(monkeypatch, batches):
    """Ends a run in a batch, whose row is then written in part."""
    calls = []

    def extractor(model):
        def extract(images):
            calls.append(len(images))
            if len(calls) > batches:
                raise KilledError
            return model.predict_on_batch(images)

        return extract

    monkeypatch.setattr(head, "feature_extractor", extractor)
    return calls


def test_features_are_those_of_each_view_in_order(backbone, source, tmp_path):
    features = frozen_features(backbone, source, VIEWS, 5, tmp_path / "features.npy")
    assert features.shape == (COUNT * (VIEWS + 1), 3) and features.dtype == np.float32
    plain = np.stack([source.image(index).mean(axis=(0, 1)) / 255 for index in range(COUNT)])
    np.testing.assert_allclose(features[:COUNT], plain, atol=1e-6)
    (images, _), *_ = source.batches(COUNT, augment_seed=5002).as_numpy_iterator()
    np.testing.assert_allclose(features[2 * COUNT :], images.mean(axis=(1, 2)) / 255, atol=1e-6)


@pytest.mark.parametrize(
    "batches", [0, 1, 3, 5, 8]
)  # before the first, within a view, between two, near the end
def test_an_interrupted_pass_goes_on(backbone, source, tmp_path, monkeypatch, batches):
    whole = frozen_features(backbone, source, VIEWS, 5, tmp_path / "whole.npy")[:]
    path = tmp_path / "features.npy"
    with monkeypatch.context() as patch:
        kill_after(patch, batches)
        with pytest.raises(KilledError):
            frozen_features(backbone, source, VIEWS, 5, path)
    with open(path, "ab") as cut:
        cut.write(b"half")
    calls = kill_after(monkeypatch, 99)
    np.testing.assert_array_equal(frozen_features(backbone, source, VIEWS, 5, path)[:], whole)
    assert len(calls) == 9 - batches
    assert frozen_features(backbone, source, VIEWS, 5, path)[:].tobytes() == whole.tobytes()
    assert len(calls) == 9 - batches  # nothing is left to do


def test_features_of_other_images_are_not_taken(backbone, source, tmp_path):
    fewer = ImageSource(source.files[:60], source.labels[:60], (SIDE, SIDE))
    path = tmp_path / "features.npy"
    frozen_features(backbone, source, 0, 5, path)
    assert len(frozen_features(backbone, fewer, 0, 5, path)[:]) == 60


def test_the_head_is_that_of_an_uninterrupted_run(backbone, source, tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = train_head(backbone, source, 2, VIEWS, 5, tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(patch, 4)
        with pytest.raises(KilledError):
            train_head(backbone, source, 2, VIEWS, 5, tmp_path / "killed")
    for _ in range(2):  # the second time from the saved head
        for ours, theirs in zip(
            train_head(backbone, source, 2, VIEWS, 5, tmp_path / "killed"), whole, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["head.npz"]


def test_plain_features_of_what_is_held_out_are_kept_and_do_not_touch_the_head(
    backbone, source, tmp_path, monkeypatch
):
    held_out = [
        ImageSource(source.files[:5], source.labels[:5], (SIDE, SIDE)),
        ImageSource([], [], (SIDE, SIDE)),
    ]
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
    without = train_head(backbone, source, 2, VIEWS, 5, tmp_path / "without")
    with monkeypatch.context() as patch:
        kill_after(patch, 9)  # in the held-out photos
        with pytest.raises(KilledError):
            train_head(backbone, source, 2, VIEWS, 5, tmp_path / "with", held_out)
    conversions = []
    monkeypatch.setattr(
        head, "feature_extractor", lambda model: conversions.append(1) or model.predict_on_batch
    )
    for _ in range(2):  # the second time from the saved head
        found = train_head(backbone, source, 2, VIEWS, 5, tmp_path / "with", held_out)
        for ours, theirs in zip(found, without, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert conversions == [1]  # one for all parts
    assert [path.name for path in (tmp_path / "with").iterdir()] == ["head.npz"]
    features, l2 = plain_features(tmp_path / "with")
    plain = np.stack([source.image(index).mean(axis=(0, 1)) / 255 for index in [*range(COUNT), *range(5)]])
    np.testing.assert_allclose(features, plain, atol=1e-6)
    assert l2 in head.L2_CANDIDATES


def test_classes_of_one_image_have_a_head_without_a_choice_of_penalty(backbone, source, tmp_path, capsys):
    few = ImageSource(source.files[:2], source.labels[:2], (SIDE, SIDE))
    kernel, bias = train_head(backbone, few, 2, VIEWS, 5, tmp_path)
    said = "no class has two images to choose the L2 strength on: taken as 3.2e-04\n"
    assert said in capsys.readouterr().out
    features = np.stack([few.image(index).mean(axis=(0, 1)) / 255 for index in range(2)])
    assert np.argmax(features @ kernel + bias, axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("labels", [(0, 0, 1), (0, 1, 1, 2), (0, 1, 2, 2, 2)])
def test_some_classes_may_have_one_image(backbone, source, tmp_path, capsys, labels):
    files = [source.files[index] for index in range(len(labels))]
    few = ImageSource(files, labels, (SIDE, SIDE))
    kernel, bias = train_head(backbone, few, max(labels) + 1, VIEWS, 5, tmp_path)
    assert np.isfinite(kernel).all() and np.isfinite(bias).all()
    assert "no class has two" not in capsys.readouterr().out


def test_a_model_without_a_signature_runs_by_the_names_of_its_tensors(backbone, source, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(convert_for_now(backbone))
    artifact = load_artifact(path)
    assert [tensor.name for tensor in artifact.signature.inputs] == [backbone.input.name]
    images = np.stack([source.image(index) for index in range(len(source))])
    (features,) = artifact.predict(images).values()
    np.testing.assert_allclose(features, backbone.predict(images, verbose=0), rtol=0, atol=1e-5)
