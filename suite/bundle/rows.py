"""Rows of a bundle's record: its artifacts, its claims, the trivial answers.

What a row says where an older bundle says nothing is the default of its field.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

# Statuses of an artifact.
OK, FAILED, SKIPPED, UNPROVEN, SUPERSEDED = "ok", "failed", "skipped", "unproven", "superseded"

Row = TypeVar("Row")


def from_fields(row_type: type[Row], content: Mapping[str, Any], **converted: Any) -> Row:
    """Makes a row of the keys of JSON that are fields of it; what is missing gets the field's default.

    Args:
        row_type: A dataclass.
        content: An object of JSON.
        **converted: Values by field that stand in place of those in `content`.

    Raises:
        TypeError: A field without a default is missing.
    """
    names = [field.name for field in dataclasses.fields(row_type) if field.name in content]  # type: ignore[arg-type]
    return row_type(**({name: content[name] for name in names} | converted))


def number_from_json(value: float | None) -> float:
    """A measured number; JSON has null for NaN and infinity."""
    return math.nan if value is None else float(value)


def bounds_text(at_least: float | None, at_most: float | None) -> str:
    """The bounds that are set: "at least 0.9 and at most 1"."""
    bounds = (("at least", at_least), ("at most", at_most))
    return " and ".join(f"{name} {value:g}" for name, value in bounds if value is not None)


@dataclasses.dataclass(frozen=True)
class MetricValue:
    """The metric of an artifact on the held-out examples.

    Attributes:
        name: With its split, such as "test_accuracy"; None where there is no artifact.
        value: None where it was not measured, or is not finite.
    """

    name: str | None = None
    value: float | None = None


@dataclasses.dataclass(frozen=True)
class Latency:
    """The time of calls with one example, in milliseconds; None where it was not measured.

    Attributes:
        p50: The median.
        p95: The 95th percentile.
    """

    p50: float | None = None
    p95: float | None = None

    def to_json(self) -> dict[str, float]:
        """Gives what was measured."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclasses.dataclass(frozen=True)
class CompiledAnswers:
    """What LiteRT's `CompiledModel` made of a TFLite file, on a CPU.

    Attributes:
        max_abs_difference: From the interpreter's answers; None where it did not run, or is not finite.
        reason: Why it did not run, or None.
    """

    max_abs_difference: float | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class InputFacts:
    """An input of an artifact.

    Attributes:
        dtype: Its dtype.
        shape: Its shape without the batch, as TFLite files are fixed to.
        is_image: Whether it is an image.
        range: The values of black and white of an image, in each channel where they differ; None where they
            are not known.
    """

    dtype: str
    shape: tuple[int, ...]
    is_image: bool = False
    range: tuple[Any, Any] | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "InputFacts":
        """Reads an input of an artifact's row."""
        low_high = content.get("range")
        return cls(
            content["dtype"],
            tuple(content["shape"]),
            is_image="range" in content,
            range=None if low_high is None else (low_high[0], low_high[1]),
        )

    def to_json(self) -> dict[str, Any]:
        """Gives dtype and shape, and the range of an image."""
        facts = {"dtype": self.dtype, "shape": list(self.shape)}
        return facts | ({"range": self.range} if self.is_image else {})


@dataclasses.dataclass(frozen=True)
class ArtifactRow:
    """A file of a model in one format and precision, and what was measured of it.

    Attributes:
        path: Of the file, or of the folder of a SavedModel, in the bundle.
        status: "ok", "failed", "skipped": a reduced precision that is not shipped, or one that was left out;
            "unproven": a file that was written and not run; or "superseded": one that passed, and is left out
            as another is faster and in nothing worse.
        reason: Why it is not shipped, or what a reader should know of one that is.
        format: "keras", "saved_model", "tflite" or "onnx".
        variant: "float32", a reduced precision, or "personal".
        bytes: Its size.
        sha256: In hexadecimal; of a folder's file names, too.
        max_abs_difference: From the Keras model's outputs; None where it is not finite.
        metric: On the held-out examples.
        latency_ms: On the machine of the run.
        ops: Its operators, custom ones as "custom:NAME".
        min_runtime: The oldest TFLite that has them all.
        gpu_compatible: Whether a GPU delegate takes all of them; None of other formats than TFLite.
        cpu_ops: Those that it leaves to the CPU.
        arena_bytes: Memory for the tensors of a TFLite file.
        inputs: What it takes, by name.
        task: What the model is.
        training: What `rehearse` gives for a personal model.
        compiled_model: What `CompiledModel` made of a TFLite file; None where that was not asked.
    """

    path: str
    status: str
    reason: str | None = None
    format: str = ""
    variant: str = "float32"
    bytes: int | None = None
    sha256: str | None = None
    max_abs_difference: float | None = None
    metric: MetricValue = MetricValue()
    latency_ms: Latency = Latency()
    ops: tuple[str, ...] = ()
    min_runtime: str | None = None
    gpu_compatible: bool | None = None
    cpu_ops: tuple[str, ...] = ()
    arena_bytes: int | None = None
    inputs: Mapping[str, InputFacts] = dataclasses.field(default_factory=dict)
    task: str | None = None
    training: Mapping[str, float] | None = None
    compiled_model: CompiledAnswers | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether the bundle has the file."""
        return self.status == OK

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ArtifactRow":
        """Reads a row of "artifacts"."""
        inputs = content.get("inputs") or {}
        compiled = content.get("compiled_model")
        return from_fields(
            cls,
            content,
            compiled_model=compiled and from_fields(CompiledAnswers, compiled),
            metric=from_fields(MetricValue, content.get("metric") or {}),
            latency_ms=from_fields(Latency, content.get("latency_ms") or {}),
            ops=tuple(content.get("ops") or ()),
            cpu_ops=tuple(content.get("cpu_ops") or ()),
            inputs={name: InputFacts.from_json(facts) for name, facts in inputs.items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Gives a row of "artifacts"; "training" and "compiled_model" where there is one."""
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        row |= {
            "metric": dataclasses.asdict(self.metric),
            "latency_ms": self.latency_ms.to_json(),
            "inputs": {name: facts.to_json() for name, facts in self.inputs.items()},
            "compiled_model": self.compiled_model and dataclasses.asdict(self.compiled_model),
        }
        maybe = ("training", "compiled_model")
        return {name: value for name, value in row.items() if name not in maybe or value is not None}


@dataclasses.dataclass(frozen=True)
class ClaimRow:
    """A bound on a metric, and whether the run kept it.

    Attributes:
        metric: Key of the record's metrics.
        value: What was measured.
        passed: Whether it is within the bounds.
        at_least: Lower bound, or None.
        at_most: Upper bound, or None.
        data: The kind of data that it is about, or None: any.
        says: What it comes to, a sentence, or None.
    """

    metric: str
    value: float
    passed: bool
    at_least: float | None = None
    at_most: float | None = None
    data: str | None = None
    says: str | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ClaimRow":
        """Reads a row of "claims"."""
        return from_fields(cls, content, value=number_from_json(content["value"]))

    def to_json(self) -> dict[str, Any]:
        """Gives a row of "claims", with the bounds that are set."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def bounds(self) -> str:
        """As `bounds_text`."""
        return bounds_text(self.at_least, self.at_most)

    def __str__(self) -> str:
        return f"{self.metric} {self.bounds}"


@dataclasses.dataclass(frozen=True)
class BaselineRow:
    """The trivial answer to what an exported model does, and whether the model beats it.

    Attributes:
        metric: Key of the record's metrics.
        value: The metric of the trivial answer.
        says: The trivial answer: "always 'ham'".
        measured: The metric of the model.
        beaten: Whether that is better.
        may_be_chance: Whether, with so few examples, it may be by chance.
        higher_is_better: Whether a larger value is better.
        examples: Where the metric is a share of right answers: how many there were; else None.
    """

    metric: str
    value: float
    says: str
    measured: float
    beaten: bool
    may_be_chance: bool = False
    higher_is_better: bool = True
    examples: int | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "BaselineRow":
        """Reads a row of "baselines"."""
        numbers = {name: number_from_json(content[name]) for name in ("value", "measured")}
        return from_fields(cls, content, **numbers)

    def to_json(self) -> dict[str, Any]:
        """Gives a row of "baselines"."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.says}: {self.value:.4f}"
