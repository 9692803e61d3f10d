"""The recipes by name, read without importing TensorFlow."""

import ast
import difflib
import functools
import importlib
import re
from pathlib import Path
from types import ModuleType


def catalogue() -> tuple[str, ...]:
    """Lists the recipes in lecture order, as "weekN_topic/name"."""
    return importlib.import_module("recipes").RECIPES


def recipe_file(entry: str) -> Path:
    """Gives the source file of a catalogue entry."""
    return Path(importlib.import_module("recipes").__path__[0]) / f"{entry}.py"


def summary(entry: str) -> str:
    """Reads the first line of a recipe's docstring without importing it."""
    return _docstring(entry).split("\n")[0]


def topics(entry: str) -> list[str]:
    """Reads the lecture's headings that a recipe is about, from its docstring."""
    about = re.search(r"^Week \d, (.*?)^Claim:", _docstring(entry), re.M | re.S)
    return re.findall(r'"([^"]+)"', " ".join(about.group(1).split())) if about else []


def section(entry: str, name: str) -> str:
    """Reads what a recipe's docstring says after "Claim:", "Cost:" or "Run:", on one line."""
    found = re.search(rf"^{name}:(.*?)(?=^[A-Z]\w*:|\Z)", _docstring(entry), re.M | re.S)
    return " ".join(found.group(1).split()) if found else ""


def seconds(entry: str) -> float:
    """Reads what a run on the embedded data takes, from a recipe's docstring; 0 where it does not say."""
    found = re.match(r"(\d+) (s|min)\b", section(entry, "Cost"))
    return float(found.group(1)) * {"s": 1, "min": 60}[found.group(2)] if found else 0.0


@functools.cache
def _docstring(entry: str) -> str:
    return ast.get_docstring(ast.parse(recipe_file(entry).read_text(encoding="utf-8"))) or ""


def select(name: str) -> list[str]:
    """Finds catalogue entries.

    Args:
        name: A recipe's name, "all", or a week such as "week3".

    Returns:
        The entries, in lecture order.

    Raises:
        ValueError: There is none of that name.
    """
    entries = catalogue()
    chosen = [entry for entry in entries if name in ("all", entry.split("_")[0], entry.split("/")[1])]
    if not chosen:
        names = [entry.split("/")[1] for entry in entries]
        close = difflib.get_close_matches(name, [*names, "all"], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see `suite list`"
        raise ValueError(f"expected a recipe, a week or 'all', received {name!r}; {hint}")
    return chosen


def load_recipe(name: str) -> ModuleType:
    """Imports the recipe of that name.

    Raises:
        ValueError: There is none of that name.
    """
    entries = select(name)
    if entries[0].split("/")[1] != name:
        raise ValueError(f"expected the name of one recipe, received {name!r}; see `suite list`")
    return importlib.import_module(f"recipes.{entries[0].replace('/', '.')}")
