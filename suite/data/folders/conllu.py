"""CoNLL-U, the format of Universal Dependencies: sentences with a tag for each word."""

from pathlib import Path

from suite.data.folders.tables import read_text
from suite.data.set_aside import SetAside

_COLUMNS = 10  # of a line: ID, FORM, LEMMA, UPOS and six more


def read_sentences(path: Path) -> tuple[list[list[tuple[str, str]]], list[SetAside]]:
    """Reads a CoNLL-U file, in the encodings of `read_text`.

    A line a word, with ten columns between tabs, of which FORM (the second) and UPOS (the fourth) are read;
    a blank line after each sentence; comments begin with "#". Contractions ("1-2") and words that are not
    there ("1.1") are passed over. A sentence with a line that is none of these is set aside as a whole.

    Args:
        path: The file.

    Returns:
        Sentences, pairs of a word and its tag each; and the bad lines, "NAME:LINE", from 1.

    Raises:
        ValueError: It is no file of text.

    Reference:
        https://universaldependencies.org/format.html
    """
    aside = []
    sentences: list[list[tuple[str, str]]] = []
    pairs: list[tuple[str, str]] = []
    is_bad = False
    for number, line in enumerate([*read_text(path, "a CoNLL-U file").split("\n"), ""], 1):
        if not line.strip():
            if pairs and not is_bad:
                sentences.append(pairs)
            pairs, is_bad = [], False
        elif not line.startswith("#"):
            pair, reason = _read_word(line)
            if reason:
                aside.append(SetAside(f"{path.name}:{number}", f"{reason}; its sentence is left out"))
                is_bad = True
            elif pair:
                pairs.append(pair)
    return sentences, aside


def _read_word(line: str) -> tuple[tuple[str, str] | None, str | None]:
    """The word and its tag, or None where the line is to be passed over; and what is wrong, if anything."""
    cells = line.split("\t")
    if len(cells) != _COLUMNS:
        return None, f"{len(cells)} columns, not {_COLUMNS} between tabs"
    index, word, _, tag = (cell.strip() for cell in cells[:4])
    if not index.replace("-", "", 1).replace(".", "", 1).isdecimal():
        return None, f"the ID {index!r}, which is no number"
    if not index.isdecimal():
        return None, None
    if not word:
        return None, "no word"
    if tag in ("", "_"):
        return None, f"no tag for {word!r}"
    return (word, tag), None
