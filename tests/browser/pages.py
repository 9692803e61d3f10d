"""What the browser tests of the page share: pictures, clicks, and what the page shows."""

import re

import numpy as np
from PIL import Image

from suite.deploy.runtime import load_artifact
from suite.language.decoding import StepModel
from suite.language.encoder_decoder import EncoderDecoder
from suite.language.vocabulary import Vocabulary

SHOWN = 1e-3  # three decimals on the page
COLORS = {"red": (230, 20, 20), "green": (20, 230, 20), "yellow": (230, 230, 20), "white": (250, 250, 250)}


def write_picture(path, color=None, size=(70, 50), seed=0, **settings):
    """Noise, or a color with some."""
    noise = np.random.default_rng(seed).integers(256, size=(size[1], size[0], 3))
    pixels = noise if color is None else np.clip(np.array(COLORS[color]) + noise // 16 - 8, 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path, **settings)
    return path


def choose(page, variant):
    page.locator("#variants label", has_text=variant).click()
    page.locator("#status", has_text=re.compile(f"model(_{variant})?.tflite is ready")).wait_for()


def answered(page, runs):
    """After the number of runs, or a pattern of numbers where they go on by themselves."""
    text = "1 run" if runs == 1 else re.compile(rf"last {runs} runs")
    page.locator("#latency", has_text=text).wait_for()
    return bars(page)


def bars(page):
    names, numbers = (page.locator(f"#answer .{part}").all_inner_texts() for part in ("name", "number"))
    return dict(zip(names, map(float, numbers), strict=True))


def problem(page):
    page.locator("#problem:not(:empty)").wait_for()
    return page.inner_text("#problem")


def teach(page, name, files):
    page.fill("#class-name", name)
    page.get_by_role("button", name="Add class").click()
    page.get_by_label(f"Pictures of {name}").set_input_files(files)
    page.locator("#classes li", has_text=f"{len(files)} pictures").filter(has_text=name).wait_for()


def pair_of(bundle):
    """An encoder with its decoder, and their words."""
    words = Vocabulary.from_text((bundle / "decoder_step" / "vocabulary.txt").read_text())
    models = [load_artifact(bundle / part / "model.tflite") for part in ("encoder", "decoder_step")]
    return EncoderDecoder(models[0], StepModel(models[1]), words), words
