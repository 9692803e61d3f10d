from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds

from suite.data.generated import word_kinds
from suite.data.generated.analogies import generate_analogies
from suite.data.sets import text_sets
from suite.data.sets.text_sets import KINDS
from suite.data.splits import SPLITS

ROWS = [f"text {i},{'good' if i % 2 else 'bad'}" for i in range(20)]


def write(tmp_path, *lines, encoding="utf-8"):
    path = tmp_path / "reviews.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_generated_sentences_come_in_twins_of_one_part():
    data = text_sets.generate_sentences(0, 1000)
    seen = set()
    for part in SPLITS:
        texts, labels, kinds = data.texts[part], data.labels[part], data.kinds[part]
        assert len(texts) == len(labels) == len(kinds) and set(kinds) == set(KINDS)
        np.testing.assert_array_equal(labels[::2], 1)
        np.testing.assert_array_equal(labels[1::2], 0)
        np.testing.assert_array_equal(kinds[::2], kinds[1::2])
        assert not seen & set(texts) and len(set(texts)) == len(texts)
        seen |= set(texts)
        for good, bad, kind in zip(texts[::2], texts[1::2], kinds[::2], strict=True):
            same_bag = Counter(good.split()) == Counter(bad.split())
            assert same_bag == (kind == "contrasted"), (good, bad)
            assert ("not" in good.split()) == ("not" in bad.split())
            assert kind != "plain" or "not" not in good.split()
    assert data.describe()["classes"] == ["negative", "positive"] and data.describe()["quarantined"] == []
    again = text_sets.load_labeled("embedded", 0)
    assert again.texts["test"] == text_sets.generate_sentences(0).texts["test"]
    assert again.texts["test"] != text_sets.generate_sentences(1).texts["test"]


def test_negated_sentences_mean_what_they_say():
    data = text_sets.generate_sentences(0, 500)
    for text, label, kind in zip(data.texts["train"], data.labels["train"], data.kinds["train"], strict=True):
        praise = text.split()[-1] in [good for good, _ in text_sets._OPPOSITES]
        turned = "not" in text.split() and (kind != "contrasted" or " , it was not " in text)
        assert (praise != turned) == bool(label), text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_in_any_encoding(encoding, tmp_path):
    path = write(
        tmp_path,
        "Label ; TEXT",
        *(f"{'gut' if i % 2 else 'öde'};„grün“ {i}" for i in range(20)),
        encoding=encoding,
    )
    data = text_sets.load_labeled(str(path), 0)
    assert data.classes == ("gut", "öde") and data.source == str(path)
    assert [len(data.texts[part]) for part in SPLITS] == [12, 4, 4]
    rows = [
        (t, data.classes[k])
        for part in SPLITS
        for t, k in zip(data.texts[part], data.labels[part], strict=True)
    ]
    assert sorted(rows) == sorted((f"„grün“ {i}", "gut" if i % 2 else "öde") for i in range(20))
    for part in SPLITS:
        assert np.bincount(data.labels[part]).tolist() == [len(data.labels[part]) / 2] * 2


def test_bad_rows_are_set_aside_with_their_line(tmp_path):
    bad = [
        "",
        " ,good",
        "no label,",
        "alone",
        "a,good,x",
        "text 0,bad",
        "text 0,good",
        '"two\nlines, quoted",good',
        ",bad",
    ]
    data = text_sets.read_csv(write(tmp_path, "text,label", *ROWS, *bad), 0)
    reasons = {entry["file"]: entry["reason"] for entry in data.quarantined}
    assert reasons == {
        "reviews.csv:23": "no text",
        "reviews.csv:24": "no label",
        "reviews.csv:25": "1 cells for 2 columns",
        "reviews.csv:26": "3 cells for 2 columns",
        "reviews.csv:27": "copy of line 2",
        "reviews.csv:28": "copy of line 2, which has the label 'bad'",
        "reviews.csv:31": "no text",
    }
    assert sum(map(len, data.texts.values())) == 21
    assert any("two\nlines, quoted" in texts for texts in data.texts.values())
    assert data.describe()["quarantined"] == list(data.quarantined)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["a,b", *(f"{n},{n}" for n in range(20))],
            "a column of labels in .*, received none that looks so; name it by --label_column, one of: a, b",
        ),
        ([], "columns text and label in the first line of .*, received nothing; name them"),
        (["text,label"], "at least 2 labels in .*, received 0; add texts of another"),
        (["text,label", *ROWS[::2]], r"at least 2 labels in .*, received 1 \('bad'\); add texts of another"),
        (
            ["text,label", *ROWS, "x,odd"],
            "at least 5 different texts of each label in .*, received 1 of 'odd'; add some",
        ),
        (
            ["text,label", *ROWS, "x" * 200_000 + ",bad"],
            r"CSV in .*, received field larger than field limit \(131072\) in line 22",
        ),
    ],
)
def test_what_is_no_set(lines, message, tmp_path):
    with pytest.raises(ValueError, match=f"^expected {message}$"):
        text_sets.read_csv(write(tmp_path, *lines), 0)


def test_no_file():
    with pytest.raises(
        ValueError, match="^expected a CSV file with columns text and label, received '/no', which is no"
    ):
        text_sets.load_labeled("/no", 0)
    with pytest.raises(ValueError, match="^expected a text file, received '/no', which is no file$"):
        text_sets.load_corpus("/no", 0)


def test_pythons_documentation():
    corpus = text_sets.load_corpus("embedded", 0)
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
    assert sum(map(len, text_sets.load_corpus(str(path), 0, copies=True).texts.values())) == 50
    corpus = text_sets.load_corpus(str(path), 0)
    found = sorted(text for part in SPLITS for text in corpus.texts[part])
    assert found == sorted(f"Word {i}" for i in range(25))
    whole, without = (text_sets.load_corpus("embedded", 0, copies=copies) for copies in (True, False))
    known = [set(corpus.texts["train"]) for corpus in (whole, without)]
    copied = [
        sum(text in texts for text in corpus.texts["test"]) / len(corpus.texts["test"])
        for corpus, texts in zip((whole, without), known, strict=True)
    ]
    assert copied[0] > 0.2 and copied[1] == 0


def test_a_users_text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\r\n\r\n".join(f"Grüße {i}\r\nzweite Zeile" for i in range(25)).encode("cp1252"))
    corpus = text_sets.load_corpus(str(path), 0)
    assert [len(corpus.texts[part]) for part in SPLITS] == [20, 2, 3]
    assert all(text.startswith("Grüße") for part in SPLITS for text in corpus.texts[part])
    path.write_text("one\n\ntwo\n \n--\n\n")
    with pytest.raises(
        ValueError, match="^expected at least 20 paragraphs in .*, received 2; put blank lines b"
    ):
        text_sets.load_corpus(str(path), 0)
    with pytest.raises(
        ValueError, match="^expected --data tfds, which is tiny_shakespeare, received 'tfds:mnist'"
    ):
        text_sets.load_corpus("tfds:mnist", 0)


def test_reviews_of_films():
    with tfds.testing.mock_data(num_examples=40):
        data = text_sets.load_labeled("tfds", 0)
    assert data.classes == ("neg", "pos") and data.source == "imdb_reviews" and not data.kinds
    assert [len(data.texts[part]) for part in SPLITS] == [36, 4, 40]
    assert [len(data.labels[part]) for part in SPLITS] == [36, 4, 40]
    train, validation = data.texts["train"], data.texts["validation"]
    assert len({*train, *validation}) == 40 and all("<br" not in text for text in train)
    with pytest.raises(
        ValueError,
        match="^expected --data tfds, which is imdb_reviews, received 'tfds:mnist'; it is the only one",
    ):
        text_sets.load_labeled("tfds:mnist", 0)


def test_columns_are_those_of_a_file():
    message = (
        "^expected text_column and label_column with a file of your own, received --data embedded; leave"
    )
    with pytest.raises(ValueError, match=message):
        text_sets.load_labeled("embedded", 0, text_column="text")


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
    corpus = text_sets.load_corpus(str(path), 0)
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
    texts = text_sets.load_corpus(str(path), 0).texts
    assert all(text.endswith("?\nand its second line") for part in SPLITS for text in texts[part])
    assert capsys.readouterr().err == ""


def test_running_text_has_one_kind_of_line_end(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\r\n\r\n".join(f"line {n}\r\nnext\x0cpage\u2028end" for n in range(25)).encode())
    texts = text_sets.load_corpus(str(path), 0).texts
    assert "line 7\nnext\npage\nend" in {text for part in SPLITS for text in texts[part]}
    assert not set("\r\x0c\u2028") & set("".join(text for part in SPLITS for text in texts[part]))


def test_a_folder_of_running_text_keeps_its_parts(tmp_path):
    for name, start, stop in (("wiki.train", 0, 40), ("wiki.test", 35, 50)):
        (tmp_path / f"{name}.txt").write_text("\n\n".join(SENTENCES[start:stop]))
    corpus = text_sets.load_corpus(str(tmp_path), 0)
    assert corpus.texts["test"] == SENTENCES[35:50]
    assert sorted(corpus.texts["train"] + corpus.texts["validation"]) == sorted(SENTENCES[:35])
    (tmp_path / "wiki.train.txt").rename(tmp_path / "wiki.other.txt")
    message = (
        "^expected text files of the parts of a corpus, with train in the name of one, in .*, received wiki"
    )
    with pytest.raises(ValueError, match=message):
        text_sets.load_corpus(str(tmp_path), 0)


def test_planted_analogies():
    planted = generate_analogies(0, 3000)
    assert len(planted.sentences) == 3000 and {len(words) for words in planted.sentences} == {9}
    words = {word for sentence in planted.sentences for word in sentence}
    assert {word for question in planted.questions for word in question} <= words
    assert len(planted.questions) == 2 * 18 * 17 + 16 * 15 == len(set(planted.questions))
    assert ("france", "paris", "italy", "rome") in planted.questions
    entries = [word for pairs in planted.relations.values() for pair in pairs for word in pair]
    france = [sentence for sentence in planted.sentences if "paris" in sentence]
    assert all(not set(entries) & set(sentence) - {"paris"} for sentence in france)
    assert {"streets", "seine"} <= {word for sentence in france for word in sentence}
    assert generate_analogies(0, 50) == generate_analogies(0, 50) != generate_analogies(1, 50)


def test_sentences_of_kinds():
    drawn = word_kinds.generate_kinds(0, 4000)
    assert {len(words) for words in drawn.texts} == {7, 8}
    words = {
        word: {index for index, text in enumerate(drawn.texts) if word in text} for word in ("cat", "was")
    }
    cats = [drawn.texts[index] for index in words["cat"]]
    assert not {"office", "smiling", "rusty"} & {word for text in cats for word in text}
    assert len(words["was"]) / 4000 == pytest.approx(0.5, abs=0.03)
    for text, log_probability in zip(drawn.texts[:50], drawn.log_probabilities, strict=False):
        manner = len(text) == 8  # kind, manner or not, then each word
        expected = 1 / 3 / 2 / (10 if manner else 1) / (4 * 16 * 2 * 12 * 4 * 4 * 12)
        assert np.exp(log_probability) == pytest.approx(expected, rel=1e-9)
    # Kinds have as many words of each sort: the shares of names are those of the kinds.
    assert len(words["cat"]) / 4000 == pytest.approx(1 / 48, abs=0.01)
    again = word_kinds.generate_kinds(0, 50).texts
    assert again == drawn.texts[:50] != word_kinds.generate_kinds(1, 50).texts


def test_names():
    corpus = text_sets.load_names(0)
    sizes = corpus.describe()
    assert sizes == {"source": "names", "train": 73528, "validation": 9191, "test": 9191}
    every = [name for part in SPLITS for name in corpus.texts[part]]
    assert len(set(every)) == len(every) and {"Mary", "James", "Smith", "Ada"} <= set(every)
    assert all(name.isalpha() and name == name.capitalize() for name in every)
    assert text_sets.load_names(0).texts == corpus.texts != text_sets.load_names(1).texts


def test_of_many_texts_more_are_trained_on(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f"good {n},yes" for n in range(1000)] + [f"bad {n},no" for n in range(999)]
    path.write_text("\n".join(["text,label", *rows]))
    texts = text_sets.read_csv(path, 0)
    sizes = {part: np.bincount(labels).tolist() for part, labels in texts.labels.items()}
    assert sizes == {"train": [599, 800], "validation": [200, 100], "test": [200, 100]}
