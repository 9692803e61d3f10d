"""Translations beside those of people, and where a decoder looked."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from matplotlib.figure import Figure

from suite.evaluation import plots
from suite.evaluation.captions import bleu
from suite.evaluation.table import Table
from suite.language.translation_texts import Tokens, TranslationTexts

Answers = Mapping[str, Sequence[Tokens]]  # what each way wrote for each test sentence


def examples_table(answers: Answers, texts: TranslationTexts, shown: int = 20) -> Table:
    """The first test sentences, what each way wrote, and one right translation."""
    rows = [
        (" ".join(source), *(" ".join(found[row]) for found in answers.values()), " ".join(target))
        for row, (source, target) in enumerate(texts.pairs["test"][:shown])
    ]
    return Table("Test sentences", ("source", *answers, "translation"), rows)


def draw_lengths(answers: Answers, texts: TranslationTexts, groups: int = 5) -> Figure:
    """BLEU of each way by the length of the source, in groups of about as many test sentences.

    Args:
        answers: By way.
        texts: Their test sentences.
        groups: How many, at most one a sentence.
    """
    lengths = np.array([len(source) for source, _ in texts.pairs["test"]])
    cut = np.array_split(np.argsort(lengths, kind="stable"), min(groups, len(lengths)))
    figure, axes = plots.new_figure("By the length of the sentence", 8)
    lines = {
        name.replace("_", " "): (
            [lengths[rows].mean() for rows in cut],
            [bleu([found[row] for row in rows], [texts.valid[row] for row in rows]) for rows in cut],
        )
        for name, found in answers.items()
    }
    plots.curves(axes, lines, xlabel="tokens of the source", ylabel="BLEU")
    return figure


def draw_attention(attention_model: keras.Model, texts: TranslationTexts) -> Figure:
    """Where the decoder looks as it writes each true word, in a short and in the longest test sentence.

    Args:
        attention_model: From sources and the words before to weights `(n, steps, length)`.
        texts: The set.
    """
    coded, pairs = texts.coded["test"], texts.pairs["test"]
    order = np.argsort([len(source) for source, _ in pairs], kind="stable")
    rows = [int(order[len(order) // 4]), int(order[-1])]
    weights = attention_model.predict([coded.source[rows], coded.previous[rows]], verbose=0)
    figure, panels = plots.new_figure("Where the decoder looks", 11, 5, 1, 2)
    for axes, row, seen in zip(panels, rows, weights, strict=True):
        read, written = pairs[row]
        plots.attention(axes, seen, read[: texts.length], written[: texts.steps])
        axes.tick_params(axis="x", rotation=60)
    return figure
