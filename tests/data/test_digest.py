import hashlib

from suite.data.digest import file_digest


def test_a_file_of_several_blocks_has_the_digest_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(content)
    assert file_digest(tmp_path / "large") == hashlib.sha256(content).hexdigest()
    (tmp_path / "empty").touch()
    assert file_digest(tmp_path / "empty") == hashlib.sha256().hexdigest()
