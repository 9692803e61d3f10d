"""Recipes on a user's own pictures, and on TFDS sets (mocked). Exports are those of test_smoke.py."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import suite
from suite.data.generated import scenes
from suite.data.splits import SPLITS
from suite.deploy.exports import steps
from suite.errors import GateError
from suite.evaluation.retrieval import Index
from suite.runs import job
from suite.training import loop
from tests.recipes.stand_ins import keras_alone

DRAWING = scenes.draw_scenes("train", 16, seed=0, size=(48, 40), things=(1, 1))


@pytest.fixture(autouse=True)
def no_export(monkeypatch):
    def write_texts(item, folder, *_, **__):
        for name, text in item.files.items():
            (folder / name).write_text(text)
        return []

    monkeypatch.setattr(job, "export_model", write_texts)
    monkeypatch.setattr(steps, "exported_artifacts", keras_alone)
    monkeypatch.setattr(loop, "_uses_xla", lambda *_: False)  # compiling takes longer than a few steps


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """One folder with images, masks and YOLO labels; the last label file is broken."""
    root = tmp_path_factory.mktemp("pictures")
    for name in ("images", "masks", "labels"):
        (root / name).mkdir()
    (root / "classes.txt").write_text("\n".join(scenes.SHAPES))
    boxes, labels = scenes.boxes(DRAWING)
    for index, image in enumerate(DRAWING.images):
        Image.fromarray(image).save(root / "images" / f"{index}.png")
        top, left, bottom, right = boxes[index][0]
        numbers = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        line = f"{labels[index][0]} " + " ".join(f"{number:.5f}" for number in numbers)
        (root / "labels" / f"{index}.txt").write_text("9 9 9" if index == 15 else line)
        Image.fromarray(DRAWING.instances[index]).save(root / "masks" / f"{index}.png")
    return root


@pytest.mark.parametrize("name", ["semantic_segmentation", "object_localization", "object_detection"])
def test_a_users_pictures(name, pictures, tmp_path):
    folder = suite.run(name, data=str(pictures), out=tmp_path / name, smoke=True)
    data = json.loads((folder / "result.json").read_text())["data"]
    split = json.loads((folder / "split.json").read_text())
    assert data["source"] == str(pictures) and "files" not in data
    assert split["classes"] == data["classes"] and split["quarantined"] == data["quarantined"]
    counts = Counter(split["files"].values())
    if name == "object_localization":
        assert data["without_exactly_one_box"] == 0
    assert {part: data[part] for part in SPLITS} == counts and "images/3.png" in split["files"]
    if name == "semantic_segmentation":
        assert data["train"] + data["validation"] + data["test"] == 16
        assert data["classes"] == list(scenes.SHAPES[:2])  # no pixel is of the others, which is told
        assert any("triangle" in note for note in data["notes"])
    else:
        assert [entry["file"] for entry in data["quarantined"]] == ["images/15.png"]
        assert data["train"] + data["validation"] + data["test"] == 15


def test_pictures_of_none_or_two_things_are_not_localized(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "mixed")
    twice, none = (sorted((tmp_path / "mixed/labels").glob(f"*{digit}.txt")) for digit in (2, 3))
    for file in twice:
        file.write_text(f"{file.read_text()}\n0 0.5 0.5 0.2 0.2")
    for file in none:
        file.write_text("")
    folder = suite.run("object_localization", data=str(tmp_path / "mixed"), out=tmp_path / "a", smoke=True)
    data = json.loads((folder / "result.json").read_text())["data"]
    left_out = {f"images/{file.stem}.png" for file in twice + none}
    parts = json.loads((folder / "split.json").read_text())["files"]
    assert len(left_out) == 4  # 2, 12, 3, 13
    expected = sum(parts[file] in ("train", "test") for file in left_out)
    assert data["without_exactly_one_box"] == expected > 0
    assert f"{expected} pictures without exactly one box are left out" in data["notes"]


def test_a_users_photos_without_a_test_part(tmp_path):
    for index, image in enumerate(scenes.draw_scenes("train", 24, seed=0, size=(40, 40)).images):
        kind = tmp_path / "photos" / ("train", "val")[index // 2 % 2] / ("odd", "even")[index % 2]
        kind.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(kind / f"{index}.png")
    settings = {"smoke": True, "epochs": 0, "scratch_epochs": 1}
    folder = suite.run("transfer_learning", data=str(tmp_path / "photos"), out=tmp_path / "a", **settings)
    result = json.loads((folder / "result.json").read_text())
    assert {"validation_accuracy", "validation_accuracy_head", "validation_accuracy_gain"} <= set(
        result["metrics"]
    )
    assert (result["data"]["validation"], result["data"]["test"]) == (12, 0)


def test_a_users_pictures_are_searched(pictures, tmp_path):
    folder = suite.run("image_retrieval", data=str(pictures), out=tmp_path / "search", smoke=True)
    result = json.loads((folder / "result.json").read_text())
    data = result["data"]
    assert data["classes"] == ["images", "masks"] and data["train"] + data["test"] == 32
    assert result["metrics"]["indexed_images"] == 32 and "test_precision_features" in result["metrics"]
    for encoder, size in (("encoder", 16), ("features", 1280)):
        index = Index.load(folder / encoder / "index.npz")
        assert index.vectors.shape == (32, size) and "images/3.png" in index.names
    found = index.search(index.vectors, 1)[0].ravel()  # each finds itself
    np.testing.assert_array_equal(found, range(32))


@pytest.mark.parametrize("folder", ["colors", "gray kinds"])
def test_a_users_pictures_are_drawn(folder, tmp_path):
    root = tmp_path / folder
    for index, image in enumerate(
        scenes.draw_scenes("train", 100, seed=0, size=(20, 24), things=(1, 1)).images
    ):
        kind = root / ("", ("ant", "bee")[index % 2])[folder == "gray kinds"]
        kind.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).convert("L" if folder == "gray kinds" else "RGB").save(kind / f"{index}.png")
    out = suite.run("gan", data=str(root), out=tmp_path / "a", smoke=True, side=12, ring_steps=10, steps=10)
    result = json.loads((out / "result.json").read_text())
    assert [result["data"][part] for part in SPLITS] == [70, 15, 15]
    assert ("rarest_class" in result["metrics"]) == (folder == "gray kinds")
    (row,) = result["baselines"]
    assert row["metric"] == "frechet_over_trivial" and row["value"] == 1
    with pytest.raises(ValueError, match="^expected a side that is a multiple of 4 from 8 on, received 9; "):
        suite.run("gan", data=str(root), out=tmp_path / "b", smoke=True, side=9)


@pytest.mark.parametrize("is_labeled", [True, False])
def test_a_users_two_domains(is_labeled, tmp_path):
    root = tmp_path / "two"
    for index, image in enumerate(
        scenes.draw_scenes("train", 60, seed=0, size=(20, 24), things=(1, 1)).images
    ):
        domain, kind = ("source", "target")[index % 2], ("ant", "bee")[index // 2 % 2]
        folder = root / domain / (kind if is_labeled or domain == "source" else "")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image // 2 if domain == "source" else image).save(folder / f"{index}.png")
    settings = {"smoke": True, "side": 16, "steps": 10}
    out = suite.run("domain_adaptation", data=str(root), out=tmp_path / "a", **settings)
    result = json.loads((out / "result.json").read_text())
    of_target = {
        "test_accuracy",
        "test_accuracy_alone",
        "test_accuracy_upper",
        "gap_closed",
        "lost_by_choice",
    }
    assert of_target & set(result["metrics"]) == (of_target if is_labeled else set())
    assert {"test_accuracy_source", "test_domain_accuracy"} <= set(result["metrics"])
    assert any("cannot be measured" in note for note in result["data"].get("notes", ())) != is_labeled
    assert "test_accuracy_source" in [row["metric"] for row in result["baselines"]]
    with pytest.raises(
        ValueError, match="^expected a folder with source/CLASS/ and target/CLASS/, or target/ "
    ):
        suite.run("domain_adaptation", data=str(root / "source"), out=tmp_path / "b", **settings)


def test_a_users_two_pictures_are_morphed(pictures, tmp_path):
    first, second = (str(pictures / f"images/{index}.png") for index in (0, 1))
    given = {"data": str(pictures), "smoke": True, "first": first}
    folder = suite.run("image_morphing", out=tmp_path / "a", second=second, **given)
    with Image.open(folder / "morph.gif") as film:
        assert film.n_frames == 40 and min(film.size) >= 256  # 21 images, and back
    assert (folder / "figures/yours.png").is_file()
    assert "distance_over_crossfade" in json.loads((folder / "result.json").read_text())["metrics"]
    with pytest.raises(ValueError, match="^expected --first and --second, received one of them"):
        suite.run("image_morphing", out=tmp_path / "b", **given)


def test_a_users_content_and_style(pictures, tmp_path):
    content = str(pictures / "images/0.png")
    folder = suite.run("style_transfer", data=str(pictures), out=tmp_path / "a", smoke=True, content=content)
    with Image.open(folder / "stylized.png") as stylized, Image.open(folder / "optimized.png") as optimized:
        assert stylized.size == optimized.size == (40, 48)


@pytest.mark.slow
def test_a_style_of_one_step_is_not_shipped(pictures, tmp_path):
    content, style = (str(pictures / f"images/{index}.png") for index in (0, 1))
    given = {"content": content, "style": style, "optimizing_steps": 1, "steps": 1, "side": 32, "crop": 64}
    given |= {"filters": (2, 3, 4), "blocks": 1}
    with pytest.raises(GateError, match="no better than the trivial answer: test_style_loss_ratio"):
        suite.run("style_transfer", out=tmp_path / "b", **given)  # a step: far from what the claims promise
    folder = tmp_path / "b.failed"
    assert json.loads((folder / "result.json").read_text())["claims"] == []
    assert {path.name for path in folder.glob("*.png")} == {"optimized.png", "stylized.png", "style.png"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"content": "/no/such.jpg"},
            "^expected a picture .* received '/no/such.jpg': no such file or directory;",
        ),
        (
            {"style": "/no/such.jpg"},
            "^expected a picture .* received '/no/such.jpg': no such file or directory;",
        ),
        ({"side": 30}, "^expected a side that is a multiple of 4 above 8, received 30; try"),
        (
            {"crop": 40, "tile": 16},
            "^expected a crop that is a multiple of the tile, received 40 and 16",
        ),
        ({"crop": 18, "tile": 9}, "^expected a side that is a multiple of 4 above 8, received 18; try 16$"),
    ],
)
def test_bad_settings_of_style_transfer(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        suite.run("style_transfer", out=tmp_path / "a", smoke=True, **settings)


def test_a_users_captions(pictures, tmp_path):
    root = tmp_path / "album"
    shutil.copytree(pictures / "images", root)
    rows = [f"{n}.png,picture {n} {word}" for n in range(15) for word in ("here", "there")]
    (root / "captions.csv").write_text("\n".join(["file,caption", *rows, "99.png,none"]))
    folder = suite.run("image_captioning", data=str(root), out=tmp_path / "a", smoke=True)
    result = json.loads((folder / "result.json").read_text())
    assert [result["data"][part] for part in SPLITS] == [11, 2, 2]
    aside = {entry["file"]: entry["reason"] for entry in result["data"]["quarantined"]}
    assert aside == {"captions.csv:32": "99.png is missing", "15.png": "no caption"}
    assert result["metrics"]["test_runtime_agreement"] == 1
    assert {path.stem for path in folder.glob("figures/*.png")} == {"best", "worst", "attention", "loss"}
    with pytest.raises(ValueError, match="^expected an image_size that is a multiple of 32, received 50; "):
        suite.run("image_captioning", data=str(root), out=tmp_path / "b", smoke=True, image_size=50)


@pytest.mark.slow  # the reader has tests of its own
def test_coco_captions(tmp_path):
    def as_dataset(self, *args, **kwargs):
        texts = [f"a photo of {kwargs['split']} , number {number}" for number in range(5)]
        one = {"image": np.zeros((30, 40, 3), np.uint8), "captions": {"id": range(5), "text": texts}}
        return tf.data.Dataset.from_tensors(one).repeat(9).apply(tf.data.experimental.assert_cardinality(9))

    with tfds.testing.mock_data(num_examples=9, as_dataset_fn=as_dataset):
        folder = suite.run("image_captioning", data="tfds", out=tmp_path / "a", smoke=True, most_words=4)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"] == {"source": "coco_captions", "classes": [], "quarantined": []} | dict.fromkeys(
        SPLITS, 9
    )
    assert set(result["metrics"]) >= {"test_bleu_4", "test_bleu_4_code", "test_exact_match_beam"}
    assert (folder / "figures" / "worst.png").is_file()


@pytest.mark.slow  # the reader has tests of its own
def test_a_tfds_set_without_labels_and_of_large_images(tmp_path):
    with tfds.testing.mock_data(num_examples=40):
        folder = suite.run("convolutional_autoencoder", data="tfds:lfw", out=tmp_path / "lfw", smoke=True)
    data = json.loads((folder / "result.json").read_text())["data"]
    assert data["classes"] == ["image"] and [data[part] for part in SPLITS] == [36, 4, 40]


def test_a_folder_of_pictures_without_labels(tmp_path):
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(
        np.random.default_rng(0).integers(256, size=(24, 20, 24, 3), dtype=np.uint8)
    ):
        Image.fromarray(image).save(tmp_path / "photos" / f"{index}.png")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    folder = suite.run(
        "convolutional_autoencoder", data=str(tmp_path / "photos"), out=tmp_path / "codes", smoke=True
    )
    result = json.loads((folder / "result.json").read_text())
    assert [result["data"][part] for part in SPLITS] == [16, 4, 4]
    assert [entry["file"] for entry in result["data"]["quarantined"]] == ["broken.jpg"]
    assert result["metrics"]["transpose_gap"] < 1e-12 and (folder / "figures" / "images.png").is_file()


def test_a_tfds_set(tmp_path):
    with tfds.testing.mock_data(num_examples=20):
        folder = suite.run("semantic_segmentation", data="tfds", out=tmp_path / "pets", smoke=True)
    data = json.loads((folder / "result.json").read_text())["data"]
    assert data["source"] == "oxford_iiit_pet" and data["classes"] == ["background", "pet"]


def test_a_users_labeled_texts(tmp_path):
    path = tmp_path / "mails.csv"
    rows = [
        f"{word} mail {n},{label}" for n in range(12) for word, label in (("win", "spam $1"), ("hi", "ham"))
    ]
    path.write_text("\n".join(["text,label", *rows, ",ham", "x,y,z"]))
    folder = suite.run("text_primer", data=str(path), out=tmp_path / "mails", smoke=True)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"]["classes"] == ["ham", "spam $1"] and result["metrics"]["graph_gap"] < 1e-5
    assert [entry["file"] for entry in result["data"]["quarantined"]] == ["mails.csv:26", "mails.csv:27"]
    assert "mail" in (folder / "vocabulary.txt").read_text().split()
    assert not (folder / "figures" / "accuracy_by_kind.png").exists()


def test_texts_of_one_word_have_no_pairs(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("\n".join(["label,text", *(f"{n % 2},w{n}" for n in range(20))]))
    folder = suite.run("text_primer", data=str(path), out=tmp_path / "words", smoke=True)
    assert json.loads((folder / "result.json").read_text())["metrics"]["reference_gap"] < 1e-12


def test_a_classifier_that_has_learned_nothing_is_not_shipped(tmp_path):
    """No word of a held-out text is known: whatever is learned, one class is all that it can answer."""
    path = tmp_path / "words.csv"
    path.write_text("\n".join(["label,text", *(f"{'ab'[n % 4 == 0]},w{n}" for n in range(40))]))
    with pytest.raises(
        GateError,
        match=r"^no better than the trivial answer: test_accuracy 0.7500, always 'a': 0.7500; try more data, "
        r"or longer training \(--steps 40\); see ",
    ):
        suite.run("text_primer", data=str(path), out=tmp_path / "words", steps=20, words=100)
    record = json.loads((tmp_path / "words.failed/result.json").read_text())
    assert record["data"]["exported"] == "words"  # as good as pairs on validation, and simpler
    assert not (tmp_path / "words").exists()


def test_a_users_running_text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"the cat {n} sat on mat {n % 3} and the dog ran" for n in range(60)))
    folder = suite.run("word_embeddings", data=str(path), out=tmp_path / "book", smoke=True)
    data = json.loads((folder / "result.json").read_text())["data"]
    words = (folder / "vocabulary.txt").read_text().split()
    assert data["vocabulary"] == len(words) and words[:3] == ["<pad>", "<unk>", "the"]
    assert (folder / "metadata.tsv").read_text().split() == words[2:]
    vectors = np.loadtxt(folder / "vectors.tsv")
    assert vectors.shape == (len(words) - 2, 8)


@pytest.mark.parametrize("name", ["ngram_language_model", "window_language_model"])
def test_language_models_of_a_users_text(name, tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"the cat {n} sat on mat {n % 3} and ran" for n in range(60)))
    folder = suite.run(name, data=str(path), out=tmp_path / "book", smoke=True)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"]["source"] == str(path) and result["data"]["words"] == 48 * 9
    assert all(np.isfinite(value) and value >= 0 for value in result["metrics"].values())
    if name == "window_language_model":
        words = (folder / "vocabulary.txt").read_text().split()
        assert len(words) == result["data"]["vocabulary"] and words[0] == "<pad>"
    with pytest.raises(ValueError, match="^expected an order of at least [12], received 0; "):
        suite.run(name, data=str(path), out=tmp_path / "none", order=0)


@pytest.mark.parametrize("name", ["rnn_language_model", "character_generation"])
def test_step_models_of_a_users_text(name, tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"the cat {n} sat on mat {n % 3} and ran" for n in range(60)))
    folder = suite.run(name, data=str(path), out=tmp_path / "book", smoke=True)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"]["source"] == str(path) and all(map(np.isfinite, result["metrics"].values()))
    words = (folder / "vocabulary.txt").read_text().splitlines()
    assert len(words) == result["data"]["vocabulary"] and "\\n" in words
    path.write_text("\n\n".join(f"{first} {second}" for first in "abcde" for second in "vwxyz"))
    with pytest.raises(
        ValueError, match="^expected at least [0-9]+ tokens for 1 streams of [0-9]+, received "
    ):
        suite.run(name, data=str(path), out=tmp_path / "none", smoke=True)


def test_a_users_sentences_are_classified(tmp_path):
    path = tmp_path / "mails.csv"
    rows = [f"win it now {n},spam" for n in range(15)] + [f"see you at {n},ham" for n in range(45)]
    path.write_text("\n".join(["text,label", *rows, "no label,", "x,y,z", rows[0]]))
    given = {"epochs": 12, "rates": (0.02,), "batch_size": 16}
    folder = suite.run("sentence_classification", data=str(path), out=tmp_path / "a", smoke=True, **given)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"]["classes"] == ["ham", "spam"] and result["data"]["train"] == 36
    aside = {entry["file"]: entry["reason"] for entry in result["data"]["quarantined"]}
    assert aside == {
        "mails.csv:62": "no label",
        "mails.csv:63": "3 cells for 2 columns",
        "mails.csv:64": "copy of line 2",
    }
    assert result["metrics"]["test_accuracy"] == result["metrics"]["test_balanced_accuracy"] == 1
    assert result["metrics"]["padding_gap"] < 1e-5
    words = (folder / "vocabulary.txt").read_text().split()
    assert words[:2] == ["<pad>", "<unk>"] and "win" in words
    assert not (folder / "figures" / "accuracy_by_kind.png").exists()


@pytest.mark.slow  # the reader has tests of its own
def test_reviews_of_films(tmp_path):
    with tfds.testing.mock_data(num_examples=30):
        folder = suite.run("sentence_classification", data="tfds", out=tmp_path / "a", smoke=True, length=8)
    data = json.loads((folder / "result.json").read_text())["data"]
    assert data["source"] == "imdb_reviews" and [data[part] for part in SPLITS] == [27, 3, 30]


def test_a_users_tagged_sentences(tmp_path):
    path = tmp_path / "tagged.conllu"

    def line(number, word, tag):
        return "\t".join([str(number), word, "_", tag, *"______"])

    good = [f"{line(1, word, tag)}\n{line(2, 'so', 'ADV')}\n" for word, tag in [("Er", "PRON")] * 20]
    path.write_text("\n".join([*good, "broken\n"]))
    given = {"epochs": 5, "learning_rate": 0.05, "batch_size": 4}
    folder = suite.run("part_of_speech_tagging", data=str(path), out=tmp_path / "a", smoke=True, **given)
    result = json.loads((folder / "result.json").read_text())
    assert result["data"]["classes"] == ["ADV", "PRON"] and result["metrics"]["test_accuracy"] == 1
    (row,) = result["baselines"]
    assert (row["says"], row["value"], row["beaten"]) == ("the most frequent tag of each word", 1, True)
    assert [entry["file"] for entry in result["data"]["quarantined"]] == ["tagged.conllu:61"]
    assert not any("unseen" in name for name in result["metrics"])  # there is no such word
    assert (folder / "vocabulary.txt").read_text().split() == ["<pad>", "<unk>", "er", "so"]
    assert " " in (folder / "characters.txt").read_text().split("\n")


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A table of 120 rows, of which three are bad, with two columns of numbers beside price and kind."""
    rng = np.random.default_rng(0)
    area, rooms = rng.uniform(30, 250, 120).round(1), rng.integers(1, 9, 120)
    price = (3 * area + 9 * rooms + 10 * rng.normal(size=120)).round(2)
    rows = [
        f"{a},{r},Ulm,{p},{'dear' if p > 450 else 'cheap'}"
        for a, r, p in zip(area, rooms, price, strict=True)
    ]
    rows += [",3,Ulm,5,dear", "5,many,Ulm,5,dear", "5,3,Ulm,,"]
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    path.write_text("\n".join(["area,rooms,city,price,kind", *rows]))
    return path


@pytest.mark.parametrize(
    ("name", "target", "metric"),
    [
        ("linear_regression", "price", "test_r2"),
        ("regularization", "4", "test_r2"),
        ("linear_classification", None, "test_accuracy"),
    ],
)
def test_a_users_table(name, target, metric, houses, tmp_path):
    given = {"target": target} if target else {}
    folder = suite.run(name, data=str(houses), out=tmp_path / "a", **given)
    result = json.loads((folder / "result.json").read_text())
    data = result["data"]
    assert data["columns"][:2] == ["area", "rooms"] and data["target"] == ("price" if target else "kind")
    assert sum(data[part] for part in SPLITS) == 120 and len(data["quarantined"]) == 3
    assert any("city (text)" in note for note in data["notes"])
    assert result["claims"] == [] and result["metrics"][metric] > 0.85
    (row,) = result["baselines"]
    assert row["metric"] == metric and row["beaten"]
    page = (folder / "report.html").read_text()
    assert ("Coefficients" if name == "linear_regression" else "Weights") in page


@pytest.mark.parametrize("name", ["linear_regression", "linear_classification"])
def test_a_table_of_noise_is_refused(name, tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / "noise.csv"
    noise = rng.normal(size=(60, 8)).round(3)
    noise[:, -1] = noise[:, -1] > 0.8 if name == "linear_classification" else noise[:, -1]
    np.savetxt(path, noise, delimiter=",", header="a,b,c,d,e,f,g,target", comments="")
    message = "^no better than the trivial answer: test_.*; try more data, or other columns; see "
    with pytest.raises(GateError, match=message):
        suite.run(name, data=str(path), out=tmp_path / "a")


@pytest.mark.parametrize("name", ["linear_regression", "regularization", "linear_classification"])
def test_what_is_no_table_is_one_line(name, tmp_path):
    for content, message in [
        (b"\x01\x02\xff\xfe broken", "^expected at least 20 rows with all numbers .*, received 0; add rows$"),
        (b"", "^expected names of columns in the first line of .*, received nothing; add them$"),
        (b"a,b\n1.5,2\n", "^expected at least 20 rows with all numbers .*, received 1; add rows$"),
        (b"a,b\n" + b"1.5,2\n" * 30, "^expected (at least 2 classes|a target that varies) "),
        (b"a,b\n" + b"1e200,2\n-1e300,3\n" * 30, "^expected a column of numbers beside the target b .*above"),
    ]:
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            suite.run(name, data=str(tmp_path / "a.csv"), out=tmp_path / "x")
    with pytest.raises(ValueError, match="^expected --target with a file of your own, received --data embed"):
        suite.run(name, target="b", out=tmp_path / "x")


def test_what_a_recipe_does_not_take_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="^expected data among embedded, path for object_localization, rec"):
        suite.run("object_localization", data="tfds", out=tmp_path / "a")
    with pytest.raises(ValueError, match="^expected a folder with images/ and masks/, received '/no/such'"):
        suite.run("semantic_segmentation", data="/no/such", out=tmp_path / "b")
