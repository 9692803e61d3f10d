"""What no linter asks of docstrings; ruff's D and DOC hold the rest."""

import ast
import importlib
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Example|Reference|Attributes):$", re.MULTILINE)
EXPLAINED = 2  # parameters that a line or two explain without a section


def definitions(nodes, prefix=""):
    """Public classes, functions and methods by name."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{node.name}.")


def sections(text):
    _, *parts = SECTION.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def overrides(path, name):
    """Whether a method stands in place of one of a base class, which says what it is for."""
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    owner, _, method = name.rpartition(".")
    return bool(owner) and any(hasattr(base, method) for base in getattr(module, owner).__bases__)


def parameters(function):
    given = function.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {each.arg for each in found if each} - {"self", "cls"}


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


def untold(names, section):
    """The names that no entry of the section explains: each begins a line without an indent."""
    heads = re.findall(r"^(\w[\w, ]*):", inspect.cleandoc(section), re.MULTILINE)
    return sorted(names - {name.strip() for head in heads for name in head.split(",")})


def faults(path, name, node):
    text = ast.get_docstring(node) or ""
    told = sections(text)
    if not text:
        if not overrides(path, name):
            yield "no docstring"
    elif isinstance(node, ast.ClassDef):
        if "Attributes" in told and (missing := untold(fields(node), told["Attributes"])):
            yield f"Attributes without {missing}"
    elif not any("command(" in ast.unparse(decorator) for decorator in node.decorator_list):  # its help
        if missing := untold(errors(node), told.get("Raises", "")):
            yield f"Raises without {missing}"
        is_like_another = re.search(r"\bas (of |in |for )?`", SECTION.split(text)[0])
        if "Args" not in told and len(parameters(node)) > EXPLAINED and not is_like_another:
            yield "more than two parameters and no Args"


def test_docstrings_tell_what_the_code_has():
    files = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "suite").rglob("*.py"))}
    assert files
    found = [
        f"{file}: {name}: {fault}"
        for file, path in files.items()
        for name, node in definitions(ast.parse(path.read_text(encoding="utf-8")).body)
        for fault in faults(file, name, node)
    ]
    assert not found, "\n".join(found)
