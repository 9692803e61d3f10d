import pytest

from suite.data.source import Source
from suite.runs.recipe import Claim, about, claims_on


@pytest.mark.parametrize(
    ("claim", "value", "holds"),
    [
        (Claim("m", at_least=1.0), 1.0, True),
        (Claim("m", at_least=1.0), 0.999, False),
        (Claim("m", at_most=1.0), 1.001, False),
        (Claim("m", at_least=0.93, at_most=0.97), 0.95, True),
        (Claim("m", at_least=0.93, at_most=0.97), 0.98, False),
        (Claim("m", at_most=1.0), 1.0, True),
        (Claim("m", at_most=1.0), float("nan"), False),
        (Claim("m", at_least=1.0), float("nan"), False),
    ],
)
def test_claims(claim, value, holds):
    assert claim.holds({"m": value}) is holds


def test_claims_about_several_kinds_of_data():
    claims = about(("embedded", "tfds"), Claim("m", at_least=1), Claim("n", at_most=2))
    for data in ("embedded", "tfds"):
        assert claims_on(claims, Source.parse(data)) == [Claim("m", 1, None, data), Claim("n", None, 2, data)]
    assert claims_on(claims, Source.parse("/home/me/photos")) == []


def test_a_claim_in_words():
    claim = Claim("m", at_least=1.0, says="It grows.")
    assert claim.text == "It grows. (m at least 1)" and Claim("m", at_most=2).text == "m at most 2"
    assert claim.row({"m": 3.0}).to_json()["says"] == "It grows."
    assert "says" not in Claim("m", at_most=2).row({"m": 1.0}).to_json()
