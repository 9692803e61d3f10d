import numpy as np

from suite.data.folders.scan import Picture, divide, inspect_files, separate_copies
from suite.data.set_aside import SetAside, UnusableError


def picture(file, part="train", content="cat", digest=None):
    return Picture(file, part, content, digest or file)


def test_what_cannot_be_read_is_set_aside_and_the_rest_keeps_its_order(tmp_path):
    def read(path):
        if path.name == "b":
            raise UnusableError("no good")
        return path.read_text()

    for name in "ab":
        (tmp_path / name).write_text(f"text {name}")
    files = [(tmp_path / name, part) for name, part in (("c", "test"), ("b", "train"), ("a", "test"))]
    pictures, aside = inspect_files(files, tmp_path, read, "")
    assert [(p.file, p.part, p.content, len(p.digest)) for p in pictures] == [("a", "test", "text a", 64)]
    assert aside == [SetAside("c", "no such file or directory"), SetAside("b", "no good")]
    assert aside[1].to_json() == {"file": "b", "reason": "no good"}


def test_of_copies_the_last_part_keeps_its_own():
    copies = [picture("a", "test", digest="x"), picture("b", digest="x"), picture("c", "test", digest="x")]
    kept, aside = separate_copies([*copies, picture("d")])
    assert [p.file for p in kept] == ["a", "c", "d"]
    assert aside == [SetAside("b", "the same picture as 'a', which is kept for test")]


def test_no_copy_stays_under_two_classes():
    copies = [picture("a", content="cat", digest="x"), picture("b", content="dog", digest="x")]
    kept, aside = separate_copies([*copies, picture("c")], lambda each: each.content)
    assert [p.file for p in kept] == ["c"]
    assert aside == [
        SetAside("a", "the same picture as 'b', which is in another class"),
        SetAside("b", "the same picture as 'a', which is in another class"),
    ]
    assert separate_copies(copies)[1] == []  # where classes do not count


def test_new_parts_are_split_off_train_and_copies_stay_together():
    pictures = [picture(f"{i}", digest=f"{i // 2 if i < 8 else i}") for i in range(20)]
    given = picture("given", "test")
    parts = divide([*pictures, given], {"validation": 0.25}, np.random.default_rng(0))
    assert parts["test"] == [given]
    assert len({p.digest for p in parts["validation"]}) == 4
    assert {p.digest for p in parts["validation"]}.isdisjoint(p.digest for p in parts["train"])
    assert sorted(p.file for part in ("train", "validation") for p in parts[part]) == sorted(
        p.file for p in pictures
    )
    assert divide(pictures, {"test": 0.0}, np.random.default_rng(0))["test"] == []
