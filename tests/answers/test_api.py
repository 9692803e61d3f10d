"""`predict` on the kinds of models that the recipes export; classifiers are in test_finetune.py."""

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.answers import api, texts
from suite.bundle.rows import InputFacts
from suite.cli import main
from suite.deploy.runtime import load_artifact
from suite.evaluation.retrieval import Index
from suite.models.detector import build_detector
from suite.models.segmenter import build_segmenter, single
from tests.records import artifact, changed, write_record

LABELS = ["cat", "dog", "hen"]
ANY_PIXELS = np.random.default_rng(0).integers(256, size=(50, 70, 3), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    Image.fromarray(ANY_PIXELS).save(tmp_path / "photo.png")
    (tmp_path / "labels.txt").write_text("cat\ndog\nhen\n")
    keras.utils.set_random_seed(0)

    def write(model: keras.Model):
        model.save(tmp_path / "model.keras")
        return tmp_path / "model.keras", tmp_path / "photo.png"

    return write


def pixels(model: keras.Model) -> np.ndarray:
    height, width = model.input_shape[1:3]
    return np.array(Image.fromarray(ANY_PIXELS).resize((width, height), Image.Resampling.BILINEAR))[None]


def test_a_detector_names_its_boxes(save, capsys):
    _, model = build_detector((16, 24, 3), 3, filters=(4, 4, 4))
    paths = save(model)
    (row,) = suite.predict(*paths)
    found = model(pixels(model))
    count = int(np.sum(found["scores"] > 0))
    assert 0 < count == len(row["detections"])
    first = row["detections"][0]
    assert first["class"] == LABELS[int(found["labels"][0, 0])]
    assert first["score"] == pytest.approx(float(found["scores"][0, 0]), abs=1e-6)
    np.testing.assert_allclose(first["box"], found["boxes"][0, 0], atol=1e-6)
    assert main.execute(["predict", *map(str, paths)]) == 0
    shown = capsys.readouterr().out
    sure = [entry for entry in row["detections"] if entry["score"] >= api.SURE]
    assert shown.count("(top ") == len(sure) and (sure or "nothing" in shown)
    assert "next: suite benchmark" in shown


def test_a_segmenter_gives_the_share_of_each_class(save, capsys):
    model = single(build_segmenter((16, 24, 3), 3, filters=(4, 4), context_filters=4), "max_unpooling")
    (row,) = suite.predict(*save(model), top=3)
    map_of_classes = model(pixels(model))["probabilities"].numpy().argmax(axis=-1)
    for entry in row["classes"]:
        assert entry["share"] == pytest.approx(np.mean(map_of_classes == LABELS.index(entry["class"])))
    assert sum(entry["share"] for entry in row["classes"]) == pytest.approx(1)


def test_a_localizer_gives_a_class_and_a_box(save, capsys):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    outputs = {
        "probabilities": keras.layers.Dense(3, "softmax")(x),
        "box": keras.layers.Dense(4, "sigmoid")(x),
    }
    model = keras.Model(image, outputs)
    paths = save(model)
    (row,) = suite.predict(*paths, top=1)
    answer = model(pixels(model))
    assert [entry["class"] for entry in row["classes"]] == [LABELS[int(np.argmax(answer["probabilities"]))]]
    np.testing.assert_allclose(row["box"], answer["box"][0], atol=1e-6)
    assert main.execute(["predict", *map(str, paths)]) == 0
    assert "(top " in capsys.readouterr().out


def test_what_it_cannot_read_is_named(save, capsys):
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, {"left": keras.layers.Dense(3)(x), "right": keras.layers.Dense(3)(x)})
    paths = save(model)
    message = (
        "^expected a model that gives class probabilities, a box or boxes, a map of classes, or a code, "
    )
    with pytest.raises(ValueError, match=message):
        suite.predict(*paths)
    with pytest.raises(ValueError, match="^expected a classifier, which gives one vector, .* gives left"):
        suite.evaluate(paths[0], paths[0].parent)


def test_an_encoder_finds_the_images_of_its_index(save, capsys):
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")  # gray: the photo's colors are weighed
    code = keras.layers.Flatten(name="code")(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, code)
    paths = save(model)
    gray = np.array(Image.fromarray(pixels(model)[0]).convert("L"))[None, ..., None]
    vectors = np.concatenate([model(gray) + 0.5, model(gray), model(gray) - 0.1])
    (paths[0].parent / "index.npz").write_bytes(
        Index(vectors, ["far.png", "same.png", "near.png"]).to_bytes()
    )
    (row,) = suite.predict(*paths, top=2)
    assert [entry["name"] for entry in row["neighbors"]] == ["same.png", "near.png"]
    assert [entry["distance"] for entry in row["neighbors"]] == pytest.approx([0, 0.8], abs=1e-4)
    assert main.execute(["predict", *map(str, paths)]) == 0
    assert "same.png 0.000, near.png 0.800, far.png 4.000" in capsys.readouterr().out


def test_word_embeddings_find_the_nearest_words(tmp_path, capsys):
    from suite.deploy.exports.embedding import lookup_export
    from suite.language.vocabulary import Vocabulary

    vectors = np.float32([[9, 9], [9, 9], [1, 0], [0, 1], [1, 1], [-1, 0]])
    words = Vocabulary(["sun", "moon", "star", "mud"])
    item = lookup_export(vectors, words)
    model = item.model
    np.testing.assert_array_equal(model(np.arange(6)), [[0, 0], [0, 0], *vectors[2:]])
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put it th"
    ):
        suite.predict(path, "sun")
    assert item.files == {"vocabulary.txt": words.to_text()}
    (tmp_path / "vocabulary.txt").write_text(words.to_text())
    (row,) = suite.predict(path, "Sun", top=2)
    assert row["word"] == "Sun" and [entry["name"] for entry in row["neighbors"]] == ["star", "moon"]
    assert [entry["distance"] for entry in row["neighbors"]] == pytest.approx([1 - 0.5**0.5, 1], abs=1e-6)
    assert main.execute(["predict", str(path), "sun", "moon", "--top", "1"]) == 0
    assert "sun: star 0.293\nmoon: star 0.293\n" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"^expected words of the vocabulary \(4 words\), received 'frog'$"):
        suite.predict(path, "frog")


@pytest.mark.parametrize("kind", ["character", "word"])
def test_a_language_model_goes_on_with_a_text(kind, tmp_path, capsys):
    """It says after each token the next one of the vocabulary, round and round, but never "<unk>"."""
    from suite.language.vocabulary import Vocabulary

    words = ["\n", "a", "b", "c"] if kind == "character" else ["\n", "sun", "moon", "star"]
    token = keras.Input((), dtype="int32", name="token")
    hidden_state = keras.Input((1,), name="hidden_state_0")
    following = keras.ops.where(token >= 5, 2, token + 1)
    logits = 50 * keras.ops.one_hot(following, 6) + 100 * keras.ops.one_hot(1 + 0 * token, 6)
    outputs = {"logits": logits, "new_hidden_state_0": hidden_state + 1}
    path = tmp_path / "model.keras"
    keras.Model([token, hidden_state], outputs).save(path)
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put i"
    ):
        suite.predict(path, "a")
    (tmp_path / "vocabulary.txt").write_text(Vocabulary(words).to_text())
    with pytest.raises(
        ValueError, match=f"^expected a text with at least one {kind}, received ''; give one$"
    ):
        suite.predict(path, "")
    text, gap = ("ab", "") if kind == "character" else ("Sun MOON", " ")
    (row,) = suite.predict(path, text, top=2)
    around = gap.join((words[3:] + words[:3]) * 40)
    assert row["text"] == text and len(row["continuations"]) == 2
    for continuation in row["continuations"]:
        assert around.startswith(continuation)
        assert sum(map(continuation.count, words)) == texts.CONTINUATION[kind]
    assert main.execute(["predict", str(path), text, "--top", "1"]) == 0
    shown = capsys.readouterr().out
    assert f"{text}: {row['continuations'][0][:9]}".replace("\n", " / ") in shown
    assert "next: suite benchmark" in shown


def test_continuations_are_drawn_with_a_seed(tmp_path):
    from suite.language.vocabulary import Vocabulary

    token = keras.Input((), dtype="int32", name="token")
    hidden_state = keras.Input((1,), name="hidden_state_0")
    logits = keras.ops.one_hot(token, 6)
    model = keras.Model([token, hidden_state], {"logits": logits, "new_hidden_state_0": hidden_state})
    model.save(tmp_path / "model.keras")
    (tmp_path / "vocabulary.txt").write_text(Vocabulary(list("abcd")).to_text())
    first, again = (suite.predict(tmp_path / "model.keras", "a", "a") for _ in range(2))
    assert first == again and len(set(first[0]["continuations"])) == 3
    assert first[0] == first[1]


def test_a_decoder_is_no_language_model(tmp_path):
    token, memory = keras.Input((), dtype="int32", name="token"), keras.Input((6,), name="memory")
    logits = keras.ops.one_hot(token, 6) + memory
    keras.Model([token, memory], {"logits": logits}).save(tmp_path / "model.keras")
    message = (
        "^expected the step of a language model, .*model.keras also takes memory, which an encoder gives$"
    )
    with pytest.raises(ValueError, match=message):
        suite.predict(tmp_path / "model.keras", "a")


def test_a_classifier_of_texts(save, capsys):
    from suite.language.vocabulary import Vocabulary

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    one_hot = keras.ops.one_hot(keras.ops.mod(tokens, 3), 3, dtype="float32")  # (B, T, 3)
    probabilities = keras.layers.Softmax(name="probabilities")(keras.ops.sum(one_hot, axis=1))
    path, _ = save(keras.Model(tokens, probabilities))
    with pytest.raises(
        ValueError, match="^expected the words in .*vocabulary.txt, found no such file; put i"
    ):
        suite.predict(path, "a text")
    (path.parent / "vocabulary.txt").write_text(Vocabulary(["purr", "!", "bark", "cluck"]).to_text())
    # "purr" is 2, "!" 3, "bark" 4, what is unknown 1: hen, cat, dog, dog
    rows = suite.predict(path, "Purr purr PURR!", "Woof! Bark")
    assert [row["text"] for row in rows] == ["Purr purr PURR!", "Woof! Bark"]
    assert [entry["class"] for entry in rows[0]["classes"]] == ["hen", "cat", "dog"]
    expected = np.exp([3, 1, 0]) / np.sum(np.exp([3, 1, 0]))
    np.testing.assert_allclose([entry["probability"] for entry in rows[0]["classes"]], expected, atol=1e-6)
    assert [entry["class"] for entry in rows[1]["classes"]] == ["dog", "cat", "hen"]
    assert main.execute(["predict", str(path), "Woof! Bark", "--top", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Woof! Bark: dog 0.665" in shown and "next: suite benchmark" in shown
    with pytest.raises(ValueError, match="^expected a text with at least one word, received ' '; give one$"):
        suite.predict(path, " ")


@pytest.mark.parametrize("length", [None, 4])
def test_a_tagger_tags_every_word_of_a_text(length, save, capsys):
    """Of any length or of one that is shorter than the text, which is then read in pieces."""
    from suite.language.vocabulary import Vocabulary

    words = keras.Input((length,), dtype="int32", name="words")
    characters = keras.Input((length, 5), dtype="int32", name="characters")
    # The id of the word, and that of its first character, which tells the case.
    sums = keras.ops.mod(words + characters[..., 1], 3)
    one_hot = keras.layers.Identity(name="probabilities")(keras.ops.one_hot(sums, 3, dtype="float32"))
    path, _ = save(keras.Model({"words": words, "characters": characters}, one_hot))
    known = Vocabulary(["the", "cat", "."])  # 2, 3, 4
    (path.parent / "vocabulary.txt").write_text(known.to_text())
    with pytest.raises(
        ValueError, match="^expected the characters in .*characters.txt, found no such file; put it there$"
    ):
        suite.predict(path, "The")
    (path.parent / "characters.txt").write_text(Vocabulary(["T", "t", "c", "."]).to_text())  # 2, 3, 4, 5
    (row,) = suite.predict(path, "The cat, the cat.")
    assert [entry["word"] for entry in row["tags"]] == ["The", "cat", ",", "the", "cat", "."]
    expected = [2 + 2, 3 + 4, 1 + 1, 2 + 3, 3 + 4, 4 + 5]
    assert [entry["tag"] for entry in row["tags"]] == [LABELS[number % 3] for number in expected]
    assert {entry["probability"] for entry in row["tags"]} == {1.0}
    assert main.execute(["predict", str(path), "The cat"]) == 0
    assert "The cat: The/dog cat/dog" in capsys.readouterr().out


def test_a_tagger_is_asked_about_words_as_it_learned_them(save):
    """Of a treebank's words, with marks, blanks and apostrophes in them, and of Thai, which has no blanks."""
    from suite.language.vocabulary import Vocabulary

    words = keras.Input((None,), dtype="int32", name="words")
    one_hot = keras.ops.one_hot(keras.ops.mod(words, 3), 3, dtype="float32")
    path, _ = save(keras.Model(words, keras.layers.Identity(name="probabilities")(one_hot)))
    known = Vocabulary(["l'", "eau", "10 000", "नमस्ते", "ฉัน", "กิน", "istanbul", "."])
    (path.parent / "vocabulary.txt").write_text(known.to_text(), encoding="utf-8")
    (row,) = suite.predict(path, "L'eau 10 000 नमस्ते ฉันกิน İstanbul.")
    expected = ["L'", "eau", "10 000", "नमस्ते", "ฉัน", "กิน", "İstanbul", "."]
    assert [entry["word"] for entry in row["tags"]] == expected
    numbers = [index for index, _ in enumerate(expected, 2)]
    assert [entry["tag"] for entry in row["tags"]] == [LABELS[index % 3] for index in numbers]


def floats(labels=3, activation="softmax", shape=(4, 4, 3), **settings):
    """Gives each class the mean of a color, of which it takes any values."""
    image = keras.Input(shape, name="image", **settings)
    mean = keras.layers.GlobalAveragePooling2D()(image)
    kernel = keras.initializers.Identity(4)
    return keras.Model(image, keras.layers.Dense(labels, activation, kernel_initializer=kernel)(mean))


def record(folder, **inputs):
    facts = {name: InputFacts.from_json(content) for name, content in inputs.items()}
    write_record(folder, changed(artifacts=(artifact("model.keras", inputs=facts),)))


def test_the_record_of_a_bundle_says_what_a_model_of_floats_takes(save, capsys):
    path, photo = save(floats())
    for command in (["predict", str(path), str(photo)], ["evaluate", str(path), str(path.parent)]):
        assert main.execute(command) == main.BAD_INPUT
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.startswith("error: expected to know the values that ")
        assert "its float32 input 'image' may want 0..1, -1..1 or 0..255; say which values are bl" in said
        assert said.endswith("with --scale, such as --scale 0..1\n")
    mean = pixels(floats()).mean(axis=(0, 1, 2)) / 127.5 - 1
    expected = np.exp(4 * mean) / np.exp(4 * mean).sum()
    record(path.parent, image={"dtype": "float32", "shape": [4, 4, 3], "range": [-1, 1]})
    for scale in (None, "-1..1", (-1, 1)):
        (row,) = suite.predict(path, photo, scale=scale)
        found = {entry["class"]: entry["probability"] for entry in row["classes"]}
        assert [found[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
    assert not capsys.readouterr().err
    record(path.parent, image={"dtype": "float32", "shape": [4, 4, 3], "range": None})
    with pytest.raises(ValueError, match="^expected to know the values that "):
        suite.predict(path, photo)


def test_a_layer_that_scales_says_it_where_nothing_else_does(save, capsys):
    image = keras.Input((4, 4, 3), name="picture")  # whatever it is called
    path, photo = save(keras.Model(image, floats()(keras.layers.Rescaling(1 / 255)(image))))
    (row,) = suite.predict(path, photo)
    assert row == suite.predict(path, photo, scale="0..255")[0] != suite.predict(path, photo, scale="0..1")[0]
    said = capsys.readouterr().err
    assert "is fed values in [0, 255], for which the layer behind its input is made; --scale LOW..HIG" in said


def test_a_model_of_any_size_is_fed_the_size_of_the_record(save):
    path, photo = save(floats(shape=(None, None, 3)))
    with pytest.raises(ValueError, match="^expected a model of one size, .* takes images of any; make a"):
        suite.predict(path, photo, scale="0..1")
    record(path.parent, image={"dtype": "float32", "shape": [5, 9, 3], "range": [0, 1]})
    sized = pixels(floats(shape=(5, 9, 3))).mean(axis=(0, 1, 2)) / 255
    (row,) = suite.predict(path, photo, top=1)
    expected = np.exp(4 * sized.max()) / np.exp(4 * sized).sum()
    best = LABELS[int(np.argmax(sized))]
    assert row["classes"] == [{"class": best, "probability": pytest.approx(expected, abs=1e-5)}]


def test_logits_are_scores_and_have_no_loss(save, tmp_path, capsys):
    path, photo = save(floats(activation=None))
    (row,) = suite.predict(path, photo, scale="-1..1")
    assert [set(entry) for entry in row["classes"]] == [{"class", "score"}] * 3
    assert min(entry["score"] for entry in row["classes"]) < 0
    assert main.execute(["predict", str(path), str(photo), "--scale", "-1..1"]) == 0
    said = ", ".join(f"{entry['class']} {entry['score']:.3f}" for entry in row["classes"])
    assert said in capsys.readouterr().out
    for place, label in enumerate(LABELS):
        (tmp_path / "set" / label).mkdir(parents=True)
        color = np.full((20, 20, 3), 255 * np.eye(3)[place]).astype("uint8")
        Image.fromarray(color).save(tmp_path / "set" / label / "a.png")
    assert suite.evaluate(path, tmp_path / "set", scale="0..1") == {"all_accuracy": 1.0}
    assert "gives are no probabilities, which are in [0, 1], sum 1" in capsys.readouterr().err


def test_a_batch_that_is_fixed_is_filled_up(save):
    path, _ = save(floats(batch_size=2))
    model = load_artifact(path)
    values = np.random.default_rng(0).uniform(size=(5, 4, 4, 3)).astype("float32")
    (found,) = model.predict(values).values()
    expected = np.exp(4 * values.mean(axis=(1, 2)))
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((3, 8, 8), "channels first, as from torch, is not supported; export it with channels last"),
        ((8, 8, 4), "a channel of transparency is not supported"),
    ],
)
def test_pictures_of_other_layouts_are_refused_in_a_line(save, shape, hint):
    image = keras.Input(shape, name="image")
    path, photo = save(keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image))))
    message = f"^expected a model that takes one RGB or gray image, .* takes image: float32 .* \\({hint}\\)$"
    with pytest.raises(ValueError, match=message):
        suite.predict(path, photo)


def test_a_file_of_onnx_may_say_its_range(save, tmp_path):
    """One of another tool: one example a call, in float16."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    image = helper.make_tensor_value_info("input.1", onnx.TensorProto.FLOAT16, [1, 4, 4, 3])
    scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT16, [1, 3])
    mean = helper.make_node("ReduceMean", ["input.1"], ["scores"], axes=[1, 2], keepdims=0)
    graph = helper.make_graph([mean], "mean", [image], [scores])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    _, photo = save(floats())
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(ValueError, match="its float16 input 'input.1' may want"):
        suite.predict(path, photo)
    helper.set_model_props(model, {"Image.NominalPixelRange": "Normalized_0_1"})
    onnx.save(model, path)
    rows = suite.predict(path, photo, photo, top=1)
    best = pixels(floats()).mean(axis=(0, 1, 2)).max() / 255
    assert [row["classes"][0]["score"] for row in rows] == pytest.approx([best] * 2, abs=2e-3)
    values = np.ones((3, 4, 4, 3), "float16")
    assert load_artifact(path).predict(values)["scores"].shape == (3, 3)
