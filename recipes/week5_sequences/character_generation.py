"""Write new names, or new Shakespeare, character by character with an LSTM.

Week 5, "Modern RNNs".
Claim: nats per character of held-out text, the state carried through all of it: at most 2.25 for names, 1.6
       for tiny_shakespeare. The step models exported as TFLite and ONNX give the same to 1e-5. TFLite
       writes: of new names at temperature 1 at least 0.95 are distinct; at temperature 0.25 that share is
       0.25 lower, and 0.25 more are names that training had; their share rises each time that the
       temperature falls, by at least 0.02.
Cost:  70 s on 2 CPU cores; tiny_shakespeare 15 min.
Run:   suite run character_generation [--data tfds | --data FILE.txt or FOLDER with train, test]
"""

import dataclasses

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.data.sets import corpora
from suite.deploy.exports.steps import exported_steps, reading_gap, step_export
from suite.evaluation import plots
from suite.evaluation.baselines import unigrams
from suite.evaluation.language import text_surprisals
from suite.evaluation.table import Table
from suite.language.decoding import StepModel, generate
from suite.language.streams import stream_batches
from suite.language.vocabulary import PADDING, UNKNOWN, Vocabulary, unknown_share
from suite.layers import Dropout, LSTMCell, Recurrent
from suite.models.step_model import build_step_model
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, at_least, at_most
from suite.training.loop import lower


@dataclasses.dataclass(frozen=True)
class Config:
    embedding: int = 64
    units: int = 0  # of each layer; 0: 128 for names, 256 for running text
    layers: int = 0  # 0: 1 for names, 2 for running text
    dropout: float = 0.2  # after each of several layers
    steps: int = 0  # 0: 1,000 for names, 4,000 for running text
    batch_size: int = 64  # streams of text that are read side by side
    length: int = 64  # characters that gradients go back at most
    learning_rate: float = 4e-3  # at first; falls to 0 along a cosine
    clipnorm: float = 1.0  # largest norm of a gradient
    checked: int = 10_000  # characters that the exported step models read, too
    generated: int = 5_000  # characters at each temperature


SMOKE = Config(units=8, layers=2, steps=2, checked=50, generated=100)
DATA = ("embedded", "tfds", "path")

NAMES = {"units": 128, "layers": 1, "steps": 1000}
RUNNING_TEXT = {"units": 256, "layers": 2, "steps": 4000}
TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 1.5)

CLAIMS = (
    Claim("test_nats_per_character", at_most=2.25, data="embedded"),
    Claim("test_nats_per_character", at_most=1.6, data="tfds"),
    *at_most(1e-5, "step_gap_tflite", "step_gap_onnx"),
    Claim("distinct_words", at_least=0.95, data="embedded"),
    *at_least(0.25, "distinct_words_lost_by_cold", "known_words_gained_by_cold", data="embedded"),
    Claim("known_words_least_rise", at_least=0.02, data="embedded"),
)


def build_model(vocabulary: int, config: Config, batch_size: int) -> keras.Model:
    """From characters to the probabilities of the next ones; the states are kept from batch to batch."""
    characters = keras.Input(batch_shape=(batch_size, None), dtype="int32", name="characters")
    x = layers.Embedding(vocabulary, config.embedding)(characters)  # (B, T, E)
    for _ in range(config.layers):
        x = Recurrent(LSTMCell(config.units), return_sequences=True, stateful=True)(x)
        x = Dropout(config.dropout if config.layers > 1 else 0)(x)
    return keras.Model(characters, layers.Dense(vocabulary, "softmax", name="probabilities")(x))


def train(
    ids: dict[str, np.ndarray], vocabulary: int, config: Config, context: Context
) -> tuple[keras.Model, dict]:
    """Truncated backpropagation: the state comes from the whole text so far, the gradient from one piece."""
    batches, held_out, size = stream_batches(ids, config.batch_size, config.length)
    epochs = max(1, round(config.steps / len(batches)))
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    model = build_model(vocabulary, config, size)
    model.compile(Adam(schedule, clipnorm=config.clipnorm), "sparse_categorical_crossentropy")
    curves = context.fit(
        model, batches, epochs=epochs, validation=held_out, better=lower("validation_loss"), jit_compile=True
    )
    return model, curves


def write(step: StepModel, vocabulary: Vocabulary, start: str, config: Config, seed: int) -> dict[float, str]:
    """New text by temperature, character by character from the exported model."""
    rng = np.random.default_rng(seed)
    written = {}
    for temperature in console.track(TEMPERATURES, "writing"):
        ids = generate(
            step, step.initial_state(), vocabulary.ids(start), config.generated, rng,
            temperature=temperature, forbidden=(PADDING, UNKNOWN),
        )  # fmt: skip
        written[temperature] = "".join(vocabulary.decode(ids))
    return written


def shares(text: str, known: set[str]) -> tuple[float, float]:
    """Of the words of a generated text: the share of different ones, and of those that training had."""
    words = text.split()[:-1]  # the last one may be cut off
    return len(set(words)) / max(1, len(words)), sum(word in known for word in words) / max(1, len(words))


def load(context: Context) -> tuple[corpora.Corpus, str, dict[str, int]]:
    """The texts, what stands between them, and what a config leaves open."""
    if context.source.is_embedded:
        return corpora.load_names(context.seed), "\n", NAMES
    # With its copies, as others measure tiny_shakespeare.
    return corpora.load(context.source, context.seed, copies=True), "\n\n", RUNNING_TEXT


def run(config: Config, context: Context) -> Result:
    corpus, gap, usual = load(context)
    config = dataclasses.replace(config, **{name: getattr(config, name) or usual[name] for name in usual})
    texts = {part: gap + gap.join(each) for part, each in corpus.texts.items()}
    vocabulary = Vocabulary.fit([texts["train"]])
    ids = {part: vocabulary.ids(text) for part, text in texts.items()}
    model, curves = train(ids, len(vocabulary), config, context)

    reader = build_model(len(vocabulary), config, batch_size=1)
    reader.set_weights(model.get_weights())
    nats = text_surprisals(reader, ids["test"])
    step_model = build_step_model(reader)
    steps = exported_steps(step_model, context.folder)
    written = write(steps["tflite"], vocabulary, gap, config, context.seed)
    known_words = set(texts["train"].split())
    distinct, known = (
        dict(zip(written, values, strict=True))
        for values in zip(*(shares(text, known_words) for text in written.values()), strict=True)
    )
    baseline = unigrams(ids["train"], ids["test"][1:], "test_nats_per_character", in_nats=True)
    metrics = {
        "test_nats_per_character": nats.mean(),
        "test_unknown_share": unknown_share([ids["test"]]),
        "test_nats_per_character_unigram": baseline.value,
        **{
            f"step_gap_{name}": reading_gap(step, ids["test"], nats[: config.checked])
            for name, step in steps.items()
        },
        "distinct_words": distinct[1.0],
        "distinct_words_lost_by_cold": distinct[1.0] - distinct[TEMPERATURES[0]],
        "known_words": known[1.0],
        "known_words_gained_by_cold": known[TEMPERATURES[0]] - known[1.0],
        "known_words_least_rise": min(-np.diff(list(known.values()))),
    }
    return Result(
        metrics=metrics,
        figures={
            "temperature": draw_temperature(distinct, known),
            "surprise": draw_surprise(texts["test"], nats),
            "loss": plots.learning_curves(
                {"training, with dropout": curves["train_loss"], "validation": curves["validation_loss"]},
                ylabel="nats per character",
                title="Loss",
                first_epoch=0,
            ),
        },
        exports=[step_export(step_model, steps["tflite"], ids["train"], ids["test"], vocabulary)],
        data=corpus.describe() | {"characters": len(texts["train"]), "vocabulary": len(vocabulary)},
        baselines=[baseline],
        tables=[samples_table(written, distinct, known)],
    )


def samples_table(
    written: dict[float, str], distinct: dict[float, float], known: dict[float, float]
) -> Table:
    rows = [
        (f"{warmth:g}", f"{distinct[warmth]:.2f}", f"{known[warmth]:.2f}", " / ".join(text[:400].split("\n")))
        for warmth, text in written.items()
    ]
    note = "Written by model.tflite. Distinct: share of different words; known: of those that training had."
    return Table("New text by temperature", ("temperature", "distinct", "known", "text"), rows, note)


def draw_temperature(distinct: dict[float, float], known: dict[float, float]) -> Figure:
    figure, axes = plots.new_figure("Cold repeats what it knows, warm invents")
    axes.plot(list(distinct), list(distinct.values()), marker="o", label="distinct words")
    axes.plot(list(known), list(known.values()), marker="o", label="words of the training text")
    axes.set(xlabel="temperature", ylabel="share of the generated words", ylim=(0, 1.05))
    axes.legend(frameon=False)
    return figure


def draw_surprise(text: str, nats: np.ndarray, rows: int = 6, width: int = 60) -> Figure:
    """A held-out text, each character on a color that says how unexpected it was."""
    figure, axes = plots.new_figure("How unexpected each character of held-out text was", 9, 2.4)
    shown = np.full(rows * width, np.nan)
    shown[: len(nats[: rows * width])] = nats[: rows * width]
    image = axes.imshow(shown.reshape(rows, width), cmap="Oranges", vmin=0, vmax=6, aspect="auto")
    for place, character in enumerate(text[1 : rows * width + 1]):
        axes.text(
            place % width,
            place // width,
            {"\n": "↵"}.get(character, character),
            ha="center",
            va="center",
            family="monospace",
            fontsize=9,
            color=plots.INK,
            parse_math=False,
        )
    axes.set_axis_off()
    figure.colorbar(image, ax=axes, label="nats", fraction=0.02)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
