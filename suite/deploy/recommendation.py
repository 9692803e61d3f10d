"""Which file of a model goes where: one answer, on what was measured, for all who name one."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from suite.bundle.rows import ArtifactRow
from suite.deploy.compatibility import version_of
from suite.evaluation.metrics import Metric
from suite.language.encoder_decoder import ENCODER

# What the files are for, with the words for it.
TARGETS = {"cpu": "a phone's CPU", "gpu": "a phone's GPU", "browser": "a browser"}

# Calls that take as long but for noise: by share, and for the shortest in milliseconds.
SAME_SPEED, SAME_MS = 1.25, 0.1

SLOWER_MS = 0.5  # by which a file must be slower to be left out: the shortest calls are noise

# By which a slower file must be smaller to be worth having. Measured: the int8 files of eight photo networks
# are 5.0 to 7.2 % larger than the dynamic ones (scales of every channel), which take 2 to 17 times as long.
SMALLER = 0.08

BROWSER_SLOWDOWN = 2.0  # that a smaller download is worth

_FLOAT = ("float32", "float16")  # in which a GPU computes


class Recommendation(NamedTuple):
    """A file of a model, and why it is the one to take.

    Attributes:
        path: In the bundle.
        reason: In numbers.
    """

    path: str
    reason: str


def recommended(rows: Sequence[ArtifactRow]) -> dict[str, Recommendation]:
    """Chooses a file of one model for each of `TARGETS`, among those that passed their gates.

    For a CPU the fastest, and of those as fast but for noise the smallest, then the one that the oldest
    runtime reads. For a GPU the one of which it leaves the fewest operators to the CPU, then one in floating
    point, in which it computes, then the smallest. For a browser, which loads it over a network, the
    smallest that takes at most twice the time of the fastest.

    Args:
        rows: Artifacts of one model, as its record has them; `by_model` parts those of a bundle.

    Returns:
        Recommendations by target; {} of a model without TFLite files.
    """
    files = [row for row in rows if _is_candidate(row)]
    # What apps run by CompiledModel must run there, if any file does.
    files = [row for row in files if not (row.compiled_model and row.compiled_model.reason)] or files
    if not files:
        return {}
    cpu = min(_within(files, SAME_SPEED), key=lambda row: (_bytes(row), version_of(row.min_runtime)))
    gpu = min(files, key=lambda row: (_left(row), row.variant not in _FLOAT, _bytes(row)))
    browser = min(_within(files, BROWSER_SLOWDOWN), key=_bytes)
    reference = next((row for row in files if row.variant == "float32"), None)
    left = f"leaves {', '.join(gpu.cpu_ops)} to the CPU" if gpu.cpu_ops else "takes all of it"
    return {
        "cpu": Recommendation(cpu.path, _beside(f"the fastest, {_facts(cpu)}", cpu, reference)),
        "gpu": Recommendation(gpu.path, f"a GPU {left}; {_size(gpu)}, {_precision(gpu)}"),
        "browser": Recommendation(
            browser.path,
            _beside(f"the smallest that is about as fast, {_facts(browser)}", browser, reference),
        ),
    }


def by_model(rows: Sequence[ArtifactRow]) -> dict[str, list[ArtifactRow]]:
    """The artifacts of each model of a bundle, by its folder in it ("." of a bundle with one)."""
    models: dict[str, list[ArtifactRow]] = {}
    for row in rows:
        models.setdefault(str(PurePosixPath(row.path).parent), []).append(row)
    return models


def recommended_path(rows: Sequence[ArtifactRow], target: str = "cpu") -> str | None:
    """The file that stands for a bundle: that of its model, or of its encoder where a decoder is beside it.

    Args:
        rows: Artifacts of its record.
        target: One of `TARGETS`.

    Returns:
        Its path in the bundle; None where no such model has a TFLite file.
    """
    models = by_model(rows)
    choice = recommended(models.get(".", [])) or recommended(models.get(ENCODER, []))
    return choice[target].path if choice else None


def recommendation_lines(rows: Sequence[ArtifactRow]) -> list[str]:
    """What `recommended` says of each model of a bundle, a line a target.

    Args:
        rows: Artifacts of its record.
    """
    return [
        f"for {TARGETS[target]} take {path}: {reason}"
        for model in by_model(rows).values()
        for target, (path, reason) in recommended(model).items()
    ]


def superseded(rows: Sequence[ArtifactRow], metric: Metric) -> dict[str, str]:
    """Finds files of one model that nobody should take: slower than another, no better and hardly smaller.

    The float32 file, which all others are held against, and what `recommended` names are none of them.

    Args:
        rows: Artifacts of one model, timed.
        metric: The metric of all.

    Returns:
        Reasons by path.
    """
    files = [row for row in rows if _is_candidate(row)]
    kept = {choice.path for choice in recommended(rows).values()}
    found: dict[str, str] = {}
    for row in files:
        if row.path in kept or row.variant == "float32":
            continue
        better = [other for other in files if other.path not in found and _is_better(other, row, metric)]
        if better:
            best = min(better, key=_milliseconds)
            saved = 1 - _bytes(row) / max(_bytes(best), 1)
            smaller = f"only {saved:.1%} smaller" if saved > 0 else "no smaller"
            found[row.path] = (
                f"no better, {smaller} and slower than {best.path}: {_facts(row)} for {_facts(best)}"
            )
    return found


def _is_candidate(row: ArtifactRow) -> bool:
    return row.is_shipped and row.format == "tflite" and row.variant != "personal"


def _is_better(one: ArtifactRow, other: ArtifactRow, metric: Metric) -> bool:
    """Whether it is clearly faster and in nothing worse that matters."""
    slower = _milliseconds(other) - _milliseconds(one)
    if None in (one.metric.value, other.metric.value, one.latency_ms.p50, other.latency_ms.p50):
        return False
    return (
        slower > max(SLOWER_MS, (SAME_SPEED - 1) * _milliseconds(one))
        and (1 - SMALLER) * _bytes(one) <= _bytes(other)
        and metric.loss_against(other.metric.value, one.metric.value) >= 0  # type: ignore[arg-type]
    )


def _within(files: list[ArtifactRow], slowdown: float) -> list[ArtifactRow]:
    """Those that take at most so many times the time of the fastest."""
    fastest = min(map(_milliseconds, files))
    return [row for row in files if _milliseconds(row) <= max(slowdown * fastest, fastest + SAME_MS)]


def _milliseconds(row: ArtifactRow) -> float:
    return float("inf") if row.latency_ms.p50 is None else row.latency_ms.p50


def _bytes(row: ArtifactRow) -> int:
    return row.bytes or 0


def _left(row: ArtifactRow) -> int:
    """How many kinds of operators a GPU leaves; those of a row that does not tell count as many."""
    return len(row.cpu_ops) if row.gpu_compatible is not None else len(row.ops) + 1


def _precision(row: ArtifactRow) -> str:
    return "in the precision in which it computes" if row.variant == "float16" else row.variant


def _size(row: ArtifactRow) -> str:
    megabytes = _bytes(row) / 1e6
    return f"{megabytes:.{1 if megabytes >= 1 else 3}f} MB"


def _facts(row: ArtifactRow) -> str:
    facts = [] if row.latency_ms.p50 is None else [f"{row.latency_ms.p50:.2f} ms"]
    facts.append(_size(row))
    if row.metric.value is not None:
        facts.append(f"{row.metric.name} {row.metric.value:.4f}")
    return ", ".join(facts)


def _beside(said: str, row: ArtifactRow, reference: ArtifactRow | None) -> str:
    """The reason with what the float32 file takes."""
    if reference is None or reference is row:
        return said
    return f"{said} ({PurePosixPath(reference.path).name}: {_facts(reference)})"
