"""The way from a recipe, or another job, to its bundle: artifacts proven, claims checked, report written."""

import contextlib
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from suite import console
from suite.bundle.names import RESULT_FILE, SPLIT_FILE
from suite.bundle.partial import SETTINGS_FILE, PartialBundle
from suite.bundle.write import write_json
from suite.catalogue import is_file, load_recipe
from suite.data.set_aside import losses
from suite.deploy.app.mobile import write_mobile
from suite.deploy.compatibility import phone_notes
from suite.deploy.pipeline import Export, export_model
from suite.deploy.prove.benchmarking import COLUMNS, artifact_cells, print_artifacts
from suite.errors import GateError, disk_is_full
from suite.evaluation import baselines
from suite.evaluation.table import Table
from suite.report.gallery import FOLDER, SMOKE_FOLDER, update_gallery
from suite.report.run_page import write_report
from suite.runs.recipe import Baseline, Claim, Context, Result, claims_on
from suite.training.options import TrainingOptions, is_chief, split_options
from suite.training.reproducibility import describe_environment, set_seed
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
    config,
    *,
    source: str,
    out: str | Path,
    seed: int,
    resume: bool = False,
    options: TrainingOptions = TrainingOptions(),  # noqa: B008 (frozen)
) -> Path | None:
    """Runs a job and leaves its bundle: artifacts proven, claims checked, report written.

    Args:
        job: What to run.
        config: Its frozen Config dataclass.
        source: As `Context.source`.
        out: Final folder of the bundle.
        seed: Seed of everything random.
        resume: Whether to go on with an interrupted run of the same settings.
        options: How to train. Of several machines, the first one leaves the bundle; the others end when they
            have trained, and leave nothing.

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
    with PartialBundle(out, resume) as partial, translate_disk_full(partial.out):
        settings = {"name": job.name, "seed": seed, "source": source, "config": dataclasses.asdict(config)}
        _check_settings(partial.work / SETTINGS_FILE, settings)
        logs = partial.out.parent / "tensorboard" / partial.out.name
        with open_training_run(options, partial.work, logs) as training:
            set_seed(seed, options.deterministic)
            result = job.run(config, Context(seed, source, partial.work, training))
            training.log_figures(result.figures)
        record = _record(job, settings, result)
        for line in losses(record["data"]):
            console.warn(line)
        _write_split(partial.folder, record["data"])
        record["artifacts"] = _export_all(result.exports, partial)
        record["wall_seconds"] = round(time.time() - started, 2)
        _write_files(partial.folder, record, result)
        faults = _faults(record, job.is_judged)
        final = partial.finish(failed=bool(faults))
    _print_summary(final, record)
    update_gallery(final)
    if faults:
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        raise GateError(f"{faults[0]}{more}; see {console.shown(final)}/report.html")
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


def _help(job: Job, config, source: str, out: Path, seed: int, options: TrainingOptions) -> None:
    """Trains beside the first machine of a cluster."""
    with tempfile.TemporaryDirectory() as folder, open_training_run(options) as training:
        set_seed(seed, options.deterministic)
        job.run(config, Context(seed, source, Path(folder), training))
    console.say(f"trained; the first worker writes {out.name}")


def _check_settings(path: Path, settings: dict) -> None:
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


def _record(job: Job, settings: dict, result: Result) -> dict:
    metrics = {name: float(value) for name, value in result.metrics.items()}
    return {
        "name": job.name,
        "kind": job.kind,
        "title": result.title or job.title,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seed": settings["seed"],
        "config": settings["config"],
        **describe_environment(),
        "data": {"source": settings["source"], "quarantined": [], **result.data},
        "metrics": metrics,
        "baselines": [each.to_json(metrics[each.metric]) for each in _baselines(result)],
        "claims": [
            claim.to_json() | {"value": metrics[claim.metric], "passed": claim.holds(metrics)}
            for claim in (job.claims if result.claims_apply else ())
        ],
    }


def _baselines(result: Result) -> list[Baseline]:
    """Those that the run gives, and those that follow from what its exports are judged by."""
    found = {each.metric: each for each in result.baselines}
    for item in result.exports:
        if item.metric and item.metric.name in result.metrics and item.metric.name not in found:
            each = baselines.implied(item.metric.name, item.targets, item.labels)
            found |= {each.metric: each} if each else {}
    return list(found.values())


def _write_split(folder: Path, data: dict) -> None:
    """Moves the files of a user's folder, which may be many, out of the record and into split.json."""
    files = data.pop("files", None)
    if files:
        split = {"classes": data["classes"], "files": files, "quarantined": data["quarantined"]}
        write_json(folder / SPLIT_FILE, split)


def _export_all(exports: Sequence[Export], partial: PartialBundle) -> list[dict]:
    rows = []
    for item in exports:
        console.say(f"exporting {item.name or item.model.name}")
        (partial.folder / item.name).mkdir(exist_ok=True)
        for row in export_model(item, partial.folder / item.name, partial.work):
            rows.append(row | {"path": (Path(item.name) / row["path"]).as_posix()})
    return rows


def _write_files(folder: Path, record: dict, result: Result) -> None:
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in result.figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=110, bbox_inches="tight")
    for name, content in result.files.items():
        if isinstance(content, str):
            content = content.encode("utf-8", errors="backslashreplace")
        (folder / name).write_bytes(content)
    notes = " ".join(f"{note[0].upper()}{note[1:]}." for note in phone_notes(record["artifacts"]))
    artifacts = Table("Artifacts", COLUMNS, [artifact_cells(row) for row in record["artifacts"]], notes)
    write_report(folder, record, [artifacts, *result.tables] if record["artifacts"] else result.tables)
    write_mobile(folder, record["artifacts"], record["name"])
    write_json(folder / RESULT_FILE, record)


def _claim(row: dict) -> Claim:
    return Claim(row["metric"], row.get("at_least"), row.get("at_most"))


def _more_training(config: dict) -> str:
    """The flags of a longer training, twice as long as this one."""
    lengths = {name: config.get(name) for name in ("epochs", "least_steps", "steps")}
    flags = [f"--{name} {2 * value}" for name, value in lengths.items() if value]
    return f" ({' '.join(flags)})" if flags else ""


def _faults(record: dict, is_judged: bool) -> list[str]:
    trivial = [
        f"no better than the trivial answer: {row['metric']} {row['measured']:.4f}, "
        f"{baselines.describe(row)}; try more data, or longer training{_more_training(record['config'])}"
        for row in record["baselines"]
        if is_judged and not row["beaten"]
    ]
    missed = [
        f"claim missed: {_claim(row)}, measured {row['value']:.6g}"
        for row in record["claims"]
        if not row["passed"]
    ]
    failed = [f"{row['path']} {row['reason']}" for row in record["artifacts"] if row["status"] == "failed"]
    return trivial + missed + failed


def _print_summary(folder: Path, record: dict) -> None:
    for row in record["claims"]:
        console.say(f"{'ok    ' if row['passed'] else 'MISSED'} {_claim(row)}: {row['value']:.6g}")
    if record["artifacts"]:
        print_artifacts(f"{record['name']}: artifacts", record["artifacts"])
    trivial = {row["metric"]: row for row in record["baselines"]}
    for name, value in record["metrics"].items():
        if name in trivial:
            console.result(f"{name} {value:.4f} ({baselines.describe(trivial[name])})")
        elif name.startswith(("validation_", "test_")):
            console.result(f"{name} {value:.4f}")
    for row in record["baselines"]:
        if row["beaten"] and row["may_be_chance"]:
            console.warn(
                f"{row['metric']} {row['measured']:.4f} of {row['examples']} may be chance, the trivial "
                f"answer ({row['says']}) gets {row['value']:.4f}: more held-out data would tell"
            )
    where = console.shown(folder)
    console.result(f"{where} written in {record['wall_seconds']:.0f} s; open {where}/report.html")


def run(
    name: str,
    *,
    data: str = "embedded",
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    smoke: bool = False,
    **settings,
) -> Path | None:
    """Runs a recipe: train, measure, check its claims, export, verify.

    Args:
        name: A recipe's name, as `suite list` prints it, or the file of one, such as "./my_recipe.py".
        data: "embedded"; "tfds" for the recipe's usual TFDS set, "tfds:NAME" for another; or the path of your
            own data; where the recipe takes such.
        out: Folder of the bundle; `saved_models/NAME` by default, `saved_models/smoke/NAME` of a smoke run.
        seed: Seed of everything random.
        resume: Whether to go on with an interrupted run of the same settings.
        smoke: Whether to run the recipe's tiny configuration, whose claims and baselines are not checked.
        **settings: Fields of the recipe's Config, and of `suite.training.options.TrainingOptions`.

    Returns:
        The bundle's folder; None on a machine that only helps the first one of a cluster.

    Raises:
        ValueError: Bad input.
        GateError: A claim or an export failed, or a model is no better than the trivial answer.
    """
    recipe = load_recipe(name)
    name = Path(name).stem if is_file(name) else name
    kind = data.partition(":")[0]
    kind, kinds = kind if kind in ("embedded", "tfds") else "path", getattr(recipe, "DATA", ("embedded",))
    if kind not in kinds:
        raise ValueError(f"expected data among {', '.join(kinds)} for {name}, received {data!r}")
    source = os.path.realpath(data) if kind == "path" else data
    options, settings = split_options(settings)
    config = dataclasses.replace(recipe.SMOKE if smoke else recipe.Config(), **settings)
    claims = () if smoke else claims_on(recipe.CLAIMS, data)
    title = (recipe.__doc__ or "").split("\n")[0]
    job = Job(name, "recipe", title, recipe.run, claims, is_judged=not smoke)
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
