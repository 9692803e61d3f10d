"""Texts in the page, and sentences about pictures, held to LiteRT in Python."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import suite
from suite.deploy.runtime import load_artifact
from suite.language.decoding import StepModel, generate
from suite.language.vocabulary import Vocabulary
from tests.browser import bundles
from tests.browser.pages import SHOWN, answered, bars, pair_of, problem, write_picture


def test_texts_are_read_as_in_python(texts, open_page):
    page = open_page(texts)
    text = "Don't STOP. Été unknown stop stop"
    for model in ("classifier", "tagger"):
        page.select_option("#model", label=model)
        page.locator("#status", has_text=f"{model}/model.tflite is ready").wait_for()
        page.fill("#words", text)
        page.click("#read")
        page.locator("#latency", has_text="1 run").wait_for()
        (row,) = suite.predict(texts / model / "model.tflite", text)
        if model == "classifier":
            expected = {
                entry["class"]: pytest.approx(entry["probability"], abs=SHOWN) for entry in row["classes"]
            }
            assert bars(page) == expected and list(bars(page)) == list(expected)
        else:
            shown = [entry.split("\n") for entry in page.locator("#answer li").all_inner_texts()]
            expected = [[e["word"], f"{e['tag']} {e['probability']:.2f}"] for e in row["tags"]]
            assert len(shown) == 7 and shown == expected
    page.fill("#words", "  \n ")
    page.click("#read")
    assert problem(page) == "expected a text with at least one word, received none; write one"
    assert page.problems == []


def test_a_language_model_goes_on(texts, open_page):
    page = open_page(texts)
    page.select_option("#model", label="writer")
    page.locator("#status", has_text="writer/model.tflite is ready").wait_for()
    page.fill("#words", "ab")
    page.fill("#temperature", "0")
    page.fill("#tokens", "9")
    page.click("#read")
    page.locator("#latency", has_text="1 run").wait_for()
    step = StepModel(load_artifact(texts / "writer" / "model.tflite"))
    known = Vocabulary(bundles.LETTERS)
    drawn = generate(
        step, step.initial_state(), known.ids(["\n", "a", "b"]), 9, np.random.default_rng(0),
        temperature=0, forbidden=(0, 1),
    )  # fmt: skip
    assert page.locator("#answer .said").text_content() == known.sentence(drawn) == "c\nabc\nabc"


def test_an_encoder_and_its_decoder_translate(translator, open_page):
    page = open_page(translator)
    assert not page.locator("#models").is_visible(), "the pair is one model"
    pair, words = pair_of(translator)
    texts = ["abc", "cab", "b", "caa", "aabb"]
    expected = [pair.write(pair.encode({"source": words.ids(list(text), 5)[None]}), 60)[0] for text in texts]
    assert len(set(expected)) > 1 and all(expected)
    for number, (text, wanted) in enumerate(zip(texts, expected, strict=True), 1):
        page.fill("#words", text)
        page.click("#read")
        answered(page, number)
        assert page.locator("#answer .said").text_content() == wanted
    page.fill("#words", "abcabc")
    page.click("#read")
    assert problem(page) == "expected a text of 1 to 5 tokens, received 6; change it"


def test_an_encoder_and_its_decoder_describe_a_picture(captioner, open_page, tmp_path):
    page = open_page(captioner)
    pair, _ = pair_of(captioner)
    for number in (1, 2):
        file = write_picture(tmp_path / f"{number}.png", seed=number, size=(4, 6))
        page.set_input_files("#file", file)
        answered(page, number)
        image = np.asarray(Image.open(file))[None]
        assert (
            page.locator("#answer .said").text_content() == pair.write(pair.encode({"image": image}), 60)[0]
        )


def test_what_a_text_model_lacks_is_one_line(texts, translator, open_page, tmp_path):
    bundle = shutil.copytree(texts, tmp_path / "texts")
    (bundle / "classifier" / "vocabulary.txt").unlink()
    page = open_page(bundle, ready=False)
    message = "expected classifier/vocabulary.txt in the bundle, found no such file; put it there"
    assert problem(page) == message

    alone = shutil.copytree(translator, tmp_path / "alone")
    (row,) = [each for each in bundles.rows_of(alone) if each.path.startswith("decoder_step/")]
    bundles.write_result(alone, [row])
    assert problem(open_page(alone, ready=False)) == (
        "this is the step of a decoder, which takes code of an encoder; choose the encoder"
    )

    source = keras.Input((5,), dtype="int32", name="source")
    code = keras.layers.Identity(name="code")(keras.ops.cast(source, "float32"))
    bundles.write_bundle(tmp_path / "other", {"encoder": keras.Model(source, code)})
    pair = shutil.copytree(translator, tmp_path / "pair")
    shutil.copy(tmp_path / "other" / "encoder" / "model.tflite", pair / "encoder")
    page = open_page(pair)
    page.fill("#words", "abc")
    page.click("#read")
    assert problem(page) == "expected an encoder that gives hidden_state_0; export the pair again"
