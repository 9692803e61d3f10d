"""Names of inputs and outputs that every format and every language of an app accepts."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence

# That cannot name an argument in Python ("self" is taken by the runtimes' own callables), Kotlin or Swift.
_OTHER_LANGUAGES = """
self Any Self as associatedtype break case catch class continue default defer deinit do else enum
extension fallthrough false fileprivate for fun func guard if import in init inout interface
internal is let nil null object operator package private protocol public repeat rethrows return
static struct subscript super switch this throw throws true try typealias typeof val var when where
while
"""
RESERVED = frozenset((*keyword.kwlist, *_OTHER_LANGUAGES.split()))


def legal_name(name: str, kind: str) -> str:
    """The nearest name of ASCII letters, digits and underscores that starts with a letter and is no keyword.

    Args:
        name: Any text.
        kind: "input" or "output": what stands before a digit, and for a name of which nothing is left.
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()  # "café" -> "cafe"
    found = re.sub("[^A-Za-z0-9_]+", "_", letters).lstrip("_")
    if found != name:
        found = found.rstrip("_")
    if not found or found[0].isdigit():
        found = f"{kind}_{found}".rstrip("_")
    return f"{found}_" if found in RESERVED else found


def distinct_names(names: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """Numbers names that occur again: "lstm", "lstm_1", "lstm_2"; every other one stays as it is.

    Args:
        names: In order.
        taken: Names that none of them may have.

    Returns:
        As many names, all different.
    """
    found: list[str] = []
    for name in names:
        count, free = 0, name
        while free in found or free in taken or (count and free in names):
            count += 1
            free = f"{name}_{count}"
        found.append(free)
    return found
