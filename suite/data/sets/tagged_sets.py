"""Sentences with a tag for each word: a generated grammar, CoNLL-U files, the English Web Treebank."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders.conllu import read_sentences
from suite.data.folders.tables import find_parts, part_named
from suite.data.generated.grammar import draw_sentences
from suite.data.set_aside import SetAside
from suite.data.sets.tfds_images import tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS, split_rows

MINIMUM_SENTENCES = 20
TREEBANK = "universal_dependencies/en_ewt"


@dataclasses.dataclass(frozen=True, eq=False)
class TaggedSet:
    """Sentences with a tag for each word, split.

    Attributes:
        words: Per part of "train", "validation", "test": n tuples of words, as written.
        labels: Per part: n arrays `(words,)` int64 in [0, number of tags).
        tags: Tag names by label.
        source: Name of the set, or path of the file.
        quarantined: Each line that was set aside.
    """

    words: Mapping[str, Sequence[tuple[str, ...]]]
    labels: Mapping[str, Sequence[np.ndarray]]
    tags: tuple[str, ...]
    source: str
    quarantined: tuple[SetAside, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it: source, tags, the sentences of each part, what was set aside."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        aside = list(self.quarantined)
        return {"source": self.source, "classes": list(self.tags), **sizes, "quarantined": aside}


def load(source: Source, seed: int) -> TaggedSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is `generate_tagged`, TFDS is the English Web Treebank of Universal Dependencies with
            its own split, a path that of a CoNLL-U file or of a treebank's folder; see `read_conllu`.
        seed: Of the draws and of the split.

    Raises:
        ValueError: No such file or set, or too few sentences.
    """
    return source.load(
        embedded=lambda: generate_tagged(seed),
        tfds={TREEBANK: _read_treebank},
        path=lambda path: read_conllu(path, seed),
    )


def _make_set(
    sentences: Mapping[str, Sequence[Sequence[tuple[str, str]]]], source: str, aside: Sequence[SetAside] = ()
) -> TaggedSet:
    """Of pairs of a word and its tag; the tags are those of all parts, in alphabetical order."""
    tags = tuple(sorted({tag for part in sentences.values() for pairs in part for _, tag in pairs}))
    index = {tag: label for label, tag in enumerate(tags)}
    return TaggedSet(
        {part: [tuple(word for word, _ in pairs) for pairs in each] for part, each in sentences.items()},
        {
            part: [np.array([index[tag] for _, tag in pairs], np.int64) for pairs in each]
            for part, each in sentences.items()
        },
        tags,
        source,
        tuple(aside),
    )


def generate_tagged(seed: int, sentences: int = 4000) -> TaggedSet:
    """Makes sentences of a small grammar, see `draw_sentences`.

    Args:
        seed: Of the draws and of the split.
        sentences: How many are drawn; copies are left out.

    Returns:
        The set, split 70/15/15.
    """
    drawn = draw_sentences(sentences, seed)
    rows = zip(SPLITS, split_rows(len(drawn), seed), strict=True)
    return _make_set({part: [drawn[row] for row in chosen] for part, chosen in rows}, "generated grammar")


def _read_treebank() -> TaggedSet:
    builder = tfds_builder(TREEBANK)
    names = builder.info.features["upos"].feature.names
    sentences = {}
    for part, split in zip(SPLITS, ("train", "dev", "test"), strict=True):
        examples = tfds_examples(builder, split, features=("tokens", "upos"))
        every = [
            [
                (word.decode(), names[tag])
                for word, tag in zip(example["tokens"], example["upos"], strict=True)
                if names[tag] != "_"  # a contraction, whose parts follow
            ]
            for example in examples
        ]
        sentences[part] = [pairs for pairs in every if pairs]
    return _make_set(sentences, TREEBANK)


def read_conllu(path: str | os.PathLike[str], seed: int) -> TaggedSet:
    """Reads a file in the CoNLL-U format, as `read_sentences` does, or a treebank's folder.

    A file is split 80/10/10. In a folder, files with "train", "dev" and "test" in their names are the parts;
    what is missing is split off the training file, a tenth each.

    Args:
        path: The file or the folder.
        seed: Of the split.

    Returns:
        The set; `file` in `quarantined` is the file's name and the number of the bad line, from 1.

    Raises:
        ValueError: No such file, fewer than 20 sentences without a fault, or fewer than 2 tags.
    """
    path = Path(path)
    files = {"train": path}
    if path.is_dir():
        files = find_parts(path, (".conllu", ".conll"), "CoNLL-U files of a treebank")
    elif path.is_file():
        _say_of_other_parts(path)
    read = {part: read_sentences(file) for part, file in files.items()}
    parts = {part: sentences for part, (sentences, _) in read.items()}
    aside = [entry for _, entries in read.values() for entry in entries]
    sentences = parts["train"]
    if len(sentences) < MINIMUM_SENTENCES:
        bad = f"; {len(aside)} lines are wrong, first {aside[0].file}: {aside[0].reason}" if aside else ""
        raise ValueError(
            f"expected at least {MINIMUM_SENTENCES} sentences in {files['train']}, received "
            f"{len(sentences)}{bad}; add some, with a blank line after each"
        )
    missing = [part for part in SPLITS if not parts.get(part)]
    if missing:
        shares = (1 - 0.1 * len(missing), *[0.1] * len(missing))
        rows = zip(["train", *missing], split_rows(len(sentences), seed, shares), strict=True)
        parts |= {part: [sentences[row] for row in chosen] for part, chosen in rows}
    found = _make_set({part: parts[part] for part in SPLITS}, str(path), aside)
    if len(found.tags) < 2:
        raise ValueError(
            f"expected at least 2 tags in the fourth column of {path}, received {found.tags[0]!r} alone"
        )
    return found


def _say_of_other_parts(path: Path) -> None:
    """A training file alone is split anew, though its owner has split already."""
    siblings = [each.name for each in path.parent.glob(f"*{path.suffix}") if each != path]
    others = sorted(name for name in siblings if part_named(name))
    if part_named(path.name) == "train" and others:
        console.warn(f"{path.name} is split anew; give its folder to keep {', '.join(others)} as they are")
