"""The way from a recipe, or another job, to its bundle: artifacts proven, claims checked, report written."""

import contextlib
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from suite import console, stopwatch
from suite.bundle.data_facts import DataFacts
from suite.bundle.names import RESULT_FILE, SPLIT_FILE
from suite.bundle.partial import SETTINGS_FILE, PartialBundle
from suite.bundle.record import Record
from suite.bundle.rows import ArtifactRow
from suite.bundle.write import write_json
from suite.data.set_aside import losses
from suite.data.source import Source
from suite.deploy.app.mobile import write_mobile
from suite.deploy.export import Export
from suite.deploy.pipeline import export_model
from suite.deploy.prove.benchmarking import artifacts_table
from suite.errors import GateError, disk_is_full
from suite.lessons.catalog import about_module, is_file, load_recipe
from suite.report.gallery import FOLDER, SMOKE_FOLDER, update_gallery
from suite.report.model_card import write_card
from suite.report.run_page import write_report
from suite.runs.options import RunOptions, split_options
from suite.runs.outcome import faults, print_summary, record_of
from suite.runs.recipe import Claim, Context, Result, claims_on
from suite.training.options import is_chief
from suite.training.reproducibility import set_seed
from suite.training.training_run import open_training_run


class Job(NamedTuple):
    """What `execute` runs.

    Attributes:
        name: Name in result.json.
        kind: "recipe" or "finetune".
        title: One line for the report.
        run: `(config, context) -> Result`.
        claims: Bounds that the result must keep.
        is_judged: Whether models must beat their baselines; not in a tiny configuration.
    """

    name: str
    kind: str
    title: str
    run: Callable[[Any, Context], Result]
    claims: Sequence[Claim] = ()
    is_judged: bool = True


def execute(
    job: Job,
    config: Any,
    *,
    source: Source,
    out: str | Path,
    seed: int,
    resume: bool = False,
    options: RunOptions = RunOptions(),  # noqa: B008 (frozen)
) -> Path | None:
    """Runs a job and leaves its bundle: artifacts proven, claims checked, report written.

    Args:
        job: What to run.
        config: Its frozen Config dataclass.
        source: As `Context.source`.
        out: Final folder of the bundle.
        seed: Seed of everything random.
        resume: Whether to go on with an interrupted run of the same settings.
        options: How to train, and what to export. Of several machines, the first one leaves the bundle; the
            others end when they have trained, and leave nothing.

    Returns:
        The finished folder; None on a machine that only helps the first one.

    Raises:
        ValueError: Bad input, or `resume` with other settings than those of the interrupted run.
        OSError: A file cannot be written, as where the disk is full. What was trained is kept for `resume`,
            and an earlier bundle at `out` stays as it was.
        GateError: A claim or an export failed, or a model is no better than the trivial answer. The bundle
            is then under `out` + ".failed", and an earlier one at `out` stays as it was.
    """
    started = time.time()
    if not is_chief(options):
        _help(job, config, source, Path(out), seed, options)
        return None
    # Small matrices in NumPy gain nothing from a second BLAS thread; where other work, or TensorFlow's own
    # threads, keep the cores busy, each product waits for it (measured: 40 times as long).
    one_thread = threadpool_limits(1, user_api="blas")
    with (
        one_thread,
        stopwatch.running() as clock,
        PartialBundle(out, resume) as partial,
        translate_disk_full(partial.out),
    ):
        settings = {
            "name": job.name,
            "seed": seed,
            "source": str(source),
            "config": dataclasses.asdict(config),
        }
        _check_settings(partial.work / SETTINGS_FILE, settings)
        logs = partial.out.parent / "tensorboard" / partial.out.name
        with open_training_run(options, partial.work, logs) as training, stopwatch.stage("training"):
            set_seed(seed, options.deterministic)
            result = job.run(config, Context(seed, source, partial.work, training))
            training.log_figures(result.figures)
        record = record_of(
            result, name=job.name, kind=job.kind, title=job.title, claims=job.claims, settings=settings
        )
        for line in losses(result.data):
            console.warn(line)
        _write_split(partial.folder, result.data.get("files", {}), record.data)
        artifacts = _export_all(result.exports, partial, options)
        seconds = round(time.time() - started, 2)
        record = dataclasses.replace(
            record, artifacts=tuple(artifacts), wall_seconds=seconds, stage_seconds=clock.rounded()
        )
        _write_files(partial.folder, record, result)
        wrong = faults(record, job.is_judged)
        final = partial.finish(failed=bool(wrong))
    print_summary(final, record)
    update_gallery(final)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
        raise GateError(f"{wrong[0]}{more}; see {console.shown(final)}/report.html")
    return final


@contextlib.contextmanager
def translate_disk_full(out: Path) -> Iterator[None]:
    """Around what writes files.

    Args:
        out: Folder of the bundle.

    Raises:
        OSError: In place of the errors of several libraries, where the disk is full.
    """
    try:
        yield
    except Exception as failure:
        if not disk_is_full(failure):
            raise
        raise OSError(
            f"expected room for {out.name}, received a full disk; make some and start again with --resume"
        ) from failure


def _help(job: Job, config: Any, source: Source, out: Path, seed: int, options: RunOptions) -> None:
    """Trains beside the first machine of a cluster."""
    with tempfile.TemporaryDirectory() as folder, open_training_run(options) as training:
        set_seed(seed, options.deterministic)
        job.run(config, Context(seed, source, Path(folder), training))
    console.say(f"trained; the first worker writes {out.name}")


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    settings = json.loads(json.dumps(settings, default=str))
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before != settings:
            flat = [entry.pop("config") | entry for entry in (dict(before), dict(settings))]
            changed = [
                f"{key} {flat[0].get(key)} -> {value}"
                for key, value in flat[1].items()
                if flat[0].get(key) != value
            ]
            raise ValueError(
                f"expected the settings of the interrupted run, received {'; '.join(changed)}; give the "
                "same, or start anew without --resume"
            )
        console.say("resuming the interrupted run")
    write_json(path, settings)


def _write_split(folder: Path, files: Mapping[str, str], data: DataFacts) -> None:
    """Writes which part each file of a user's folder is in, which may be many, beside the record."""
    if files:
        facts = data.to_json()
        split = {"classes": facts["classes"], "files": files, "quarantined": facts["quarantined"]}
        write_json(folder / SPLIT_FILE, split)


def _export_all(exports: Sequence[Export], partial: PartialBundle, options: RunOptions) -> list[ArtifactRow]:
    rows = []
    for item in exports:
        console.say(f"exporting {item.name or item.model.name}")
        (partial.folder / item.name).mkdir(exist_ok=True)
        folder = partial.folder / item.name
        for row in export_model(item, folder, partial.work, options.precisions, fast=options.fast):
            rows.append(dataclasses.replace(row, path=(Path(item.name) / row.path).as_posix()))
    return rows


def _write_files(folder: Path, record: Record, result: Result) -> None:
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in result.figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=110, bbox_inches="tight")
    for name, content in result.files.items():
        if isinstance(content, str):
            content = content.encode("utf-8", errors="backslashreplace")
        (folder / name).write_bytes(content)
    tables = [*([artifacts_table(record.artifacts)] if record.artifacts else []), *result.tables]
    write_report(folder, record, tables)
    write_mobile(folder, record)
    write_card(folder, record)
    write_json(folder / RESULT_FILE, record.to_json())


def run(
    name: str,
    *,
    data: str | os.PathLike[str] = "embedded",
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    smoke: bool = False,
    **settings: Any,
) -> Path | None:
    """Runs a recipe: train, measure, check its claims, export, verify.

    Args:
        name: A recipe's name, as `suite list` prints it, or the file of one, such as "./my_recipe.py".
        data: "embedded"; "tfds" for the recipe's usual TFDS set, "tfds:NAME" for another; or the path of your
            own data; where the recipe takes such.
        out: Folder of the bundle; `saved_models/NAME` by default, `saved_models/smoke/NAME` of a smoke run.
        seed: Seed of everything random.
        resume: Whether to go on with an interrupted run of the same settings.
        smoke: Whether to run the recipe's tiny configuration, whose claims and baselines are not checked, and
            which is exported in float32 unless `precisions` says otherwise.
        **settings: Fields of the recipe's Config, and of `suite.runs.options.RunOptions`.

    Returns:
        The bundle's folder; None on a machine that only helps the first one of a cluster.

    Raises:
        ValueError: Bad input.
        GateError: A claim or an export failed, or a model is no better than the trivial answer.

    Example:
        >>> bundle = suite.run("linear_regression", out="saved_models/line", seed=1, smoke=True)
        >>> (bundle / "model.onnx").exists()
        True
    """
    recipe = load_recipe(name)
    name = Path(name).stem if is_file(name) else name
    source, kinds = Source.parse(data), getattr(recipe, "DATA", ("embedded",))
    if source.kind not in kinds:
        raise ValueError(f"expected data among {', '.join(kinds)} for {name}, received {data!r}")
    if smoke:
        settings = {"precisions": "float32", **settings}
    options, settings = split_options(settings)
    config = dataclasses.replace(recipe.SMOKE if smoke else recipe.Config(), **settings)
    claims = () if smoke else claims_on(recipe.CLAIMS, source)
    job = Job(name, "recipe", about_module(recipe).title, recipe.run, claims, is_judged=not smoke)
    # Small matrices in NumPy gain nothing from a second BLAS thread; where other work, or TensorFlow's own
    # threads, keep the cores busy, each product waits for it (measured: 40 times as long).
    with threadpool_limits(1, user_api="blas"):
        return execute(
            job,
            config,
            source=source,
            out=out or Path(SMOKE_FOLDER if smoke else FOLDER) / name,
            seed=seed,
            resume=resume,
            options=options,
        )
