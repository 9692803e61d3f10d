"""What a model found, drawn over the photos and saved."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from suite.answers.answer import Answer, DrawnAnswer
from suite.data.pictures.images import decode

LARGEST = 1600  # pixels, the longer side of what is drawn


def save_drawings(answers: Sequence[tuple[str, Answer]], path: str | Path) -> list[Path]:
    """Draws each answer over its photo, at most `LARGEST` pixels wide and high.

    Args:
        answers: Files of photos, and what a model says of each.
        path: A picture file for one photo; for several a folder, which gets a PNG of each.

    Returns:
        The files.

    Raises:
        ValueError: Answers that cannot be drawn, several of them in one file, or no kind of picture.
        OSError: A file cannot be written.
    """
    path = Path(path)
    drawn = [(photo, answer) for photo, answer in answers if isinstance(answer, DrawnAnswer)]
    for _, answer in answers:
        if not isinstance(answer, DrawnAnswer):
            raise ValueError(
                "expected a model that finds things in photos with --draw, a detector or segmenter, "
                f"received {type(answer).__name__}; leave --draw out"
            )
    if path.suffix and len(answers) > 1:
        raise ValueError(
            f"expected a folder for --draw with {len(answers)} photos, received {str(path)!r}; give it a "
            "name without an ending"
        )
    if path.suffix and path.suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"expected a picture file for --draw, received {str(path)!r}; try .png")
    files = [path if path.suffix else path / f"{Path(photo).stem}.png" for photo, _ in drawn]
    for (photo, answer), file in zip(drawn, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(decode(photo))
        image.thumbnail((LARGEST, LARGEST))
        Image.fromarray(answer.draw(np.asarray(image))).save(file)
    return files
