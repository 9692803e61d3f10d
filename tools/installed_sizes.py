"""Prints what an installation takes on disk, by package: what the suite needs, and what each extra adds.

python tools/installed_sizes.py
"""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from suite import console

SUITE = "keras-course-suite"
SHOWN = 12  # packages, the largest


def closure(names: Iterable[str], extra: str = "") -> dict[str, Distribution]:
    """Gives the installed packages that some need, themselves among them.

    Args:
        names: Of packages; the extra is that of the first ones alone.
        extra: Whose requirements count, too.

    Returns:
        Them, by normalized name.
    """
    found: dict[str, Distribution] = {}
    open_names = [(name, extra) for name in names]
    while open_names:
        name, wanted = open_names.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform, or an extra that is not installed
        is_new = key not in found
        found[key] = package
        open_names += [
            (each.name, next(iter(each.extras), ""))
            for each in _requirements(package, wanted)
            if is_new or wanted
        ]
    return found


def _requirements(package: Distribution, extra: str) -> Iterator[Requirement]:
    for line in package.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def megabytes(package: Distribution) -> float:
    """Of the files that were installed for it."""
    paths = [file.locate() for file in package.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6  # type: ignore[attr-defined]


def main() -> None:
    """Prints a table of the suite's own packages, and a line for each extra."""
    base = closure([SUITE])
    sizes = sorted(((megabytes(package), name) for name, package in base.items()), reverse=True)
    total = sum(size for size, _ in sizes)
    rows = [(name, f"{size:.0f}") for size, name in sizes[:SHOWN]]
    rows.append((f"{len(sizes[SHOWN:])} others", f"{sum(size for size, _ in sizes[SHOWN:]):.0f}"))
    console.table(f"the suite needs {total:.0f} MB", ("package", "MB"), rows)
    for extra in distribution(SUITE).metadata.get_all("Provides-Extra") or ():
        more = {name: found for name, found in closure([SUITE], extra).items() if name not in base}
        if more:
            console.result(f"extra {extra}: {sum(map(megabytes, more.values())):.0f} MB more")


if __name__ == "__main__":
    main()
