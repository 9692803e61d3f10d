"""The page's own arithmetic, run by Node.js and held to Pillow and to the suite in Python."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from suite.browser.litert import PAGE
from suite.deploy.ranges import ValueRange
from suite.language.decoding import generate, log_softmax, next_probabilities
from suite.language.tagging import spell
from suite.language.tokens import cut_like, patterns
from suite.language.vocabulary import END, START, Vocabulary, tokenize

TEXTS = [
    "Don't STOP, it’s 3.14€ – naïve Café_2 été!",
    "İstanbul ΣΟΦΟΣ straße 東京タワー ½ ² Ⅷ x'y''z 'quoted'",
    "مُحَمَّدٌ كِتَابٌ می‌خواهم สวัสดี กำลัง 我爱iPhone手机。コーヒー ﾊﾞ I\u0307I co\xadop 👍🏽🏴󠁧󠁢󠁥󠁮󠁧󠁿🙂❤️🇩🇪🇫🇷1️⃣",
    "tab\tvt\x0bfs\x1cnel\x85nbsp\xa0bom\ufeffzero\u200bwidth\u2028line 👩‍🚀 नमस्ते e\u0301",
    "",
]


def run(module, script, given):
    """Runs a script that imports everything from a module and gives `answer(given)`, as JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js")
    code = f"""
import * as module from {json.dumps((PAGE / module).as_uri())};
import {{ readFileSync }} from "node:fs";
const given = JSON.parse(readFileSync(0, "utf-8"));
const answer = async () => {{ {script} }};
console.log(JSON.stringify(await answer()));
"""
    command = [node, "--input-type=module", "--eval", code]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("size", "to"),
    [
        ((70, 50), (32, 32)),
        ((50, 70), (224, 96)),
        ((640, 480), (224, 224)),
        ((9, 7), (9, 5)),
        ((1, 1), (3, 2)),
    ],
)
def test_pictures_are_stretched_bit_for_bit_as_by_pillow(size, to):
    pixels = np.random.default_rng(0).integers(256, size=(size[1], size[0], 3), dtype=np.uint8)
    pixels[: size[1] // 2] = np.where(pixels[: size[1] // 2] < 128, 0, 255)  # rounding and clipping
    opaque = np.dstack([pixels, np.full(size[::-1], 255, np.uint8)])
    script = """
        const [width, height] = given.size;
        const rgb = module.stretch({ data: Uint8ClampedArray.from(given.data), width, height }, ...given.to);
        return [[...rgb], [...module.toGray(rgb)]];
    """
    rgb, gray = run("pixels.js", script, {"data": opaque.ravel().tolist(), "size": size, "to": to})
    expected = Image.fromarray(pixels).resize(to, Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(np.reshape(rgb, (to[1], to[0], 3)), np.asarray(expected))
    np.testing.assert_array_equal(np.reshape(gray, (to[1], to[0])), np.asarray(expected.convert("L")))


@pytest.mark.parametrize("low_high", [(0, 1), (-1, 1), (-2, 3.5)])
def test_pixels_become_values_as_by_the_suite(low_high):
    pixels = np.arange(256, dtype=np.uint8)
    script = "return [...module.valuesOf(Uint8Array.from(given.pixels), given.range)];"
    found = run("pixels.js", script, {"pixels": pixels.tolist(), "range": low_high})
    np.testing.assert_allclose(found, ValueRange(*low_high).values(pixels), atol=1e-6)


def test_texts_are_cut_as_by_the_suite():
    script = "return given.map((text) => [module.tokenize(text), module.tokenize(text, { lower: false })]);"
    expected = [[tokenize(text), tokenize(text, lower=False)] for text in TEXTS]
    assert run("text.js", script, TEXTS) == expected and max(len(each[0]) for each in expected) > 15


def test_texts_are_cut_into_known_words_as_by_the_suite():
    known = ["l'", "eau", "new york", "qu'", "ฉัน", "กิน", "'s", "'", "-", "t", "i"]
    texts = [*TEXTS, "L'eau de l'inconnu", "New  York\nqu'il", "ฉันกินข้าวมันไก่", "John's don't x-y", "İ"]
    script = "return given.texts.map((text) => module.cutLike(text, new Set(given.known)));"
    found = run("text.js", script, {"texts": texts, "known": known})
    assert found == [cut_like(text, known) for text in texts]
    assert found[len(TEXTS) :][:2] == [["L'", "eau", "de", "l'", "inconnu"], ["New York", "qu'", "il"]]
    assert run("text.js", "return module.PATTERNS;", None) == patterns("javascript")


def test_words_are_spelled_and_numbered_as_by_the_suite():
    known = Vocabulary([START, END, "\n", "\\", "\\n", "\r", "it’s", "été", "e"])
    letters = Vocabulary([START, END, *"\nab"])
    words = ["e", "été", "nope", "it’s", "\n", "e"]
    script = """
        const known = new module.Vocabulary(given.known);
        const letters = new module.Vocabulary(given.letters);
        return {
            ids: [6, 4, 9].map((length) => [...known.encode(given.words, length)]),
            spells: [known.spells, letters.spells],
            sentences: given.known_ids.map((ids) => known.sentence(ids)),
            spelled_sentence: letters.sentence([5, 4, 6, 3, 5]),
            spelled: given.words.map((word) => [5, 4, 20].map((length) => module.spell(word, length))),
        };
    """
    ids = [[10, 0, 4, 3, 9], [9, 10], []]
    given = {"known": known.to_text(), "letters": letters.to_text(), "words": words, "known_ids": ids}
    found = run("text.js", script, given)
    assert found["ids"] == [known.ids(words, length).tolist() for length in (6, 4, 9)]
    assert found["spells"] == [known.spells, letters.spells] == [False, True]
    assert found["sentences"] == [known.sentence(each) for each in ids]
    assert found["spelled_sentence"] == letters.sentence([5, 4, 6, 3, 5])
    assert found["spelled"] == [[spell(word, length) for length in (5, 4, 20)] for word in words]


def test_a_vocabulary_of_something_else_is_refused():
    script = "try { new module.Vocabulary(given); } catch (failure) { return failure.message; }"
    message = "expected <pad> and <unk> in the first two lines of a vocabulary; export it again"
    assert run("text.js", script, "the\nof\n") == message


def test_tokens_are_drawn_as_by_the_suite():
    """The share of draws, one of each thousandth of [0, 1), is the probability."""
    logits = np.random.default_rng(0).normal(0, 2, 7)
    script = """
        const { logits, temperatures, forbidden } = given;
        const nats = module.logSoftmax(logits);
        const draw = (temperature) => {
            const counts = logits.map(() => 0);
            for (let i = 0; i < 1000; i += 1) {
                counts[module.sample(nats, temperature, forbidden, () => (i + 0.5) / 1000)] += 1e-3;
            }
            return counts;
        };
        return { nats: [...nats], shares: temperatures.map(draw) };
    """
    temperatures, forbidden = [0, 0.5, 1, 3], [int(np.argmax(logits)), 0]
    found = run(
        "decoding.js",
        script,
        {"logits": logits.tolist(), "temperatures": temperatures, "forbidden": forbidden},
    )
    np.testing.assert_allclose(found["nats"], log_softmax(logits), atol=1e-12)
    for temperature, shares in zip(temperatures, found["shares"], strict=True):
        expected = next_probabilities(logits, temperature, forbidden=forbidden)
        np.testing.assert_allclose(shares, expected, atol=1.01e-3)  # one draw
    assert np.count_nonzero(found["shares"][0]) == 1


def test_a_decoder_is_followed_until_it_ends():
    """Its table of log-probabilities by last token and count of steps leads to the end after four tokens."""
    table = np.random.default_rng(3).normal(size=(6, 5, 5))
    table[:, :, 4] = -9
    table[3, :, 4] = 9
    script = """
        const run = ({ token, count, fixed }) => ({
            probabilities: Float64Array.from(given[count[0]][token[0]].map(Math.exp)),
            new_count: [count[0] + fixed[0]],
        });
        const inputs = ["token", "count", "fixed"].map((name) => ({ name, dtype: "int32", shape: [1] }));
        const step = module.stepOf(async (inputs) => run(inputs));
        const found = await module.greedySearch(step, { count: [0], fixed: [1] }, 2, 4, 6);
        const drawn = [];
        await module.generate(step, { count: [0], fixed: [1] }, [2, 1], 3, {
            temperature: 0, forbidden: [0], random: Math.random, onToken: (token) => { drawn.push(token); },
        });
        const last = found.ids[0];
        const outputs = [{ name: "probabilities" }, { name: "new_count" }];
        const model = { inputs, outputs };
        const speaking = module.speaking(step, 2, last, [0]);
        const spoken = (await module.greedySearch(speaking, { count: [0], fixed: [1] }, 2, last, 1)).ids;
        return { ...found, drawn, spoken, fixed: module.fixedStates(model) };
    """
    nats = log_softmax(table)
    found = run("decoding.js", script, nats.tolist())
    last, ids, total = 2, [], 0.0
    for count in range(4):
        last, total = int(nats[count, last].argmax()), total + nats[count, last].max()
        ids.append(last)
    assert found["ids"] == ids and ids[-1] == 4
    assert found["logProbability"] == pytest.approx(total, abs=1e-9)
    others = np.where(np.isin(range(5), [0, 2, ids[0]]), -np.inf, nats[0, 2])
    assert found["spoken"] == [int(others.argmax())] != ids[:1]  # were the first token the end
    assert found["fixed"] == ["fixed"]

    def step(tokens, count):
        return nats[count, tokens], count + 1

    drawn = generate(step, 0, [2, 1], 3, np.random.default_rng(0), temperature=0, forbidden=(0,))
    assert found["drawn"] == drawn.tolist()


@pytest.mark.parametrize(
    ("milliseconds", "values", "chosen"),
    [(1, [0.7, 0.3], "other"), (60, [0.7, 0.3], "first"), (1, [0.6, 0.4], "first"), (0, None, "first")],
)
def test_another_way_to_run_a_model_must_answer_alike_and_faster(milliseconds, values, chosen):
    script = """
        const deleted = [];
        const make = (name, ms, values) => ({
            name, inputs: [{ name: "image", dtype: "uint8", shape: [1, 2, 2, 3] }],
            async run() {
                if (!values) throw new Error("the device is lost");
                await new Promise((resolve) => setTimeout(resolve, ms));
                return { probabilities: Float32Array.from(values) };
            },
            delete() { deleted.push(name); },
        });
        const other = async () => make("other", given.milliseconds, given.values);
        const found = await module.fasterOf(make("first", 30, [0.7, 0.3]), other);
        const none = await module.fasterOf(make("first", 1, [1]), async () => { throw new Error("no GPU"); });
        return [found.name, deleted, none.name];
    """
    found = run("contest.js", script, {"milliseconds": milliseconds, "values": values})
    assert found == [chosen, ["first" if chosen == "other" else "other"], "first"]


def test_pixels_become_values_of_each_channel():
    pixels = np.arange(12, dtype=np.uint8)
    low_high = [(-10.0, -10.0, -7.5), (245.0, 117.5, 56.25)]
    script = "return [...module.valuesOf(Uint8Array.from(given.pixels), given.range)];"
    found = run("pixels.js", script, {"pixels": pixels.tolist(), "range": low_high})
    expected = ValueRange(*low_high).values(pixels.reshape(4, 3))
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-5)
