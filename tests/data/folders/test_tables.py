import numpy as np
import pytest

from suite.data.folders.columns import find_columns
from suite.data.folders.tables import part_named, read_table, read_text
from suite.data.set_aside import SetAside
from suite.data.sets.labeled_texts import read_csv
from suite.data.splits import SPLITS

WANTED = "a CSV file with columns text and label"


def write(tmp_path, content, name="reviews.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def every(data):
    """All texts with their labels."""
    return [
        (text, data.classes[label])
        for part in SPLITS
        for text, label in zip(data.texts[part], data.labels[part], strict=True)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_texts_of_all_encodings_have_one_kind_of_line_end(end, encoding, tmp_path):
    path = write(tmp_path, f"grün{end}{end}„weiß“ 3 €{end}", encoding=encoding)
    assert read_text(path, WANTED) == "grün\n\n„weiß“ 3 €\n"


def test_what_is_assumed_of_an_encoding_is_said(tmp_path, capsys):
    read_text(write(tmp_path, "é", encoding="cp1252"), WANTED)
    read_text(write(tmp_path, "ab", encoding="utf-16-le"), WANTED)
    assert capsys.readouterr().out.splitlines() == [
        "reviews.csv is not in UTF-8: read as Windows-1252; if letters are wrong, save it as UTF-8",
        "reviews.csv is read as UTF-16, as its zero bytes tell; it has no byte order mark",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04...", "which is a spreadsheet (XLSX) or another ZIP file; save it as CSV in UTF-8"),
        (
            b"\xd0\xcf\x11\xe0",
            "which is an old spreadsheet (XLS) or document; save it as CSV or text in UTF-8",
        ),
        (b"%PDF-1.7", "which is a PDF; save its text in UTF-8"),
        (b"\x1f\x8b\x08", "which is compressed (gzip); unpack it"),
        (b"PAR1", "which is a Parquet file; write it as CSV, as by pandas.read_parquet(...).to_csv(...)"),
        (
            b'{"text": "a", "label": "b"}\n' * 9,
            "which is JSON; write it as CSV, as by pandas.read_json(..., lines=True).to_csv(...)",
        ),
        (b"[\n {}]", "which is JSON; write it as CSV, as by pandas.read_json(..., lines=True).to_csv(...)"),
        (
            b"text,label\nab\0\0b,c",
            "with a zero byte (the first is number 14), so it is no text; save it in UTF-8",
        ),
    ],
)
def test_what_is_no_text_is_named_with_the_way_out(content, message, tmp_path):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_table(path, WANTED)
    comma = "" if message.startswith("with") else ","
    assert str(raised.value) == f"expected {WANTED}, received {str(path)!r}{comma} {message}"


def rows_with_lone_quotes(delimiter):
    rows = [(f"text number {n}", "good" if n % 2 else "bad") for n in range(120)]
    rows[17] = '"so they said', "good"
    rows[57] = '"and I "never" knew', "bad"
    return rows, "\n".join(["text" + delimiter + "label", *(delimiter.join(row) for row in rows)])


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_a_lone_quote_swallows_no_row(delimiter, tmp_path, capsys):
    rows, content = rows_with_lone_quotes(delimiter)
    data = read_csv(write(tmp_path, content), 0)
    assert sorted(every(data)) == sorted(rows) and data.quarantined == ()
    assert capsys.readouterr().err == (
        "warning: reviews.csv, line 19: a quote opens and does not close where its cell ends (2 such lines); "
        "these lines are read without quoting\n"
    )


def test_a_quote_that_is_never_closed_or_closes_far_away(tmp_path, capsys):
    rows = [f"text number {n},{'good' if n % 2 else 'bad'}" for n in range(60)]
    rows[3] = '"never closed, text,good'
    data = read_csv(write(tmp_path, "\n".join(["text,label", *rows])), 0)
    assert sum(map(len, data.texts.values())) == 59
    assert data.quarantined == (
        SetAside("reviews.csv:5", "a quote that does not close, 3 cells for 2 columns"),
    )
    assert "reviews.csv, line 5: a quote opens" in capsys.readouterr().err
    rows[3], rows[4] = '"opened,good', 'closed",bad'  # pairs, and yet it is two rows
    data = read_csv(write(tmp_path, "\n".join(["text,label", *rows])), 0)
    assert {('"opened', "good"), ('closed"', "bad")} <= set(every(data))
    rows[4], rows[40] = "text,bad", 'closed",bad'
    assert len(every(read_csv(write(tmp_path, "\n".join(["text,label", *rows])), 0))) == 60


def test_line_breaks_in_quotes_are_part_of_a_text(tmp_path, capsys):
    poems = [(f"roses, {n}\nviolets, blue\nsugar", "good" if n % 2 else "bad") for n in range(20)]
    rows = [
        f'"{text}",{label}'.replace("\n", end)
        for (text, label), end in zip(poems, ["\r\n", "\n"] * 10, strict=True)
    ]
    data = read_csv(write(tmp_path, "\r\n".join(["text,label", *rows])), 0)
    assert sorted(every(data)) == sorted(poems) and capsys.readouterr().err == ""
    flipped = [f'{label},"{text}"' for text, label in poems]
    assert sorted(every(read_csv(write(tmp_path, "\n".join(["label,text", *flipped])), 0))) == sorted(poems)
    assert capsys.readouterr().err == ""


def test_every_line_of_a_file_is_accounted_for(tmp_path):
    content = 'text,label\n\n"a\nb",good\nc,bad\n\n"d\n\ne",bad\n'
    table = read_table(write(tmp_path, content), WANTED)
    assert [(row.line, row.cells) for row in table.rows] == [
        (1, ["text", "label"]), (3, ["a\nb", "good"]), (5, ["c", "bad"]), (7, ["d\n\ne", "bad"]),
    ]  # fmt: skip


GOOD = [("spam" if n % 3 else "ham", f"Win a prize, number {n}!") for n in range(30)]


def table_of(tmp_path, header, *columns, delimiter="\t"):
    lines = [delimiter.join(cells) for cells in zip(*columns, strict=True)]
    return read_table(write(tmp_path, "\n".join([*([header] if header else []), *lines])), WANTED)


@pytest.mark.parametrize(
    "header", ["label\ttext", "v1\tv2", "category\tquery", "Text \tlabel", "a\tb", "id\tTweet"]
)
def test_of_two_columns_it_is_found_which_is_which(header, tmp_path, capsys):
    labels, texts = zip(*GOOD, strict=True)
    columns = (texts, labels) if header.startswith("Text") else (labels, texts)
    found = find_columns(table_of(tmp_path, header, *columns))
    names = header.strip().split("\t")
    assert (found.label, found.text) == ((1, 0) if header.startswith("Text") else (0, 1)) and found.has_header
    said = f"reviews.csv: label from {names[found.label].strip()}, text from {names[found.text].strip()}\n"
    assert capsys.readouterr().out == ("" if header in ("label\ttext", "Text \tlabel") else said)


@pytest.mark.parametrize("label_first", [True, False])
def test_a_first_line_of_data_is_told_so(label_first, tmp_path, capsys):
    labels, texts = zip(*GOOD, strict=True)
    table = table_of(tmp_path, None, *((labels, texts) if label_first else (texts, labels)))
    found = find_columns(table)
    assert not found.has_header and len(found.body(table)) == 30
    assert (found.label, found.text) == ((0, 1) if label_first else (1, 0))
    numbers = f"label from column {found.label + 1}, text from column {found.text + 1}"
    warning = f"warning: reviews.csv: the first line is data, not names of columns; {numbers}\n"
    assert capsys.readouterr().err == warning


def test_columns_without_a_name_are_left_out_and_counted(tmp_path, capsys):
    rows = [f"{label},{n} prize,,," for n, (label, _) in enumerate(GOOD)]
    rows[4], rows[5] = "ham,four, and more,,", "ham,five"
    data = read_csv(write(tmp_path, "\n".join(["v1,v2,,,", *rows])), 0)
    assert len(every(data)) == 30 and ("four", "ham") in every(data) and ("five", "ham") in every(data)
    assert "1 rows have more text in columns without a name; it is left out" in capsys.readouterr().err
    assert data.describe()["text_column"] == "v2" and data.describe()["label_column"] == "v1"


def many_columns(tmp_path):
    labels, texts = zip(*GOOD, strict=True)
    numbers = [str(n) for n in range(30)]
    header = "tweet_id\tairline_sentiment\tsentiment_confidence\tairline\tname\tmessage\tcreated"
    airlines = ["KLM" if n % 2 else "Delta" for n in range(30)]
    names = [f"user{n}" for n in range(30)]
    return table_of(tmp_path, header, numbers, labels, numbers, airlines, names, texts, numbers)


def test_of_many_columns_the_usual_names_that_look_so_are_taken(tmp_path):
    found = find_columns(many_columns(tmp_path))
    assert (found.label, found.text) == (1, 5)
    named = find_columns(many_columns(tmp_path), label="Airline ", text="name")
    assert (named.label, named.text) == (3, 4)
    assert find_columns(many_columns(tmp_path), label="4").label == 3


def test_columns_that_cannot_be_told_apart_are_refused_with_their_names(tmp_path):
    labels, texts = zip(*GOOD, strict=True)
    table = table_of(tmp_path, "topic\tsentiment\ttext", labels, labels, texts)
    with pytest.raises(ValueError, match="^expected ") as raised:
        find_columns(table)
    assert str(raised.value) == (
        f"expected a column of labels in {table.path}, received 'topic' and 'sentiment'; name it by "
        "--label_column, one of: topic, sentiment, text"
    )
    assert find_columns(table, label="topic").label == 0
    message = (
        "^expected a column of texts in .*, received 'no', which is none of its columns; name it by "
        "--text_column, one of: topic, sentiment, text$"
    )
    with pytest.raises(ValueError, match=message):
        find_columns(table, text="no")
    with pytest.raises(
        ValueError, match="^expected two columns for text and label in .*, received 'text' for b"
    ):
        find_columns(table, text="text", label="text")


def test_labels_that_look_alike_are_said(tmp_path, capsys):
    rows = [f"text {n},{label}" for n, label in enumerate(["Good", "good", "not so", "not  so"] * 6)]
    data = read_csv(write(tmp_path, "\n".join(["text,label", *rows])), 0)
    assert len(data.classes) == 4
    warnings = capsys.readouterr().err.splitlines()
    assert warnings == [
        f"warning: reviews.csv: labels {names} differ by case or blanks alone; they are kept apart"
        for names in ("'Good' and 'good'", "'not  so' and 'not so'")
    ]


def test_a_folder_keeps_its_owners_split(tmp_path, capsys):
    for name, start in (("train", 0), ("test", 40)):
        rows = [f"text {n},{'good' if n % 2 else 'bad'}" for n in range(start, start + 40)]
        extra = ["text 41,good", "x,odd"] if name == "train" else ["y,strange"]
        write(
            tmp_path,
            "\n".join(["text,category", *rows, *extra[: 1 if name == "train" else 9]]),
            f"{name}.csv",
        )
    data = read_csv(tmp_path, 0)
    assert set(data.texts["test"]) == {f"text {n}" for n in range(40, 80)}
    assert [len(data.texts[part]) for part in SPLITS] == [32, 8, 40]
    assert np.bincount(data.labels["validation"]).tolist() == [4, 4]
    assert data.quarantined == (
        SetAside("train.csv:42", "copy of test.csv:3"),
        SetAside("test", "1 rows with labels that train lacks"),
    )
    assert "1 rows of test have labels that train lacks ('strange'); left out" in capsys.readouterr().err
    write(tmp_path, "", "testing.csv")
    with pytest.raises(
        ValueError, match="^expected one test file in .*, received test.csv and testing.csv; keep"
    ):
        read_csv(tmp_path, 0)


def test_parts_by_their_files_names():
    names = [
        "fr_sequoia-ud-dev.conllu",
        "Flickr_8k.trainImages.txt",
        "valid.csv",
        "trainer.txt",
        "latest.txt",
    ]
    assert [part_named(name) for name in names] == ["validation", "train", "validation", None, None]
