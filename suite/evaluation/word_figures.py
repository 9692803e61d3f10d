"""What one looks at of word vectors: pairs that differ in one way, and the words nearest to others."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from suite.evaluation import plots
from suite.evaluation.embeddings import WordVectors
from suite.evaluation.table import Table


def relations(vectors: WordVectors, pairs_by_relation: Mapping[str, Sequence[Sequence[str]]]) -> Figure:
    """Pairs of words in the two principal components of their vectors, a panel for each relation.

    Args:
        vectors: Of all the words.
        pairs_by_relation: Such as {"capital": [("france", "paris"), ...]}.
    """
    count = len(pairs_by_relation)
    title = "Pairs that differ in one way, in two principal components"
    figure, panels = plots.new_figure(title, 11, 4, 1, count)
    for axes, (relation, pairs) in zip(np.atleast_1d(panels), pairs_by_relation.items(), strict=True):
        rows = vectors.rows([word for pair in pairs for word in pair])
        points = PCA(2).fit_transform(vectors.unit()[rows])
        for start, end, (first, second) in zip(points[::2], points[1::2], pairs, strict=True):
            axes.plot(*np.stack([start, end]).T, color=plots.GRID, linewidth=1)
            axes.text(*start, first, fontsize=7, color=plots.COLORS[0])
            axes.text(*end, second, fontsize=7, color=plots.COLORS[1])
        axes.scatter(*points.T, s=4, color=plots.MUTED)
        axes.set(title=relation)
    return figure


def lists(vectors: WordVectors, words_by_list: Mapping[str, Sequence[str]], title: str) -> Figure:
    """Words in the two principal components of their vectors, a color for each list.

    Args:
        vectors: Of the words, and of others, which are not shown.
        words_by_list: Such as {"animals": ["cat", "barn"], ...}; words without a vector are left out.
        title: Of the figure.
    """
    figure, axes = plots.new_figure(title, 11, 8)
    known = {name: [w for w in words if w in vectors.words] for name, words in words_by_list.items()}
    points = PCA(2).fit_transform(
        vectors.unit()[vectors.rows([w for words in known.values() for w in words])]
    )
    for (name, words), color in zip(known.items(), itertools.cycle(plots.COLORS), strict=False):
        axes.scatter(*points[: len(words)].T, s=2, color=color, label=name)
        for word, point in zip(words, points, strict=False):
            axes.text(*point, word, fontsize=7, color=color, ha="center", va="bottom")
        points = points[len(words) :]
    axes.legend(frameon=False)
    return figure


def nearest_words(by_method: Mapping[str, WordVectors], shown: int = 15) -> Table:
    """The five words nearest to some frequent ones that are no function words, by method.

    Args:
        by_method: Vectors of the same words, the most frequent first.
        shown: How many words have a row.
    """
    frequent = next(iter(by_method.values())).words[:400]
    rows = [
        (word, *(", ".join(near for near, _ in each.nearest(word, 5)) for each in by_method.values()))
        for word in [word for word in frequent if len(word) > 4][:shown]
    ]
    return Table("Nearest words", ("word", *(name.replace("_", "-") for name in by_method)), rows)
