"""Translations that take no network: word by word, and that of the most similar known text."""

from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

Tokens = Sequence[str]


class WordTable:
    """How probable each target word is for each source word: IBM's model 1, without the empty word.

        counts(t, s) = sum over pairs of p(t given s) / sum of p(t given s') over the pair's source words s'
        p(t given s) = counts(t, s) / sum of counts(t', s) over t'

    Args:
        pairs: Tokens of a source and of its translation; a word that comes twice counts twice.
        rounds: Of expectation and maximization, from equal probabilities.

    Reference:
        Brown, Della Pietra, Della Pietra, Mercer (1993), The mathematics of statistical machine translation.
    """

    def __init__(self, pairs: Sequence[tuple[Tokens, Tokens]], rounds: int = 5):
        self._sources = {word: index for index, word in enumerate(_different(source for source, _ in pairs))}
        self._targets = _different(target for _, target in pairs)
        ids = {word: index for index, word in enumerate(self._targets)}
        links: list[tuple[int, int]] = []
        slots: list[int] = []
        # (target word, source word) and the occurrence of the target that it explains
        occurrence = 0
        for source, target in pairs:
            for word in target:
                links += [(ids[word], self._sources[each]) for each in source]
                slots += [occurrence] * len(source)
                occurrence += 1
        cells = np.array(links, np.int64).reshape(-1, 2)
        width = max(1, len(self._sources))
        places, which = np.unique(cells[:, 0] * width + cells[:, 1], return_inverse=True)
        target_of, source_of = places // width, places % width
        p = np.full(len(places), 1.0)
        for _ in range(rounds):
            shares = p[which]
            totals = np.bincount(slots, shares, occurrence)
            counts = np.bincount(which, shares / totals[slots], len(places)) if len(slots) else p
            p = counts / np.bincount(source_of, counts, width)[source_of]
        self._table = scipy.sparse.csr_matrix(
            (p, (source_of, target_of)), (width, max(1, len(self._targets)))
        )

    def probability(self, target: str, source: str) -> float:
        """p(target given source); 0 where they never stood in one pair."""
        if source not in self._sources or target not in self._targets:
            return 0.0
        return float(self._table[self._sources[source], self._targets.index(target)])

    def translate(self, source: Tokens) -> list[str]:
        """The most probable word for each, in the order of the source; unknown words stay as they are."""
        return [self._best(word) for word in source]

    def _best(self, word: str) -> str:
        if word not in self._sources:
            return word
        row = self._table[[self._sources[word]]]
        return self._targets[row.indices[row.data.argmax()]] if row.nnz else word


def nearest_translations(
    known: Sequence[tuple[Tokens, Tokens]], sources: Sequence[Tokens]
) -> list[Sequence[str]]:
    """The translation of the most similar known source, by the cosine of TF-IDF.

    Args:
        known: Tokens of a source and of its translation.
        sources: Tokens of the texts to translate.
    """
    weigh = TfidfVectorizer(analyzer=lambda tokens: tokens, sublinear_tf=True)
    table = weigh.fit_transform([source for source, _ in known]).T.tocsc()
    rows = weigh.transform(sources)
    best = [(rows[[row]] @ table).toarray().argmax() for row in range(rows.shape[0])]
    return [known[index][1] for index in best]


def _different(texts: Iterable[Tokens]) -> list[str]:
    return list(dict.fromkeys(word for text in texts for word in text))
