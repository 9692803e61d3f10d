"""The commands, nothing else: each parses its arguments and calls the verb of the same name."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from suite import __version__, console
from suite.cli.chatter import silence_libraries
from suite.cli.options import SCALE, SETTINGS, Command, given, say_next
from suite.cli.recipes import RecipeGroup
from suite.errors import BAD_INPUT, FAILED, INTERRUPTED, PASSED
from suite.lessons import catalog


class _Suite(click.Group):
    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(self.commands)  # in the order of their definition


@click.group(cls=_Suite, context_settings=SETTINGS)
@click.version_option(__version__, message="suite %(version)s")
def cli() -> None:
    """Deep-learning recipes on TensorFlow/Keras, each a model you can ship.

    \b
    Start here:  suite finetune                 fine-tune on the embedded photos, export, prove
                 suite finetune photos/         the same on your folder, one subfolder a class
                 suite list                     the recipes
    """  # noqa: D301  click keeps the lines below this character


@cli.command("list")
def list_recipes() -> None:
    """List the recipes in lecture order."""
    week = None
    for entry in catalog.catalog():
        folder, name = entry.split("/")
        if folder != week:
            week = folder
            console.result(week.replace("_", " ", 1).replace("_", " "))
        console.result(f"  {name:<32} {catalog.about(entry).title}")
    console.say("\nnext: suite run linear_regression")


@cli.command(cls=RecipeGroup, context_settings=SETTINGS)
def run() -> None:
    """Run a recipe, a week of them, or all.

    suite run NAME trains, measures, checks its claims, exports and proves the exports; NAME may be week1 or
    all.
    """


@cli.command()
@click.argument("recipe")
@click.option("--out", default=None, help="The file [default: RECIPE.ipynb].")
def notebook(recipe: str, out: str | None) -> None:
    """Write RECIPE as a notebook.

    "Run all" in it gives the figures of the recipe, each in its place.
    """
    from suite.runs.notebook_file import notebook as verb

    verb(recipe, out=out)
    say_next(f"suite run {recipe}")


@cli.command()
@click.argument("directory")
@click.option(
    "--out", default=None, help="Folder of the page [default: saved_models/check-NAME-OF-DIRECTORY]."
)
@click.option(
    "--task", default="", help="classifier, detector or segmenter, where DIRECTORY can be read in two ways."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(directory: str, out: str | None, task: str, as_json: bool) -> None:
    """List what is wrong with your photos.

    DIRECTORY has one subfolder a class, or photos with boxes or masks. Finds wrong labels, near-copies,
    classes that their files give away, blurred and empty photos; boxes that are doubled, outside or small;
    rare classes. Writes a page with thumbnails. Nothing is trained or changed.
    """
    from suite.finetuning.check import check as verb

    checked = verb(directory, out=out, task=task)
    if as_json:
        click.echo(json.dumps(checked.to_json(), ensure_ascii=False, indent=2))
        return
    console.result(str(checked))
    say_next(f"suite finetune {directory}")


class _FinetuneCommand(Command):
    """Reads the fields of the fine-tuning Config when they are needed, not for `suite --help`."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        from suite.cli.flags import config_flags
        from suite.finetuning.config import Config
        from suite.runs.options import RunOptions

        return [*config_flags(Config), *config_flags(RunOptions), *super().get_params(ctx)]


@cli.command(cls=_FinetuneCommand)
@click.argument("directory", required=False)
@click.option("--out", default=None, help="Folder of the bundle [default: saved_models/NAME-OF-DIRECTORY].")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
def finetune(**arguments: Any) -> None:
    """Fine-tune a CNN on your images, and export.

    DIRECTORY has one subfolder a class, with or without train, validation and test folders around them, or
    photos with a table (CSV, TSV) of their classes beside them. Of photos with boxes or masks it makes a
    detector or a segmenter. Without DIRECTORY: the texture photos that ship with scikit-image.
    """
    from suite.finetuning.job import finetune as verb

    folder = verb(**given(arguments))
    if folder is not None:
        from suite.bundle.record import read_result
        from suite.deploy.recommendation import recommended_path

        bundle, path = console.shown(folder), recommended_path(read_result(folder).artifacts)
        say_next(f"suite predict {bundle}/{path or 'model.keras'} PHOTO.jpg", f"suite benchmark {bundle}")


@cli.command()
@click.argument("artifact")
@click.argument("directory")
@click.option(
    "--split", default=None, help="train, validation, test or all [default: test where it is known]."
)
@SCALE
def evaluate(**arguments: Any) -> None:
    """Measure ARTIFACT on labeled images.

    ARTIFACT is a .keras, .tflite or .onnx file or a SavedModel folder; DIRECTORY has one subfolder a class.
    A detector or segmenter is measured on photos with boxes or masks, in any form that finetune takes: mean
    average precision or mean IoU with intervals, and of each class beside the trivial answer.
    """
    from suite.answers.api import evaluate as verb

    verb(**given(arguments))
    say_next(f"suite predict {arguments['artifact']} PHOTO.jpg")


@cli.command()
@click.argument("artifact")
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many classes to show."
)
@SCALE
@click.option("--explain", is_flag=True, help="Write to explanations/ which region made a classifier say so.")
@click.option("--draw", default=None, help="Picture to draw what is found on; of several images, a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(
    artifact: str,
    inputs: tuple[str, ...],
    explain: bool,
    draw: str | None,
    as_json: bool,
    **arguments: Any,
) -> None:
    """Name what ARTIFACT sees in each of the INPUTS.

    INPUTS are images; an encoder with a decoder describes them. A model of a table answers each row of CSV
    files. INPUTS may be texts: a classifier names their class, a tagger that of each word; an encoder with a
    decoder translates them; a language model goes on with them; word embeddings give the words nearest to a
    word. A bundle stands for the TFLite file that is recommended for a phone.
    """
    from suite.answers.api import ask
    from suite.answers.columns import RowAnswers
    from suite.answers.explaining import FOLDER
    from suite.bundle.record import bundle_of
    from suite.bundle.task import Task

    rows = ask(artifact, *inputs, explain=FOLDER if explain else None, **arguments)
    if draw is not None:
        from suite.answers.drawn import save_drawings

        for file in save_drawings([(row.given, row.answer) for row in rows], draw):
            console.say(f"drawn: {console.shown(file)}")
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=2))
        return
    for row in rows:
        console.result(str(row))
    sees = rows[0].task in (Task.CLASSIFIER, Task.DETECTOR, Task.SEGMENTER)
    if sees and not isinstance(rows[0].answer, RowAnswers):
        annotated = {Task.DETECTOR: "PHOTOS-WITH-BOXES", Task.SEGMENTER: "PHOTOS-WITH-MASKS"}
        say_next(f"suite evaluate {artifact} {annotated.get(rows[0].task, 'FOLDER-OF-LABELLED-PHOTOS')}")
    else:
        say_next(f"suite benchmark {bundle_of(artifact)}")


@cli.command()
@click.argument("model")
@click.option("--out", required=True, help="Folder of the bundle.")
@click.option("--examples", default=None, help="An .npz of inputs by name, for calibration and parity.")
@SCALE
@click.option("--size", default=None, help="Pixels of an image of any size: 224, or 224,160 (height, width).")
@click.option("--task", default=None, help="What the model is for, such as classifier [default: guessed].")
@click.option(
    "--precisions",
    default="all",
    show_default=True,
    help="all, or float32: neither smaller files nor a learner",
)
def export(model: str, **arguments: Any) -> None:
    """Export MODEL.keras, and prove the exports.

    Takes any functional Keras model; a bundle's own model is proven on the examples in the bundle.
    """
    from suite.runs.export_file import export_file

    folder = console.shown(export_file(model, **arguments))
    say_next(f"suite verify {folder}")


@cli.command()
@click.argument("bundle")
def verify(bundle: str) -> None:
    """Check BUNDLE against its result.json.

    Every artifact is reloaded in a fresh process and run on the examples that the bundle carries.
    """
    from suite.deploy.prove.verification import verify as verb

    verb(bundle)
    say_next(f"suite benchmark {bundle}")


@cli.command()
@click.argument("bundle")
def benchmark(bundle: str) -> None:
    """Time every artifact of BUNDLE here and now.

    BUNDLE may be a .tflite file from anywhere, which is timed on random inputs.
    """
    from suite.bundle.names import LABELS_FILE
    from suite.bundle.record import is_from_elsewhere
    from suite.deploy.prove.benchmarking import benchmark as verb

    verb(bundle)
    is_file = is_from_elsewhere(bundle)
    says_names = ((Path(bundle).parent if is_file else Path(bundle)) / LABELS_FILE).is_file()
    other = "preview" if is_file else "verify"
    say_next(f"suite predict {bundle} PHOTO.jpg" if says_names else f"suite {other} {bundle}")


@cli.group("data-service", context_settings=SETTINGS)
def data_service() -> None:
    """Prepare batches for trainings with --input-service.

    A dispatcher, and as many workers on as many machines as it takes to keep the training busy.
    """


@data_service.command(cls=Command)
@click.option("--port", type=int, default=5050, show_default=True, help="To listen at.")
@click.option("--work", default=None, help="Folder for a journal, to go on after a restart.")
def dispatcher(port: int, work: str | None) -> None:
    """Serve trainings: the address for --input-service."""
    from suite.training.data_service import serve, start_dispatcher

    server = start_dispatcher(port, work)
    say_next(f"suite data-service worker {server.target.partition('://')[2]}")
    serve(server)


@data_service.command(cls=Command)
@click.argument("dispatcher")
@click.option("--host", default="localhost", show_default=True, help="Under which trainings reach it.")
@click.option("--port", type=int, default=5051, show_default=True, help="To listen at.")
def worker(dispatcher: str, host: str, port: int) -> None:
    """Prepare batches for the DISPATCHER, HOST:PORT."""
    from suite.training.data_service import serve, start_worker

    server = start_worker(dispatcher, host, port)
    say_next(f"suite run cnn_classification --input_service {dispatcher}")
    serve(server)


@cli.command()
@click.argument("bundle")
@click.option("--to", default=None, help="Folder to write the page to, for any web host; nothing is served.")
@click.option("--variant", default=None, help="With --to: files such as int8 [default: as recommended].")
@SCALE
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to reach it from a phone.")
@click.option("--port", type=int, default=8000, show_default=True, help="0 for any that is free.")
@click.option("--open/--no-open", "open_browser", default=True, help="Open the page in the browser.")
def preview(bundle: str, to: str | None, **arguments: Any) -> None:
    """Run BUNDLE's .tflite files in the browser.

    Serves a local page that names what a picture or the camera shows, reads texts, and can be taught new
    classes, until Ctrl+C; with --to, writes it, to be put on a web host and opened without a network. BUNDLE
    may be a .tflite file from anywhere, with its labels.txt beside it.
    """
    from suite.browser.server import preview as verb

    verb(bundle, to=to, **arguments)
    say_next(f"suite benchmark {bundle}" if to is None else f"python -m http.server -d {to}")


def execute(arguments: list[str]) -> int:
    """Runs a command line and reports errors in one line each.

    Args:
        arguments: Words after `suite`.

    Returns:
        The exit status: 0 done, 1 a claim or an export gate failed, 2 bad usage or input, 130 interrupted.

    Raises:
        ValueError: With --debug: what is wrong with the input.
        OSError: With --debug: a file that cannot be read or written.
    """
    from suite.errors import GateError

    debug = "--debug" in arguments
    try:
        cli.main(arguments, prog_name="suite", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as failure:
        click.echo(failure.format_message())
        return BAD_INPUT
    except click.UsageError as failure:
        where = failure.ctx.command_path if failure.ctx else "suite"
        console.error(f"{failure.format_message()} (see `{where} --help`)")
        return BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        resumes = arguments[:1] in (["run"], ["finetune"])
        console.error("interrupted" + ("; the same command with --resume goes on" if resumes else ""))
        return INTERRUPTED
    except GateError as failure:
        console.error(str(failure))
        return FAILED
    except (ValueError, OSError) as failure:
        if debug:
            raise
        console.error(" ".join(str(failure).split()))
        return BAD_INPUT
    except Exception as failure:
        if debug:
            raise
        console.error(
            f"{type(failure).__name__}: {' '.join(str(failure).split())[:500]} (--debug shows where)"
        )
        return FAILED
    return PASSED


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs the command line of this process, or the given one, and exits."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--debug" not in arguments:
        silence_libraries()
    sys.exit(execute(arguments))


def run_script(file: str) -> None:
    """Runs a recipe's own file: `python recipes/week1_optimization/linear_regression.py --seed 1`."""
    main(["run", Path(file).stem, *sys.argv[1:]])
