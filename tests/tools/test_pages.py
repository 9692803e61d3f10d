"""The pages of the site."""

import operator
import re

import keras
import tensorflow as tf

from suite.bundle.rows import ClaimRow
from suite.lessons import catalog
from suite.lessons.catalog import recipe_file
from tests.records import changed, write_record
from tools import api_pages, page_ending, pages

ENTRY = "week2_neural_networks/mlp_from_scratch"


def test_a_lesson_with_the_figures_and_numbers_of_its_run(tmp_path):
    bundle = tmp_path / "bundle"
    (bundle / "figures").mkdir(parents=True)
    (bundle / "figures" / "loss.png").write_bytes(b"png")
    claim = ClaimRow("test_accuracy", 0.97, True, at_least=0.95, says="It reads digits.")
    write_record(bundle, changed(metrics={"test_accuracy": 0.97}, claims=(claim,), seed=3))
    page = pages.recipe_page(ENTRY, bundle, tmp_path / "out")
    assert page.startswith("# Train a multilayer perceptron")
    assert "](../figures/mlp_from_scratch/loss.png)" in page and "seed 3" in page
    assert "*(A figure goes here, `weights`: `suite run mlp_from_scratch` draws it.)*" in page
    assert "| ✓ | It reads digits. | 0.97 (≥\u00a00.95) |" in page
    assert "<details><summary><code>mlp</code></summary>" in page  # what it takes from the suite
    assert "__main__" not in page
    assert "The same network in Keras is" not in page
    assert "](../docs/lecture.md#multilayer-perceptron-mlp) A layer is one matrix, one bias" in page
    assert (
        "Week 2 of the notes: [Multilayer perceptron (MLP)](../docs/lecture.md#multilayer-perceptron-mlp),"
        in page
    )
    assert (tmp_path / "out/figures/mlp_from_scratch/loss.png").is_file()


def test_methods_are_found_in_modules_and_packages():
    source = recipe_file("week1_optimization/linear_regression").read_text()
    methods = dict(page_ending.imported_methods(source))
    assert {"fit", "redundant_columns", "GradientDescent", "standardized_linear"} == set(methods)
    assert methods["fit"].startswith("def fit(X: ArrayLike")


def test_links_of_documents():
    text = "[a](docs/export.md#x) [b](recipes/week4_unsupervised/gan.py) [c](LICENSE) [d](https://x.y)"
    linked = pages.with_links(text, "README.md")
    assert linked.startswith("[a](../docs/export.md#x) ") and linked.endswith(" c [d](https://x.y)")


def test_without_a_run_the_claims_are_those_of_three_seeds(tmp_path):
    page = pages.recipe_page(ENTRY, tmp_path / "none", tmp_path / "out")
    assert "| claim | measured, seeds 0 to 2 |" in page
    assert "| The network reads digits of 8 x 8 pixels. | 0.9" in page and ", at least 0.95 |" in page
    table = pages.claims_table("mlp_keras", {"claims": []})  # of a run with --smoke
    assert "at least 0.983 (`--data tfds`) |" in table  # a claim about other data says so


def test_a_page_says_how_to_use_what_it_made():
    source = recipe_file("week2_neural_networks/mlp_keras").read_text()
    parts = "\n".join(page_ending.ending("mlp_keras", source))
    assert "from suite.optimizers import Adam  # or Momentum\n" in parts
    assert "result = try_out(run, Config(augmentation=0, dropout=0))" in parts
    assert "leaves `saved_models/mlp_keras/`" in parts and "`model_int8.tflite`" in parts
    assert "[`keras.layers.Dense`](https://www.tensorflow.org/api_docs/python/tf/keras/layers/Dense)" in parts
    assert "`--data tfds`, `test_accuracy`: 0.98" in parts and "of [Keras 2, mnist_mlp](https://" in parts
    assert '**What does not hold of the notes:**\n- A network of dense layers "can\'t be used"' in parts
    ships_none = recipe_file("week2_neural_networks/backpropagation").read_text()
    assert "trains no model to ship" in page_ending.on_a_phone("backpropagation", ships_none)


def test_flags_become_fields():
    assert [page_ending.in_python(value) for value in ("4,4", "2e-3", "rnn")] == ["(4, 4)", "2e-3", "'rnn'"]


def test_what_is_used_of_keras_is_told_once_and_exists():
    source = "\n".join(recipe_file(entry).read_text() for entry in catalog.catalog())
    used = [re.search(r"`(.+)`", each).group(1) for each in page_ending.documented(source)]
    assert len(used) == len({*used}) > 50
    for name in used:
        operator.attrgetter(name.partition(".")[2])({"keras": keras, "tf": tf}[name.partition(".")[0]])


def test_the_gallery_has_a_figure_of_each_run(tmp_path):
    figures = tmp_path / "mlp_from_scratch" / "figures"
    figures.mkdir(parents=True)
    (figures / "loss.png").write_bytes(b"png")
    page = pages.gallery_page(tmp_path)
    assert page.count("```{figure}") == 1 and "figures/mlp_from_scratch/loss.png" in page
    assert "[Train a multilayer perceptron" in page and "recipes 1 were run" in page


def test_the_reference_has_every_verb_and_every_room_of_methods():
    found = api_pages.api_pages()
    assert all(f".. autofunction:: suite.{verb}\n" in found["api.md"] for verb in api_pages.VERBS)
    assert ".. automodule:: suite.optimizers.adam\n   :members:" in found["api/optimizers.md"]
    assert {f"api/{room}.md" for room in page_ending.METHODS} < {*found}


def test_every_document_is_in_the_table_of_contents():
    named = {part.partition("<")[2].rstrip(">") or part for parts in pages.PARTS.values() for part in parts}
    assert {page.removesuffix(".md") for page in pages.DOCUMENTS.values()} <= named
