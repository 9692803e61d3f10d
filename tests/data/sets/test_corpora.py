import pytest

from suite.data.sets import corpora
from suite.data.source import EMBEDDED, Source
from suite.data.splits import SPLITS


def test_no_file():
    with pytest.raises(ValueError, match="^expected a text file, received '/no', which is no file$"):
        corpora.load(Source.parse("/no"), 0)


def test_pythons_documentation():
    corpus = corpora.load(EMBEDDED, 0)
    sizes = corpus.describe()
    total = sum(sizes[part] for part in SPLITS)
    assert sizes["source"] == "Python documentation" and total > 1500
    assert sizes["train"] == pytest.approx(0.8 * total, abs=1)
    assert not set(corpus.texts["train"]) & set(corpus.texts["test"]) or total > len(
        set(corpus.texts["train"])
    )
    assert any("The for statement" in text or "for" in text for text in corpus.texts["train"])


def test_copies_are_left_out(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"Word {i // 2}{'!' * (i % 2)}" for i in range(50)))
    assert sum(map(len, corpora.load(Source.parse(path), 0, copies=True).texts.values())) == 50
    corpus = corpora.load(Source.parse(path), 0)
    found = sorted(text for part in SPLITS for text in corpus.texts[part])
    assert found == sorted(f"Word {i}" for i in range(25))
    whole, without = (corpora.load(EMBEDDED, 0, copies=copies) for copies in (True, False))
    known = [set(corpus.texts["train"]) for corpus in (whole, without)]
    copied = [
        sum(text in texts for text in corpus.texts["test"]) / len(corpus.texts["test"])
        for corpus, texts in zip((whole, without), known, strict=True)
    ]
    assert copied[0] > 0.2 and copied[1] == 0


def test_a_users_text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\r\n\r\n".join(f"Grüße {i}\r\nzweite Zeile" for i in range(25)).encode("cp1252"))
    corpus = corpora.load(Source.parse(path), 0)
    assert [len(corpus.texts[part]) for part in SPLITS] == [20, 2, 3]
    assert all(text.startswith("Grüße") for part in SPLITS for text in corpus.texts[part])
    path.write_text("one\n\ntwo\n \n--\n\n")
    with pytest.raises(
        ValueError, match="^expected at least 20 paragraphs in .*, received 2; put blank lines b"
    ):
        corpora.load(Source.parse(path), 0)
    with pytest.raises(
        ValueError, match="^expected --data tfds, which is tiny_shakespeare, received 'tfds:mnist'"
    ):
        corpora.load(Source.parse("tfds:mnist"), 0)


SENTENCES = [f"Sentence number {n} of some length, is it?" for n in range(60)]


@pytest.mark.parametrize(
    ("content", "taken", "count"),
    [
        ("\n".join(SENTENCES), "60 lines", 60),
        ("\u2028".join(SENTENCES), "60 lines", 60),
        ("\n\n".join([" ".join(SENTENCES)] * 3), "180 sentences", 60),
        ("。".join(f"第{n}句话很短" for n in range(60)) + "。", "60 sentences", 60),
        (
            "\n\n".join([*SENTENCES[:30], "\n".join(f"{text} {'x' * 300}" for text in SENTENCES[30:] * 2)]),
            None,
            60,
        ),
    ],
)
def test_where_blank_lines_do_not_part_a_text_its_lines_or_sentences_do(
    content, taken, count, tmp_path, capsys
):
    path = tmp_path / "book.txt"
    path.write_text(content, encoding="utf-8")
    corpus = corpora.load(Source.parse(path), 0)
    assert sum(map(len, corpus.texts.values())) == count
    assert max(len(text) for part in SPLITS for text in corpus.texts[part]) < 400
    warning = capsys.readouterr().err
    assert (
        warning.startswith("warning: book.txt: blank lines part it into ")
        and "paragraphs, the longest of" in warning
    )
    assert warning.endswith(f"its {taken or '90 lines'} are taken instead\n")


def test_paragraphs_stay_where_there_are_enough(tmp_path, capsys):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"{text}\nand its second line" for text in SENTENCES))
    texts = corpora.load(Source.parse(path), 0).texts
    assert all(text.endswith("?\nand its second line") for part in SPLITS for text in texts[part])
    assert capsys.readouterr().err == ""


def test_running_text_has_one_kind_of_line_end(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\r\n\r\n".join(f"line {n}\r\nnext\x0cpage\u2028end" for n in range(25)).encode())
    texts = corpora.load(Source.parse(path), 0).texts
    assert "line 7\nnext\npage\nend" in {text for part in SPLITS for text in texts[part]}
    assert not set("\r\x0c\u2028") & set("".join(text for part in SPLITS for text in texts[part]))


def test_a_folder_of_running_text_keeps_its_parts(tmp_path):
    for name, start, stop in (("wiki.train", 0, 40), ("wiki.test", 35, 50)):
        (tmp_path / f"{name}.txt").write_text("\n\n".join(SENTENCES[start:stop]))
    corpus = corpora.load(Source.parse(tmp_path), 0)
    assert corpus.texts["test"] == SENTENCES[35:50]
    assert sorted(corpus.texts["train"] + corpus.texts["validation"]) == sorted(SENTENCES[:35])
    (tmp_path / "wiki.train.txt").rename(tmp_path / "wiki.other.txt")
    message = (
        "^expected text files of the parts of a corpus, with train in the name of one, in .*, received wiki"
    )
    with pytest.raises(ValueError, match=message):
        corpora.load(Source.parse(tmp_path), 0)


def test_names():
    corpus = corpora.load_names(0)
    sizes = corpus.describe()
    assert sizes == {"source": "names", "train": 73528, "validation": 9191, "test": 9191}
    every = [name for part in SPLITS for name in corpus.texts[part]]
    assert len(set(every)) == len(every) and {"Mary", "James", "Smith", "Ada"} <= set(every)
    assert all(name.isalpha() and name == name.capitalize() for name in every)
    assert corpora.load_names(0).texts == corpus.texts != corpora.load_names(1).texts
