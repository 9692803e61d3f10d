"""Pairs from a file as users have it, and their split."""

import functools
import operator

import pytest

from suite.data.sets.translation_sets import read_pairs
from suite.data.splits import SPLITS


def write(folder, lines, encoding="utf-8"):
    path = folder / "pairs.tsv"
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


def test_a_file_as_tatoeba_has_it(tmp_path):
    lines = ["1\t2", "Hi.\tHallo!\tCC-BY 1", 'hi.\tGrüß Gott, "Tom"!', "Hi.\tHallo!", "no tab", "\tnothing"]
    lines += [f"word {number}\tWort {number}" for number in range(40)]
    found = read_pairs(write(tmp_path, lines), seed=0)
    assert [(each.file, each.reason) for each in found.quarantined] == [
        ("pairs.tsv:1", "names of columns"),
        ("pairs.tsv:4", "copy of line 2"),
        ("pairs.tsv:5", "no TAB"),
        ("pairs.tsv:6", "no source"),
    ]
    pairs = {part: found.pairs(part) for part in SPLITS}
    assert sorted(functools.reduce(operator.iadd, pairs.values(), [])) == sorted(
        [("Hi.", "Hallo!"), ("Hi.", 'Grüß Gott, "Tom"!')]
        + [(f"word {number}", f"Wort {number}") for number in range(40)]
    )
    sources = [{source for source, _ in pairs[part]} for part in SPLITS]
    assert sum(map(len, sources)) == len(set().union(*sources)) == 41
    assert [len(found.sources[part]) for part in SPLITS] == [33, 4, 4]


def test_the_columns_can_be_swapped(tmp_path):
    path = write(tmp_path, [f"a {number % 4}\tb {number}\trest" for number in range(30)])
    found = read_pairs(path, 0, swap=True)
    assert len(functools.reduce(operator.iadd, map(found.pairs, SPLITS), [])) == 30
    assert all(source[0] == "b" and target[0] == "a" for source, target in found.pairs("train"))
    with pytest.raises(ValueError, match="at least 20 different sources in .*, received 4; add pairs"):
        read_pairs(path, 0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["no pairs here"] * 30, "with 30 of 30 lines without; write SOURCE, a TAB"),
        ([], "with 0 of 0 lines without"),
        (["a\tb"], "at least 20 different sources"),
    ],
)
def test_what_has_no_pairs_is_one_line(lines, message, tmp_path):
    with pytest.raises(ValueError, match=message) as failure:
        read_pairs(write(tmp_path, lines), 0)
    assert "\n" not in str(failure.value)
