"""Find images like a given one: nearest neighbors among the codes of an autoencoder.

Week 4, "Image retrieval with autoencoder".
Claim: of the 10 images nearest to a query in the space of codes, the share of the query's class is larger
       than among raw pixels and than among as many principal components: by at least 0.005. Of queries that
       are turned, zoomed and shifted it is larger by at least 0.15. The encoder has learned, without labels,
       to undo just that: it is trained to give back the image that was distorted.
Cost:  60 s on 2 CPU cores; mnist 8 min; your own 300 photos 2 min.
Run:   suite run image_retrieval [--data tfds | --data FOLDER]
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from suite.data.batches import shuffled
from suite.data.folders.unlabeled import read_picture_folder
from suite.data.pictures.image_source import ImageSource
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import encoder_export
from suite.deploy.feature_extractor import feature_extractor
from suite.evaluation import plots
from suite.evaluation.retrieval import INDEX_FILE, Index, precision
from suite.evaluation.table import Table
from suite.finetuning.data import images_on_disk
from suite.models.autoencoders import Autoencoder, build_convolutional
from suite.models.backbones import build_backbone
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task, at_least


@dataclasses.dataclass(frozen=True)
class Config:
    code_size: int = 32
    filters: tuple[int, ...] = (32, 64)
    turn: float = 0.3  # largest distortion either way: in radians, and as shares of the size
    zoom: float = 0.15
    shift: float = 0.12
    steps: int = 0  # 0: 3,000, for your own pictures 1,000
    batch_size: int = 64
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine
    side: int = 32  # pixels, of your own pictures as the autoencoder sees them
    backbone: str = "efficientnet_lite0"  # for your own pictures, beside the autoencoder


SMOKE = Config(filters=(4,), steps=20, side=16)
DATA = ("embedded", "tfds", "path")

FOUND = 10  # images for each query
CHANCE = "images drawn at random"  # the trivial answer
SEARCHED = 10_000  # images at most, and a fifth as many queries

CLAIMS = (
    *at_least(0.005, "precision_gained_on_pixels", "precision_gained_on_pca", data="embedded"),
    Claim("precision_gained_on_pixels_distorted", at_least=0.15, data="embedded"),
    Claim("precision_gained_on_pca_distorted", at_least=0.15, data="embedded"),
)


class Pictures(NamedTuple):
    """What is searched, and with what.

    Attributes:
        images: By part "train" (searched) and "test" (queries), `(n, height, width, channels)` uint8.
        labels: By part, `(n,)` int.
        names: By part, n names.
        described: For result.json.
        sources: By part, the user's files; None where the images are no files.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]
    described: dict
    sources: dict[str, ImageSource] | None = None


def load(config: Config, context: Context) -> Pictures:
    if context.source.path is None:
        data = image_sets.load(context.source, context.seed)
        images = {"train": data.images["train"][:SEARCHED], "test": data.images["test"][: SEARCHED // 5]}
        labels = {part: data.labels[part][: len(images[part])] for part in images}
        names = {
            part: [f"{part} {row}: {data.classes[label]}" for row, label in enumerate(labels[part])]
            for part in images
        }
        used = {part: len(images[part]) for part in images}
        return Pictures(images, labels, names, {"source": data.source, "classes": list(data.classes), **used})
    folder = read_picture_folder(context.source.path, context.seed)
    size = build_backbone(config.backbone, weights=None).input_shape[1:3]
    sources, images = {}, {}
    for part, files in folder.files.items():
        paths = [folder.root / file for file in files]
        sources[part] = ImageSource(paths, folder.labels[part], size)
        small = ImageSource(paths, folder.labels[part], (config.side, config.side))
        images[part] = np.stack([small.image(row) for row in range(len(small))])
    names = {part: list(files) for part, files in folder.files.items()}
    return Pictures(images, folder.labels, names, folder.describe(), sources)


def distort(images: tf.Tensor, config: Config) -> tf.Tensor:
    """Turns, zooms and shifts, `(batch, height, width, channels)` uint8."""
    moved = image_sets.random_affine(
        tf.cast(images, tf.float32), turn=config.turn, zoom=config.zoom, shift=config.shift
    )
    return tf.cast(tf.round(tf.clip_by_value(moved, 0, 255)), tf.uint8)


def train(autoencoder: Autoencoder, images: np.ndarray, config: Config, context: Context) -> None:
    """Minimizes the squared error between each image and what comes out for a distorted copy of it."""
    batches = shuffled((images, images.astype(np.float32) / 255), config.batch_size, context.seed).repeat()
    distorted = batches.map(lambda pixels, targets: (distort(pixels, config), targets), tf.data.AUTOTUNE)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    autoencoder.model.compile(Adam(schedule), "mse")
    context.fit(autoencoder.model, distorted.prefetch(2), steps_per_epoch=config.steps)


def pretrained_features(config: Config) -> keras.Model:
    """The backbone with its features on the unit sphere, where the nearest is the one of least angle."""
    backbone = build_backbone(config.backbone)
    return keras.Model(backbone.input, keras.layers.UnitNormalization(name="code")(backbone.output))


def search_all(
    ways: dict[str, Callable], images: np.ndarray, names: list[str], queries: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Rows of the images nearest to each query, `(n, FOUND)`, by way and kind of queries."""
    indices = {way: Index(vectors_of(images), names) for way, vectors_of in ways.items()}
    return {
        way + kind: indices[way].search(vectors_of(asked), FOUND)[0]
        for kind, asked in queries.items()
        for way, vectors_of in ways.items()
    }


def run(config: Config, context: Context) -> Result:
    pictures = load(config, context)
    images, test = pictures.images["train"], pictures.images["test"]
    labels, names = pictures.labels, pictures.names
    queries = {"": test, "_distorted": distort(tf.constant(test), config).numpy()}
    if not config.steps:
        config = dataclasses.replace(config, steps=1000 if pictures.sources else 3000)
    autoencoder = build_convolutional(images.shape[1:], config.code_size, config.filters)
    train(autoencoder, images, config, context)

    flat = images.reshape(len(images), -1) / np.float32(255)
    pca = PCA(min(config.code_size, *flat.shape), svd_solver="covariance_eigh").fit(flat)
    ways = {
        "pixels": lambda x: x.reshape(len(x), -1) / np.float32(255),
        "pca": lambda x: pca.transform(x.reshape(len(x), -1) / np.float32(255)),
        "code": lambda x: autoencoder.encoder.predict(x, batch_size=500, verbose=0),
    }
    nearest = search_all(ways, images, names["train"], queries)
    by_chance, baselines = share_of_class(labels), []
    metrics: dict[str, float] = {"indexed_images": len(images) + len(test)}
    for kind in queries:
        for way in ways:
            right = precision(nearest[way + kind], labels["train"], labels["test"])
            metrics[f"test_precision_{way}{kind}"] = right
        for way in ("pixels", "pca"):
            gained = metrics[f"test_precision_code{kind}"] - metrics[f"test_precision_{way}{kind}"]
            metrics[f"precision_gained_on_{way}{kind}"] = gained

    exports = [encoder_export(autoencoder, test, images[:300])]
    files = {f"encoder/{INDEX_FILE}": index_of_all(pictures, ways["code"](images), ways["code"](test))}
    if pictures.sources is not None:
        features = pretrained_features(config)
        extract = feature_extractor(features)
        big = {
            part: images_on_disk(source, context.folder / f"{part}.npy")
            for part, source in pictures.sources.items()
        }
        vectors = {part: extract(pixels) for part, pixels in big.items()}
        nearest["features"], _ = Index(vectors["train"], names["train"]).search(vectors["test"], FOUND)
        metrics["test_precision_features"] = precision(nearest["features"], labels["train"], labels["test"])
        baselines.append(Baseline("test_precision_features", by_chance, CHANCE))
        exports.append(
            Export(features, big["test"], big["train"][:300], name="features", task=Task.IMAGE_EMBEDDER)
        )
        files[f"features/{INDEX_FILE}"] = index_of_all(pictures, vectors["train"], vectors["test"])
    if len(pictures.described["classes"]) == 1:  # all is of the query's class: a precision says nothing
        metrics, baselines = {"indexed_images": metrics["indexed_images"]}, []
    else:
        baselines.append(Baseline("test_precision_code", by_chance, CHANCE))
    extra = ["features"] if pictures.sources else []
    last = [*ways, *extra][-1]
    return Result(
        metrics=metrics,
        figures={way: draw_found(pictures, nearest[way], way) for way in reversed([*ways, *extra])},
        exports=exports,
        data=pictures.described,
        baselines=baselines,
        tables=[table(pictures, nearest[last], last)],
        files=files,
    )


def share_of_class(labels: dict[str, np.ndarray]) -> float:
    """The precision of images that are drawn at random, whatever the query."""
    num_classes = 1 + max(map(np.max, labels.values()))
    shares = [np.bincount(values, minlength=num_classes) / len(values) for values in labels.values()]
    return float(np.prod(shares, axis=0).sum())


def index_of_all(pictures: Pictures, train_vectors: np.ndarray, test_vectors: np.ndarray) -> bytes:
    """What is shipped beside an encoder: all images, the queries too."""
    names = pictures.names["train"] + pictures.names["test"]
    return Index(np.concatenate([train_vectors, test_vectors]), names).to_bytes()


def draw_found(pictures: Pictures, rows: np.ndarray, way: str) -> Figure:
    shown = {}
    for query in range(min(8, len(rows))):
        row = np.concatenate(
            [pictures.images["test"][query : query + 1], pictures.images["train"][rows[query]]]
        )
        shown[f"{pictures.names['test'][query]}"] = row
    return plots.image_rows(shown, title=f"A query, and the nearest by {way}")


def table(pictures: Pictures, rows: np.ndarray, way: str) -> Table:
    names = pictures.names
    cells = [
        (names["test"][query], ", ".join(names["train"][row] for row in nearest[:5]))
        for query, nearest in enumerate(rows[:200])
    ]
    return Table(f"Queries and their nearest by {way}", ("query", "nearest first"), cells)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
