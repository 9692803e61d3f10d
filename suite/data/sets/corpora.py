"""Running text, split by paragraphs, and names."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite import console
from suite.data.folders.tables import find_parts, one_line_ends, read_text
from suite.data.sets.tfds_images import tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS, split_rows

MINIMUM_PARAGRAPHS = 20
LONGEST_PARAGRAPH = 10_000  # characters; where there is a longer one, blank lines do not part paragraphs


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Running text, split by paragraphs, or names.

    Attributes:
        texts: Per part of "train", "validation", "test": paragraphs or names.
        source: Name of the text, or path of the file.
    """

    texts: Mapping[str, Sequence[str]]
    source: str

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it: source, and the number of texts of each part."""
        return {"source": self.source, **{part: len(texts) for part, texts in self.texts.items()}}


def load(source: Source, seed: int, *, copies: bool = False) -> Corpus:
    """Loads running text.

    Args:
        source: Embedded is Python's own documentation (465 kB of English), TFDS is tiny_shakespeare (1.1 MB),
            a path that of a text file, in UTF-8, UTF-16 or Windows-1252; or of a folder with one for each
            part, by "train", "test" and "validation" in their names.
        seed: Of the split of paragraphs, 80/10/10; tiny_shakespeare and such a folder have their own.
        copies: Whether a paragraph stays that has the words of an earlier one. Of Python's documentation
            that is more than a fifth: with them, three of ten held-out ones are in training, too.

    Returns:
        The corpus; blank lines stand between paragraphs. Where a file has too few of these, or one of more
        than 10,000 characters, its lines are taken for paragraphs, or else its sentences, and that is said.

    Raises:
        ValueError: No such file or set, or fewer than 20 paragraphs.
    """
    return source.load(
        embedded=lambda: _read_documentation(seed, copies),
        tfds={"tiny_shakespeare": lambda: _read_shakespeare(copies)},
        path=lambda path: _read_corpus(path, seed, copies),
    )


def _read_documentation(seed: int, copies: bool) -> Corpus:
    from pydoc_data.topics import topics

    texts = paragraphs("\n\n".join(topics[key] for key in sorted(topics)))
    texts = texts if copies else _without_copies({"": texts})[""]
    return Corpus(_split_texts(texts, seed, SPLITS), "Python documentation")


def _read_shakespeare(copies: bool) -> Corpus:
    builder = tfds_builder("tiny_shakespeare")
    wholes = {part: next(iter(tfds_examples(builder, part)))["text"].decode() for part in SPLITS}
    texts = {part: paragraphs(text) for part, text in wholes.items()}
    return Corpus(texts if copies else _without_copies(texts), "tiny_shakespeare")


def _read_corpus(path: Path, seed: int, copies: bool) -> Corpus:
    files = {"train": path}
    if path.is_dir():
        files = find_parts(path, (".txt", ".text", ".tokens"), "text files of the parts of a corpus")
    parts = {part: _paragraphs_of(files[part]) for part in reversed(SPLITS) if part in files}
    parts = parts if copies else _without_copies(parts)
    if len(parts["train"]) < MINIMUM_PARAGRAPHS:
        raise ValueError(
            f"expected at least {MINIMUM_PARAGRAPHS} paragraphs in {files['train']}, received "
            f"{len(parts['train'])}; put blank lines between them, or give more text"
        )
    missing = [part for part in SPLITS if part not in parts]
    return Corpus(parts | _split_texts(parts["train"], seed, ["train", *missing]), str(path))


def _split_texts(texts: Sequence[str], seed: int, parts: Sequence[str]) -> dict[str, list[str]]:
    """A tenth for each of validation and test that are asked for, the rest for training."""
    if len(parts) == 1:
        return {"train": list(texts)}
    shares = (1 - 0.1 * (len(parts) - 1), *[0.1] * (len(parts) - 1))
    rows = zip(parts, split_rows(len(texts), seed, shares), strict=True)
    return {part: [texts[row] for row in chosen] for part, chosen in rows}


def _paragraphs_of(path: Path) -> list[str]:
    """What blank lines part in a file; where that leaves too few or huge pieces, its lines or sentences."""
    text = one_line_ends(read_text(path, "a text file"))
    ways = {"paragraphs": paragraphs(text), "lines": _with_letters(text.split("\n"))}
    ways["sentences"] = _with_letters(re.split(r"(?<=[.!?…])\s+|(?<=[。！？])|\n", text))
    good = [way for way, found in ways.items() if len(found) >= MINIMUM_PARAGRAPHS]
    usual = [way for way in good if max(map(len, ways[way])) <= LONGEST_PARAGRAPH]
    way = (usual or good or ["paragraphs"])[0]
    if way != "paragraphs":
        longest = max(map(len, ways["paragraphs"]), default=0)
        console.warn(
            f"{path.name}: blank lines part it into {len(ways['paragraphs'])} paragraphs, the longest of "
            f"{longest:,} characters; its {len(ways[way]):,} {way} are taken instead"
        )
    return ways[way]


def _without_copies(parts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leaves out what has the same words, whatever their case and what is between, as something before."""
    kept: dict[str, list[str]] = {part: [] for part in parts}
    seen = set()
    for part, texts in parts.items():
        for text in texts:
            words = tuple(re.findall(r"\w+", text.lower()))
            if words not in seen:
                seen.add(words)
                kept[part].append(text)
    return kept


def load_names(seed: int) -> Corpus:
    """Loads the first and last names of the package `names`, from the census of the United States, 1990.

    Args:
        seed: Of the split, 80/10/10; every name stands in one part only.

    Returns:
        The corpus; its texts are names such as "Mary", all different.
    """
    import names

    lines = [line for path in names.FILES.values() for line in Path(path).read_text("ascii").splitlines()]
    found = sorted({line.split()[0].capitalize() for line in lines})
    rows = zip(SPLITS, split_rows(len(found), seed, (0.8, 0.1, 0.1)), strict=True)
    return Corpus({part: [found[row] for row in chosen] for part, chosen in rows}, "names")


def paragraphs(text: str) -> list[str]:
    """The parts of a text between blank lines, those without a letter left out."""
    return _with_letters(re.split(r"\n[ \t\r]*\n", text))


def _with_letters(parts: Sequence[str]) -> list[str]:
    return [part.strip() for part in parts if re.search(r"\w", part)]
