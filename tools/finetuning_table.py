"""Fine-tuning beside its peers, on folders of photos: the table in RESULTS.md.

python tools/finetuning_table.py photos/ leaves/            seed 0
python tools/finetuning_table.py photos/ --seeds 0,1,2 --ways suite,keras
python tools/finetuning_table.py                            the table from the runs that are there

All start from the same weights of EfficientNet-Lite0 and see the same split at the same size; the test part
is measured once, at the end. The peers follow their own documents: Keras' guide to
transfer learning (the head with Adam at 1e-3, then all layers at 1e-5), and PyTorch's tutorial on fine-tuning
(all layers, SGD at 1e-3 with momentum 0.9, a tenth of it every 7 epochs, the best epoch on validation). What
a file in saved_models/finetuning_table has is not repeated; without torch its cells stay empty.

References:
    https://keras.io/guides/transfer_learning,
    https://pytorch.org/tutorials/beginner/transfer_learning_tutorial.html
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite.cli.main import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import keras

from suite import console
from suite.data.pictures.image_source import ImageSource
from suite.data.source import Source
from suite.evaluation.intervals import wilson
from suite.evaluation.metrics import accuracy
from suite.finetuning.config import Config
from suite.finetuning.data import image_source, open_folder
from suite.finetuning.head import train_head
from suite.finetuning.phases import classifier, fine_tune, predict
from suite.models.backbones import build_backbone
from suite.runs.recipe import Context
from suite.training.reproducibility import set_seed
from tools import markdown_tables
from tools.benchmarks.torch_finetuning import finetune_in_torch, is_installed

RUNS = Path("saved_models/finetuning_table")
TABLE = Path("RESULTS.md")
TRAINED = ("suite", "keras", "torch")  # "suite" gives the head alone, too
WAYS = ("head", *TRAINED)
HEAD = [
    "| photos | train / test | head alone | `suite finetune` | Keras' guide | PyTorch's tutorial |",
    "|---|---|---|---|---|---|",
]
NOTE = (
    "Test accuracy with its 95 % interval and CPU seconds of training on {cores}, by\n"
    "`tools/finetuning_table.py`: the same weights of EfficientNet-Lite0, the same split, no export. Of\n"
    "several seeds: the mean, the interval of all test answers together, and the mean of the seconds."
)


class Photos(NamedTuple):
    """What every way is given.

    Attributes:
        sources: Images by part.
        num_classes: Number of classes.
        config: The suite's settings, whose batch size all use.
        context: Its seed is everybody's.
    """

    sources: dict[str, ImageSource]
    num_classes: int
    config: Config
    context: Context


def by_the_suite(photos: Photos) -> dict[str, dict[str, float]]:
    """Both phases: "head" and "suite"."""
    started = time.process_time()
    sources, num_classes, config, context = photos
    backbone = build_backbone(config.backbone)
    kernel, bias = train_head(
        backbone, sources["train"], num_classes, config.views, context.seed, context.folder
    )
    model = classifier(backbone, kernel, bias)
    head = measured(model, sources["test"], started)
    fine_tune(model, sources, num_classes, config, context)
    return {
        "head": head,
        "suite": measured(model, sources["test"], started),
    }


def by_the_guide_of_keras(photos: Photos, epochs: tuple[int, int] = (10, 10)) -> dict[str, float]:
    """The head alone, then all layers at a low rate, batch normalization frozen."""
    started = time.process_time()
    sources, num_classes, config, context = photos
    backbone = build_backbone(config.backbone)
    backbone.trainable = False
    x = keras.layers.Dropout(0.2)(backbone.output)
    model = keras.Model(backbone.input, keras.layers.Dense(num_classes, dtype="float32")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    epoch = 0
    for count, rate in zip(epochs, (1e-3, 1e-5), strict=True):
        model.compile(keras.optimizers.Adam(rate), loss)
        for _ in range(count):
            epoch += 1
            seed = context.seed * 1000 + epoch
            batches = sources["train"].batches(config.batch_size, order_seed=seed, augment_seed=seed)
            model.fit(batches, verbose=0)
        backbone.trainable = True
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return measured(model, sources["test"], started)


def measured(model: keras.Model, test: ImageSource, started: float) -> dict[str, float]:
    """The CPU seconds so far, and then the accuracy on the test part."""
    seconds = time.process_time() - started
    return {"seconds": seconds, "accuracy": accuracy(predict(model, test), test.labels)}


def run(directory: Path, seed: int, chosen: Sequence[str] = TRAINED) -> Path:
    """Measures the ways on a folder that its file lacks, of which each is kept at once; gives the file.

    Args:
        directory: Of photos, with a part for testing.
        seed: Of the split, and of each way.
        chosen: Of `TRAINED`.

    Raises:
        UsageError: The folder leaves nothing for testing.
    """
    file = RUNS / f"{directory.resolve().name}-{seed}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory() as work:
        photos = open_photos(directory, seed, Path(work))
        found |= {"name": directory.resolve().name, "seed": seed}
        found |= {part: len(source) for part, source in photos.sources.items()}
        ways: dict[str, Callable[[Photos], dict[str, Any]]] = {
            "suite": by_the_suite,
            "keras": lambda photos: {"keras": by_the_guide_of_keras(photos)},
        }
        if is_installed():
            ways["torch"] = by_the_tutorial_of_torch
        for way in [way for way in ways if way in chosen and way not in found]:
            set_seed(seed, True)
            found |= ways[way](photos)
            RUNS.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found, indent=1))
    return file


def open_photos(directory: Path, seed: int, work: Path) -> Photos:
    """Splits a folder, and decodes every photo before any clock runs."""
    context = Context(seed, Source.parse(directory), work)
    folder = open_folder(context)
    if not folder.splits["test"]:
        raise click.UsageError(
            f"expected photos that nothing is chosen on, {directory} has a validation folder and no test "
            "folder; add one, or leave both out"
        )
    backbone = build_backbone(Config.backbone)
    sources = {part: image_source(folder, part, backbone, work) for part in folder.splits}
    for source in sources.values():
        for index in range(len(source)):
            source.image(index)
    return Photos(sources, len(folder.classes), Config(), context)


def by_the_tutorial_of_torch(photos: Photos) -> dict[str, Any]:
    """All layers in PyTorch: "torch"."""
    return {"torch": finetune_in_torch(photos.sources, photos.num_classes, photos.context.seed)}


def row(runs: Sequence[dict[str, Any]]) -> str:
    """The line of a folder from its runs, a seed each."""
    first = runs[0]
    cells = [
        f"{first['name']}{f', {len(runs)} seeds' if len(runs) > 1 else ''}",
        f"{first['train']} / {first['test']}",
    ]
    for way in WAYS:
        of_way = [each[way] for each in runs if way in each]
        if not of_way:
            cells.append("")
            continue
        share = statistics.mean(each["accuracy"] for each in of_way)
        interval = wilson(share, sum(each["test"] for each in runs if way in each), "photos")
        seconds = statistics.mean(each["seconds"] for each in of_way)
        cells.append(f"{share:.3f} ({interval.low:.2f} to {interval.high:.2f}), {seconds:.0f} s")
    return f"| {' | '.join(cells)} |"


def write_table() -> None:
    """Writes the table between its markers, in place of the earlier one."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(RUNS.glob("*.json")):
        found = json.loads(file.read_text())
        runs.setdefault(found["name"], []).append(found)
    if not runs:
        raise click.UsageError(f"expected folders of photos, or runs in {RUNS}, found none; give a folder")
    lines = [*HEAD, *(row(runs[name]) for name in sorted(runs))]
    text = "\n".join(["## Fine-tuning", "", NOTE.format(cores=markdown_tables.hardware()), "", *lines])
    markdown_tables.put_between(TABLE, markdown_tables.FINE_TUNING, text)
    console.result(f"{TABLE} written")


@click.command()
@click.argument("directories", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default="0", show_default=True, help="Such as 0,1,2.")
@click.option("--ways", default=",".join(TRAINED), show_default=True, help="Those to measure.")
def main(directories: tuple[Path, ...], seeds: str, ways: str) -> None:
    """Measure fine-tuning and its peers on DIRECTORIES of photos, and write the table of RESULTS.md."""
    chosen = ways.split(",")
    if unknown := set(chosen) - set(TRAINED):
        raise click.UsageError(f"expected ways among {', '.join(TRAINED)}, received {', '.join(unknown)}")
    if directories and "torch" in chosen and not is_installed():
        console.warn("torch is not installed: its column stays empty (pip install -e '.[bench]')")
    for directory in directories:
        for seed in seeds.split(","):
            console.result(f"{run(directory, int(seed), chosen)} written")
            write_table()  # what is measured stands there, however the next one ends
    if not directories:
        write_table()


if __name__ == "__main__":
    main()
