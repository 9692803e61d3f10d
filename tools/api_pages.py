"""The pages of the API reference: the verbs, and a page for each room of methods."""

import ast
from pathlib import Path

import suite

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {  # room of `suite/` -> what it is
    "optimizers": "Optimizers",
    "layers": "Layers",
    "models": "Models",
    "linear": "Linear models",
    "backprop": "Backpropagation in NumPy",
    "language": "Language",
    "evaluation": "Evaluation",
}
VERBS = (
    "finetune",
    "check",
    "run",
    "notebook",
    "evaluate",
    "predict",
    "export",
    "verify",
    "benchmark",
    "preview",
)
HEAD = """# API

The verbs of the command line are functions of the same arguments. `import suite` does not load TensorFlow;
the first call does. What the lecture names, written out:
"""


def directives(lines: list[str]) -> str:
    """What Sphinx' autodoc is to read, in a page of Markdown."""
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def room_page(room: str) -> str:
    """A room: its line, then module by module."""
    folder = ROOT / "suite" / room
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    lines = [f"# {ROOMS[room]}", "", said, ""]
    for path in sorted(folder.glob("*.py")):
        if not path.stem.startswith("_"):
            name = f"suite.{room}.{path.stem}"
            lines += [f"## {name}", "", directives([f".. automodule:: {name}", "   :members:"])]
    return "\n".join(lines)


def api_pages() -> dict[str, str]:
    """The text of each page by its path; that of the verbs comes first."""
    if missing := {*suite.__all__} - {"__version__", *VERBS}:
        raise ValueError(f"expected a place for every verb, received none for {sorted(missing)}")
    rooms = "\n".join(f"- [{title}](api/{room}.md)" for room, title in ROOMS.items())
    tree = "\n".join(["```{toctree}", ":hidden:", "", *(f"api/{room}" for room in ROOMS), "```", ""])
    verbs = "\n".join(
        f"## suite.{verb}\n\n{directives([f'.. autofunction:: suite.{verb}'])}" for verb in VERBS
    )
    return {"api.md": f"{HEAD}\n{rooms}\n\n{tree}\n{verbs}"} | {
        f"api/{room}.md": room_page(room) for room in ROOMS
    }
