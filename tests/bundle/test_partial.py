import json

import pytest

from suite.bundle.partial import PartialBundle


def finish(out, content, **kwargs):
    partial = PartialBundle(out, **kwargs)
    (partial.folder / "result.json").write_text(json.dumps(content))
    return partial.finish()


def test_appears_whole_and_replaces_whole(tmp_path):
    out = tmp_path / "model"
    partial = PartialBundle(out)
    (partial.work / "checkpoint").write_text("x")
    (partial.folder / "result.json").write_text("1")
    assert not out.exists()
    partial.finish()
    assert [path.name for path in out.iterdir()] == ["result.json"]
    finish(out, 2)
    assert (out / "result.json").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_interrupted_run_leaves_the_old_bundle_and_can_be_resumed(tmp_path):
    out = tmp_path / "model"
    finish(out, 1)
    partial = PartialBundle(out)
    (partial.work / "checkpoint").write_text("epoch 3")
    (partial.folder / "model.onnx").write_text("half")
    partial.release()
    assert (out / "result.json").read_text() == "1"

    resumed = PartialBundle(out, resume=True)
    assert (resumed.work / "checkpoint").read_text() == "epoch 3"
    assert not (resumed.folder / "model.onnx").exists()
    resumed.release()

    anew = PartialBundle(out)
    assert not (anew.work / "checkpoint").exists()
    anew.release()


def test_a_replacement_cut_between_its_renames_is_undone(tmp_path):
    finish(tmp_path / "model", 1)
    (tmp_path / "model").rename(tmp_path / ".model.old")
    PartialBundle(tmp_path / "model").release()
    assert read_raw(tmp_path / "model") == "1"


def read_raw(folder):
    return (folder / "result.json").read_text()


def test_two_runs_on_one_folder(tmp_path):
    first = PartialBundle(tmp_path / "model")
    with pytest.raises(ValueError, match="expected no other run"):
        PartialBundle(tmp_path / "model")
    first.release()
    PartialBundle(tmp_path / "model").release()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds other files; choose another folder"):
        PartialBundle(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    (tmp_path / "photos.failed").mkdir()  # where the bundle would go if a claim were missed
    (tmp_path / "photos.failed" / "blurred.jpg").touch()
    with pytest.raises(ValueError, match=r"photos\.failed holds other files; choose another folder"):
        PartialBundle(tmp_path / "photos")
