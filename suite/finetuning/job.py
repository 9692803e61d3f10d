"""The main job: a folder of images in, a verified model for a phone out.

Photos with boxes go to `detector.py`, photos with masks to `segmenter.py`; here are those with classes.

Phase 1 fits a linear head on frozen features, a convex problem that is solved exactly in seconds. Phase 2
trains all layers over one schedule, of which as much is kept as the validation split speaks for. The model
takes raw uint8 pixels; the whole picture is stretched to the input size, as phones do.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

from suite import console, stopwatch
from suite.data.folders.annotations import find_kind
from suite.data.folders.labeling import UNSAID
from suite.data.pictures.facts import MeasuringLoader
from suite.data.pictures.images import load_image
from suite.data.source import EMBEDDED, Source
from suite.deploy.prove.measure import start_processes
from suite.evaluation.findings import findings_table
from suite.finetuning import detector, segmenter
from suite.finetuning.check import check_training
from suite.finetuning.config import Config
from suite.finetuning.data import image_source, open_folder
from suite.finetuning.estimate import estimate_by_folds, has_few
from suite.finetuning.head import plain_features, train_head
from suite.finetuning.measure import measure
from suite.finetuning.phases import classifier, fine_tune, mixed_precision_on_gpu
from suite.models.backbones import build_backbone
from suite.report.gallery import FOLDER
from suite.runs.job import Job, execute
from suite.runs.options import split_options
from suite.runs.recipe import Context, Result, Task


def finetune(
    directory: str | Path | None = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    **settings: Any,
) -> Path | None:
    """Fine-tunes a pretrained CNN on a folder of photos with classes, boxes or masks, and proves its exports.

    Args:
        directory: One subfolder a class, with or without train, validation and test folders around them; or
            photos with a table of their classes (CSV, TSV) beside them, or with classes in their names; or
            TFRecord files as `read_shards` takes; or photos with boxes or masks, of which a detector or a
            segmenter is made. The embedded texture photos by default.
        out: Folder of the bundle; `saved_models/NAME-OF-DIRECTORY` by default.
        seed: Seed of the split, the augmentation and the training: the same seed gives the same weights on
            the same machine.
        resume: Whether to go on with an interrupted run of the same settings.
        **settings: Fields of `Config`, and of `suite.runs.options.RunOptions`.

    Returns:
        The bundle's folder; None on a machine that only helps the first one of a cluster.

    Raises:
        ValueError: Bad input, in one line.
        GateError: An export failed its gates.

    Example:
        >>> bundle = suite.finetune("photos/", out="saved_models/photos", epochs=0, precisions="float32")
        >>> sorted(path.name for path in bundle.glob("*.tflite"))[0]
        'model.tflite'
    """
    options, settings = split_options(settings)
    if options.input_service:
        raise ValueError(
            "expected no input_service, pictures of a folder are decoded by the process that trains; "
            "spread them over machines with strategy multi_worker"
        )
    config = Config(**settings)
    source = EMBEDDED if directory is None else Source.parse(Path(directory))
    name = "textures" if source.path is None else re.sub(r"[^\w.-]+", "_", source.path.name) or "model"
    job = Job(name, "finetune", f"Fine-tuned on {name}", run)
    return execute(
        job, config, source=source, out=out or Path(FOLDER) / name, seed=seed, resume=resume, options=options
    )


def run(config: Config, context: Context) -> Result:
    """Trains the model that a folder asks for: what `finetune` does before the export."""
    task = find_task(config, context)
    if task == Task.DETECTOR:
        return detector.run(config, context)
    if task == Task.SEGMENTER:
        return segmenter.run(config, context)
    return _classifier(config, context)


def find_task(config: Config, context: Context) -> Task:
    """What the photos of a run are for: what the settings say, else what the folder holds, which is said."""
    root = context.source.path
    if root is None or not root.is_dir() or not any(root.iterdir()):
        return Task.CLASSIFIER  # what reads class folders says what is wrong
    if config.task == Task.CLASSIFIER or config.labeling != UNSAID:
        return Task.CLASSIFIER
    kind = find_kind(root, config.task)
    if kind.task != Task.CLASSIFIER:
        console.say(str(kind))
    return Task(kind.task)


def _classifier(config: Config, context: Context) -> Result:
    """Trains the classifier of a folder."""
    with stopwatch.stage("reading photos"):
        folder = open_folder(context, config.labeling)
    start_processes()  # which import while the head is trained
    with stopwatch.stage("head"):
        with mixed_precision_on_gpu():
            backbone = build_backbone(config.backbone)
        load = MeasuringLoader() if folder.load is load_image else folder.load
        sources = {part: image_source(folder, part, backbone, context.folder, load) for part in folder.splits}
        num_classes = len(folder.classes)
        held_out = [sources["validation"], sources["test"]] if has_few(sources) else []
        kernel, bias = train_head(
            backbone, sources["train"], num_classes, config.views, context.seed, context.folder, held_out
        )
    estimate = None
    if held_out:
        photos = [sources["train"], *held_out]
        with stopwatch.stage("folds"):
            plain = plain_features(context.folder)
            estimate = estimate_by_folds(plain, photos, num_classes, context.seed)
    with stopwatch.stage("phase 2"):
        model = classifier(backbone, kernel, bias)
        trained = fine_tune(model, sources, num_classes, config, context)
    with stopwatch.stage("measuring the model"):
        result = measure(model, folder, sources, trained, context.folder, config.spare_classes, estimate)
    with stopwatch.stage("checking photos"):
        findings = check_training(folder, context.folder, getattr(load, "facts", {}))
    if findings is None:
        return result
    return dataclasses.replace(result, tables=[*result.tables, findings_table(findings)])
