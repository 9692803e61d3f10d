"""Predict the next word from counts of n-grams: sparsity, storage, and four kinds of smoothing.

Week 5, "Motivation for recurrent layers".
Claim: of held-out text from Python's documentation at least 0.5 of the 5-grams never occurred in training, of
       the bigrams at most 0.25; there are at least 15 times as many 5-grams to store as words. With the
       corpus, 5-grams grow almost in proportion (exponent at least 0.85), words far slower (at most 0.6), and
       all tables together with an exponent of at least 0.75 in bytes. Without smoothing one unseen n-gram
       makes perplexity infinite; with k added to each count, it is at least 3 times as high with 5-grams as
       with bigrams; by Kneser-Ney, at most 0.75 times. At their best n, Kneser-Ney has at most 0.6 times the
       perplexity of add-k, and 0.9 times that of interpolation with fixed weights. On tiny_shakespeare at
       least 0.85 of the 5-grams are unseen, and these two are at most 0.6 and 0.96. Probabilities sum to 1
       (gap at most 1e-10); the tests hold each smoothing equal to nltk.lm's where nltk.lm has it.
Cost:  1 s on 2 CPU cores.
Run:   suite run ngram_language_model [--data tfds | --data FILE.txt or FOLDER with train, test]
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from suite.data.sets import corpora
from suite.evaluation import plots
from suite.evaluation.baselines import unigrams
from suite.evaluation.table import Table
from suite.language.ngrams import NgramCounts, perplexity
from suite.language.smoothing import AddK, JelinekMercer, KneserNey, Smoothing, WittenBell
from suite.language.vocabulary import Vocabulary, known_ids, tokenize, unknown_share
from suite.runs.recipe import Claim, Context, Result


@dataclasses.dataclass(frozen=True)
class Config:
    order: int = 5  # largest n
    min_count: int = 2  # of a word in training; the rarer ones are one unknown word


SMOKE = Config(min_count=5)
DATA = ("embedded", "tfds", "path")

CLAIMS = (
    Claim("sum_gap", at_most=1e-10),
    Claim("test_unseen_share_2", at_most=0.25, data="embedded"),
    Claim("test_unseen_share_5", at_least=0.5, data="embedded"),
    Claim("entries_5_over_1", at_least=15, data="embedded"),
    Claim("growth_1", at_most=0.6, data="embedded"),
    Claim("growth_5", at_least=0.85, data="embedded"),
    Claim("growth_bytes", at_least=0.75, data="embedded"),
    Claim("add_k_5_over_2", at_least=3, data="embedded"),
    Claim("kneser_ney_5_over_2", at_most=0.75, data="embedded"),
    Claim("kneser_ney_over_add_k", at_most=0.6, data="embedded"),
    Claim("kneser_ney_over_jelinek_mercer", at_most=0.9, data="embedded"),
    Claim("test_unseen_share_5", at_least=0.85, data="tfds"),
    Claim("kneser_ney_over_add_k", at_most=0.6, data="tfds"),
    Claim("kneser_ney_over_jelinek_mercer", at_most=0.96, data="tfds"),
)

# What is tried on the validation text.
K = tuple(10 ** (-step / 2) for step in range(10))
WEIGHTS = tuple(step / 20 for step in range(1, 20))
DISCOUNTS = tuple(step / 20 for step in range(8, 20))
SHARES = tuple(0.5**halvings for halvings in range(5, -1, -1))  # of the training text

Texts = Sequence[np.ndarray]  # ids of each text

Way = TypeVar("Way", bound=Smoothing)


def choose(counts: NgramCounts, validation: Texts) -> dict[str, list[Smoothing]]:
    """Of each method, the settings for each n, from 1 up, with the lowest perplexity."""

    def best(ways: Sequence[Way], n: int) -> Way:
        return min(ways, key=lambda way: perplexity(counts.log_probabilities(validation, way, n)))

    orders = range(1, counts.order + 1)
    mixed: list[JelinekMercer] = []
    for n in orders:
        shorter = mixed[-1].weights if mixed else ()  # they stay as they were chosen
        mixed.append(best([JelinekMercer((*shorter, weight)) for weight in WEIGHTS], n))
    return {
        "add_k": [best([AddK(k) for k in K], n) for n in orders],
        "jelinek_mercer": [*mixed],
        "witten_bell": [WittenBell() for n in orders],
        "kneser_ney": [best([KneserNey(discount) for discount in DISCOUNTS], n) for n in orders],
    }


def measure(counts: NgramCounts, ways: Sequence[Smoothing], texts: Texts) -> list[float]:
    """Perplexities, by n from 1 up."""
    return [perplexity(counts.log_probabilities(texts, way, n)) for n, way in enumerate(ways, start=1)]


class Growth(NamedTuple):
    """What is stored of ever larger parts of the corpus.

    Attributes:
        words: `(parts,)` words of training.
        entries: `(parts, order)` different n-grams, by n from 1 up.
        bytes: `(parts, order)` of their tables.
    """

    words: np.ndarray
    entries: np.ndarray
    bytes: np.ndarray

    @classmethod
    def of(cls, texts: Texts, order: int, size: int) -> "Growth":
        parts = [texts[: max(1, round(share * len(texts)))] for share in SHARES]
        counted = [NgramCounts(part, order, size) for part in parts]
        return cls(
            np.array([sum(map(len, part)) for part in parts]),
            np.array([counts.entries() for counts in counted]),
            np.array([counts.bytes() for counts in counted]),
        )

    def exponent(self, amounts: np.ndarray) -> float:
        """e of amounts ~ words**e."""
        return float(np.polyfit(np.log(self.words), np.log(amounts), 1)[0])


def sum_gap(counts: NgramCounts, chosen: Mapping[str, Sequence[Smoothing]], texts: Texts) -> float:
    """How far from 1 the probabilities of all words add up at worst, after the beginnings of some texts."""
    return max(
        abs(counts.distribution(text[:10], way, n).sum() - 1)
        for ways in chosen.values()
        for n, way in enumerate(ways, start=1)
        for text in texts[:10]
    )


def run(config: Config, context: Context) -> Result:
    corpus = corpora.load(context.source, context.seed)
    tokens = {part: [tokenize(text) for text in texts] for part, texts in corpus.texts.items()}
    vocabulary = Vocabulary.fit(tokens["train"], min_count=config.min_count)
    texts = known_ids(vocabulary, tokens, context.source)

    counts = NgramCounts(texts["train"], config.order, len(vocabulary))
    chosen = choose(counts, texts["validation"])
    validation = {name: measure(counts, ways, texts["validation"]) for name, ways in chosen.items()}
    at_best = {name: np.argmin(values) for name, values in validation.items()}
    winner = min(validation, key=lambda name: min(validation[name]))
    test = {name: measure(counts, ways, texts["test"]) for name, ways in chosen.items()}
    unseen = counts.unseen(texts["test"])
    growth = Growth.of(texts["train"], config.order, len(vocabulary))

    best = {name: values[at_best[name]] for name, values in test.items()}
    metrics = {
        "test_perplexity": best[winner],
        **{f"test_perplexity_{name}": value for name, value in best.items()},
        "test_unknown_share": unknown_share(texts["test"]),
        "kneser_ney_over_add_k": best["kneser_ney"] / best["add_k"],
        "kneser_ney_over_jelinek_mercer": best["kneser_ney"] / best["jelinek_mercer"],
        **{f"test_unseen_share_{n}": share for n, share in enumerate(unseen, start=1)},
        "growth_1": growth.exponent(growth.entries[:, 0]),
        "growth_bytes": growth.exponent(growth.bytes.sum(axis=1)),
        "sum_gap": sum_gap(counts, chosen, texts["test"]),
    }
    for n in range(2, config.order + 1):
        metrics[f"entries_{n}_over_1"] = growth.entries[-1, n - 1] / growth.entries[-1, 0]
        metrics[f"growth_{n}"] = growth.exponent(growth.entries[:, n - 1])
        for name, values in test.items():
            metrics[f"{name}_{n}_over_2"] = values[n - 1] / values[1]
    return Result(
        metrics=metrics,
        figures={"perplexity": draw_perplexity(test), "sparsity_and_storage": draw_storage(unseen, growth)},
        data=corpus.describe()
        | {"words": int(growth.words[-1]), "vocabulary": len(vocabulary), "best_on_validation": winner},
        baselines=[unigrams(np.concatenate(texts["train"]), np.concatenate(texts["test"]))],
        tables=[
            perplexity_table(test, chosen, unseen),
            storage_table(growth),
            next_word_table(counts, chosen["kneser_ney"], vocabulary, texts["test"]),
        ],
        claims_apply=config.order >= Config.order,  # they name its n-grams
    )


def title(name: str) -> str:
    return {"add_k": "add-k", "jelinek_mercer": "Jelinek-Mercer"}.get(name, name.title().replace("_", "-"))


def setting(way: Smoothing) -> str:
    if isinstance(way, AddK):
        return f" (k {way.k:.2g})"
    if isinstance(way, JelinekMercer):
        return f" (weight {way.weights[-1]:g})"
    return f" (discount {way.discount:g})" if isinstance(way, KneserNey) else ""


def perplexity_table(test: Mapping, chosen: Mapping, unseen: np.ndarray) -> Table:
    rows = [
        (
            f"{n + 1}",
            f"{unseen[n]:.1%}",
            *(f"{test[name][n]:.1f}{setting(way[n])}" for name, way in chosen.items()),
        )
        for n in range(len(unseen))
    ]
    note = (
        "Settings by the validation text. Without smoothing, the unseen n-grams have probability 0, and "
        "perplexity is infinite wherever there is one."
    )
    return Table("Perplexity of the test text", ("n", "unseen", *map(title, test)), rows, note)


def storage_table(growth: Growth) -> Table:
    rows = [
        (f"{words:,}", *(f"{count:,} ({size / 1e6:.2f} MB)" for count, size in zip(*stored, strict=True)))
        for words, *stored in zip(*growth, strict=True)
    ]
    columns = "words of training", *(f"n = {n + 1}" for n in range(growth.entries.shape[1]))
    return Table("Different n-grams, and the size of their tables", columns, rows)


def next_word_table(
    counts: NgramCounts, ways: Sequence[Smoothing], vocabulary: Vocabulary, texts: Texts, shown: int = 8
) -> Table:
    """The three most likely words after the middle of some test texts, by n."""
    starts = [text[: len(text) // 2 + 1] for text in texts if len(text) > 2 * counts.order][:shown]
    rows = []
    for *before, word in starts:
        likely = [np.argsort(-counts.distribution(before, way, n))[:3] for n, way in enumerate(ways, start=1)]
        words = [" · ".join(vocabulary.decode(ids)) for ids in likely]
        rows.append((" ".join(vocabulary.decode(before[-8:])), *vocabulary.decode([word]), *words))
    columns = "before", "next", *(f"n = {n + 1}" for n in range(len(ways)))
    return Table("What Kneser-Ney expects", columns, rows)


def draw_perplexity(test: Mapping[str, list[float]]) -> Figure:
    figure, axes = plots.new_figure("Perplexity of held-out text by smoothing", 7, 4)
    orders = range(1, len(next(iter(test.values()))) + 1)
    plots.curves(
        axes,
        {title(name): (orders, values, "o-") for name, values in test.items()},
        xlabel="n", ylabel="perplexity", yscale="log", xticks=orders,
    )  # fmt: skip
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    return figure


def draw_storage(unseen: np.ndarray, growth: Growth) -> Figure:
    figure, (shares, entries, sizes) = plots.new_figure("What n-grams cost", 12, 4, 1, 3)
    orders = range(1, len(unseen) + 1)
    shares.bar(orders, unseen, color=plots.COLORS[1])
    shares.set(
        title="unseen n-grams of held-out text", xlabel="n", ylabel="share", ylim=(0, 1), xticks=orders
    )
    ticks = {"xticks": growth.words, "xticklabels": [f"{words / 1000:.3g}k" for words in growth.words]}
    for axes, amounts, name in ((entries, growth.entries, "entries"), (sizes, growth.bytes, "bytes")):
        lines = {f"n = {n}": (growth.words, amounts[:, n - 1], "o-") for n in orders}
        style = {"xlabel": "words of training", "ylabel": name, "xscale": "log", "yscale": "log"}
        plots.curves(axes, lines, title=f"{name} stored", **style, **ticks)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
