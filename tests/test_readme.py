"""What README.md and docs/ tell a reader to open and to type."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from PIL import Image

from suite.cli.main import cli
from suite.data.folders.box_files import FORMS
from suite.deploy.convert.personal import base_of, save_personal
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.lessons.catalog import catalog
from tools import new_recipe, results, topics

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "RESULTS.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
TOOLS = {"tools/results.py": results.main, "tools/new_recipe.py": new_recipe.main}  # those that parse flags
NEW, OLD = "attention_maps", "linear_regression"  # the recipe that a reader is told to add; one that is there
COMMAND = "(?:suite|make|pip|python) "
PYTHON = re.compile(r"(?:^    import .*\n)(?:^(?:    .*)?\n)+", re.M)


def commands(text):
    """Command lines in the blocks of a page."""
    return re.findall(rf"^    (?:\$ )?({COMMAND}.*)$", PYTHON.sub("", text), re.M)


def words_of(line):
    return shlex.split(line, comments=True)


INLINE = {line for text in TEXTS.values() for line in re.findall(f"`({COMMAND}[^`]*)`", text)}
IN_BLOCKS = {shlex.join(words_of(line)) for text in TEXTS.values() for line in commands(text)}
COMMANDS = sorted(INLINE | IN_BLOCKS)


def headings(text):
    names = re.findall(r"^(?:# )?#+ (.*)$", text, re.M)  # of a recipe in cells, too
    return {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in names}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page):
    prose = re.sub("`[^`]*`", "", PYTHON.sub("", TEXTS[page]))
    links = re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", prose)
    for link in (first or second for first, second in links):
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text(encoding="utf-8")), link


def test_every_form_of_boxes_is_named():
    told = TEXTS["docs/fine-tuning.md"].partition("**Boxes instead of classes**")[2]
    text = " ".join(told.split("\n\n")[0].split())
    assert [form.name for form in FORMS if form.name not in text] == []


def test_the_table_of_topics_has_every_recipe_in_lecture_order():
    text = TEXTS["docs/recipes.md"]
    assert topics.with_topics(text) == text, "run python tools/topics.py"
    listed = re.findall(r"^\|.*\]\(../recipes/(.*)\.py\) \|$", text, re.M)
    assert tuple(listed) == catalog()


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("suite ")])
def test_the_command_line_takes_it(line):
    """Parses everything, flags of recipes too, and runs nothing."""
    command, context, words = cli, None, words_of(line)
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context, info_name=words[0], **command.context_settings)
        words = words[1:]
        if not words and line in INLINE:
            return  # a group's name alone, in a sentence
        command = command.get_command(context, words[0].replace(NEW, OLD))
        assert command is not None, f"{line}: there is no command {words[0]}"
    if len(words) == 1 and line in INLINE:
        return  # its name alone, in a sentence
    status = 0
    try:
        command.make_context(words[0], words[1:], parent=context)
    except click.exceptions.Exit as shown:  # --help
        status = shown.exit_code
    assert status == 0


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith("suite ")])
def test_the_other_commands_are_there(line):
    program, *words = words_of(line)
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.M)
    elif program == "pip":
        extras = re.findall(r"\[(\w+)\]", " ".join(words))
        assert words[:2] == ["install", "-e"]
        assert all(
            re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.M) for extra in extras
        )
    elif words[0] == "-m":
        if words[1] != "http.server":
            assert words[1] == "pytest" and (ROOT / words[2]).exists()
    else:
        file = ROOT / words[0]
        assert file.is_file() or (file.stem == NEW and file.parent.is_dir())
        if words[0] in TOOLS:
            TOOLS[words[0]].make_context(words[0], words[1:])


def test_what_costs_nothing_is_run():
    cheap = {"suite list", "suite finetune --help"}
    assert cheap <= set(COMMANDS)
    for line in cheap:
        arguments = [sys.executable, "-m", *line.split()]
        assert subprocess.run(arguments, cwd=ROOT, capture_output=True).returncode == 0, line
    for target, step in {"demo": "suite finetune", "test": "pytest"}.items():
        assert f"make {target}" in COMMANDS
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and step in done.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The two models that the Python in the pages opens, small: two classes of photos, four spare ones."""
    home = tmp_path_factory.mktemp("reader")
    folder = home / "saved_models/photos"
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(0)
    image = keras.Input((224, 224, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    x = keras.layers.Conv2D(4, 7, strides=32, activation="relu")(x)
    head = keras.layers.Dense(2, "softmax", name="probabilities")
    model = keras.Model(image, head(keras.layers.GlobalAveragePooling2D()(x)))
    save_saved_model(model, home / "one", batch_size=1)
    (folder / "model_int8.tflite").write_bytes(convert_tflite(home / "one", "float32"))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3)).astype("uint8")
    save_personal(model, base_of(model, ("ants", "bees")), home / "personal", pixels, 4)
    (folder / "model_personal.tflite").write_bytes(convert_tflite(home / "personal", "float32"))
    Image.fromarray(pixels[0]).resize((300, 200)).save(home / "new.jpg")
    return home


def test_the_python_of_the_pages_runs(bundle, monkeypatch):
    monkeypatch.chdir(bundle)
    values = {}
    for page in ("README.md", "docs/export.md"):
        (block,) = PYTHON.findall(TEXTS[page])
        exec("\n".join(line[4:] for line in block.splitlines()), values)
    assert values["probabilities"].shape == (2,) and values["probabilities"].sum() == pytest.approx(1)
    assert values["loss"] > 0 and {"kernel", "bias"} == set(values["arrays"])
