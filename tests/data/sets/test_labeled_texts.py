from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds

from suite.data.generated.judgments import KINDS, OPPOSITES
from suite.data.generated.opinions import BLAME, PRAISE
from suite.data.sets import labeled_texts
from suite.data.source import EMBEDDED, Source
from suite.data.splits import SPLITS

ROWS = [f"text {i},{'good' if i % 2 else 'bad'}" for i in range(20)]


def write(tmp_path, *lines, encoding="utf-8"):
    path = tmp_path / "reviews.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_generated_sentences_come_in_twins_of_one_part():
    data = labeled_texts.generate_sentences(0, 1000)
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
    again = labeled_texts.load(EMBEDDED, 0)
    assert again.texts["test"] == labeled_texts.generate_sentences(0).texts["test"]
    assert again.texts["test"] != labeled_texts.generate_sentences(1).texts["test"]


def test_negated_sentences_mean_what_they_say():
    data = labeled_texts.generate_sentences(0, 500)
    for text, label, kind in zip(data.texts["train"], data.labels["train"], data.kinds["train"], strict=True):
        praise = text.split()[-1] in [good for good, _ in OPPOSITES]
        turned = "not" in text.split() and (kind != "contrasted" or " , it was not " in text)
        assert (praise != turned) == bool(label), text


def test_opinions_mean_what_they_say_but_for_slips_in_training():
    data = labeled_texts.generate_opinions(0, 1000, wrong=0.1)
    wrong = dict.fromkeys(SPLITS, 0)
    for part in SPLITS:
        texts, kinds = [text.split() for text in data.texts[part]], data.kinds[part]
        for good, bad, kind in zip(texts[::2], texts[1::2], kinds[::2], strict=True):
            assert (sorted(good) == sorted(bad)) == (kind == "contrasted"), (good, bad)
        for text, label, kind in zip(texts, data.labels[part], kinds, strict=True):
            last = text[-1] in PRAISE
            assert last or text[-1] in BLAME
            turned = "nobody" in text or ("not" in text and (kind == "negated" or text[-2] == "not"))
            wrong[part] += (last != turned) != bool(label)
    assert wrong["validation"] == wrong["test"] == 0
    assert 0.06 < wrong["train"] / len(data.texts["train"]) < 0.14
    seen = [word for text in data.texts["train"] for word in text.split() if word in PRAISE]
    assert seen.count("good") > 10 * seen.count("sparkling") > 0
    assert labeled_texts.load(EMBEDDED, 3, generate=labeled_texts.generate_opinions).kinds["test"].size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_in_any_encoding(encoding, tmp_path):
    path = write(
        tmp_path,
        "Label ; TEXT",
        *(f"{'gut' if i % 2 else 'öde'};„grün“ {i}" for i in range(20)),
        encoding=encoding,
    )
    data = labeled_texts.load(Source.parse(path), 0)
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
    data = labeled_texts.read_csv(write(tmp_path, "text,label", *ROWS, *bad), 0)
    reasons = {entry.file: entry.reason for entry in data.quarantined}
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
        labeled_texts.read_csv(write(tmp_path, *lines), 0)


def test_no_file():
    with pytest.raises(
        ValueError, match="^expected a CSV file with columns text and label, received '/no', which is no"
    ):
        labeled_texts.load(Source.parse("/no"), 0)


def test_reviews_of_films():
    with tfds.testing.mock_data(num_examples=40):
        data = labeled_texts.load(Source.parse("tfds"), 0)
    assert data.classes == ("neg", "pos") and data.source == "imdb_reviews" and not data.kinds
    assert [len(data.texts[part]) for part in SPLITS] == [36, 4, 40]
    assert [len(data.labels[part]) for part in SPLITS] == [36, 4, 40]
    train, validation = data.texts["train"], data.texts["validation"]
    assert len({*train, *validation}) == 40 and all("<br" not in text for text in train)
    with pytest.raises(
        ValueError,
        match="^expected --data tfds, which is imdb_reviews, received 'tfds:mnist'; it is the only one",
    ):
        labeled_texts.load(Source.parse("tfds:mnist"), 0)


def test_columns_are_those_of_a_file():
    message = (
        "^expected text_column and label_column with a file of your own, received --data embedded; leave"
    )
    with pytest.raises(ValueError, match=message):
        labeled_texts.load(EMBEDDED, 0, text_column="text")


def test_of_many_texts_more_are_trained_on(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [f"good {n},yes" for n in range(1000)] + [f"bad {n},no" for n in range(999)]
    path.write_text("\n".join(["text,label", *rows]))
    texts = labeled_texts.read_csv(path, 0)
    sizes = {part: np.bincount(labels).tolist() for part, labels in texts.labels.items()}
    assert sizes == {"train": [599, 800], "validation": [200, 100], "test": [200, 100]}
