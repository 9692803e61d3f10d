import dataclasses
import re
import subprocess
import sys
from typing import Annotated, Literal

import click
import pytest

from suite.cli import main
from suite.cli.flags import config_flags


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_list_is_light_and_complete():
    code = """
import sys
from suite.cli.main import execute
execute(["list"])
heavy = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert "linear_regression" in done.stdout and "transfer_learning" in done.stdout
    assert done.stdout.index("linear_regression") < done.stdout.index("transfer_learning")  # lecture order


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "No such command 'lst'"),
        (["run", "linear_regresion"], "did you mean 'linear_regression'?"),
        (["run", "linear_regression", "--stps", "1"], "--steps"),  # did you mean
        (["run", "linear_regression", "--seed", "many"], "'many' is not a valid integer"),
        (
            ["run", "linear_regression", "--data", "tfds"],
            "expected data among embedded, path for linear_regression",
        ),
        (["run", "linear_regression", "--seed", "-1"], "expected a seed in [0, 2**32), received -1"),
        (["finetune", "missing/"], "does not exist"),
        (["finetune", "--epochs", "-1"], "expected epochs of at least 0, received -1"),
        (["finetune", "--unfreeze", "2"], "expected unfreeze in (0, 1], received 2.0"),
        (["finetune", "--learning_rate", "0"], "expected a learning_rate above 0, received 0.0"),
        (["finetune", "--backbone", "efficientnet_lite9"], "did you mean 'efficientnet_lite"),
        (["evaluate", "missing.tflite", "photos"], "found nothing at missing.tflite"),
        (["predict", "pyproject.toml", "a.jpg"], "expected a .keras, .tflite or .onnx file"),
        (["verify", "tests"], "found no result.json in tests"),
        (["benchmark", "missing"], "found no result.json in missing"),
        (["preview", "missing"], "found no result.json in missing"),
        (["export", "missing.keras", "--out", "nowhere"], "found nothing at missing.keras"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    assert main.execute(arguments) == main.BAD_INPUT
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("error")]
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("arguments", [[], ["run"], ["data-service"]])
def test_a_command_without_its_subcommand_shows_the_help(capsys, arguments):
    assert main.execute(arguments) == main.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out.startswith("Usage: suite") and not captured.err


def test_a_damaged_model_is_one_line(tmp_path, capsys):
    for name in ("a.tflite", "a.onnx", "a.keras"):
        (tmp_path / name).write_bytes(b"TFL3 but not really")
        assert main.execute(["predict", str(tmp_path / name), "x.jpg"]) == main.BAD_INPUT
        assert "cannot be loaded" in capsys.readouterr().err


def test_commands_print_nothing_of_tensorflow(tmp_path):
    """Even a command that imports TensorFlow leaves one line on stderr."""
    done = run("-m", "suite", "finetune", str(tmp_path / "missing"), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "does not exist" in done.stderr
    assert done.stdout == ""


def test_file_names_need_not_be_utf_8():
    code = "import os; from suite import console; from suite.cli.chatter import *; silence_libraries(); "
    done = run("-c", code + "console.result(os.fsdecode(b'caf\\xe9.jpg'))")
    assert done.returncode == 0 and done.stdout == "caf\\udce9.jpg\n"


def test_a_recipe_runs_as_a_script(tmp_path):
    script = "recipes/week2_neural_networks/backpropagation.py"
    done = run(script, "--smoke", "--quiet", "--precisions", "float32", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    # The recipe imports TensorFlow, which says what it finds, before anything can silence it.
    remark = r"WARNING: All log messages before|[IWE]\d{4} |To enable the following instructions"
    assert [line for line in done.stderr.splitlines() if not re.match(remark, line)] == []
    assert (tmp_path / "out" / "result.json").is_file()


@dataclasses.dataclass(frozen=True)
class Config:
    batch_size: Annotated[int, "Images a step."] = 16
    rate: float = 0.5  # at first # or ever
    units: tuple[int, ...] = (100, 50)
    kind: Literal["a", "b"] = "a"
    verbose: bool = False
    limit: int | None = None


def parse(*arguments):
    command = click.Command("x", params=config_flags(Config), callback=lambda **kwargs: kwargs)
    given = command.main(list(arguments), standalone_mode=False)
    return dataclasses.replace(Config(), **{key: value for key, value in given.items() if value is not None})


def test_every_field_is_a_flag():
    assert parse() == Config()
    numbers = ["--batch_size", "3", "--rate", "1e-3", "--units", "7,8,9", "--limit", "4"]
    assert parse(*numbers, "--kind", "b", "--verbose") == Config(3, 1e-3, (7, 8, 9), "b", True, 4)
    help_text = config_flags(Config)[0].help
    assert help_text == "Images a step. [default: 16]"
    assert [flag.help for flag in config_flags(Config)[1:3]] == [
        "at first # or ever [default: 0.5]",
        "[default: 100,50]",
    ]


@pytest.mark.parametrize(
    "arguments", [["--kind", "c"], ["--units", "7,x"], ["--rate", "fast"], ["--nope", "1"]]
)
def test_wrong_flags(arguments):
    with pytest.raises(click.UsageError):
        parse(*arguments)


def test_dashes_and_underscores_are_the_same(capsys):
    assert main.execute(["finetune", "missing", "--batch-size", "0"]) == main.BAD_INPUT
    assert "expected batch_size of at least 1" in capsys.readouterr().err


def test_a_bundle_without_artifacts_has_nothing_to_verify_or_time(tmp_path, capsys):
    (tmp_path / "result.json").write_text('{"artifacts": []}')
    for command in ("verify", "benchmark"):
        assert main.execute([command, str(tmp_path)]) == main.BAD_INPUT
        message = f"expected a bundle with artifacts, received {tmp_path} without; it exports no model"
        assert message in capsys.readouterr().err.replace("\n", "")
