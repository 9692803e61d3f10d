"""How a text is cut into tokens. Apps cut it by the same patterns, see `patterns`."""

import unicodedata
from collections.abc import Container

import regex

# Of these scripts a word has no blank before it: their characters are tokens.
_SCRIPTS = (
    "Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer", "Myanmar", "Tai_Le",
    "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Javanese", "Balinese",
)  # fmt: skip
_UNSPACED = "".join(rf"\p{{Script={name}}}" for name in _SCRIPTS) + r"\u30fc\uff70"  # and the sound mark
# What belongs to the letter before it: vowel signs, accents, joiners, Thai and Lao AM, half-width voicing.
_MARKS = r"[\p{M}\u200c\u200d\u0e33\u0eb3\uff9e\uff9f]*"
_SPACE = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000"

_CHARACTER = rf"[{_UNSPACED}]{_MARKS}"
_LETTERS = rf"(?:(?![{_UNSPACED}])[\p{{L}}\p{{N}}_]{_MARKS})+"
_WORD = rf"{_LETTERS}(?:['’]{_LETTERS})*"
_FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
# A symbol with its variation, its skin tone, its tags, and those that are joined to it.
_SYMBOL = rf"[^{_SPACE}\u200c\u200d](?:[\p{{M}}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]|\u200d\p{{S}}?)*"

_PATTERNS = {
    "invisible": r"[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]",
    "blanks": rf"[{_SPACE}]+",
    "token": rf"{_CHARACTER}|{_WORD}|{_FLAG}|{_SYMBOL}",
    "word": rf"{_CHARACTER}|{_WORD}",
    "piece": rf" |{_CHARACTER}|{_LETTERS}|{_FLAG}|{_SYMBOL}",
    "whole": rf"(?:{_CHARACTER})+|{_WORD}|{_FLAG}|{_SYMBOL}",
}
_ESCAPES = {"javascript": r"\\u{\1}", "icu": r"\\x{\1}", "python": r"\\U000\1"}
MOST_PIECES = 16  # of a word, in `cut_like`

_INVISIBLE, _BLANKS, _TOKEN, _WORDS, _PIECE, _WHOLE = map(regex.compile, _PATTERNS.values())


def patterns(dialect: str) -> dict[str, str]:
    """The regular expressions of `tokenize` and `cut_like` by name, for other languages.

    Args:
        dialect: "javascript" with the flag u, "icu" for Kotlin and Swift, "python" for the package regex.
    """
    return {
        name: regex.sub(r"\\U000(\w{5})", _ESCAPES[dialect], pattern) for name, pattern in _PATTERNS.items()
    }


def clean(text: str) -> str:
    """A text composed (Unicode's NFC), without characters that are not seen and join or part nothing."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def fold(text: str) -> str:
    """A text as vocabularies have it: clean, and in lower case; of a dotted capital I no mark is left."""
    return clean(text).replace("İ", "i").lower()


def tokenize(text: str, *, punctuation: bool = True, lower: bool = True) -> list[str]:
    """Cuts a text into lower-case words ("don't" is one), punctuation marks, and other symbols.

    Marks and joiners belong to the letter before them, so that words of all scripts are whole; an emoji is
    one token with its skin tone and what is joined to it. Scripts without blanks between words (Chinese,
    Japanese, Thai, ...) are cut into characters, each with its marks.

    Args:
        text: Any text; see `clean`.
        punctuation: Whether the marks and symbols are tokens, too; otherwise they are left out.
        lower: Whether words are put in lower case; otherwise they stay as written.
    """
    return (_TOKEN if punctuation else _WORDS).findall(fold(text) if lower else clean(text))


def cut_like(text: str, known: Container[str]) -> list[str]:
    """Cuts a text into words such as are known, as written; what is not known is cut as by `tokenize`.

    Who learned words that somebody else had cut ("l'" and "eau", "new york", Thai words) is to be asked about
    such words. Of all ways to cut the text it takes the cheapest: a known word costs 1, an unknown token or
    run of characters 1 and its length.

    Args:
        text: Any text.
        known: Words after `fold`.
    """
    pieces = _PIECE.findall(_BLANKS.sub(" ", clean(text)).strip(" "))
    ways = [(0, 0)]  # cost of what is before each place, and where its last word begins
    for end in range(1, len(pieces) + 1):
        found = []
        for start in range(max(0, end - MOST_PIECES), end):
            word = "".join(pieces[start:end])
            if word == " ":
                found.append((ways[start][0], start))
            elif fold(word) in known:
                found.append((ways[start][0] + 1, start))
            elif _WHOLE.fullmatch(word):
                found.append((ways[start][0] + 1 + len(word), start))
        ways.append(min(found))
    words, end = [], len(pieces)
    while end:
        start = ways[end][1]
        words.append("".join(pieces[start:end]))
        end = start
    return [word for word in reversed(words) if word != " "]
