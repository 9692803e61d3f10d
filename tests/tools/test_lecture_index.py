"""The index of the lecture's notes: every statement has a place that exists."""

import pytest
from click.testing import CliRunner

from tools import lecture_index

NO_STATEMENT = "expected a statement that leads to "
HEAD = "== 2 | Neural networks\n= Multilayer perceptron (MLP)\n"


def faults_of(line):
    claims = {"mlp_from_scratch": {"loops_gap": []}}
    return list(lecture_index.faults(lecture_index.read_weeks(HEAD + line), claims))


def test_the_index_in_the_repository_is_whole_and_fresh():
    """Says what is wrong; most often it is to run python tools/lecture_index.py once more."""
    found = CliRunner().invoke(lecture_index.main, ["--check"])
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1 | a | mlp_of_dough | The method | loops_gap", "2.1: expected a recipe, received 'mlp_of_dough'"),
        ("1 | a | mlp_from_scratch | No such | loops_gap", "2.1: mlp_from_scratch has no heading 'No such'"),
        ("1 | a | mlp_from_scratch | - | words: b", "2.1: mlp_from_scratch has no heading '-'"),
        ("1 | a | mlp_from_scratch | The method | lops_gap", "2.1: mlp_from_scratch has no claim 'lops_gap'"),
        ("! 1 | a | b | mlp_of_dough", "slip in 'Multilayer perceptron (MLP)': expected a recipe"),
    ],
)
def test_a_place_that_does_not_exist_is_told(line, fault):
    assert any(each.startswith(fault) for each in faults_of(line))


def test_a_right_place_is_not():
    fine = "1 | a | mlp_from_scratch | The method | loops_gap"
    assert all(each.startswith(NO_STATEMENT) for each in faults_of(fine))
    assert not any("mlp_from_scratch" in each for each in faults_of(fine))
    assert (
        "expected a statement that leads to gan, received none; add one under its heading in "
        "tools/lecture_statements.txt, or point one that is there at gan"
    ) in faults_of(fine)


def test_a_claim_without_numbers_yet_is_told_on_the_page():
    line = "1 | a | mlp_from_scratch | The method | gradient_error"
    assert all(each.startswith(NO_STATEMENT) for each in faults_of(line))  # the recipe has it
    statement = lecture_index.read_weeks(HEAD + line)[0].statements[0]
    told = list(lecture_index.evidence(statement, {}))
    assert told == ["`gradient_error` is claimed; RESULTS.md has no numbers of it yet"]


def test_no_more_may_be_left_to_show(monkeypatch):
    monkeypatch.setattr(lecture_index, "MOST_NOT_YET", 1)
    lacking = "1 | a | mlp_from_scratch | - | not yet: b"
    assert not any("not shown yet" in each for each in faults_of(lacking))
    assert any("2 statements are not shown yet" in each for each in faults_of(f"{lacking}\n{lacking}"))


def test_a_line_of_another_form_is_an_error():
    with pytest.raises(ValueError, match=r"expected the parts of a statement .* received '1 \| a'"):
        lecture_index.read_weeks(HEAD + "1 | a")


def test_what_a_claim_measured_on_each_data(tmp_path):
    results = tmp_path / "RESULTS.md"
    head = "| recipe | claim | measured | |\n|---|---|---|---|\n"
    results.write_text(
        f"## Claims, embedded data\n\n{head}"
        "| `gan` | It (too) finds them. (modes at least 8 and at most 9) | 8 (8 to 8) | kept |\n"
        "|  | good_points at least 0.9 | 0.95 (0.93 to 0.96) | kept |\n\n"
        f"## Claims, tfds data\n\n{head}| `gan` | good_points at least 0.9 | 0.93 (seed 0) | kept |\n"
    )
    gan = lecture_index.measured_claims(results)["gan"]
    assert gan["modes"] == [("embedded", "It (too) finds them.", "at least 8 and at most 9", "8 (8 to 8)")]
    statement = lecture_index.Statement("4.1", "t", "a", "gan", "-", "good_points", "Drawn.")
    assert list(lecture_index.evidence(statement, gan)) == [
        "`good_points` at least 0.9: **0.95 (0.93 to 0.96)**; with `--data tfds` **0.93 (seed 0)**",
        "*Drawn.*",
    ]
