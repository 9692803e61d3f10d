import numpy as np
import pytest

from suite.evaluation.retrieval import Index, found_table, precision, precision_by_chance

RNG = np.random.default_rng(0)


def test_the_nearest_come_first():
    vectors, queries = RNG.normal(size=(30, 4)), RNG.normal(size=(7, 4))
    rows, distances = Index(vectors, [str(i) for i in range(30)]).search(queries, 5)
    expected = np.linalg.norm(queries[:, None] - vectors, axis=2)
    np.testing.assert_array_equal(rows, expected.argsort(axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :5], atol=1e-6)
    assert Index(vectors[:3], "abc").search(queries, 5)[0].shape == (7, 3)


def test_a_file_of_it_and_what_is_none(tmp_path):
    names = ["ant/ä 1.jpg", "bee/2.jpg"]
    path = tmp_path / "index.npz"
    path.write_bytes(Index(np.float32([[1, 2], [3, 4]]), names).to_bytes())
    index = Index.load(path)
    assert list(index.names) == names
    np.testing.assert_array_equal(index.vectors, [[1, 2], [3, 4]])
    path.write_bytes(b"nonsense")
    for bad in (path, tmp_path / "none.npz"):
        with pytest.raises(ValueError, match="^expected an index that a run wrote, received"):
            Index.load(bad)


def test_precision():
    found, labels = np.array([[0, 1], [2, 0]]), np.array([5, 6, 5])
    assert precision(found, labels, np.array([5, 6])) == 0.25
    assert precision(found, labels, np.array([5, 5])) == 0.75


def test_nothing_to_search_or_to_find():
    for vectors, count in ((0, 3), (4, 0)):
        message = f"^expected at least 1 of at least 1 vector to find, received {count} of {vectors}$"
        with pytest.raises(ValueError, match=message):
            Index(np.zeros((vectors, 2)), ["a"] * vectors).search(np.zeros((1, 2)), count)
    with pytest.raises(ValueError, match=r"^expected at least one found row, received \(0, 5\)$"):
        precision(np.zeros((0, 5), int), np.zeros(9, int), np.zeros(0, int))


def test_images_drawn_at_random_are_right_as_often_as_both_are_of_a_class():
    found = precision_by_chance(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1, 2]))
    assert found == pytest.approx(0.75 * 0.2 + 0.25 * 0.6)


def test_a_table_names_five_of_each_query():
    rows = np.array([[2, 0, 1, 3, 5, 4], [5, 4, 3, 2, 1, 0]])
    table = found_table(rows, "abcdef", ["x", "y"], "code")
    assert table.title == "Queries and their nearest by code"
    assert list(table.rows) == [("x", "c, a, b, d, f"), ("y", "f, e, d, c, b")]
    assert len(found_table(np.zeros((300, 2), int), "ab", ["q"] * 300, "code").rows) == 200
