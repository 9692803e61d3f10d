import pytest

from suite.deploy.names import distinct_names, legal_name


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("probabilities", "probabilities"),
        ("trailing_", "trailing_"),
        ("in", "in_"),
        ("class", "class_"),
        ("lambda", "lambda_"),
        ("self", "self_"),
        ("when", "when_"),  # Kotlin
        ("default", "default_"),  # Swift
        ("_hidden", "hidden"),
        ("a/b", "a_b"),
        ("my features-1", "my_features_1"),
        ("1st", "output_1st"),
        ("café", "cafe"),
        ("输入", "output"),
        ("_", "output"),
        ("__in__", "in_"),
    ],
)
def test_legal_names(name, legal):
    assert legal_name(name, "output") == legal
    assert legal.isidentifier() and legal.isascii()
    assert legal_name(legal, "output") == legal  # stable


def test_equal_names_are_numbered_beside_those_that_have_such_numbers():
    assert distinct_names(["lstm", "lstm", "lstm"]) == ["lstm", "lstm_1", "lstm_2"]
    assert distinct_names(["a", "a", "a_1", "b"]) == ["a", "a_2", "a_1", "b"]
    assert distinct_names(["x", "y", "x"], taken=["x", "y_1"]) == ["x_1", "y", "x_2"]
