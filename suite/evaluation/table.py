"""A table as people read it, in reports and on the terminal."""

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of a page.

    Attributes:
        title: Heading.
        columns: Column names; cells under "status" are colored by their word.
        rows: Rows of as many cells, ready for people to read.
        note: What a reader has to know, in a sentence or two.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
