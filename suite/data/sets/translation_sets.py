"""Pairs of a text and its translation: a generated set, and a user's file, see `read_pairs`."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.data.folders.tables import read_text
from suite.data.generated.german_english import draw_translations
from suite.data.set_aside import SetAside
from suite.data.source import Source
from suite.data.splits import SPLITS, split_rows

LEAST_SOURCES = 20  # different ones
HELD_OUT = 0.1  # of the different sources, for validation and as many for the test
MOST_HELD_OUT = 1000  # of them
MOST_SET_ASIDE = 0.5  # of the lines
_NAMES = {"source", "src", "from", "input", "text", "target", "tgt", "trg", "to", "output", "translation"}


@dataclasses.dataclass(frozen=True, eq=False)
class TranslationSet:
    """Texts with their translations, split; no source is in two parts.

    Attributes:
        sources: Per part of "train", "validation", "test": n different texts.
        targets: Per part: for each source, one translation or more that are right.
        source: Name of the set, or path of the file.
        quarantined: Each line that was set aside.
    """

    sources: Mapping[str, Sequence[str]]
    targets: Mapping[str, Sequence[tuple[str, ...]]]
    source: str
    quarantined: tuple[SetAside, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it: its name, the sources of each part, what was set aside."""
        sizes = {part: len(texts) for part, texts in self.sources.items()}
        return {"source": self.source, **sizes, "quarantined": list(self.quarantined)}

    def pairs(self, part: str) -> list[tuple[str, str]]:
        """Each source with each of its translations."""
        both = zip(self.sources[part], self.targets[part], strict=True)
        return [(source, target) for source, targets in both for target in targets]


def load(source: Source, seed: int, count: int, swap: bool = False) -> TranslationSet:
    """Loads what `--data` names.

    Args:
        source: A path is that of a file, see `read_pairs`; else `draw_translations`.
        seed: Of the draws and of the split.
        count: Sentences that are drawn.
        swap: Whether the second column of a file is translated into the first.

    Raises:
        ValueError: As for `read_pairs`; or `swap` without a file.
    """
    if swap and source.path is None:
        raise ValueError(f"expected --swap with a file of your own, received --data {source}; leave it out")
    return _generated(seed, count) if source.path is None else read_pairs(source.path, seed, swap)


def _generated(seed: int, count: int) -> TranslationSet:
    """Training has what one translator wrote; where it is measured, all that is right counts, that first."""
    drawn = draw_translations(count, seed)
    rows = dict(zip(SPLITS, split_rows(count, seed, (0.8, 0.05, 0.15)), strict=True))
    sources = {part: [drawn[row].german for row in rows[part]] for part in SPLITS}
    targets = {part: [drawn[row].valid for row in rows[part]] for part in SPLITS}
    targets["train"] = [valid[:1] for valid in targets["train"]]
    return TranslationSet(sources, targets, "generated sentences")


def read_pairs(path: str | os.PathLike[str], seed: int, swap: bool = False) -> TranslationSet:
    """Reads pairs from a text file: a line has a text, a TAB and its translation; what follows is left out.

    That is the form of Tatoeba's and Anki's files. Encodings: UTF-8, UTF-16, else Windows-1252. Lines without
    two texts and copies of a pair are set aside, and a first line with names or numbers of columns.

    A tenth of the different sources, at most 1,000, is for validation, and as many for the test. Sources that
    differ in nothing but capitals and blanks are one, with several translations.

    Args:
        path: The file.
        seed: Of the split.
        swap: Whether the second text of a line is the source.

    Returns:
        The set; `file` in `quarantined` is the file's name and the number of the line, from 1.

    Raises:
        ValueError: No such file, hardly a line with a TAB, or fewer than 20 different sources.
    """
    path = Path(path)
    wanted = "a text file with a TAB between each text and its translation"
    lines = read_text(path, wanted).split("\n")
    lines = lines[:-1] if not lines[-1].strip() else lines
    found: dict[str, tuple[str, dict[str, None]]] = {}  # by folded source: as first written; translations
    aside: list[SetAside] = []
    first: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines, 1):
        cells = [" ".join(cell.split()) for cell in line.split("\t")]
        source, target = (*cells, "")[:2][:: -1 if swap else 1]
        pair, reason = (source.casefold(), target), _reason(cells, number)
        if not reason and pair in first:
            reason = f"copy of line {first[pair]}"
        if reason:
            aside.append(SetAside(f"{path.name}:{number}", reason))
            continue
        first[pair] = number
        found.setdefault(source.casefold(), (source, {}))[1][target] = None
    without_pair = sum(not entry.reason.startswith("copy") for entry in aside)
    if not found or without_pair > max(1, MOST_SET_ASIDE * len(lines)):
        raise ValueError(
            f"expected {wanted}, received {str(path)!r} with {without_pair} of {len(lines)} lines without; "
            "write SOURCE, a TAB and TARGET in each line"
        )
    if len(found) < LEAST_SOURCES:
        raise ValueError(
            f"expected at least {LEAST_SOURCES} different sources in {str(path)!r}, received {len(found)}; "
            "add pairs"
        )
    return _split(list(found.values()), seed, str(path), aside)


def _split(
    pairs: Sequence[tuple[str, Mapping[str, None]]], seed: int, name: str, aside: Sequence[SetAside]
) -> TranslationSet:
    share = min(HELD_OUT, MOST_HELD_OUT / len(pairs))
    rows = dict(zip(SPLITS, split_rows(len(pairs), seed, (1 - 2 * share, share, share)), strict=True))
    sources = {part: [pairs[row][0] for row in rows[part]] for part in SPLITS}
    targets = {part: [tuple(pairs[row][1]) for row in rows[part]] for part in SPLITS}
    return TranslationSet(sources, targets, name, tuple(aside))


def _reason(cells: Sequence[str], number: int) -> str:
    """Why a line has no pair; "" where it has one."""
    if len(cells) < 2:
        return "no TAB" if cells[0] else "empty"
    if not cells[0] or not cells[1]:
        return "no source" if not cells[0] else "no target"
    if number == 1 and (tuple(cells[:2]) in (("0", "1"), ("1", "2")) or _folded(cells[:2]) <= _NAMES):
        return "names of columns"
    return ""


def _folded(cells: Sequence[str]) -> set[str]:
    return {cell.casefold() for cell in cells}
