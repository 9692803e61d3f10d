"""Docstrings are there, and name the arguments and the errors that the code has."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "suite").rglob("*.py"))
SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Reference|Attributes):$", re.MULTILINE)
EXPLAINED = 2  # parameters that a line or two explain without a section
FROM_KERAS = {"args", "kwargs", "keras_arguments"}  # passed on as they came


class Documented(NamedTuple):
    """A public class, function or method.

    Attributes:
        name: As its module has it.
        node: Its definition.
        text: Its docstring; "" for none.
    """

    name: str
    node: ast.ClassDef | ast.FunctionDef
    text: str

    @property
    def summary(self) -> str:
        return SECTION.split(self.text)[0]

    @property
    def sections(self) -> dict[str, str]:
        parts = SECTION.split(self.text)[1:]
        return dict(zip(parts[::2], parts[1::2], strict=True))


def definitions(nodes, prefix=""):
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield Documented(prefix + node.name, node, ast.get_docstring(node) or "")
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{node.name}.")


def documented(file):
    return list(definitions(ast.parse((ROOT / file).read_text()).body))


def overrides(file, name):
    """Whether a method stands in place of one of a base class, which says what it is for."""
    module = importlib.import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    owner, _, method = name.rpartition(".")
    return bool(owner) and any(hasattr(base, method) for base in getattr(module, owner).__bases__)


def parameters(function):
    given = function.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {each.arg for each in found if each} - {"self", "cls"} - FROM_KERAS


def entries(section):
    """The names that a section explains: each line without an indent begins with some."""
    lines = inspect.cleandoc(section).splitlines()
    heads = [line.partition(":")[0] for line in lines if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")} - FROM_KERAS


def errors(function):
    """The types of errors that a function's own lines raise, and do not handle."""
    tries = [node for node in ast.walk(function) if isinstance(node, ast.Try) and node.handlers]
    handled = {node for each in tries for line in each.body for node in ast.walk(line)}
    raises = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node not in handled]
    calls = [exc.func for exc in raises if isinstance(exc, ast.Call)]
    return {func.id for func in calls if isinstance(func, ast.Name)} - {"NotImplementedError"}


def fields(definition):
    """Public fields of a dataclass, named tuple or protocol."""
    typed = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
    of_instances = [node for node in typed if not ast.unparse(node.annotation).startswith("ClassVar")]
    return {node.target.id for node in of_instances if not node.target.id.startswith("_")}


def functions(file):
    return [each for each in documented(file) if isinstance(each.node, ast.FunctionDef) and each.text]


def is_command(function):
    """Whether click shows the docstring as the help of a command, whose flags have texts of their own."""
    return any("command(" in ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("file", FILES)
def test_what_is_public_has_a_docstring(file):
    missing = [each.name for each in documented(file) if not (each.text or overrides(file, each.name))]
    assert not missing


@pytest.mark.parametrize("file", FILES)
def test_args_are_the_parameters(file):
    for each in functions(file):
        if "Args" in each.sections:
            assert entries(each.sections["Args"]) == parameters(each.node), each.name
        elif not is_command(each.node):
            is_like_another = re.search(r"\bas (of |in |for )?`", each.summary)
            assert len(parameters(each.node)) <= EXPLAINED or is_like_another, each.name


@pytest.mark.parametrize("file", FILES)
def test_errors_are_told(file):
    for each in functions(file):
        if not is_command(each.node):
            assert errors(each.node) <= entries(each.sections.get("Raises", "")), each.name


@pytest.mark.parametrize("file", FILES)
def test_attributes_are_the_fields(file):
    for each in documented(file):
        if "Attributes" in each.sections:
            assert fields(each.node) <= entries(each.sections["Attributes"]), each.name
