"""Every recipe, in its tiny configuration, through training, export and proof."""

import json

import pytest

import suite
from suite.bundle.names import LABELS_FILE
from suite.data.source import EMBEDDED
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.exports import steps
from suite.deploy.tflite_metadata import read_associated_file
from suite.lessons.catalog import catalog, load_recipe
from suite.runs import job
from suite.runs.recipe import claims_on
from suite.training import loop
from tests.recipes.stand_ins import keras_alone

NAMES = [entry.split("/")[1] for entry in catalog()]
# One of each kind of model; what the ladder of precisions does, tests/deploy shows.
WHOLE = {
    "mlp_keras",  # a classifier, with a personal model
    "linear_regression",  # a regressor
    "semantic_segmentation",
    "object_detection",
    "gan",  # a generator
    "part_of_speech_tagging",
    "rnn_language_model",  # a step with states
    "sequence_to_sequence",  # an encoder and the step of its decoder
}


def one_of_each_task(export):
    """Exports of several models of a task the first."""
    tasks = set()

    def export_first(item, *rest, **settings):
        if item.task in tasks:
            return []
        tasks.add(item.task)
        return export(item, *rest, **settings)

    return export_first


@pytest.mark.parametrize("name", NAMES)
def test_smoke(name, tmp_path, monkeypatch):
    precisions = "all" if name in WHOLE else "float32"
    if name not in WHOLE:
        monkeypatch.setattr(job, "export_model", one_of_each_task(job.export_model))
        monkeypatch.setattr(steps, "exported_artifacts", keras_alone)
        monkeypatch.setattr(loop, "_uses_xla", lambda *_: False)  # compiling takes longer than a few steps
    folder = suite.run(name, out=tmp_path / name, smoke=True, precisions=precisions)
    result = json.loads((folder / "result.json").read_text())
    assert result["metrics"] and list((folder / "figures").glob("*.png"))
    assert (folder / "report.html").stat().st_size > 2000
    assert {"source", "train"} <= set(result["data"])
    if "path" in getattr(load_recipe(name), "DATA", ()):  # whatever a user's data are, they are held to it
        assert result["baselines"], "no trivial answer: a model that has learned nothing would pass"
    judged = {row["metric"]["name"] for row in result["artifacts"] if row["status"] == "ok"}
    assert {name for name in judged & set(result["metrics"]) if name.endswith(("_accuracy", "_r2"))} <= {
        row["metric"] for row in result["baselines"]
    }
    faults = [row for row in result["artifacts"] if row["status"] == "failed"]
    assert faults == []
    assert [metric for metric, value in result["metrics"].items() if value is None] == []  # not finite
    assert {claim.metric for claim in claims_on(load_recipe(name).CLAIMS, EMBEDDED)} <= set(result["metrics"])
    if result["artifacts"]:
        assert {row["format"] for row in result["artifacts"]} == {"keras", "saved_model", "tflite", "onnx"}
    if name in WHOLE:
        assert all(row.passed for row in suite.verify(folder))
    for model in folder.rglob("*.tflite"):
        for text in model.parent.glob("*.txt"):  # labels, vocabulary: the file alone is enough
            inside = read_associated_file(model, text.name)
            spare = "spare 1\nspare 2\nspare 3\nspare 4\n" if model.name == PERSONAL_FILE else ""
            assert inside == text.read_text() + spare * (text.name == LABELS_FILE)
