import numpy as np
import pytest
from PIL import Image

from suite.data.sets import domains, image_sets
from suite.data.source import EMBEDDED, Source


def test_a_digit_of_training_is_in_one_domain_and_a_test_digit_in_both():
    data = image_sets.load_digits(0)
    parts = domains.on_black_and_gravel(data, contrast=0.0, seed=0)  # gravel of no contrast is black
    train, test = parts["train"], parts["test"]
    half = len(data.images["train"]) // 2
    assert train.images.shape == (2 * half, 16, 16, 1) and train.is_target.sum() == half
    enlarged, labels = train.of(False)
    np.testing.assert_array_equal(labels, data.labels["train"][:half])
    assert abs(enlarged.mean() - data.images["train"][:half].mean()) < 2
    np.testing.assert_array_equal(train.of(True)[1], data.labels["train"][-half:])
    for one, other in zip(test.of(False), test.of(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_target_is_on_gravel():
    black, gravel = (
        domains.on_black_and_gravel(image_sets.load_digits(0), contrast, seed=0)["test"]
        for contrast in (0.0, 0.7)
    )
    np.testing.assert_array_equal(black.of(False)[0], gravel.of(False)[0])
    assert np.all(gravel.of(True)[0] >= black.of(True)[0])
    assert gravel.of(True)[0].mean() > black.of(True)[0].mean() + 30


def write(folder, brightness, count=10, mode="L"):
    rng = np.random.default_rng(sum(map(ord, str(folder))))
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels = brightness + rng.integers(20, size=(24, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{index}.png")


@pytest.fixture
def root(tmp_path):
    """Cats and dogs: dark ones in the source, bright ones in the target, in gray."""
    for domain, brightness in (("source", 10), ("target", 200)):
        for kind in ("cat", "dog"):
            write(tmp_path / domain / kind, brightness)
    return tmp_path


def read(root, side=16):
    return domains.load(Source.parse(root), 0, 0.7, side)


def test_two_folders_of_classes(root):
    pair = read(root)
    assert pair.is_labeled and pair.judged.classes == ("cat", "dog")
    for part, count in (("train", 24), ("validation", 8), ("test", 8)):
        both = pair.parts[part]
        assert both.images.shape[1:] == (16, 16, 1) and both.is_target.sum() == len(both.labels) / 2
        assert pair.described[part] == len(both.labels) == count
        assert both.of(False)[0].max() < 50 < 180 < both.of(True)[0].min()
        assert set(both.of(True)[1]) == {0, 1}
        assert not both.is_target[0] and both.is_target[-1]  # the source comes first
    np.testing.assert_array_equal(pair.judged.images["test"], pair.parts["test"].of(True)[0])


def test_a_target_without_labels(root):
    for kind in ("cat", "dog"):
        for file in (root / "target" / kind).iterdir():
            file.rename(root / "target" / f"{kind} {file.name}")
        (root / "target" / kind).rmdir()
    (root / "target/broken.png").write_bytes(b"no picture")
    pair = read(root)
    assert not pair.is_labeled and pair.parts["train"].is_target.sum() == 17
    assert set(pair.parts["test"].of(True)[1]) == {domains.UNKNOWN}
    assert not pair.parts["validation"].is_target.any()
    np.testing.assert_array_equal(pair.judged.images["test"], pair.parts["test"].of(False)[0])
    assert [entry.file for entry in pair.described["quarantined"]] == ["target/broken.png"]
    assert (
        "the target has no labels: how well it is read, and what labels would gain, cannot be measured"
        in (pair.described["notes"])
    )


def test_labels_are_those_of_the_source_where_the_target_lacks_a_class(root):
    write(root / "source/ant", 10)
    labels = read(root).parts["train"]
    assert set(labels.of(False)[1]) == {0, 1, 2} and set(labels.of(True)[1]) == {1, 2}


def test_one_picture_in_color_is_enough(root):
    Image.fromarray(np.full((24, 30, 3), (200, 0, 0), np.uint8)).save(root / "source/cat/0.png")
    assert read(root).parts["train"].images.shape[1:] == (16, 16, 3)


def test_what_are_no_two_domains(root, tmp_path):
    with pytest.raises(ValueError, match="^expected a side of at least 16 pixels, received 8$"):
        read(root, side=8)
    with pytest.raises(
        ValueError, match="^expected a folder with source/CLASS/ and target.* in .*, received c"
    ):
        read(root / "source")
    with pytest.raises(ValueError, match="^expected a folder with source/CLASS/ .*, which does not exist; "):
        read(root / "none")
    write(root / "target/bird", 200)
    with pytest.raises(
        ValueError, match=r"^expected classes of source/ \(cat, dog\) in .*, received bird; give"
    ):
        read(root)


def test_a_target_that_is_empty_or_tiny(root):
    for file in (root / "target").glob("*/*.png"):
        file.unlink()
    with pytest.raises(ValueError, match="^expected "):
        read(root)
    for kind in ("cat", "dog"):
        (root / "target" / kind).rmdir()
    with pytest.raises(ValueError, match="^expected a folder of pictures, received .*, which is empty; put"):
        read(root)
    write(root / "target", 200, 5)
    with pytest.raises(ValueError, match="^expected at least 20 pictures in .*, received 5; add pictures$"):
        read(root)


def test_the_embedded_domains():
    pair = domains.load(EMBEDDED, 0, 0.7, 32)
    assert pair.is_labeled and pair.described["source"] == "digits, half of it on gravel"
    expected = domains.on_black_and_gravel(image_sets.load_digits(0), 0.7, 0)["test"]
    np.testing.assert_array_equal(pair.parts["test"].images, expected.images)
