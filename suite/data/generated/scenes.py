"""Drawn scenes: colored, textured, turned shapes that hide each other, on photos of brick, grass, gravel.

Every pixel's class, every box and every word about a scene is known, and nothing has to be downloaded. Color
says nothing about the shape, and the photographs behind are tinted in the same colors, so that no rule on
single pixels tells a class.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from suite.data.generated.textures import CLASSES as BACKGROUNDS
from suite.data.generated.textures import REGIONS

SHAPES = ("circle", "square", "triangle", "star")

COLORS = {
    "red": (205, 50, 45),
    "green": (60, 160, 70),
    "blue": (50, 95, 200),
    "yellow": (225, 190, 50),
    "purple": (140, 70, 170),
    "white": (235, 235, 230),
}

RADII = {"small": (0.12, 0.15), "large": (0.2, 0.26)}  # shares of the image's shorter side

COUNTS = {"train": 3000, "validation": 300, "test": 500}

LEAST_VISIBLE = 0.7  # share of a thing that the others leave to see

_FINE = 4  # an outline is drawn this many times as large, then averaged


class Thing(NamedTuple):
    """One shape in a scene.

    Attributes:
        shape: Of `SHAPES`.
        color: Of `COLORS`.
        size: "small" or "large".
        center: `(row, column)` in [0, 1] of the image's height and width.
        radius: Of the circle of the same area, as a share of the image's shorter side.
        angle: Turn in radians.
    """

    shape: str
    color: str
    size: str
    center: tuple[float, float]
    radius: float
    angle: float


class Scene(NamedTuple):
    """What is to be seen: the photograph behind (of `BACKGROUNDS`), and things, each over those before it."""

    background: str
    things: tuple[Thing, ...]


class Drawing(NamedTuple):
    """Scenes, drawn.

    Attributes:
        images: `(n, height, width, 3)` uint8 RGB.
        instances: `(n, height, width)` uint8: 0 for the background, i + 1 where thing i is seen.
        scenes: n scenes.
    """

    images: np.ndarray
    instances: np.ndarray
    scenes: tuple[Scene, ...]


def draw_scenes(
    part: str,
    count: int,
    seed: int,
    size: tuple[int, int],
    things: tuple[int, int] = (1, 3),
    wanted: Callable[[Scene], bool] = lambda _: True,
) -> Drawing:
    """Draws scenes: a pure function of its arguments.

    The parts take their textures from areas of the photographs that have no pixel in common.

    Args:
        part: "train", "validation" or "test".
        count: Number of scenes.
        seed: Same seed, same scenes; each part has others.
        size: `(height, width)` in pixels.
        things: Least and largest number of things in a scene; of each, at least `LEAST_VISIBLE` is seen.
        wanted: Which scenes are drawn; in place of others, as many things are placed anew.

    Returns:
        The scenes.
    """
    from skimage import data

    top, left, bottom, right = REGIONS[part]
    photos = {name: getattr(data, name)()[top:bottom, left:right] for name in BACKGROUNDS}
    images, instances = np.empty((count, *size, 3), np.uint8), np.empty((count, *size), np.uint8)
    scenes = []
    for index in range(count):
        rng = np.random.default_rng((seed, list(REGIONS).index(part), index))
        scene, covers = _compose(rng, size, int(rng.integers(*things, endpoint=True)), wanted)
        images[index], instances[index] = _paint(scene, covers, photos, rng)
        scenes.append(scene)
    return Drawing(images, instances, tuple(scenes))


def write_shapes(
    directory: str | os.PathLike[str], counts: Mapping[str, int], seed: int, size: tuple[int, int]
) -> Path:
    """Writes scenes of one thing as class folders of PNG files, train, validation and test apart.

    Args:
        directory: A new folder, or one that an earlier call with the same arguments wrote.
        counts: Scenes of each part, of all shapes together.
        seed: As of `draw_scenes`.
        size: `(height, width)` in pixels.

    Returns:
        The folder: PART/SHAPE/NUMBER.png, the number being that of the scene in its part.
    """
    root = Path(directory)
    for part, count in counts.items():
        drawing = draw_scenes(part, count, seed, size, (1, 1))
        for number, (image, scene) in enumerate(zip(drawing.images, drawing.scenes, strict=True)):
            folder = root / part / scene.things[0].shape
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number:05}.png")
    return root


def class_masks(drawing: Drawing) -> np.ndarray:
    """Gives the class of each pixel: `(n, height, width)` uint8, 0 for the background, else 1 + shape."""
    masks = np.zeros_like(drawing.instances)
    for mask, instances, scene in zip(masks, drawing.instances, drawing.scenes, strict=True):
        labels = [0, *(1 + SHAPES.index(thing.shape) for thing in scene.things)]
        mask[:] = np.array(labels, np.uint8)[instances]
    return masks


def boxes(drawing: Drawing) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Gives the boxes around what is seen of each thing.

    Args:
        drawing: Scenes.

    Returns:
        A scene, `(m, 4)` float32 of (top, left, bottom, right) in [0, 1]; and `(m,)` int64 labels, indices of
        `SHAPES`.
    """
    found, labels = [], []
    for instances, scene in zip(drawing.instances, drawing.scenes, strict=True):
        found.append(np.array([_box(instances == i + 1) for i in range(len(scene.things))], np.float32))
        labels.append(np.array([SHAPES.index(thing.shape) for thing in scene.things]))
    return found, labels


def describe(scene: Scene) -> str:
    """Says what is to be seen, from left to right: "a small red star and a large blue circle on grass"."""
    ordered = sorted(scene.things, key=lambda thing: thing.center[1])
    names = [f"a {thing.size} {thing.color} {thing.shape}" for thing in ordered]
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{listed} on {scene.background}"


def outline(shape: str) -> np.ndarray:
    """Gives the corners of a shape with the area of the unit circle: `(corners, 2)` of (x, y downwards)."""
    corners = {"circle": 48, "square": 4, "triangle": 3, "star": 10}[shape]
    angles = 2 * np.pi * np.arange(corners) / corners
    lengths = np.where(np.arange(corners) % 2, 0.5, 1) if shape == "star" else np.ones(corners)
    area = (
        0.5 * corners * np.sin(2 * np.pi / corners) * np.prod(lengths[:2])
    )  # of the triangles at the middle
    return np.sqrt(np.pi / area) * np.stack([lengths * np.sin(angles), -lengths * np.cos(angles)], axis=1)


def _compose(
    rng: np.random.Generator, size: tuple[int, int], count: int, wanted: Callable[[Scene], bool]
) -> tuple[Scene, list[np.ndarray]]:
    """Places things until enough is seen of each; gives the share of each pixel that each covers."""
    background = str(rng.choice(BACKGROUNDS))
    while True:
        scene = Scene(background, tuple(_sample_thing(rng) for _ in range(count)))
        if wanted(scene):
            covers = [_cover(thing, size) for thing in scene.things]
            if all(share >= LEAST_VISIBLE for share in _visible_shares(covers)):
                return scene, covers


def _sample_thing(rng: np.random.Generator) -> Thing:
    size = str(rng.choice(list(RADII)))
    radius = rng.uniform(*RADII[size])
    center = tuple(rng.uniform(0.8 * radius, 1 - 0.8 * radius, 2))
    shape, color = str(rng.choice(SHAPES)), str(rng.choice(list(COLORS)))
    return Thing(shape, color, size, center, radius, rng.uniform(0, 2 * np.pi))


def _cover(thing: Thing, size: tuple[int, int]) -> np.ndarray:
    """Share of each pixel that a thing covers, `(height, width)` in [0, 1]."""
    height, width = (_FINE * side for side in size)
    cosine, sine = np.cos(thing.angle), np.sin(thing.angle)
    corners = outline(thing.shape) @ np.array([(cosine, sine), (-sine, cosine)])
    row, column = thing.center
    corners = corners * thing.radius * min(height, width) + (column * width, row * height)
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in corners], fill=255)
    return np.asarray(canvas.reduce(_FINE), np.float32) / 255


def _visible_shares(covers: Sequence[np.ndarray]) -> list[float]:
    free, shares = np.ones_like(covers[0]), []
    for cover in reversed(covers):
        shares.append(float((free * cover).sum() / cover.sum()))
        free = free * (1 - cover)
    return shares


def _paint(
    scene: Scene, covers: list[np.ndarray], photos: Mapping[str, Any], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    size = covers[0].shape
    worn = {thing.color for thing in scene.things}  # not for camouflage
    tint = _jitter(COLORS[str(rng.choice([name for name in COLORS if name not in worn]))], rng)
    gray = rng.uniform(0.2, 1)  # 1: no color at all
    # Channels first, as NumPy is slow where the last axis is short.
    image = 0.8 * _texture(photos[scene.background], size, rng) * (gray * tint.mean() + (1 - gray) * tint)
    instances = np.zeros(size, np.uint8)
    for index, (thing, cover) in enumerate(zip(scene.things, covers, strict=True)):
        material = _texture(photos[str(rng.choice(BACKGROUNDS))], size, rng)
        paint = (0.6 + 0.4 * material) * _jitter(COLORS[thing.color], rng)
        image += cover * (paint - image)
        instances[cover >= 0.5] = index + 1
    return np.clip(np.rint(image), 0, 255).astype(np.uint8).transpose(1, 2, 0), instances


def _texture(photo: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A crop of a photograph, 1 to 2 times as large as the image, shrunk: `(height, width)`, mean 1."""
    largest = min(2, *(full / side for full, side in zip(photo.shape, size, strict=True)))
    zoom = rng.uniform(min(1, largest), largest)
    height, width = (min(int(zoom * side), full) for side, full in zip(size, photo.shape, strict=True))
    row, column = (
        rng.integers(0, full - side + 1) for full, side in zip(photo.shape, (height, width), strict=True)
    )
    crop = Image.fromarray(photo[row : row + height, column : column + width])
    pixels = np.asarray(crop.resize(size[::-1], Image.Resampling.BILINEAR), np.float32)
    return pixels / pixels.mean()


def _jitter(color: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """A color near another: `(3, 1, 1)` float64."""
    jittered = np.array(color, np.float32) * rng.uniform(0.8, 1.1) + rng.uniform(-12, 12, 3)
    return jittered[:, None, None]


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    height, width = mask.shape
    return rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width
