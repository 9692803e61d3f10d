"""What is installed from a wheel, in an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the packages of the wheel, and no checkout near."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"suite"}
    zipfile.ZipFile(wheel).extractall(folder / "packages")
    return folder / "packages"


def run(installed, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "suite", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_lists_all_recipes_and_has_all_files(installed, tmp_path):
    listed = run(installed, tmp_path, "list")
    sources = list((ROOT / "recipes").glob("week*/*.py"))
    assert len(sources) >= 48 and all(path.stem in listed for path in sources if path.stem != "__init__")
    others = {
        path.relative_to(ROOT)
        for path in (ROOT / "suite").rglob("*")
        if path.suffix in (".j2", ".js", ".css", ".html")
    }
    assert {path for path in others if not (installed / path).is_file()} == set()


@pytest.mark.slow
def test_its_commands_work(installed, tmp_path):
    run(installed, tmp_path, "run", "linear_regression", "--smoke")
    run(installed, tmp_path, "finetune", "--epochs=0", "--views=0")
    run(installed, tmp_path, "verify", "saved_models/textures")
