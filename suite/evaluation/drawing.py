"""What models find, drawn over photos so that the photos stay visible."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUNDS = ("background", "_background_")  # names of a class that is not drawn
_TINT = 0.25  # share of the class's color inside
# Okabe and Ito's colors, and lighter and darker ones between them.
COLORS = (
    (213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
    (240, 228, 66), (140, 40, 30), (20, 60, 110), (0, 90, 60), (130, 60, 120), (255, 180, 140),
    (160, 220, 190), (90, 90, 90),
)  # fmt: skip


def class_colors(count: int) -> np.ndarray:
    """Colors that are told apart, the same for a class wherever it is drawn.

    Args:
        count: Number of classes; after 14 the colors come again.

    Returns:
        `(count, 3)` uint8.
    """
    return np.array([COLORS[label % len(COLORS)] for label in range(count)], np.uint8)


def draw_mask(photo: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Tints each class lightly, and draws its contour.

    Args:
        photo: `(height, width, 3)` uint8.
        labels: `(height, width)` int; what is no class, such as 255, is drawn nowhere.
        classes: Names by label; a background is not drawn.

    Returns:
        `(height, width, 3)` uint8.
    """
    colors = class_colors(len(classes)).astype(np.float32)
    is_drawn = np.array([name.lower() not in BACKGROUNDS for name in classes])
    known = labels < len(classes)
    drawn = known & is_drawn[np.where(known, labels, 0)]
    ink = colors[np.where(known, labels, 0)]
    tinted = (1 - _TINT) * photo + _TINT * ink
    thickness = max(1, round(min(labels.shape) / 250))
    shown = np.where(drawn[..., None], tinted, photo)
    shown = np.where((drawn & _is_contour(labels, thickness))[..., None], ink, shown)
    return np.round(shown).astype(np.uint8)


def draw_boxes(
    photo: np.ndarray, boxes: np.ndarray, labels: np.ndarray, captions: Sequence[str] = ()
) -> np.ndarray:
    """Draws the outline of each box in the color of its class, and above it what it is.

    Args:
        photo: `(height, width, 3)` uint8.
        boxes: `(n, 4)` float of (top, left, bottom, right) in [0, 1].
        labels: `(n,)` int.
        captions: n short texts, or none.

    Returns:
        `(height, width, 3)` uint8.
    """
    image = Image.fromarray(photo)
    pen = ImageDraw.Draw(image)
    height, width = photo.shape[:2]
    thickness = max(1, round(min(height, width) / 200))
    letters = max(10, min(height, width) // 30)
    font = ImageFont.load_default(letters)
    colors = class_colors(int(np.max(labels, initial=0)) + 1)
    # The surest last, over the others.
    for index in reversed(range(len(boxes))):
        top, left, bottom, right = boxes[index] * (height - 1, width - 1, height - 1, width - 1)
        color = tuple(map(int, colors[int(labels[index])]))
        pen.rectangle((left, top, right, bottom), outline=color, width=thickness)
        if captions:
            place = left, max(0.0, top - letters - 2)
            pen.rectangle(pen.textbbox(place, captions[index], font=font), fill=color)
            pen.text(place, captions[index], fill="white", font=font)
    return np.array(image)


def _is_contour(labels: np.ndarray, thickness: int) -> np.ndarray:
    """Whether a pixel has another label within so many pixels up, down, left or right."""
    found = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        length = labels.shape[axis]
        for step in range(1, min(thickness, length - 1) + 1):
            first, last = (np.take(labels, range(*ends), axis) for ends in ((length - step,), (step, length)))
            before = [slice(None), slice(None)]
            after = [slice(None), slice(None)]
            before[axis], after[axis] = slice(0, length - step), slice(step, None)
            found[tuple(before)] |= first != last
            found[tuple(after)] |= first != last
    return found


def animation(images: np.ndarray, least_side: int = 256) -> bytes:
    """Makes a GIF that goes through images, back again, and on without end.

    Args:
        images: `(n, height, width, 1)` gray or `(n, height, width, 3)` RGB, float in [0, 1].
        least_side: Pixels; smaller images are enlarged by a whole number.

    Returns:
        The content of the file.
    """
    pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    times = max(1, -(-least_side // max(pixels.shape[1:3])))
    large = pixels.repeat(times, axis=1).repeat(times, axis=2)
    frames = [Image.fromarray(each.squeeze(-1) if each.shape[-1] == 1 else each) for each in large]
    buffer = io.BytesIO()
    there_and_back = [*frames, *frames[-2:0:-1]]
    there_and_back[0].save(
        buffer, "GIF", save_all=True, append_images=there_and_back[1:], duration=80, loop=0
    )
    return buffer.getvalue()
