"""What every recipe must have, so that fifty of them read as one."""

import ast
import dataclasses
import importlib
import re
from pathlib import Path

import pytest

import recipes
from suite.data.source import Source
from suite.lessons.catalog import about, catalog, recipe_file, select
from suite.lessons.cells import code_lines, is_lesson
from suite.runs.recipe import Claim, claims_on
from tools.lecture_index import measured_claims

ROOT = Path(recipes.__file__).parent
ENTRIES = catalog()


@pytest.fixture(scope="module")
def modules():
    """The recipes by their entries."""
    return {entry: importlib.import_module(f"recipes.{entry.replace('/', '.')}") for entry in ENTRIES}


def name_of(entry):
    return entry.split("/")[1]


def kinds_of(recipe):
    return getattr(recipe, "DATA", ("embedded",))


def test_the_catalog_and_the_files_agree():
    files = {path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.glob("week*/*.py")}
    assert files == set(ENTRIES)
    assert len(set(ENTRIES)) == len(ENTRIES) == len({entry.split("/")[1] for entry in ENTRIES})
    weeks = [entry.split("_")[0] for entry in ENTRIES]
    assert weeks == sorted(weeks)


def test_docstrings():
    for entry in ENTRIES:
        text = ast.get_docstring(ast.parse(recipe_file(entry).read_text()))
        if is_lesson(recipe_file(entry).read_text()):  # test_lessons.py holds these
            continue
        assert re.fullmatch(r"[A-Z].{20,100}\.", about(entry).title), entry
        assert re.search(r"^Week \d, \"", text, re.M), f"{entry}: name the lecture's heading"
        for section in ("Claim:", "Cost:", "Run:"):
            assert re.search(rf"^{section}", text, re.M), f"{entry}: no line {section}"
        assert f"suite run {name_of(entry)}" in text, entry


def test_modules(modules):
    for entry, recipe in modules.items():
        assert dataclasses.is_dataclass(recipe.Config), entry
        assert recipe.Config.__dataclass_params__.frozen, entry
        assert isinstance(recipe.SMOKE, recipe.Config), entry
        assert recipe.Config() != recipe.SMOKE, entry
        assert recipe.CLAIMS and all(isinstance(claim, Claim) for claim in recipe.CLAIMS), entry
        assert callable(recipe.run), entry
        kinds = kinds_of(recipe)
        assert kinds[0] == "embedded" and set(kinds) <= {"embedded", "tfds", "path"}, entry
        text = recipe.__doc__ or recipe_file(entry).read_text()
        assert ("--data tfds" in text) == ("tfds" in kinds), entry


def test_recipes_are_short():
    for entry in ENTRIES:
        if is_lesson(recipe_file(entry).read_text()):
            assert code_lines(recipe_file(entry).read_text()) <= 180, entry
            continue
        code = recipe_file(entry).read_text().split("\nif __name__")[0]
        code = code.split("\nCLAIMS = (")[1]  # a claim more must not cost clarity
        lines = code.split("\n)\n", 1)[1].count("\n")
        assert lines <= 200, f"{entry}: {lines} lines of code: move what is not the lecture into suite/"


def test_every_bound_stands_in_the_docstring(modules):
    for entry, recipe in modules.items():
        if not recipe.__doc__:  # its claims are sentences
            continue
        claimed = re.search(r"^Claim:(.*?)^Cost:", recipe.__doc__, re.M | re.S).group(1)
        numbers = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", claimed)}
        for claim in recipe.CLAIMS:
            for bound in (claim.at_least, claim.at_most):
                assert bound is None or bound in numbers, f"{entry}: {claim} is not in the docstring's Claim"


IDENTITY = "two implementations of the same formula, on whatever they are given"
MATHEMATICS = "holds for any numbers"
STRUCTURE = "counts what a network consists of, which is the same on any data"
OWN = "sentences that the recipe draws itself"

# Claims about any data, a user's own, too, each with the reason why no data can break it.
FACTS = {
    "optimizer_comparison": {"reference_gap": IDENTITY},
    "mlp_from_scratch": {"gradient_error": MATHEMATICS, "loops_gap": IDENTITY, "reference_gap": IDENTITY},
    "mlp_keras": {"reference_gap": IDENTITY},
    "convolution": {
        "flipped_gap": MATHEMATICS,
        "learned_mirror_gap": MATHEMATICS,
        "unflipped_gap": MATHEMATICS,
        "matrix_values_per_weight": STRUCTURE,
        "matrix_zeros": STRUCTURE,
        "shift_gap": MATHEMATICS,
        "strided_shift_gap": MATHEMATICS,
        "reference_gap": IDENTITY,
    },
    "receptive_fields": {
        "layer_mismatches": STRUCTURE,
        "field_mismatches": STRUCTURE,
        "strided_over_plain_field": STRUCTURE,
        "middle_share": MATHEMATICS,
        "reference_mismatches": IDENTITY,
    },
    "cnn_classification": {"course_parameters_gap": STRUCTURE},
    "regularized_autoencoders": {"reference_gap": IDENTITY},
    "output_distributions": {"squared_error_gap": MATHEMATICS, "reference_gap": IDENTITY},
    "stochastic_autoencoder": {"reference_gap": IDENTITY},
    "pca_versus_autoencoder": {"reference_gap": IDENTITY},
    "style_transfer": {"reference_gap": IDENTITY, "shuffled_gram_gap": MATHEMATICS},
    "word_embeddings": {"reference_gap": IDENTITY},
    "image_retrieval": {"reference_gap": IDENTITY},
    "ngram_language_model": {
        "sum_gap": MATHEMATICS,
        "reference_gap": IDENTITY,
        "short_window_right": "sentences that the recipe writes itself",
        "long_window_right": "sentences that the recipe writes itself",
        "long_window_right_varied": "sentences that the recipe writes itself",
    },
    "convolutional_autoencoder": {
        "transpose_gap": MATHEMATICS,
        "painted_most_over_least_3": STRUCTURE,
        "painted_most_over_least_4": STRUCTURE,
        "reference_gap": IDENTITY,
    },
    "text_primer": {"reference_gap": IDENTITY},
    "window_language_model": {
        "reference_gap": IDENTITY,
        "drawn_window_over_ngram": OWN,
        "drawn_window_over_true": OWN,
        "nearest_same_list": OWN,
        "nearest_same_list_shuffled": OWN,
        "right_endings_short": OWN,
        "right_endings_ngram": OWN,
        "right_endings_long": OWN,
        "right_endings_moved": OWN,
    },
    "rnn_language_model": {
        "reference_gap": IDENTITY,
        "kept_bytes_line": STRUCTURE,
        "kept_bytes_128_over_8": STRUCTURE,
        "step_gap_tflite": IDENTITY,
        "step_gap_onnx": IDENTITY,
    },
    "character_generation": {"step_gap_tflite": IDENTITY, "step_gap_onnx": IDENTITY},
    "part_of_speech_tagging": {"padding_gap": IDENTITY},
    "sentence_classification": {"padding_gap": IDENTITY, "reference_gap": IDENTITY},
}


def test_claims_are_about_the_data_that_they_name(modules):
    """What was measured on some data is claimed of these alone; a user's own are judged by facts."""
    for entry, recipe in modules.items():
        kinds = kinds_of(recipe)
        facts = set(FACTS.get(name_of(entry), ()))
        if kinds != ("embedded",):
            assert {claim.metric for claim in recipe.CLAIMS if claim.data is None} == facts, entry
        for claim in recipe.CLAIMS:
            assert claim.data is None or claim.data.partition(":")[0] in kinds, f"{entry}: {claim}"
        own = {claim.metric for claim in claims_on(recipe.CLAIMS, Source.parse("/home/me/data"))}
        assert own <= facts or "path" not in kinds, entry


HEAD_FIRST = {"transfer_learning"}  # its first phase is solved exactly; the second is kept where it helps


def test_the_length_of_training_follows_a_users_data(modules):
    for entry, recipe in modules.items():
        if "path" in getattr(recipe, "DATA", ()) and hasattr(recipe.Config, "epochs"):
            assert recipe.Config().epochs > 0, entry
            if name_of(entry) not in HEAD_FIRST:
                assert recipe.Config().least_steps > recipe.SMOKE.least_steps == 0, entry
                assert "epochs_for(" in recipe_file(entry).read_text(), entry


def test_selection():
    assert select("all") == list(ENTRIES)
    assert select("week1") == [entry for entry in ENTRIES if entry.startswith("week1")]
    assert select("transfer_learning") == ["week3_images/transfer_learning"]
    with pytest.raises(ValueError, match="received 'week9'"):
        select("week9")


def test_results_have_every_claim(modules):
    """`make results` writes the file; a claim that it lacks, or that has changed since, shows here."""
    rows = (ROOT.parent / "RESULTS.md").read_text().splitlines()
    for entry, recipe in modules.items():
        name = name_of(entry)
        first = next((index for index, row in enumerate(rows) if row.startswith(f"| `{name}` |")), None)
        assert first is not None, f"RESULTS.md has no row of {name}: run python tools/results.py {name}"
        claims = [claim for claim in recipe.CLAIMS if claim.data in (None, "embedded")]
        for row, claim in zip(rows[first:], claims, strict=False):
            assert f"| {claim.text} |" in row and row.endswith("| kept |"), (
                f"run python tools/results.py {name}"
            )


def test_results_have_no_claim_that_is_no_more(modules):
    """Rows of a data set stay until it is measured again."""
    for entry, recipe in modules.items():
        name = name_of(entry)
        for metric, rows in measured_claims().get(name, {}).items():
            for row in rows:
                ours = [claim for claim in recipe.CLAIMS if claim.data in (None, row.data)]
                assert any(claim.metric == metric and row.bound in claim.text for claim in ours), (
                    f"{metric}: run python tools/results.py {name} --data {row.data}"
                )
