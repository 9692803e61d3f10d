"""Figures in one house style, without pyplot: no global state and no display.

Recipes draw anything that is not here on the axes of `new_figure`.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import Rectangle
from matplotlib.rcsetup import cycler
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's palette (2008), which color-blind readers tell apart, without its yellow: too pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
INK, MUTED, GRID = "#1F2937", "#5B6675", "#E3E7EC"
# Class names come in any script: after the first, whichever of these the system has.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Microsoft YaHei",
)
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#B8C0CA",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "figure.titlesize": "large",
    "figure.titleweight": "bold",
    "font.family": [font for font in _FONTS if font in fontManager.get_font_names()],
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}


def new_figure(
    title: str = "", width: float = 6.4, height: float = 4.0, rows: int = 1, columns: int = 1
) -> tuple[Figure, Any]:
    """Makes a figure in the house style.

    Args:
        title: Title above all axes.
        width: Width in inches.
        height: Height in inches.
        rows: Rows of axes.
        columns: Columns of axes.

    Returns:
        The figure, and its axes: one `Axes`, a vector of them where there is one row or one column, else
        `(rows, columns)`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns)
        if title:
            figure.suptitle(title, x=0.01, horizontalalignment="left")
    return figure, axes


def learning_curves(
    histories: Mapping[str, Sequence[float]], *, ylabel: str, title: str, first_epoch: int = 1
) -> Figure:
    """Draws one line a history, over the epochs.

    Args:
        histories: Numbers by name, one an epoch; the lengths may differ.
        ylabel: What the numbers are, with their unit.
        title: Title of the figure.
        first_epoch: Number of the first epoch; 0 where the histories begin before training.

    Returns:
        The figure.

    Raises:
        ValueError: There is nothing to draw.
    """
    longest = max(map(len, histories.values()), default=0)
    if not longest:
        raise ValueError("expected at least one epoch, received empty histories; leave the figure out")
    figure, axes = new_figure(title)
    marker = "o" if longest <= 30 else None  # shows where the epochs are, and a history of one epoch at all
    with matplotlib.rc_context(STYLE):
        for name, values in histories.items():
            axes.plot(
                range(first_epoch, first_epoch + len(values)),
                values,
                marker=marker,
                label=name.replace("_", " ").strip(),
            )
        if len(histories) > 1:
            axes.legend()
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def curves(axes: Axes, lines: Mapping[str, tuple[Any, ...]], **settings: Any) -> None:
    """Draws named lines on one pair of axes.

    Args:
        axes: From `new_figure`.
        lines: By name, the arguments of `Axes.plot`: `(x, y)`, with a format such as "o-" after it, or not.
        **settings: What `Axes.set` takes: title, xlabel, ylabel, xscale, ylim, ...
    """
    for name, line in lines.items():
        axes.plot(*line, label=name)
    axes.set(**settings)
    if "xticks" in settings:
        axes.xaxis.minorticks_off()  # a logarithmic axis would name others between them
    if len(lines) > 1:
        axes.legend(frameon=False)


def costs(sizes: np.ndarray, measured: np.ndarray, ways: Sequence[str], xlabel: str) -> Figure:
    """What several ways to compute the same cost, on logarithmic axes.

    Args:
        sizes: `(n,)`, of the problem.
        measured: `(n, ways, 2)`, seconds and bytes.
        ways: Their names.
        xlabel: What the sizes are.

    Returns:
        A figure with a pair of axes for the seconds and one for the bytes.
    """
    figure, panels = new_figure(width=10, columns=2)
    for axes, values, unit in zip(panels, np.moveaxis(measured, 2, 0), ("seconds", "bytes"), strict=True):
        curves(
            axes,
            {way: (sizes, line, "o-") for way, line in zip(ways, values.T, strict=True)},
            xlabel=xlabel, ylabel=unit, xscale="log", yscale="log", xticks=sizes, xticklabels=sizes,
        )  # fmt: skip
    return figure


def attention(axes: Axes, weights: np.ndarray, read: Sequence[str], written: Sequence[str]) -> None:
    """Shows where a decoder looked for each token that it wrote: the darker, the more.

    Args:
        axes: From `new_figure`.
        weights: `(steps, length)` float in [0, 1], at least as many as there are tokens.
        read: Tokens of the source.
        written: Tokens of the result.
    """
    axes.imshow(weights[: len(written), : len(read)], cmap="Blues", vmin=0, aspect="auto")
    axes.set_xticks(range(len(read)), list(read))
    axes.set_yticks(range(len(written)), list(written))
    axes.set(xlabel="read", ylabel="written")
    axes.grid(False)


def draws(values: Mapping[str, Sequence[float] | np.ndarray], *, xlabel: str, title: str) -> Figure:
    """Shows how a number spreads over repeated draws: a row a name, a point a draw, a bar at the mean.

    Args:
        values: Numbers by name, one a draw.
        xlabel: What the numbers are, with their unit.
        title: Title of the figure.

    Returns:
        The figure; its axis begins at 0 where no number is negative.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not values or not all(map(len, values.values())):
        raise ValueError("expected a number for every name, received none; leave the figure out")
    figure, axes = new_figure(title, width=8, height=0.9 + 0.5 * len(values))
    for row, numbers in enumerate(values.values()):
        axes.plot(numbers, np.full(len(numbers), row), "o", color=COLORS[0], alpha=0.4)
        axes.plot(np.mean(numbers), row, "|", markersize=22, color=INK)
    axes.set_yticks(range(len(values)), values)
    axes.invert_yaxis()
    axes.set(xlabel=xlabel, xlim=(0, None) if min(map(min, values.values())) >= 0 else None)
    return figure


def effects(names: Sequence[str], sizes: np.ndarray, half_widths: np.ndarray) -> Figure:
    """Draws what a standard deviation of each column changes, with intervals.

    Args:
        names: Of the p columns.
        sizes: `(p,)`.
        half_widths: `(p,)`, of the 95 % intervals.
    """
    height = max(4.0, 0.25 * len(names))
    figure, axes = new_figure("Effect of one standard deviation, with 95 % intervals", 7, height)
    places = np.arange(len(names))
    axes.errorbar(sizes, places, xerr=half_widths, fmt="o", capsize=3)
    axes.set_yticks(places, names, parse_math=False)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.invert_yaxis()
    return figure


def boxes(
    axes: Axes, corners: np.ndarray, size: tuple[int, int], captions: Sequence[str] = (), **style: Any
) -> None:
    """Draws boxes over an image that `imshow` drew.

    Args:
        axes: From `new_figure`.
        corners: `(n, 4)` of (top, left, bottom, right) in [0, 1].
        size: `(height, width)` of the image in pixels.
        captions: n short texts, one at the top of each box, or none.
        **style: What matplotlib's `Rectangle` takes, such as linestyle.
    """
    height, width = size
    style = {"fill": False, "color": "white", "linewidth": 1.5, **style}
    for index, (top, left, bottom, right) in enumerate(corners):
        place = left * width - 0.5, top * height - 0.5  # the middle of the first pixel is 0
        axes.add_patch(Rectangle(place, (right - left) * width, (bottom - top) * height, **style))
        if captions:
            label = {"facecolor": "black", "alpha": 0.5, "edgecolor": "none", "pad": 1}
            axes.text(
                *place, captions[index], fontsize=7, color="white", va="top", bbox=label, parse_math=False
            )


def image_grid(
    images: np.ndarray, captions: Sequence[str], *, columns: int, title: str, max_lines: int = 3
) -> Figure:
    """Shows images side by side, each above its caption.

    Args:
        images: `(n, height, width, 3)` RGB or `(n, height, width)` gray, uint8.
        captions: n lines of text; long ones are wrapped.
        columns: Images side by side.
        title: Title of the figure.
        max_lines: Lines that a caption may take; what is beyond is cut off.

    Returns:
        The figure.

    Raises:
        ValueError: No images, another dtype or shape, or not a caption per image.
    """
    images = np.asarray(images)
    is_picture = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if images.dtype != np.uint8 or not is_picture or not images.size:
        raise ValueError(
            "expected at least one image, (n, height, width, 3) or (n, height, width) uint8, "
            f"received {images.shape} {images.dtype}"
        )
    if len(images) != len(captions):
        raise ValueError(f"expected a caption per image, received {len(captions)} for {len(images)} images")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = 1.8 * images.shape[1] / images.shape[2]
    texts = [textwrap.wrap(caption, 27, max_lines=max_lines, placeholder="…") for caption in captions]
    below = max(0.45, 0.15 * max(map(len, texts)) + 0.1)  # inches for the captions
    figure, grid = new_figure(title, 1.95 * columns, (height + below) * rows + 0.4, rows, columns)
    cells = np.ravel(grid)
    for axes in cells:
        axes.set_axis_off()
    for axes, image, lines in zip(cells, images, texts, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        style = {"ha": "center", "va": "top", "fontsize": 8.5, "color": INK, "parse_math": False}
        axes.text(0.5, -0.04, "\n".join(lines), transform=axes.transAxes, **style)
    return figure


def image_rows(rows: Mapping[str, np.ndarray], *, title: str, side: float = 1.0) -> Figure:
    """Shows images in rows that belong together, such as images and what a model makes of each.

    Args:
        rows: By name of the row, as many images each: `(n, height, width, 1)` gray or `(n, height, width, 3)`
            RGB, uint8 or float in [0, 1], where what is beyond is cut off.
        title: Title of the figure.
        side: Width of an image, in inches.

    Returns:
        The figure; the names stand on the left.

    Raises:
        ValueError: No images, or rows of different lengths.
    """
    counts = {len(images) for images in rows.values()}
    if len(counts) != 1 or not min(counts):
        raise ValueError(f"expected rows of equally many images, at least one, received {sorted(counts)}")
    columns = counts.pop()
    figure, grid = new_figure(title, side * columns + 1.4, side * len(rows) + 0.4, len(rows))
    for axes, (name, images) in zip(np.ravel(grid), rows.items(), strict=True):
        # One picture a row: axes for each image would take a second to lay out.
        axes.imshow(_side_by_side(images), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
        style = {"rotation": "horizontal", "ha": "right", "va": "center", "parse_math": False}
        axes.set_ylabel("\n".join(textwrap.wrap(name, 16)), **style)
    return figure


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """Images as one, `(height, width)` or with 3 channels, in [0, 1], with white between them."""
    shown = images / 255 if images.dtype == np.uint8 else np.clip(images, 0, 1)
    times = math.ceil(48 / shown.shape[2])  # a gap is narrower than the pixel of a small image
    shown = shown.repeat(times, axis=1).repeat(times, axis=2)
    gap = max(1, shown.shape[2] // 20)
    widths = [(0, 0), (0, 0), (0, gap), *[(0, 0)] * (shown.ndim - 3)]
    return np.concatenate(np.pad(shown, widths, constant_values=1), axis=1)[:, :-gap].squeeze()


def two_by_two(pictures: Mapping[str, np.ndarray], title: str) -> Figure:
    """Shows up to four pictures of one size, large.

    Args:
        pictures: By name, `(height, width, 3)` uint8 each.
        title: Title of the figure.

    Returns:
        The figure.
    """
    height, width, _ = next(iter(pictures.values())).shape
    figure, grid = new_figure(title, 9, 0.8 + 9 * height / width, 2, 2)
    for axes in grid.ravel():
        axes.set_axis_off()
    for axes, (name, picture) in zip(grid.ravel(), pictures.items(), strict=False):
        axes.imshow(picture)
        axes.set_title(name)
    return figure
