import numpy as np
import pytest
from sklearn import datasets

from suite.data.sets import tabular
from suite.data.splits import split_by_label, split_rows


def test_diabetes_in_its_own_units_and_scaled():
    raw, scaled = tabular.load_diabetes(raw=True), tabular.load_diabetes()
    for table in (raw, scaled):
        assert table.features.shape == (442, 10)
        assert table.features.dtype == table.targets.dtype == np.float64
        assert table.feature_names == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    assert set(raw.column("sex")) == {1.0, 2.0}
    assert (raw.column("age").min(), raw.column("age").max()) == (19, 79)
    assert (raw.targets.min(), raw.targets.max()) == (25, 346)
    np.testing.assert_allclose(np.linalg.norm(scaled.features, axis=0), 1)
    np.testing.assert_array_equal(scaled.features, datasets.load_diabetes().data)


def test_wine():
    wine = tabular.load_wine()
    assert wine.features.shape == (178, 13) and wine.features.dtype == np.float64
    assert wine.targets.dtype == np.int64
    assert np.bincount(wine.targets).tolist() == [59, 71, 48]
    assert wine.classes == ("class_0", "class_1", "class_2")
    assert (wine.column("alcohol").min(), wine.column("proline").max()) == (11.03, 1680)


def test_unknown_column():
    with pytest.raises(
        ValueError, match=r"^expected one of the features age, sex, .*, s6, received 'weight'$"
    ):
        tabular.load_diabetes().column("weight")


def test_split_holds_every_row_once():
    parts = split_rows(442, seed=0)
    assert [len(part) for part in parts] == [309, 67, 66]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(442))
    assert not np.array_equal(np.concatenate(parts), np.arange(442))


def test_split_depends_on_the_seed_alone():
    for same, again in zip(split_rows(50, 3), split_rows(50, 3), strict=True):
        np.testing.assert_array_equal(same, again)
    assert not np.array_equal(split_rows(50, 3)[0], split_rows(50, 4)[0])


@pytest.mark.parametrize("fractions", [(0.5, 0.6), (1.2, -0.2), (0.5, 0.4)])
def test_fractions_add_up_to_one(fractions):
    with pytest.raises(ValueError, match="^expected positive fractions that add up to 1, received"):
        split_rows(10, 0, fractions)


def test_too_few_rows():
    message = "^expected a row for every part, received 2 rows split into 1, 1, 0; add rows$"
    with pytest.raises(ValueError, match=message):
        split_rows(2, 0)


def test_a_split_label_by_label():
    labels = np.repeat(["few", "many"], [10, 1000])
    parts = split_by_label(labels, ("train", "validation", "test"), seed=0)
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 806, "validation": 102, "test": 102}
    assert (labels[parts["test"]] == "few").sum() == 2
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1010))
    np.testing.assert_array_equal(split_by_label(labels, ["train"], 0)["train"], np.arange(1010))
    assert len(split_by_label(labels, ["train", "test"], 0)["train"]) == 908
