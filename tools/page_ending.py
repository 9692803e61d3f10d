"""What stands below a lesson: how to use what it made, the code it takes from the suite, where to read on."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools import markdown_tables
from tools.lecture_index import NOT_YET, RESULTS, STATEMENTS, anchor_of, read_weeks

ROOT = Path(__file__).parents[1]
METHODS = ("backprop", "language", "layers", "linear", "models", "optimizers")  # rooms whose code is shown
DOCS = "https://www.tensorflow.org/api_docs/python/tf"
USED = re.compile(r"\b(?:keras\.(?:[a-z_]+\.)*|layers\.|tf\.(?:[a-z_]+\.)*)[A-Z]\w*|\btf\.function\b")
NO_STEP = {"tf.Tensor", "tf.data.AUTOTUNE", "keras.KerasTensor"}  # types and settings: nothing to look up


def folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def code_block(code: str) -> str:
    return f"```python\n{code}\n```"


def ending(name: str, source: str) -> list[str]:
    """The parts below the lesson.

    Args:
        name: A recipe's name.
        source: Its text.
    """
    parts = ["## Use it", *in_a_program(source), *other_settings(name, source), on_a_phone(name, source)]
    methods = [folded(f"<code>{each}</code>", code_block(code)) for each, code in imported_methods(source)]
    if methods:
        parts += ["## What it takes from the suite", *methods]
    if used := documented(source):
        parts.append(f"**Of Keras and TensorFlow**, in their own documentation: {', '.join(used)}.")
    return [*parts, *beside_others(name), "## What the notes say of it", *notes(name)]


def in_a_program(source: str) -> Iterator[str]:
    """How the optimizers that a recipe takes from the suite go into a fit of one's own."""
    found = re.search(r"^from suite\.optimizers import (.+)$", source, re.M)
    if found:
        rule, *others = found.group(1).split(", ")
        told = f"  # or {', '.join(others)}" if others else ""
        yield (
            "**In your own `fit`.** The suite's [optimizers](../api/optimizers.md) are Keras optimizers: any "
            "model takes them, with schedules, clipping and weight decay. Where a lesson has "
            "`context.fit(model, batches, ...)`, a program of yours has `model.fit(batches, ...)`; ours "
            "trains alike, and can be resumed."
        )
        yield code_block(
            f"from suite.optimizers import {rule}{told}\n\n"
            f'model.compile({rule}(learning_rate=0.01), loss="mse")  # your model, your loss\n'
            "model.fit(x, y, epochs=10)"
        )


def other_settings(name: str, source: str) -> Iterator[str]:
    """How to show which claims fall under another setting: that of the first exercise which has a command."""
    found = re.search(rf"`suite run {name} (--[^`]+)`", " ".join(source.replace("\n#", "\n").split()))
    flags = re.findall(r"--(\w+) ([^-\s]\S*)", found.group(1)) if found else []
    if flags:
        command = " ".join(f"--{key} {value}" for key, value in flags)
        fields = ", ".join(f"{key}={in_python(value)}" for key, value in flags)
        yield (
            "**With other settings, or before a class.** Each field of `Config` is a flag, such as "
            f"`suite run {name} {command}`; `--help` says what each does, and `--seed 7` tries another seed. "
            "The run names each claim that it misses. The same in the [notebook]"
            f"(../notebooks/{name}.ipynb), claim by claim:"
        )
        yield code_block(f"result = try_out(run, Config({fields}))\ncheck(result, CLAIMS)  # kept or MISSED")


def in_python(value: str) -> str:
    """A flag's value as Python has it: "4,4" is (4, 4)."""
    number = re.fullmatch(r"-?[\d.]+(e-?\d+)?(,-?[\d.]+(e-?\d+)?)*", value)
    return f"({', '.join(value.split(','))})" if number and "," in value else value if number else repr(value)


def on_a_phone(name: str, source: str) -> str:
    """What a run leaves and where, with the files that were shipped in the runs of RESULTS.md."""
    folder = f"saved_models/{name}"
    rows = markdown_tables.rows_by_name(RESULTS, markdown_tables.ARTIFACTS).get(name, ())
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    shipped = [f"`{row[1]}`" for row in cells if row[1].endswith(".tflite") and row[-1] == "ok"]
    if not shipped and "exports" not in source:
        return (
            f"**What a run leaves.** `{folder}/` has `report.html`, `result.json` and the figures. This "
            "lesson trains no model to ship."
        )
    passed = f" For phones, and through all checks on seed 0: {', '.join(shipped)}." if shipped else ""
    seen = f", `suite preview {folder}` runs it in a browser" if "classifier_export(" in source else ""
    return (
        f"**On a phone.** `suite run {name}` leaves `{folder}/`, with `report.html`, the model in each "
        f"format, and an app's code in `mobile/`.{passed} `suite benchmark {folder}` says which file suits "
        f"which device{seen}. [Which file is for what](../docs/export.md#which-file-for-which-device), "
        "[how an app runs it](../docs/export.md#in-an-app)."
    )


def beside_others(name: str) -> list[str]:
    """What RESULTS.md has of comparable projects."""
    found = []
    for row in markdown_tables.rows_by_name(RESULTS, "Beside comparable projects").get(name, ()):
        _, data, metric, ours, theirs, project, differs = (cell.strip() for cell in row.split("|")[1:-1])
        found.append(f"`--data {data}`, `{metric}`: {ours} here, {theirs} of {project} ({differs}).")
    return ["## Beside what others publish", lines(found)] if found else []


def documented(source: str) -> list[str]:
    """Links to what a recipe uses of Keras and TensorFlow, each once, in the order of the file."""
    code = "\n".join(line for line in source.split("\n") if not line.startswith("#"))
    names = [re.sub(r"^layers\.", "keras.layers.", name) for name in USED.findall(code)]
    return [
        f"[`{name}`]({DOCS}/{name.removeprefix('tf.').replace('.', '/')})"
        for name in dict.fromkeys(names)
        if name not in NO_STEP
    ]


def notes(recipe: str) -> Iterator[str]:
    """What the notes say that the recipe shows, where they slip, and what it does not show."""
    weeks = read_weeks(STATEMENTS.read_text(encoding="utf-8"))
    ours = [each for week in weeks for each in week.statements if each.recipe == recipe]
    yield lines(f"[{each.number}]({link(each.topic)}) {each.text}" for each in ours if each.metrics)
    slips = [slip for week in weeks for slip in week.slips if slip.recipe == recipe]
    if slips:
        yield "**What does not hold of the notes:**"
        yield lines(f"{slip.said} *Right is:* {slip.right}" for slip in slips)
    left = [each for each in ours if each.shown_by.startswith(NOT_YET)]
    if left:
        yield "**What it does not show yet:**"
        yield lines(
            f"[{each.number}]({link(each.topic)}) {each.text} *Now: {each.shown_by.removeprefix(NOT_YET)}.*"
            for each in left
        )


def link(topic: str) -> str:
    return f"../docs/lecture.md#{anchor_of(topic)}"


def lines(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def imported_methods(source: str) -> Iterator[tuple[str, str]]:
    """Name and source of each function and class that a recipe takes from the rooms of the methods."""
    tree = ast.parse(source)
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if node.module.partition("suite.")[2].split(".")[0] not in METHODS:
            continue
        base = ROOT / node.module.replace(".", "/")
        for alias in node.names:
            name = alias.name
            if (base / f"{name}.py").is_file():  # a module: what is used of it
                used = dict.fromkeys(re.findall(rf"\b{name}\.([A-Za-z]\w*)", source))
                yield from (
                    (each, found) for each in used if (found := definition(base / f"{name}.py", each))
                )
            elif found := definition(base.with_suffix(".py"), name) or search_package(base, name):
                yield name, found


def search_package(folder: Path, name: str) -> str:
    """Finds what a package passes on."""
    return next(filter(None, (definition(path, name) for path in sorted(folder.glob("*.py")))), "")


def definition(path: Path, name: str) -> str:
    """Source of a function or class of a module; empty where there is none of that name."""
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return ast.get_source_segment(text, node) or ""
    return ""
