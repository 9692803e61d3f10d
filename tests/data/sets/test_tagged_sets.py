from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from suite.data.generated.grammar import ENDINGS
from suite.data.sets import tagged_sets
from suite.data.source import EMBEDDED, Source
from suite.data.splits import SPLITS
from suite.language.tokens import cut_like


def pairs(data, part="train"):
    return [
        [(word, data.tags[label]) for word, label in zip(words, labels, strict=True)]
        for words, labels in zip(data.words[part], data.labels[part], strict=True)
    ]


@pytest.fixture(scope="module")
def grammar():
    return tagged_sets.load(EMBEDDED, 0)


def test_the_grammar_is_repeatable_and_split(grammar):
    again, other = tagged_sets.generate_tagged(0), tagged_sets.generate_tagged(1)
    assert again.words == grammar.words != other.words
    every = [words for part in SPLITS for words in grammar.words[part]]
    assert len(set(every)) == len(every) > 3500
    sizes = [len(grammar.words[part]) / len(every) for part in SPLITS]
    np.testing.assert_allclose(sizes, [0.7, 0.15, 0.15], atol=0.001)
    assert grammar.describe() == {
        "source": "generated grammar",
        "classes": list(grammar.tags),
        "quarantined": [],
        **{part: len(grammar.words[part]) for part in SPLITS},
    }


def test_neither_the_word_nor_one_side_of_it_is_enough(grammar):
    by_word, by_left, by_both = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
    for sentence in pairs(grammar):
        words = ["", *(word.lower() for word, _ in sentence), ""]
        tags = ["", *(tag for _, tag in sentence), ""]
        for place in range(1, len(words) - 1):
            by_word[words[place]][tags[place]] += 1
            by_left[words[place], tags[place - 1]][tags[place]] += 1
            by_both[words[place], tags[place - 1], tags[place + 1]][tags[place]] += 1
    for word, tags in {"plan": "NV", "open": "AV", "have": "AV", "up": "AA", "to": "AP"}.items():
        assert sorted(tag[0] for tag in by_word[word]) == list(tags)
        assert min(by_word[word].values()) > 10
    assert set(by_left["plan", "DET"]) == {"NOUN"} and set(by_left["plan", "PRON"]) == {"VERB"}
    for key in (("open", ""), ("have", "PRON"), ("up", "VERB"), ("to", "VERB")):
        assert min(by_left[key].values()) > 5 and len(by_left[key]) == 2, key
        for right in ("DET", "NOUN", "VERB", "PUNCT"):
            assert len(by_both[(*key, right)]) < 2, (key, right)


def test_what_never_occurs_in_training_shows_by_its_ending(grammar):
    seen = {word.lower() for words in grammar.words["train"] for word in words}
    unseen = [pair for sentence in pairs(grammar, "test") for pair in sentence if pair[0].lower() not in seen]
    total = sum(map(len, grammar.words["test"]))
    assert 0.05 < len(unseen) / total < 0.15
    assert {tag for _, tag in unseen} == {"NOUN", "VERB", "ADJ", "ADV", "PROPN"}
    for word, tag in unseen:
        assert word.removesuffix("d").endswith(ENDINGS[tag]), (word, tag)


def conllu(*sentences, end="\n"):
    """A sentence is a list of lines: a text as it is, or (ID, FORM, UPOS)."""
    text = ""
    for lines in sentences:
        for line in lines:
            if not isinstance(line, str):
                index, word, tag = line
                line = "\t".join([index, word, word, tag, *"______"])
            text += line + end
        text += end
    return text


GOOD = [[("1", f"Wort{n}", "NOUN"), ("2", "geht", "VERB")] for n in range(20)]


def test_a_conllu_file(tmp_path):
    path = tmp_path / "texts.conllu"
    odd = ["# text = zum", ("1-2", "zum", "_"), ("1", "zu", "ADP"), ("2", "dem", "DET"), ("2.1", "x", "_")]
    bad = [
        ["# a comment", "1 zum zu ADP"],
        [("1", "gut", "ADJ"), ("2", "los", "_"), ("3", "ja", "INTJ")],
        [("eins", "gut", "ADJ")],
        [("1", " ", "ADJ"), ("2", "so", "")],
    ]
    path.write_bytes(conllu(*GOOD, odd, *bad, end="\r\n").encode())
    data = tagged_sets.load(Source.parse(path), 0)
    assert data.tags == ("ADP", "DET", "NOUN", "VERB") and data.source == str(path)
    assert [len(data.words[part]) for part in SPLITS] == [17, 2, 2]
    every = [sentence for part in SPLITS for sentence in pairs(data, part)]
    assert [("zu", "ADP"), ("dem", "DET")] in every
    assert sorted(map(len, every)) == [2] * 21
    first = 60 + 6 + 2  # lines of the sentences before; the comment
    left_out = "; its sentence is left out"
    assert {entry.file: entry.reason for entry in data.quarantined} == {
        f"texts.conllu:{first}": f"1 columns, not 10 between tabs{left_out}",
        f"texts.conllu:{first + 3}": f"no tag for 'los'{left_out}",
        f"texts.conllu:{first + 6}": f"the ID 'eins', which is no number{left_out}",
        f"texts.conllu:{first + 8}": f"no word{left_out}",
        f"texts.conllu:{first + 9}": f"no tag for 'so'{left_out}",
    }
    assert data.describe()["quarantined"] == list(data.quarantined)


def treebank(folder, **parts):
    for part, (start, stop) in parts.items():
        sentences = [[("1", f"Wort{n}", "NOUN"), ("2", "geht", "VERB")] for n in range(start, stop)]
        (folder / f"de_x-ud-{part}.conllu").write_text(conllu(*sentences))


def test_a_treebank_keeps_its_owners_split(tmp_path, capsys):
    (tmp_path / "LICENSE.txt").write_text("free")
    treebank(tmp_path, train=(0, 30), dev=(30, 37), test=(40, 45))
    data = tagged_sets.load(Source.parse(tmp_path), 0)
    assert [[words[0] for words in data.words[part]] for part in SPLITS] == [
        [f"Wort{n}" for n in range(*bounds)] for bounds in ((0, 30), (30, 37), (40, 45))
    ]
    assert data.source == str(tmp_path) and capsys.readouterr().err == ""
    file = tmp_path / "de_x-ud-train.conllu"
    alone = tagged_sets.load(Source.parse(file), 0)
    assert [len(alone.words[part]) for part in SPLITS] == [24, 3, 3]
    assert capsys.readouterr().err == (
        "warning: de_x-ud-train.conllu is split anew; give its folder to keep de_x-ud-dev.conllu, "
        "de_x-ud-test.conllu as they are\n"
    )
    (tmp_path / "de_x-ud-dev.conllu").unlink()
    without = tagged_sets.load(Source.parse(tmp_path), 0)
    assert [len(without.words[part]) for part in SPLITS] == [27, 3, 5]


def test_a_treebank_of_others():
    folder = Path(__file__).parents[3] / "shared" / "real" / "ud_french_sequoia"
    if not folder.is_dir():
        pytest.skip("no such treebank here")
    data = tagged_sets.load(Source.parse(folder), 0)
    assert [len(data.words[part]) for part in SPLITS] == [2231, 412, 456]
    assert len(data.tags) == 16 and data.quarantined == ()
    known = {word.lower() for words in data.words["train"] for word in words}
    assert cut_like("L'association a changé.", known) == ["L'", "association", "a", "changé", "."]


def test_a_last_sentence_without_a_blank_line_counts(tmp_path):
    path = tmp_path / "texts.conllu"
    path.write_text(conllu(*GOOD).rstrip("\n"))
    assert sum(map(len, tagged_sets.read_conllu(path, 0).words.values())) == 20


def test_what_is_no_set(tmp_path):
    path = tmp_path / "texts.conllu"
    with pytest.raises(ValueError, match="^expected a CoNLL-U file, received '/no/such', which is no file$"):
        tagged_sets.load(Source.parse("/no/such"), 0)
    path.write_text(conllu(*GOOD[:3]))
    message = "^expected at least 20 sentences in .*, received 3; add some, with a blank line after each$"
    with pytest.raises(ValueError, match=message):
        tagged_sets.read_conllu(path, 0)
    path.write_text("the cat\n")
    message = (
        "^expected at least 20 sentences in .*, received 0; 1 lines are wrong, first texts.conllu:1: 1 "
        "columns, not 10 between tabs; its sentence is left out; add some, with a blank line after each$"
    )
    with pytest.raises(ValueError, match=message):
        tagged_sets.read_conllu(path, 0)
    path.write_text(conllu(*([("1", f"w{n}", "X")] for n in range(20))))
    message = "^expected at least 2 tags in the fourth column of .*, received 'X' alone$"
    with pytest.raises(ValueError, match=message):
        tagged_sets.read_conllu(path, 0)
    message = (
        "^expected --data tfds, which is universal_dependencies/en_ewt, received 'tfds:mnist'; it is the "
    )
    with pytest.raises(ValueError, match=message):
        tagged_sets.load(Source.parse("tfds:mnist"), 0)


def test_the_treebank():
    """Contractions, tagged "_", are passed over; the mock's own words and tags differ in number."""
    examples = {
        "train": [(["Don't", "Do", "n't"], ["_", "AUX", "PART"]), (["Caf\u00e9"], ["NOUN"])],
        "dev": [(["Go", "!"], ["VERB", "PUNCT"])],
        "test": [(["x"], ["_"]), (["Hi"], ["INTJ"])],
    }

    def as_dataset(builder, split, **_):
        names = builder.info.features["upos"].feature
        rows = [(words, [names.str2int(tag) for tag in tags]) for words, tags in examples[split]]
        signature = {"tokens": tf.TensorSpec([None], tf.string), "upos": tf.TensorSpec([None], tf.int64)}
        made = tf.data.Dataset.from_generator(
            lambda: ({"tokens": words, "upos": tags} for words, tags in rows), output_signature=signature
        )
        return made.apply(tf.data.experimental.assert_cardinality(len(rows)))

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        data = tagged_sets.load(Source.parse("tfds"), 0)
    assert data.source == "universal_dependencies/en_ewt"
    assert data.tags == ("AUX", "INTJ", "NOUN", "PART", "PUNCT", "VERB")
    assert pairs(data) == [[("Do", "AUX"), ("n't", "PART")], [("Caf\u00e9", "NOUN")]]
    assert pairs(data, "validation") == [[("Go", "VERB"), ("!", "PUNCT")]]
    assert pairs(data, "test") == [[("Hi", "INTJ")]]
