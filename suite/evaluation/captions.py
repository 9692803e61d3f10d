"""How close written sentences are to those of people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from suite.evaluation import plots
from suite.evaluation.baselines import Baseline
from suite.evaluation.table import Table
from suite.language.encoder_decoder import EncoderDecoder
from suite.language.vocabulary import tokenize

Tokens = Sequence[str]
SEARCHED = 60  # validation pictures that choose the length power


def bleu(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], order: int = 4, added: int = 0
) -> float:
    """BLEU of a corpus: how many of the candidates' n-grams stand in their references.

        precision_n = sum of min(count, largest count in a reference) / sum of count
        bleu = min(1, exp(1 - reference length / candidate length)) * geometric mean of precision_1..order

    All sums run over the whole corpus; the reference length is that of the closest reference to each
    candidate, the shorter of two.

    Args:
        candidates: n sentences.
        references: For each, one sentence or more that would be right.
        order: Largest n.
        added: To both sums of every n above 1. 0, as published, for a corpus; 1 for a single sentence, which
            would otherwise have 0 where no 4-gram is right (Lin, Och, 2004).

    Returns:
        A number in [0, 1]; 0 where a sum of right ones is 0.

    Raises:
        ValueError: No candidates, one without references, or not as many of each.

    Reference:
        Papineni, Roukos, Ward, Zhu (2002), BLEU: a method for automatic evaluation of machine translation.
    """
    if not candidates or len(candidates) != len(references) or not all(references):
        raise ValueError(
            f"expected candidates with references for each, received {len(candidates)} candidates and "
            f"{sum(map(bool, references))} with references"
        )
    right, total = np.zeros(order), np.zeros(order)
    written = wanted = 0
    for candidate, valid in zip(candidates, references, strict=True):
        for n in range(1, order + 1):
            counts = _ngrams(candidate, n)
            allowed: Counter[tuple[Any, ...]] = Counter()
            for reference in valid:
                allowed |= _ngrams(reference, n)
            right[n - 1] += (counts & allowed).total()
            total[n - 1] += counts.total()
        written += len(candidate)
        wanted += min(map(len, valid), key=lambda length: (abs(length - len(candidate)), length))
    right[1:] += added
    total[1:] += added
    if not right.all():
        return 0.0
    brevity = min(1.0, float(np.exp(1 - wanted / written)))
    return brevity * float(np.exp(np.log(right / total).mean()))


def _ngrams(tokens: Tokens, n: int) -> Counter[tuple[Any, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def exact_match(candidates: Sequence[Any], expected: Sequence[Any]) -> float:
    """The share of the candidates that are what is expected, in [0, 1].

    Raises:
        ValueError: There is none, or not as many of each.
    """
    if not candidates:
        raise ValueError("expected at least one candidate, received none")
    return float(np.mean([one == other for one, other in zip(candidates, expected, strict=True)]))


def caption_scores(captions: Sequence[str], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """BLEU-1 to 4 of a corpus, and the share of the sentences that are exactly one of their references.

    Args:
        captions: n sentences, tokens with blanks between.
        references: For each, the tokens of one sentence or more.

    Returns:
        "bleu_1" to "bleu_4" and "exact_match", each in [0, 1].
    """
    tokens = list(map(tokenize, captions))
    scores = {f"bleu_{order}": bleu(tokens, references, order) for order in (1, 2, 3, 4)}
    matches = [one in map(list, valid) for one, valid in zip(tokens, references, strict=True)]
    return scores | {"exact_match": float(np.mean(matches))}


def choose_length_power(
    pair: EncoderDecoder,
    images: Mapping[str, np.ndarray],
    references: Mapping[str, Sequence[Sequence[Tokens]]],
    width: int,
    length: int,
) -> Table:
    """Chooses how much a pair's beam search favors long captions, by BLEU-4 of some validation pictures.

    Args:
        pair: Gets the power.
        images: By part, what its encoder takes as "image".
        references: By part, the tokens of one sentence or more for each picture.
        width: Of the beam search.
        length: Of the beam search.

    Returns:
        The scores, for the report.
    """
    some, valid = images["validation"][:SEARCHED], references["validation"][:SEARCHED]
    scores = pair.choose_length_power(
        pair.encode({"image": some}), lambda texts: caption_scores(texts, valid)["bleu_4"], width, length
    )
    rows = [(f"{power:g}", f"{score:.3f}") for power, score in scores.items()]
    note = f"By validation pictures; {pair.length_power:g} is taken."
    return Table("Length power of the beam search", ("power", "BLEU-4"), rows, note)


def scores_table(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """The `caption_scores` of several decoders, by name."""
    rows = [(name, *(f"{value:.3f}" for value in row.values())) for name, row in scores.items()]
    return Table("Test pictures", ("decoder", *next(iter(scores.values()))), rows)


def constant_caption(
    known: Sequence[Tokens], references: Sequence[Sequence[Tokens]], metric: str = "test_bleu_4"
) -> Baseline:
    """The BLEU-4 of one caption for every picture: the most frequent one of training.

    Of equally frequent ones it is that whose words are the most frequent on average.

    Args:
        known: Captions of training.
        references: For each picture that is measured, the tokens of one sentence or more.
        metric: The model's BLEU-4.
    """
    captions, words = Counter(map(tuple, known)), Counter(word for text in known for word in text)

    def frequency(caption: tuple[str, ...]) -> tuple[int, float]:
        return captions[caption], sum(words[word] for word in caption) / max(1, len(caption))

    best = max(captions, key=frequency)
    return Baseline(metric, bleu([best] * len(references), references), f"always {' '.join(best)!r}")


def draw_captions(
    images: np.ndarray, captions: Sequence[str], references: Sequence[Sequence[Tokens]], shown: int = 10
) -> dict[str, Figure]:
    """Shows the pictures with the best and with the worst captions, by the BLEU of each with 1 added.

    Args:
        images: `(n, height, width, 3)` uint8.
        captions: n sentences, tokens with blanks between.
        references: For each, the tokens of one sentence or more; the first is shown where the caption is none
            of them.
        shown: Pictures of a figure.

    Returns:
        Figures "best" and "worst".
    """
    pairs = zip(captions, references, strict=True)
    order = np.argsort([bleu([tokenize(text)], [valid], added=1) for text, valid in pairs], kind="stable")
    figures = {}
    for name, rows in {"best": order[::-1][:shown], "worst": order[:shown]}.items():
        valid = [[" ".join(tokens) for tokens in references[row]] for row in rows]
        texts = [
            captions[row] if captions[row] in right else f"{captions[row]} [{right[0]}]"
            for row, right in zip(rows, valid, strict=True)
        ]
        title = f"The {name} captions [and what is right]"
        figures[name] = plots.image_grid(images[rows], texts, columns=5, title=title, max_lines=6)
    return figures


def draw_attention(image: np.ndarray, words: Sequence[str], weights: np.ndarray) -> Figure:
    """Draws where a decoder looks as it writes each word: the picture, dark where it does not.

    Args:
        image: `(height, width, channels)` uint8.
        words: n words of a caption.
        weights: `(steps, rows, columns)` >= 0, steps of at least n; rows and columns divide the picture.

    Returns:
        A picture a word.
    """
    light = weights[: len(words)]
    light = light / np.maximum(light.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    cell = [1, *(size // count for size, count in zip(image.shape, weights.shape[1:], strict=False))]
    light = np.kron(light, np.ones(cell))[..., None]
    lit = (image * (0.3 + 0.7 * light)).astype(np.uint8)
    return plots.image_grid(lit, words, columns=5, title="Where the decoder looks")
