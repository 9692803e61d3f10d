"""Sets of texts: generated sentences, CSV files of labeled texts, running text, and names."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.data.folders.tables import find_parts, one_line_ends, read_text
from suite.data.sets.labeled_texts import TextSet, read_csv
from suite.data.sets.tfds_images import is_tfds, split_training, tfds_builder, tfds_examples
from suite.data.splits import SPLITS, split_rows

KINDS = ("plain", "negated", "contrasted", "distant")
MINIMUM_PARAGRAPHS = 20
LONGEST_PARAGRAPH = 10_000  # characters; where there is a longer one, blank lines do not part paragraphs

_SUBJECTS = (
    "film", "book", "meal", "hotel", "concert", "lecture", "game", "story", "garden", "train", "coffee",
    "play", "song", "museum", "soup", "room", "trip", "phone", "exhibition", "pizza",
)  # fmt: skip
_OPPOSITES = (
    ("good", "bad"), ("great", "awful"), ("pleasant", "unpleasant"), ("exciting", "boring"),
    ("beautiful", "ugly"), ("excellent", "terrible"), ("charming", "dreadful"), ("clever", "stupid"),
    ("delightful", "annoying"), ("superb", "poor"),
)  # fmt: skip
_OPENINGS = ("", "i think ", "honestly , ", "they say ", "for me ", "this time ")
_VERBS = ("was", "is", "seemed")
_INTENSIFIERS = ("", "really ", "very ", "quite ", "simply ")
_DISTANT = ("what i would call ", "the kind that people call ", "anything that i would describe as ")


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Running text, split by paragraphs, or names.

    Attributes:
        texts: Per part of "train", "validation", "test": paragraphs or names.
        source: Name of the text, or path of the file.
    """

    texts: Mapping[str, Sequence[str]]
    source: str

    def describe(self) -> dict:
        """What `Result.data` says of it: source, and the number of texts of each part."""
        return {"source": self.source, **{part: len(texts) for part, texts in self.texts.items()}}


def load_labeled(
    source: str, seed: int, text_column: str | None = None, label_column: str | None = None
) -> TextSet:
    """Loads what `--data` names.

    Args:
        source: "embedded" for `generate_sentences`, "tfds" for imdb_reviews (its own test part; validation is
            a tenth of its training part), else the path of a CSV file or of a folder of such; see
            `read_csv`.
        seed: Of the draws and of the split.
        text_column, label_column: Names of the columns of a file, or their numbers from 1; None: found.

    Raises:
        ValueError: As for `read_csv`; a set that cannot be had, or columns of one that is no file.
    """
    if (text_column or label_column) and source.partition(":")[0] in ("embedded", "tfds"):
        raise ValueError(
            f"expected text_column and label_column with a file of your own, received --data {source}; leave "
            "them out"
        )
    if is_tfds(source, "imdb_reviews"):
        return _read_reviews(tfds_builder("imdb_reviews"), seed)
    return (
        generate_sentences(seed)
        if source == "embedded"
        else read_csv(source, seed, text_column, label_column)
    )


def _read_reviews(builder: Any, seed: int) -> TextSet:
    texts, labels = {}, {}
    for part in ("train", "test"):
        examples = list(tfds_examples(builder, part))
        texts[part] = [each["text"].decode().replace("<br />", " ") for each in examples]
        labels[part] = np.array([int(each["label"]) for each in examples])
    rows = dict(zip(SPLITS, split_training(len(texts["train"]), seed), strict=False))
    for part in ("validation", "train"):  # the part that is cut up comes last
        texts[part] = [texts["train"][row] for row in rows[part]]
        labels[part] = labels["train"][rows[part]]
    classes = tuple(builder.info.features["label"].names)
    return TextSet(texts, labels, classes, builder.name)


def generate_sentences(seed: int, pairs: int = 3000) -> TextSet:
    """Makes short judgments with negations, in pairs: the same sentence with good and bad exchanged.

    Four kinds, of 3/8, 1/4, 1/4 and 1/8 of the pairs:
        plain: "the film was really good"
        negated: "the film was not bad": one word turns the label
        contrasted: "the film was not bad , it was good": its twin of the other label has the same words
        distant: "the film was not what i would call bad", and as many without "not"

    Args:
        seed: Of the draws and of the split, in which a pair stays together.
        pairs: Number of pairs that are drawn; copies are left out.

    Returns:
        The set, split 70/15/15, with classes "negative" and "positive".
    """
    rng = np.random.default_rng(seed)
    drawn = dict(_draw_twins(rng) for _ in range(pairs))
    twins = list(drawn.items())
    rows = dict(zip(SPLITS, split_rows(len(twins), seed), strict=True))
    texts = {part: [text for row in rows[part] for text in twins[row][0]] for part in SPLITS}
    kinds = {part: np.repeat([twins[row][1] for row in rows[part]], 2) for part in SPLITS}
    labels = {part: np.tile(np.array([1, 0], np.int64), len(rows[part])) for part in SPLITS}
    return TextSet(texts, labels, ("negative", "positive"), "generated sentences", kinds)


def _draw_twins(rng: np.random.Generator) -> tuple[tuple[str, str], str]:
    """A positive and a negative sentence, and their kind."""
    start = f"{rng.choice(_OPENINGS)}the {rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} "
    good, bad = _OPPOSITES[rng.integers(len(_OPPOSITES))]
    kind = KINDS[rng.choice(4, p=(0.375, 0.25, 0.25, 0.125))]
    before = rng.choice(_INTENSIFIERS)
    if kind == "negated":
        return (f"{start}not {bad}", f"{start}not {good}"), kind
    if kind == "contrasted":
        first = rng.random() < 0.5
        form = f"{start}not {{1}} , it was {{0}}" if first else f"{start}{{0}} , it was not {{1}}"
        return (form.format(good, bad), form.format(bad, good)), kind
    if kind == "distant":
        phrase = rng.choice(_DISTANT)
        if rng.random() < 0.5:
            return (f"{start}not {phrase}{bad}", f"{start}not {phrase}{good}"), kind
        before = phrase
    return (f"{start}{before}{good}", f"{start}{before}{bad}"), kind


def load_corpus(source: str, seed: int, *, copies: bool = False) -> Corpus:
    """Loads running text.

    Args:
        source: "embedded" for Python's own documentation (465 kB of English), "tfds" for tiny_shakespeare
            (1.1 MB), or the path of a text file, in UTF-8, UTF-16 or Windows-1252; or of a folder with one
            for each part, by "train", "test" and "validation" in their names.
        seed: Of the split of paragraphs, 80/10/10; tiny_shakespeare and such a folder have their own.
        copies: Whether a paragraph stays that has the words of an earlier one. Of Python's documentation
            that is more than a fifth: with them, three of ten held-out ones are in training, too.

    Returns:
        The corpus; blank lines stand between paragraphs. Where a file has too few of these, or one of more
        than 10,000 characters, its lines are taken for paragraphs, or else its sentences, and that is said.

    Raises:
        ValueError: No such file or set, or fewer than 20 paragraphs.
    """
    if is_tfds(source, "tiny_shakespeare"):
        builder = tfds_builder("tiny_shakespeare")
        wholes = {part: next(iter(tfds_examples(builder, part)))["text"].decode() for part in SPLITS}
        texts = {part: paragraphs(text) for part, text in wholes.items()}
        return Corpus(texts if copies else _without_copies(texts), "tiny_shakespeare")
    if source == "embedded":
        from pydoc_data.topics import topics

        found, name = paragraphs("\n\n".join(topics[key] for key in sorted(topics))), "Python documentation"
    else:
        return _read_corpus(Path(source), seed, copies)
    found = found if copies else _without_copies({"": found})[""]
    return Corpus(_split_texts(found, seed, SPLITS), name)


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
