"""Fingerprints of files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

_BLOCK_BYTES = 2**20


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; files with the same one are copies."""
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)
    return digest.hexdigest()


def blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, of which little is in memory at a time."""
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
