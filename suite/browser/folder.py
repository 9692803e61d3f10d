"""The page of a model as a folder that any web host serves."""

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite import console
from suite.browser.litert import LOCK, MODULES, PAGE, WASM
from suite.browser.site import ABOUT, BUNDLE, LITERT, MANIFEST, PERSONAL, TEXTS, Site, result_of
from suite.bundle.names import RESULT_FILE
from suite.bundle.rows import ArtifactRow
from suite.bundle.write import json_text
from suite.deploy.recommendation import by_model, recommended

MARKS = ("about.json", "service_worker.js")  # files by which an earlier page is known


@dataclasses.dataclass(frozen=True)
class Page:
    """A page that was written.

    Attributes:
        folder: Where.
        files: How many files it has.
        bytes: Size of all.
        loaded: Size of what one device asks for: of the builds of the runtime it takes one.
    """

    folder: Path
    files: int
    bytes: int
    loaded: int

    def __str__(self) -> str:
        sizes = f"{self.bytes / 1e6:.1f} MB, of which a device loads {self.loaded / 1e6:.1f} MB once"
        return (
            f"{console.shown(self.folder)}: {self.files} files, {sizes}; any web host serves it, the camera "
            "and opening it without a network need https or localhost"
        )


def write_page(site: Site, to: str | Path, variant: str | None = None) -> Page:
    """Writes what `suite preview` serves, with one variant of the model.

    Args:
        site: What it serves.
        to: Folder: new, empty, or an earlier page.
        variant: Such as "int8"; by default, of each model, the file that is recommended for a browser. What
            can be taught is written in any case.

    Raises:
        ValueError: The folder has other files, or there is no such variant.
    """
    folder = Path(to).absolute()
    if folder.exists() and not _may_be_replaced(folder):
        raise ValueError(
            f"expected a new or empty folder, or an earlier page, {to} has other files; choose another folder"
        )
    files = _files(site, _chosen(site, variant))
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for address, content in files.items():
        path = partial / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    sizes = {address: len(content) for address, content in files.items()}
    builds = [size for address, size in sizes.items() if _is_build(address)]
    total = sum(sizes.values())
    return Page(folder, len(files), total, total - sum(builds) + max(builds, default=0))


def _may_be_replaced(folder: Path) -> bool:
    return folder.is_dir() and (not any(folder.iterdir()) or all((folder / name).is_file() for name in MARKS))


def _chosen(site: Site, variant: str | None) -> list[ArtifactRow]:
    """One file of each model, and the personal ones."""
    offered = [row for row in site.record.artifacts if row.path in site.about["tasks"]]
    found = {row.variant for row in offered}
    if variant is not None and variant not in found:
        raise ValueError(f"expected a variant among {', '.join(sorted(found))}, received {variant!r}")
    chosen = []
    for rows in by_model(offered).values():
        advice = recommended(rows).get("browser")
        best = [row for row in rows if advice and row.path == advice.path] or rows[:1]
        asked = [row for row in rows if row.variant == variant] or best
        chosen += asked + [row for row in rows if row.variant == PERSONAL and row not in asked]
    return chosen


def _files(site: Site, rows: Sequence[ArtifactRow]) -> dict[str, bytes]:
    """The content of each file, by its address in the folder."""
    own = [f"/{path.name}" for path in sorted(PAGE.iterdir()) if path.is_file() and path.name not in LOCK]
    folders = {row.path.rpartition("/")[0] for row in rows}
    texts = [f"{BUNDLE}{folder}/{name}".replace("//", "/") for folder in sorted(folders) for name in TEXTS]
    models = [BUNDLE + row.path for row in rows]
    builds = [f"{LITERT}{WASM}/{path.name}" for path in sorted((site.folders[LITERT] / WASM).iterdir())]
    wanted = [*own, *(LITERT + each for each in MODULES), *builds, *models, *texts, MANIFEST]
    found = {address[1:]: site.source(address) for address in wanted}
    files = {
        address: content if isinstance(content, bytes) else content.read_bytes()
        for address, content in found.items()
        if content is not None
    }
    files[f"{BUNDLE[1:]}{RESULT_FILE}"] = result_of(dataclasses.replace(site.record, artifacts=tuple(rows)))
    files[ABOUT[1:]] = json_text(_about(site, rows, files)).encode()
    return files


def _about(site: Site, rows: Sequence[ArtifactRow], files: Mapping[str, bytes]) -> dict[str, Any]:
    """What this page is told: of its files those that every device keeps, and when to do so anew."""
    digest = hashlib.sha256()
    for address, content in files.items():
        digest.update(f"{address}\0{len(content)}\0".encode() + content)
    tasks = {row.path: site.about["tasks"][row.path] for row in rows}
    kept = ["./", ABOUT[1:], *(address for address in files if not _is_build(address))]
    return {**site.about, "tasks": tasks, "files": kept, "version": digest.hexdigest()[:16]}


def _is_build(address: str) -> bool:
    return address.startswith(f"{LITERT[1:]}{WASM}/")
