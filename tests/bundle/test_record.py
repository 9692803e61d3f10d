import io
import json

import numpy as np
import pytest

from suite.bundle.examples import load_verification, save_verification
from suite.bundle.record import read_result
from suite.bundle.write import write_json
from suite.deploy.describe import digest


def test_json_is_strict(tmp_path):
    write_json(tmp_path / "a.json", {"nan": float("nan"), "numpy": np.float32(0.5), "list": [np.inf, 1]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "numpy": 0.5, "list": [None, 1]}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"artifacts": 3}'])
def test_damaged_result(tmp_path, content):
    with pytest.raises(ValueError, match="expected a bundle, found no result.json"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ValueError, match="expected a"):
        read_result(tmp_path)


def test_hash_of_a_folder_depends_on_names_and_content(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"a")
    before = digest(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"b")
    assert digest(tmp_path) != before


def test_verification_examples(tmp_path):
    inputs, outputs = {"image": np.arange(60).reshape(20, 3)}, {"scores": np.ones((20, 2))}
    save_verification(tmp_path / "v.npz", inputs, outputs)
    loaded_inputs, loaded_outputs = load_verification(tmp_path / "v.npz")
    np.testing.assert_array_equal(loaded_inputs["image"], inputs["image"][:16])
    assert loaded_outputs["scores"].shape == (16, 2)
    content = (tmp_path / "v.npz").read_bytes()
    single = io.BytesIO()
    np.save(single, np.ones(3))
    for damaged in (b"no zip", b"", content[: len(content) // 2], single.getvalue()):
        (tmp_path / "v.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="expected verification.npz .* cannot be read .*; write it anew"):
            load_verification(tmp_path / "v.npz")
