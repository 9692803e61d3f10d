"""Kills runs at random moments, lets them go on, and compares what they leave with runs left in peace.

python tools/endurance.py                           what trains in one way or another, and an export
python tools/endurance.py gan finetune --kills 6    some of it
python tools/endurance.py --signal INT              as Ctrl+C: a checkpoint, then exit 130

Each job runs once undisturbed. Then it runs over the bundle that this leaves, is killed at moments drawn from
the time that it took, and resumed. Whenever it is killed, a whole bundle has to be at its place; when it
ends, its weights and metrics have to be those of the undisturbed run, to the last bit, and nothing is left
beside it. Other names than those below are recipes, run with --smoke.
"""

import io
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.bundle.names import RESULT_FILE
from suite.bundle.partial import partial_folder
from suite.bundle.record import read_result
from suite.data.generated.textures import write_textures
from suite.deploy.describe import digest

# Long enough to be hit while they train.
SETTINGS = {
    "finetune": ("--epochs=6", "--patience=6", "--views=1", "--batch_size=8", "--unfreeze=0.05"),
    "export": (),
    "cnn_classification": ("--steps=400",),
    "gan": ("--ring_steps=2000", "--steps=400"),
    "convolutional_autoencoder": ("--steps=400",),
    "rnn_language_model": ("--epochs=8",),
}
PHOTOS = 10  # a class, for finetune


class FaultError(Exception):
    """What must not happen."""


class Job(NamedTuple):
    """A command that leaves a bundle, but for --out.

    Attributes:
        name: For the table.
        arguments: Words after `suite`.
        resume: How the command is told to go on.
    """

    name: str
    arguments: tuple[str, ...]
    resume: tuple[str, ...] = ("--resume",)

    def start(self, out: Path, every: float, log: Path) -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-m", "suite", *self.arguments, f"--out={out}"),
            *((*self.resume, f"--checkpoint_seconds={every}") if self.resume else ()),
        ]
        with open(log, "w") as stream:
            return subprocess.Popen(command, stdout=stream, stderr=stream)


def make_job(name: str, work: Path) -> Job:
    if name == "finetune":
        photos = write_textures(work / "photos")
        for folder in photos.glob("*/*"):
            for path in sorted(folder.iterdir())[PHOTOS:]:
                path.unlink()
        return Job(name, ("finetune", str(photos), *SETTINGS[name]))
    if name == "export":
        return Job(name, ("export", str(write_model(work / "net.keras"))), resume=())
    return Job(name, ("run", name, "--smoke", *SETTINGS.get(name, ())))


def write_model(path: Path) -> Path:
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3), name="image")
    x = keras.layers.Conv2D(32, 3, activation="relu")(image)
    x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
    keras.Model(image, keras.layers.Dense(10, "softmax", name="probabilities")(x)).save(path)
    return path


def wait_for_work(process: subprocess.Popen[bytes], out: Path, before: tuple[int, int] | None) -> float:
    """Waits until a run has begun to work, after its imports; gives the time then."""
    while stamp(out) == before and process.poll() is None:
        time.sleep(0.01)
    return time.monotonic()


def stamp(out: Path) -> tuple[int, int] | None:
    """Changes when a run begins."""
    try:
        found = (partial_folder(out) / "work" / "settings.json").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def run_undisturbed(job: Job, out: Path, every: float) -> float:
    """Gives the seconds of work."""
    log = out.with_suffix(".log")
    process = job.start(out, every, log)
    began = wait_for_work(process, out, None)
    if process.wait() != 0:
        raise FaultError(f"{job.name} fails by itself: {log.read_text()[-500:]}")
    return time.monotonic() - began


def endure(
    job: Job, kills: int, number: signal.Signals, every: float, random: np.random.Generator, work: Path
) -> list[object]:
    """Gives the row of the table."""
    whole, out = work / "whole" / "model", work / "killed" / "model"
    for each in (whole, out):
        each.parent.mkdir(parents=True)
    seconds = run_undisturbed(job, whole, every)
    shutil.copytree(whole, out)
    hit: Counter[str] = Counter()
    ended = 0
    log = work / "killed.log"
    while hit.total() < kills or not ended or partial_folder(out).exists():
        before = stamp(out)
        process = job.start(out, every, log)
        began = wait_for_work(process, out, before)
        try:
            moment = random.uniform(0, seconds) if hit.total() < kills else None
            status = process.wait(None if moment is None else max(0.0, began + moment - time.monotonic()))
        except subprocess.TimeoutExpired:
            hit[phase(out)] += 1
            process.send_signal(number)
            status = process.wait()
            console.say(f"{job.name}: {number.name} after {moment:.1f} of {seconds:.1f} s, {dict(hit)}")
            check_whole(out)
        if status == 0:
            ended += 1
            check_same(whole, out)
            if names(out.parent) != [out.name]:
                raise FaultError(f"{job.name} leaves {names(out.parent)}")
        elif status not in (-number, 130 if number == signal.SIGINT else -number):
            raise FaultError(f"{job.name} ends with {status}: {log.read_text()[-500:]}")
    return [job.name, f"{seconds:.1f}", *(hit[each] for each in PHASES), ended, "same"]


PHASES = ("training", "export")


def phase(out: Path) -> str:
    """What a run is at: files beside the work folder are those of the export."""
    return PHASES[len(names(partial_folder(out))) > 1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def check_whole(out: Path) -> None:
    """Between the two renames of a replacement, which the next run ends, the earlier one is beside it."""
    if not out.exists():
        out = out.with_name(f".{out.name}.old")
    if not (out / RESULT_FILE).is_file():
        raise FaultError(f"no whole bundle at {out}")
    for row in read_result(out).shipped:
        if digest(out / row.path) != row.sha256:
            raise FaultError(f"{out / row.path} is half written")


def check_same(whole: Path, out: Path) -> None:
    check_whole(out)
    expected, found = (read_result(each).metrics for each in (whole, out))
    if expected != found:
        raise FaultError(f"expected metrics {expected}, found {found}")
    arrays, others = weights(whole), weights(out)
    if arrays.keys() != others.keys():
        raise FaultError(f"expected weights {sorted(arrays)}, found {sorted(others)}")
    for name, array in arrays.items():
        if not np.array_equal(array, others[name], equal_nan=True):
            raise FaultError(f"{name} differs by {np.abs(array - others[name]).max()}")


def weights(bundle: Path) -> dict[str, np.ndarray]:
    """All arrays of the Keras models of a bundle."""
    return {
        f"{path.relative_to(bundle)}/{name}": array
        for path in bundle.rglob("model.keras")
        for name, array in _arrays(path).items()
    }


def _arrays(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("chosen", nargs=-1)
@click.option(
    "--kills", type=click.IntRange(min=1), default=20, show_default=True, help="Of all jobs together."
)
@click.option(
    "--signal", "name", type=click.Choice(["KILL", "INT", "TERM"]), default="KILL", show_default=True
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the moments.")
@click.option("--every", type=float, default=0.5, show_default=True, help="Seconds between checkpoints.")
def main(chosen: tuple[str, ...], kills: int, name: str, seed: int, every: float) -> None:
    rows, faults = [], 0
    chosen = chosen or tuple(SETTINGS)
    for index, each in enumerate(chosen):
        share = kills // len(chosen) + (index < kills % len(chosen))
        random = np.random.default_rng((seed, index))
        with tempfile.TemporaryDirectory(prefix="suite-endurance-") as work:
            try:
                job = make_job(each, Path(work))
                rows.append(endure(job, share, signal.Signals[f"SIG{name}"], every, random, Path(work)))
            except FaultError as fault:
                console.error(str(fault))
                faults += 1
    columns = ("job", "s undisturbed", "killed in training", "in export", "ended", "weights and metrics")
    console.table(f"Killed by SIG{name} and resumed", columns, rows)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
