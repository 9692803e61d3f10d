"""What the values of the masks of a folder mean: class indices, black and white, gray levels, or colors."""

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from suite.data.folders.mask_colors import Color
from suite.data.folders.mask_values import MOST_COLORS, Value
from suite.data.set_aside import first_names

IGNORED = 255  # a pixel of no class
_VOC_OUTLINE = 0xE0E0C0
_VOID = re.compile(r"void|ignored?|ignore[\W_]*(?:class|label)|unlabell?ed|don'?t[\W_]*care", re.IGNORECASE)
_APART = 8  # least steps between gray levels that stand for classes


class Meaning(NamedTuple):
    """What values mean.

    Attributes:
        label_of: The class of each value, `IGNORED` for none; a value that is not in it is unknown.
        classes: Names by label.
        notes: What was assumed, a sentence each.
        listed: What names the classes, for messages.
    """

    label_of: dict[Value, int]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    listed: str = "classes.txt"


def find_meaning(
    masks: Sequence[Collection[Value]],
    names: Sequence[str],
    colors: Sequence[Color],
    listed: str,
    ignore: Sequence[str] = (),
) -> Meaning:
    """Decides what the values of masks mean.

    A class without a pixel, one with a name such as void, and those of `ignore` are no classes of a model.

    Args:
        masks: The values of each.
        names: Of the classes, by index; empty where they are not said.
        colors: Of the classes, where they are said.
        listed: The file that says them.
        ignore: Names of classes, values ("11") or colors ("#000000", "0,0,0") whose pixels count for nothing.

    Raises:
        ValueError: More classes than can be meant, or nothing in the masks is what `ignore` says.
    """
    values = {value for mask in masks for value in mask}
    is_listed = {color.rgb for color in colors}
    if any(value.level is None for value in values) or (values and all(v.rgb in is_listed for v in values)):
        meaning = _by_color(values, colors, listed)
    else:
        meaning = _by_index(masks, names or [color.name for color in colors])
    return _without(meaning, _ignored(meaning, ignore))


def _by_color(values: Collection[Value], colors: Sequence[Color], listed: str) -> Meaning:
    if colors:
        label_of_rgb = {color.rgb: label for label, color in enumerate(colors)}
        known = {value: label_of_rgb[value.rgb] for value in values if value.rgb in label_of_rgb}
        return Meaning(known, tuple(color.name for color in colors), (), listed)
    found = sorted({value.rgb for value in values} - {_VOC_OUTLINE})
    if len(found) > MOST_COLORS:
        raise ValueError(
            f"expected at most {MOST_COLORS} colors in masks without a list of them, received {len(found)}; "
            "list those of the classes in classes.txt, as '0 176 0 leaf', or save masks without smoothing"
        )
    names = tuple("background" if rgb == 0 else f"#{rgb:06x}" for rgb in found)
    labels = {rgb: label for label, rgb in enumerate(found)} | {_VOC_OUTLINE: IGNORED}
    note = (
        f"masks are {len(found)} colors, {first_names([f'#{rgb:06x}' for rgb in found])}; name them in "
        f"classes.txt, a line each, as '{found[-1] >> 16} {found[-1] >> 8 & 255} {found[-1] & 255} leaf'"
    )
    return Meaning({value: labels[value.rgb] for value in values}, names, (note,), "the masks")


def _by_index(masks: Sequence[Collection[Value]], names: Sequence[str]) -> Meaning:
    values = {value for mask in masks for value in mask}
    if len(names) <= 2 and _are_binary(masks):
        labels = {value: 1 if value.level else 0 for value in values}
        return Meaning(
            labels, tuple(names) if len(names) == 2 else ("background", *(names or ["foreground"]))
        )
    levels = sorted({int(value.level or 0) for value in values})
    gaps = [after - before for before, after in itertools.pairwise(levels)]
    if not names and levels and levels[-1] > MOST_COLORS and min(gaps, default=0) >= _APART:
        note = f"masks are {len(levels)} gray levels, {first_names(list(map(str, levels)), 8)}"
        labels = {value: levels.index(int(value.level or 0)) for value in values}
        return Meaning(labels, tuple(f"gray {level}" if level else "background" for level in levels), (note,))
    most = max((level for level in levels if level != IGNORED), default=0)
    if not names and most >= MOST_COLORS:
        raise ValueError(
            f"expected at most {MOST_COLORS} classes in masks without a classes.txt, received the class "
            f"index {most}; name the classes in classes.txt, or save masks without smoothing"
        )
    classes = tuple(names) or ("background", *(f"class {label}" for label in range(1, most + 1)))
    known = {value: int(value.level or 0) for value in values}
    return Meaning({value: n for value, n in known.items() if n < len(classes) or n == IGNORED}, classes)


def _are_binary(masks: Sequence[Collection[Value]]) -> bool:
    """Whether all masks are black and white: gray with 0 and 255 alone, or of 1 bit."""
    gray = {value.level for mask in masks for value in mask if value.is_gray}
    other = {value.level for mask in masks for value in mask if not value.is_gray}
    return gray <= {0, 255} and 255 in gray and other <= {0, 1}


def _ignored(meaning: Meaning, ignore: Sequence[str]) -> set[int]:
    """The labels of the classes that are none: those that are named so, and those of `ignore`."""
    by_name = {name.casefold(): label for label, name in enumerate(meaning.classes)}
    labels = {label for name, label in by_name.items() if _VOID.fullmatch(name)}
    for text in ignore:
        said = by_name.get(text.strip().casefold())
        found = {said} if said is not None else _labels_of_value(meaning.label_of, text.strip())
        if not found:
            raise ValueError(
                f"expected ignore to name classes or values of the masks, received {text!r}; the classes are "
                f"{first_names(meaning.classes, 12)}"
            )
        labels |= found
    return labels


def _labels_of_value(label_of: Mapping[Value, int], text: str) -> set[int]:
    numbers = re.findall(r"\d+", text)
    if re.fullmatch(r"\d+", text):
        return {label for value, label in label_of.items() if value.level == int(text)}
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return {label for value, label in label_of.items() if value.rgb == int(text[1:], 16)}
    if len(numbers) == 3:
        red, green, blue = map(int, numbers)
        return {label for value, label in label_of.items() if value.rgb == (red << 16) | (green << 8) | blue}
    return set()


def _without(meaning: Meaning, ignored: Collection[int]) -> Meaning:
    """A meaning whose classes are those with a pixel that is not ignored."""
    used = sorted(set(meaning.label_of.values()) - {IGNORED} - set(ignored))
    new = dict.fromkeys(ignored, IGNORED) | {IGNORED: IGNORED} | {label: n for n, label in enumerate(used)}
    gone = [repr(name) for label, name in enumerate(meaning.classes) if label not in new]
    void = [repr(meaning.classes[label]) for label in sorted(set(ignored) - {IGNORED})]
    notes = list(meaning.notes)
    if gone:
        one = len(gone) == 1
        notes.append(f"{len(gone)} class{'' if one else 'es'} without a pixel, left out: {first_names(gone)}")
    if void:
        notes.append(f"pixels of {' and '.join(void)} are ignored")
    labels = {value: new[label] for value, label in meaning.label_of.items()}
    return Meaning(labels, tuple(meaning.classes[label] for label in used), tuple(notes), meaning.listed)


def unknown(values: Collection[Value], meaning: Meaning) -> str:
    """Why a mask of these values cannot be used; "" if it can."""
    for value in sorted(values, key=lambda value: -value.rgb):
        if value not in meaning.label_of and value.level is not None and meaning.listed == "classes.txt":
            count = len(meaning.classes)
            return f"its mask has class {value.level}, but classes.txt names {count} (0 to {count - 1})"
        if value not in meaning.label_of:
            return f"its mask has the color #{value.rgb:06x}, which {meaning.listed} does not list"
    if all(meaning.label_of[value] == IGNORED for value in values):
        return "its mask has only ignored pixels (255)"
    return ""
