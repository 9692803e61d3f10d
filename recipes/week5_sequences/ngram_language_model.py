# %% [markdown]
# # Guess the next word by counting
#
# A language model says how likely each word is to come next. Counting which words followed the last few is
# the oldest way to get one, and it shows what every later one has to be better at.
#
# *Week 5, "Motivation for recurrent layers". Takes 6 s on one CPU core. `suite run ngram_language_model
# [--data tfds | --data FILE.txt]`*
#
# ## Why guess the next word
#
# A keyboard that suggests words, a recognizer of speech that hesitates between "recognize speech" and
# "wreck a nice beach", a translator that has two orders of words to choose from: each asks how likely a
# sequence of words is. Any sequence is a chain of next words,
#
#     p(w1 w2 w3 ...) = p(w1) * p(w2 | w1) * p(w3 | w1 w2) * ...
#
# so a model of the next word answers all of them, and a text that nobody labeled teaches it.
#
# ## The method
#
# An **n-gram** is n words in a row. Cut the past to its last n - 1 words, its *context*, and count:
#
#     p(w | context) = count(context w) / count(context)
#
# (The notes compare with "the frequency of each word": it is that of the whole context.) From *the cat sat*,
# *the cat ran* and *the dog sat*, with pairs: *the* was followed three times, twice by *cat*, so
# p(cat | the) = 2/3. And p(ran | dog) = 0, though dogs run. One such 0 and the whole text is impossible.
# **Smoothing** gives what never occurred a share:
#
# * *add-k*: pretend that every word followed every context k more times than it did;
# * *interpolation* (Jelinek-Mercer): mix with the shorter context, by a fixed weight for each n;
# * *Witten-Bell*: the weight depends on how many different words followed the context;
# * *Kneser-Ney*: take a discount off every count and give what was taken to the shorter context, in which
#   words are counted once for each *different* word before them. "Francisco" is frequent, but only after
#   "San".
#
# By hand, Kneser-Ney with a discount of 1/2. *dog* was followed once, by one word, so half of its mass goes
# to the shorter context. There *the*, *cat*, *dog*, *sat*, *ran* have been preceded by 1, 1, 1, 2, 1
# different words (the beginning of a text counts as one), six in all: p(ran) is (1 - 1/2) / 6 plus a share
# of 5 * (1/2) / 6 that goes to all words alike. With eight words that is 0.135, and p(ran | dog) is half of
# it.

# %%
import collections
import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure

from suite.data.sets import corpora
from suite.evaluation import plots
from suite.evaluation.baselines import unigrams
from suite.evaluation.table import Table
from suite.language.ngrams import NgramCounts, perplexity
from suite.language.smoothing import AddK, JelinekMercer, KneserNey, Smoothing, WittenBell
from suite.language.vocabulary import Vocabulary, known_ids, tokenize, unknown_share
from suite.runs.recipe import Claim, Context, Result

Words = Sequence[Hashable]
BEGIN = 0  # stands before a text


def count(texts: Iterable[Words], n: int) -> collections.Counter:
    """How often each n words occur in a row.

    >>> texts = ["the cat sat".split(), "the cat ran".split(), "the dog sat".split()]
    >>> pairs = count(texts, 2)
    >>> pairs["the", "cat"], pairs[BEGIN, "the"], pairs["dog", "ran"]
    (2, 3, 0)
    """
    padded = [(BEGIN,) * (n - 1) + tuple(text) for text in texts]
    return collections.Counter(text[i : i + n] for text in padded for i in range(len(text) - n + 1))


def kneser_ney_counts(texts: Iterable[Words], order: int) -> list[tuple[collections.Counter, ...]]:
    """For n from 1 up: n-grams, and the sum and number of different next words by context.

    The longest are counted as they occur, shorter ones by the different words before them.
    """
    ngrams, found = count(texts, order), list[tuple[collections.Counter, ...]]()
    for _ in range(order):
        totals, types = collections.Counter[Words](), collections.Counter[Words]()
        for ngram, number in ngrams.items():
            totals[ngram[:-1]] += number
            types[ngram[:-1]] += 1
        found.insert(0, (ngrams, totals, types))
        ngrams = collections.Counter(ngram[1:] for ngram in ngrams)
    return found


def kneser_ney(counts: Sequence[tuple], text: Words, discount: float, size: int) -> float:
    """How likely the last word of a text is after those before it.

    >>> counts = kneser_ney_counts(["the cat sat".split(), "the cat ran".split(), "the dog sat".split()], 2)
    >>> round(kneser_ney(counts, ["the", "dog", "ran"], discount=0.5, size=8), 4)
    0.0677
    """
    text, p = (BEGIN,) * len(counts) + tuple(text), 1 / size
    for n, (ngrams, totals, types) in enumerate(counts, start=1):
        ngram, context = text[-n:], text[-n:][:-1]
        if totals[context]:
            p = (max(ngrams[ngram] - discount, 0) + discount * types[context] * p) / totals[context]
    return p


# %% [markdown]
# `suite.language` does the same with sorted arrays, for all words of a text at once and for each kind of
# smoothing. The tests hold it against `nltk.lm`; here the function above has to give its numbers.
#
# ## Data: Python's own documentation, or Shakespeare
#
# What ships with Python is 74,000 words of English with much that repeats itself; we drop paragraphs that
# occur twice, and what is left still lets long n-grams look better than they are. Shakespeare (`--data tfds`)
# is the fairer test: 227,000 words. Words seen once in training become one *unknown* word.
#
# ## How well does each smoothing do?
#
# We measure **perplexity**, as if one had to choose among so many equally likely words. Every setting, k,
# weights and discount, is chosen on validation text for each n, and each method may use its best n.


# %%
Texts = Sequence[np.ndarray]  # ids of each text


def choose(counts: NgramCounts, held_out: Texts) -> dict[str, list[Smoothing]]:
    """Of each method, the settings for each n, from 1 up, with the lowest perplexity."""
    orders = range(1, counts.order + 1)
    added = [AddK(10 ** (-step / 2)) for step in range(10)]
    mixed, weights = list[Smoothing](), tuple[float, ...]()
    for n in orders:  # the weights of shorter contexts stay as they were chosen
        tried = [JelinekMercer((*weights, step / 20)) for step in range(1, 20)]
        weights = counts.best(tried, held_out, n).weights
        mixed.append(JelinekMercer(weights))
    return {
        "add_k": [counts.best(added, held_out, n) for n in orders],
        "jelinek_mercer": mixed,
        "witten_bell": [WittenBell() for n in orders],
        "kneser_ney": [counts.best(map(KneserNey, np.arange(8, 20) / 20), held_out, n) for n in orders],
    }


def measure(counts: NgramCounts, ways: Sequence[Smoothing], texts: Texts) -> list[float]:
    """Perplexities, by n from 1 up."""
    return [perplexity(counts.log_probabilities(texts, way, n)) for n, way in enumerate(ways, start=1)]


def sum_gap(counts: NgramCounts, ways: Mapping[str, Sequence[Smoothing]], texts: Texts) -> float:
    """How far from 1 the probabilities of all words add up, at worst, after the beginnings of some texts."""
    longest = [found[-1] for found in ways.values()]
    sums = [counts.distribution(text[:10], way).sum() for way in longest for text in texts[:10]]
    return float(np.abs(np.array(sums) - 1).max())


def reference_gap(counts: NgramCounts, train: Texts, texts: Texts) -> float:
    """Of probabilities by hand and by the suite, relative; after the beginnings of some texts."""
    n, way = min(3, counts.order), KneserNey(0.75)
    by_hand = kneser_ney_counts([text.tolist() for text in train], n)
    starts = [text[:10].tolist() for text in texts if len(text) > 1][:10]
    ours = [kneser_ney(by_hand, start, way.discount, counts.size) for start in starts]
    theirs = [counts.distribution(start[:-1], way, n)[start[-1]] for start in starts]
    return float(np.abs(np.divide(ours, theirs) - 1).max())


# %% [markdown]
# ## What long n-grams cost
#
# Two bills grow with n. *Sparsity*: a longer n-gram is a rarer one, and most of those in a new text never
# occurred. *Storage*: every n-gram that did occur has a row. We count both, the second also on halves,
# quarters and so on of the training text: an exponent of 1 means that twice the text stores twice as much.

# %%
SHARES = tuple(0.5**halvings for halvings in range(5, -1, -1))  # of the training text


def stored(texts: Texts, order: int, size: int) -> np.ndarray:
    """Of ever larger parts of a corpus: words, n-grams of each n, bytes, `(parts, order + 2)`."""
    rows = []
    for share in SHARES:
        part = texts[: max(1, round(share * len(texts)))]
        counts = NgramCounts(part, order, size)
        rows.append((sum(map(len, part)), *counts.entries(), counts.bytes().sum()))
    return np.array(rows)


# %% [markdown]
# ## How long should the context be?
#
# "As the proctor started the clock, the students opened their ..." The last three words, *students opened
# their*, say "books". Eight words back there is a proctor, so it is "exam". Then why not take n = 9?
#
# We write such sentences, half of them with a proctor and an exam, half with a teacher and books. In one
# set all words between are always the same. In the other each of four places has twenty words to choose
# from, as real sentences do: 160,000 ways to say it. A model with a window of five and one that reaches
# back to the hint choose between the two endings.

# %%
HINTS = {"proctor": "exam", "teacher": "books"}


def sentences(number: int, choices: int, rng: np.random.Generator) -> list[list[str]]:
    found = []
    for hint in rng.choice(list(HINTS), number):
        a, b, c, d = (f"{place}{rng.integers(choices)}" for place in "abcd")
        found.append(f"{hint} started the {a} {b} the {c} students {d} opened their {HINTS[hint]}".split())
    return found


def right_endings(order: int, choices: int, rng: np.random.Generator) -> float:
    """Share of new sentences of which the right ending is the likelier one."""
    counts, new = kneser_ney_counts(sentences(2000, choices, rng), order), sentences(400, choices, rng)
    endings = np.array(list(HINTS.values()))
    likely = [[kneser_ney(counts, [*text[:-1], end], 0.75, size=100) for end in endings] for text in new]
    return float(np.mean(endings[np.argmax(likely, axis=1)] == [text[-1] for text in new]))


# %% The figures
def draw(test: Mapping[str, list[float]], unseen: np.ndarray, kept: np.ndarray) -> tuple[Figure, Figure]:
    orders, words = np.arange(1, len(unseen) + 1), kept[:, 0]
    figure, axes = plots.new_figure("Perplexity of held-out text", 7, 4)
    lines = {name.title().replace("_", "-"): (orders, values, "o-") for name, values in test.items()}
    plots.curves(axes, lines, xlabel="n", ylabel="perplexity", yscale="log", xticks=orders)
    costs, (shares, ngrams) = plots.new_figure("What n-grams cost", 10, 4, 1, 2)
    shares.bar(orders, unseen, color=plots.COLORS[1])
    shares.set(title="never seen in training", xlabel="n", ylabel="share", ylim=(0, 1), xticks=orders)
    counts = {f"n = {n}": (words, kept[:, n], "o-") for n in orders}
    style = {"title": "different n-grams", "xlabel": "words of training", "xscale": "log", "yscale": "log"}
    plots.curves(ngrams, counts, **style, xticks=words, xticklabels=[f"{each / 1000:.3g}k" for each in words])
    return figure, costs


def expectations(
    counts: NgramCounts, ways: Sequence[Smoothing], vocabulary: Vocabulary, texts: Texts
) -> Table:
    """The three most likely words after the first half of some texts, by n."""
    rows = []
    for *before, word in [text[: len(text) // 2 + 1] for text in texts if len(text) > 10][:8]:
        likely = [np.argsort(-counts.distribution(before, way, n))[:3] for n, way in enumerate(ways, 1)]
        words = [" · ".join(vocabulary.decode(ids)) for ids in likely]
        rows.append((" ".join(vocabulary.decode(before[-8:])), *vocabulary.decode([word]), *words))
    columns = "before", "next", *(f"n = {n}" for n in range(1, counts.order + 1))
    return Table("What Kneser-Ney expects", columns, rows)


# %% [markdown]
# ## Run it
#
# There is nothing to train and no model to export: a table of counts is not a network.
# [window_language_model](window_language_model.md) exports the first of those.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    order: Annotated[int, "largest n"] = 7
    min_count: Annotated[int, "of a word in training; the rarer ones are one unknown word"] = 2


SMOKE = Config(min_count=5)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    corpus = corpora.load(context.source, context.seed)
    tokens = {part: [tokenize(text) for text in texts] for part, texts in corpus.texts.items()}
    vocabulary = Vocabulary.fit(tokens["train"], min_count=config.min_count)
    texts = known_ids(vocabulary, tokens, context.source)

    counts = NgramCounts(texts["train"], config.order, len(vocabulary))
    chosen = choose(counts, texts["validation"])
    validation = {name: measure(counts, ways, texts["validation"]) for name, ways in chosen.items()}
    winner = min(validation, key=lambda name: min(validation[name]))
    test = {name: measure(counts, ways, texts["test"]) for name, ways in chosen.items()}
    best = {name: values[np.argmin(validation[name])] for name, values in test.items()}
    unseen, kept = counts.unseen(texts["test"]), stored(texts["train"], config.order, len(vocabulary))
    perplexities, costs = draw(test, unseen, kept)
    growth = np.polyfit(np.log(kept[:, 0]), np.log(kept[:, 1:]), 1)[0]  # e of entries ~ words**e

    metrics = {
        "test_perplexity": best[winner],
        **{f"test_perplexity_{name}": value for name, value in best.items()},
        "test_unknown_share": unknown_share(texts["test"]),
        "kneser_ney_over_add_k": best["kneser_ney"] / best["add_k"],
        "kneser_ney_over_jelinek_mercer": best["kneser_ney"] / best["jelinek_mercer"],
        "growth_bytes": growth[-1],
        "short_window_right": right_endings(5, choices=1, rng=rng),
        "long_window_right": right_endings(13, choices=1, rng=rng),
        "long_window_right_varied": right_endings(13, choices=20, rng=rng),
        "sum_gap": sum_gap(counts, chosen, texts["test"]),
        "reference_gap": reference_gap(counts, texts["train"], texts["test"]),
    }
    for n in range(1, config.order + 1):
        metrics |= {f"test_unseen_share_{n}": unseen[n - 1], f"growth_{n}": growth[n - 1]}
        metrics[f"entries_{n}_over_1"] = kept[-1, n] / kept[-1, 1]
        for name, found in test.items():
            metrics |= {
                f"{name}_{n}_over_{less}": found[n - 1] / found[less - 1] for less in (2, 5) if less < n
            }
    return Result(
        metrics=metrics,
        figures={"perplexity": perplexities, "costs": costs},
        data=corpus.describe()
        | {"words": int(kept[-1, 0]), "vocabulary": len(vocabulary), "best_on_validation": winner},
        baselines=[unigrams(np.concatenate(texts["train"]), np.concatenate(texts["test"]))],
        tables=[expectations(counts, chosen["kneser_ney"], vocabulary, texts["test"])],
        claims_apply=config.order >= Config.order,  # they name its n-grams
    )


# %% [markdown]
# ## What was measured
#
# ![Perplexity by n, of four kinds of smoothing, on a logarithmic axis](figures/perplexity.png)
#
# Add-k is at its best with pairs: with longer contexts it spreads most of its mass over words that nobody
# would say there. The three that fall back on shorter contexts gain most until n is 3 or 4. Then Witten-Bell
# turns up again, and Kneser-Ney gains a few percent more: a longer context that has not been seen changes
# next to nothing, and the words that one helps which has been seen are few.
#
# The notes say that one does not take n larger than 5 because sparsity gets worse. It does, and what comes
# of that depends on the smoothing: with a good one a larger n costs memory, not quality. It brings hardly
# anything either.
#
# ![Share of unseen n-grams of held-out text; different n-grams over words of training](figures/costs.png)
#
# Words level off as a text goes on: new ones become rare. Long n-grams do not: most words of a new text
# make a new one.

# %%
CLAIMS = (
    Claim(
        "sum_gap",
        at_most=1e-10,
        says="All words' probabilities add up to 1, with every kind of smoothing.",
        lecture="To compute the probabilities",
    ),
    Claim("reference_gap", at_most=1e-9, says="The function above gives the numbers of suite.language."),
    Claim(
        "test_unseen_share_2",
        at_most=0.25,
        data="embedded",
        says="Of the pairs of a new text at most a quarter are new,",
    ),
    Claim(
        "test_unseen_share_5",
        at_least=0.5,
        data="embedded",
        says="while half of its 5-grams and more never occurred in training.",
        lecture="Sparsity Problems",
    ),
    Claim("test_unseen_share_5", at_least=0.85, data="tfds", says="Of Shakespeare, even 85 %."),
    Claim(
        "entries_5_over_1",
        at_least=15,
        data="embedded",
        says="There are fifteen times as many 5-grams to store as words, and more.",
        lecture="Storage problems",
    ),
    Claim("growth_1", at_most=0.6, data="embedded", says="With the text, words grow slowly,"),
    Claim("growth_5", at_least=0.85, data="embedded", says="5-grams almost in proportion,"),
    Claim("growth_bytes", at_least=0.75, data="embedded", says="and so does what all tables take."),
    Claim(
        "add_k_5_over_2",
        at_least=3,
        data="embedded",
        says="With add-k, 5-grams are at least three times as perplexed as pairs.",
    ),
    Claim(
        "kneser_ney_5_over_2",
        at_most=0.75,
        data="embedded",
        says="With Kneser-Ney they are better by a quarter.",
    ),
    Claim(
        "add_k_7_over_5",
        at_least=1.25,
        data="embedded",
        says="Beyond 5, add-k gets worse still,",
        lecture="In practice you don't usually have n bigger than 5",
    ),
    Claim("witten_bell_7_over_5", at_least=1.02, data="embedded", says="Witten-Bell gets worse,"),
    Claim(
        "kneser_ney_7_over_5",
        at_least=0.95,
        at_most=1.02,
        data="embedded",
        says="and Kneser-Ney hardly better;",
    ),
    Claim("kneser_ney_7_over_5", at_least=0.98, at_most=1.02, data="tfds", says="of Shakespeare not at all."),
    Claim(
        "kneser_ney_over_add_k",
        at_most=0.6,
        data="embedded",
        says="Each at its best n, Kneser-Ney has at most 0.6 times the perplexity of add-k",
    ),
    Claim(
        "kneser_ney_over_add_k",
        at_most=0.6,
        data="tfds",
        says="Of Shakespeare, Kneser-Ney has at most 0.6 times the perplexity of add-k",
    ),
    Claim(
        "kneser_ney_over_jelinek_mercer",
        at_most=0.9,
        data="embedded",
        says="and 0.9 times that of fixed weights.",
    ),
    Claim(
        "kneser_ney_over_jelinek_mercer",
        at_most=0.96,
        data="tfds",
        says="and 0.96 times that of fixed weights.",
    ),
    Claim(
        "short_window_right",
        at_most=0.6,
        says="Five words do not reach back to the proctor: exam or books is a coin flip.",
        lecture="if n had been large enough to include the proctor context",
    ),
    Claim("long_window_right", at_least=0.95, says="Thirteen do, if all words between are always the same;"),
    Claim("long_window_right_varied", at_most=0.65, says="if they vary, thirteen are of no use either."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Let rare words be words: `suite run ngram_language_model --min_count 1`. Perplexity rises. Has the
# model become worse?
#
# <details><summary>Answer</summary>
#
# `test_unseen_share_2` falls, with 0.26: pairs with rare words are new more often. Perplexity rises from 45
# to 65 (seed 0), though the model has lost nothing. It has to tell the rare words apart now, which were one
# word before and easy to guess. Perplexities compare only on the same vocabulary; a model that knows two
# words would have the best of all.
#
# </details>
#
# **2.** In `kneser_ney_counts`, let shorter n-grams be counted as they occur: `ngrams = count(texts, ...)`
# for each n. Which claim falls, and what would "Francisco" get after *dog*?
#
# <details><summary>Answer</summary>
#
# `reference_gap`: the probabilities are no longer those of Kneser-Ney. They still add up to 1, and `sum_gap`
# would not notice if they did not: it is measured on suite.language. "Francisco" would get a share for each
# time it followed "San"; counted by different words before it, it gets that of one.
#
# </details>
#
# **3.** Go further: `suite run ngram_language_model --order 9`. What do two more words of context buy?
#
# <details><summary>Answer</summary>
#
# No claim falls. Kneser-Ney goes from 44.9 to 44.8 (seed 0), while add-k goes on getting worse. What the two
# more tables take in memory bought next to nothing: of the 9-grams of a new text 88 % are new, and in the
# rest the shorter context had said the same.
#
# </details>
#
# ## To take away
#
# - A model of the next word needs no labels, and counts are one.
# - What never occurred must get a share, and how it is shared out matters more than n.
# - Long contexts hold the hints, and nearly never come again: a table cannot use that two words mean alike.
#
# *Before: [style_transfer](style_transfer.md). Next: [window_language_model](window_language_model.md), where
# words have vectors, and what was learned of one serves for its neighbors.*
