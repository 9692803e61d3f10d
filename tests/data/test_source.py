import dataclasses
from pathlib import Path

import pytest

from suite.data.source import EMBEDDED, Source


@pytest.mark.parametrize("text", ["embedded", "tfds", "tfds:voc/2007", "tfds:a:b", "/no/such/folder"])
def test_a_source_is_parsed_once_and_gives_its_text_back(text):
    source = Source.parse(text)
    assert str(source) == text and Source.parse(str(source)) == source
    assert source.kind == ("path" if text.startswith("/") else text.split(":")[0])
    assert source.name == {"tfds:voc/2007": "voc/2007", "tfds:a:b": "a:b"}.get(text, "")
    assert (source.is_embedded, source.is_tfds) == (text == "embedded", text.startswith("tfds"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        source.name = "x"


def test_a_path_is_taken_as_one_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    for given in ("photos", "./photos/", "link", Path("link"), tmp_path / "photos"):
        assert Source.parse(given).path == tmp_path.resolve() / "photos"
    assert Source.parse(Path("embedded")).path == tmp_path.resolve() / "embedded"
    assert Source.parse("tfds_photos").kind == Source.parse("embedded:x").kind == "path"


def test_each_kind_is_loaded_by_its_own_function():
    def load(source):
        return source.load(
            embedded=lambda: "drawn", tfds={"voc/2007": lambda: "prepared"}, path=lambda path: path.name
        )

    assert load(EMBEDDED) == "drawn" and load(Source.parse("/my/photos")) == "photos"
    assert load(Source.parse("tfds")) == load(Source.parse("tfds:voc/2007")) == "prepared"
    message = "^expected --data tfds, which is voc/2007, received 'tfds:coco'; it is the only one$"
    with pytest.raises(ValueError, match=message):
        load(Source.parse("tfds:coco"))
