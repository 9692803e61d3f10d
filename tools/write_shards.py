"""Writes a folder of pictures as TFRecord files, which `suite finetune` reads, too.

Many small files are slow to list and to copy; a few large ones are not. The pictures stay as they are.

    python tools/write_shards.py photos/ shards/ --shards 16
"""

import argparse
import sys

from suite import console
from suite.data.folders.shards import write_shards


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", help="one subfolder a class, perhaps in train, validation and test")
    parser.add_argument("out", help="a new folder")
    parser.add_argument("--shards", type=int, default=16, help="files a part")
    given = parser.parse_args(arguments)
    try:
        written, aside = write_shards(given.directory, given.out, given.shards)
    except ValueError as error:
        console.error(str(error))
        return 2
    for entry in aside[:5]:
        console.warn(f"set aside {entry.file}: {entry.reason}")
    console.result(f"{written} pictures in {given.out}, {len(aside)} files set aside")
    console.result(f"next: suite finetune {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
