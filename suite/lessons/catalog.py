"""The recipes by name, read without importing TensorFlow."""

import difflib
import functools
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from suite.lessons.cells import About, from_docstring, read_about

PARTS = ("Config", "SMOKE", "CLAIMS", "run")  # that every recipe has


def catalog() -> tuple[str, ...]:
    """Lists the recipes in lecture order, as "weekN_topic/name"."""
    return _package().RECIPES


def recipe_file(entry: str) -> Path:
    """Gives the source file of a catalog entry."""
    return Path(_package().__path__[0]) / f"{entry}.py"


def _package() -> ModuleType:
    """The recipes: beside the suite in a checkout, inside of it where a wheel was installed."""
    checkout = Path(__file__).parents[2]
    if not (checkout / "pyproject.toml").is_file():
        return importlib.import_module("suite.recipes")
    if str(checkout) not in sys.path:  # an editable install knows of the suite only
        sys.path.append(str(checkout))
    return importlib.import_module("recipes")


def about(entry: str) -> About:
    """Reads what a recipe says of itself, without importing it."""
    return _about(recipe_file(entry))


def about_module(recipe: ModuleType) -> About:
    """What an imported recipe says of itself, in its docstring or in its first cell."""
    return from_docstring(recipe.__doc__) if recipe.__doc__ else _about(Path(str(recipe.__file__)))


def seconds(entry: str) -> float:
    """What a run on the embedded data takes, as a recipe says; 0 where it does not say."""
    found = re.match(r"(\d+) (s|min)\b", about(entry).cost)
    return float(found.group(1)) * {"s": 1, "min": 60}[found.group(2)] if found else 0.0


@functools.cache
def _about(path: Path) -> About:
    return read_about(path)


def select(name: str) -> list[str]:
    """Finds catalog entries.

    Args:
        name: A recipe's name, "all", or a week such as "week3".

    Returns:
        The entries, in lecture order.

    Raises:
        ValueError: There is none of that name.
    """
    entries = catalog()
    chosen = [entry for entry in entries if name in ("all", entry.split("_")[0], entry.split("/")[1])]
    if not chosen:
        names = [entry.split("/")[1] for entry in entries]
        close = difflib.get_close_matches(name, [*names, "all"], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see `suite list`"
        raise ValueError(f"expected a recipe, a week or 'all', received {name!r}; {hint}")
    return chosen


def is_file(name: str) -> bool:
    """Whether a recipe is named by its file, such as "./my_recipe.py", rather than by its name."""
    return name.endswith(".py")


def load_recipe(name: str) -> ModuleType:
    """Imports the recipe of that name, or the one in that file.

    Raises:
        ValueError: There is none of that name, no such file, or it lacks what a recipe has.
    """
    if is_file(name):
        return _load_file(Path(name))
    entries = select(name)
    if entries[0].split("/")[1] != name:
        raise ValueError(f"expected the name of one recipe, received {name!r}; see `suite list`")
    return importlib.import_module(f"{_package().__name__}.{entries[0].replace('/', '.')}")


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"expected a recipe, found no file {path}; check the path")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"expected a Python file, received {path}")
    recipe = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = recipe  # dataclasses look their module up
    spec.loader.exec_module(recipe)
    missing = [part for part in PARTS if not hasattr(recipe, part)]
    if missing:
        raise ValueError(
            f"expected {', '.join(PARTS)} in {path}, received no {', '.join(missing)}; see "
            "docs/adding-a-recipe.md"
        )
    return recipe
