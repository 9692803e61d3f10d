"""LiteRT for browsers, the npm package `@litertjs/core`: found, or fetched once."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from suite import console

PAGE = Path(__file__).parent / "page"
PACKAGES = ("core", "wasm-utils")  # of @litertjs; the one imports the other
LOCK = ("package.json", "package-lock.json")
MODULES = ("core/dist/index.js", "wasm-utils/dist/bundle.js")  # that the page imports
WASM = "core/wasm"  # builds of the runtime, of which a browser loads the one for what it can do
_TIMEOUT = 600  # seconds


def litert_folder() -> Path:
    """Finds the runtime in `node_modules` here or in the user's cache, and else lets npm fetch it there.

    The versions are those of the page's `package-lock.json`, which also has the checksums that npm verifies.

    Returns:
        The folder `node_modules/@litertjs`, with `core/` and `wasm-utils/`.

    Raises:
        ValueError: npm is missing, or cannot fetch it.
    """
    cache = _cache_folder()
    for root in (Path.cwd(), cache):
        if _is_wanted(folder := root / "node_modules" / "@litertjs"):
            return folder
    _fetch(cache)
    return cache / "node_modules" / "@litertjs"


def _wanted() -> dict[str, str]:
    """Version by package."""
    dependencies = json.loads((PAGE / LOCK[0]).read_text(encoding="utf-8"))["dependencies"]
    return {name: dependencies[f"@litertjs/{name}"] for name in PACKAGES}


def _is_wanted(folder: Path) -> bool:
    try:
        found = {name: json.loads((folder / name / LOCK[0]).read_text())["version"] for name in PACKAGES}
    except (OSError, ValueError, KeyError):
        return False
    return found == _wanted()


def _cache_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "keras-course-suite" / f"litert-{_wanted()['core']}"


def _fetch(cache: Path) -> None:
    wanted = f"@litertjs/core {_wanted()['core']}"
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(
            f"expected npm, to fetch {wanted} once, found none; install Node.js (https://nodejs.org)"
        )
    console.say(f"fetching {wanted} by npm into {cache}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, then renamed: an interrupted fetch leaves nothing that looks complete.
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".fetch-") as work:
        for name in LOCK:
            shutil.copy(PAGE / name, work)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_TIMEOUT)
            failure = done.stderr or done.stdout if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"no answer in {_TIMEOUT} s"
        if failure or not _is_wanted(Path(work) / "node_modules" / "@litertjs"):
            reason = (failure.strip().splitlines() or ["it is not in what npm left"])[0]
            raise ValueError(
                f"expected npm to fetch {wanted}, it failed: {reason}; check the network and npm's registry"
            )
        shutil.rmtree(cache, ignore_errors=True)
        Path(work).rename(cache)
        Path(work).mkdir()  # so that the temporary folder can be removed
