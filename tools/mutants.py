"""Do the checks notice wrong code? `python tools/mutants.py` breaks each method in many ways, in memory.

A mutant is a piece of a module's source and the wrong piece that takes its place. The module is executed
again with the wrong piece, beside the real one, and goes through the check that the tests run on the real
one. The check must fail on every mutant (caught) and pass without one. No file is changed.
"""

import contextlib
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.cli.main import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import keras

from tools import (
    mutants_backprop,
    mutants_language,
    mutants_layers,
    mutants_optimizers,
    mutants_week1,
    mutants_week2,
)

CATALOG = {
    **mutants_optimizers.MUTANTS,
    **mutants_backprop.MUTANTS,
    **mutants_layers.MUTANTS,
    **mutants_language.MUTANTS,
    **mutants_week1.MUTANTS,
    **mutants_week2.MUTANTS,
}


class Mutant(NamedTuple):
    """A wrong variant of a module.

    Attributes:
        module: Dotted name.
        wrong: What is wrong with it.
        old: Source that occurs exactly once in the module.
        new: What takes its place.
        check: Function of the executed module; raises AssertionError where it is wrong.
    """

    module: str
    wrong: str
    old: str
    new: str
    check: Callable[[types.ModuleType], None]


def mutants() -> list[Mutant]:
    """All of the catalog, each module led by its control, which changes nothing."""
    found = []
    for module, (check, rows) in CATALOG.items():
        found.append(Mutant(module, "(control: nothing)", "", "", check))
        found.extend(Mutant(module, *row, check) for row in rows)
    return found


def is_control(mutant: Mutant) -> bool:
    return not mutant.old


@contextlib.contextmanager
def unchanged_registry() -> Iterator[None]:
    """Gives the registered Keras classes back their names: a mutant registers itself under them."""
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    try:
        yield
    finally:
        registered.clear()
        registered.update(before)


def execute(mutant: Mutant) -> types.ModuleType:
    """The module with its mutation, not in `sys.modules`.

    Raises:
        ValueError: The old source does not occur exactly once.
    """
    source = inspect.getsource(importlib.import_module(mutant.module))
    if mutant.old:
        count = source.count(mutant.old)
        if count != 1:
            raise ValueError(
                f"expected {mutant.old!r} once in {mutant.module}, received {count}; update the mutant"
            )
        source = source.replace(mutant.old, mutant.new)
    module = types.ModuleType(mutant.module)
    # Not the name of the file, from which AutoGraph would read the right source again.
    exec(compile(source, f"<mutant of {mutant.module}>", "exec"), module.__dict__)
    return module


def is_caught(mutant: Mutant) -> bool:
    """Whether the check fails on the mutant; any exception but AssertionError is the mutant's own fault."""
    with unchanged_registry():
        module = execute(mutant)
        try:
            mutant.check(module)
        except AssertionError:
            return True
    return False


def main() -> int:
    lines, failures = [], 0
    for mutant in console.track(mutants(), "mutants"):
        caught = is_caught(mutant)
        if is_control(mutant):
            passed, verdict = not caught, "fails" if caught else "passes"
        else:
            passed, verdict = caught, "caught" if caught else "SURVIVED"
        failures += not passed
        lines.append((mutant.module, mutant.wrong, verdict))
    console.table("Mutants", ("module", "what is wrong", "verdict"), lines)
    total = sum(not is_control(mutant) for mutant in mutants())
    console.say(f"{total} mutants and {len(CATALOG)} controls, {failures} not as they should be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
