"""What a file is that no picture can be read from, by its first bytes and its ending, and the way out."""

import re
from typing import NamedTuple

READ = "JPEG, PNG, WebP, AVIF, HEIC, TIFF and others"
FIRST_BYTES = 512

_PICTURES = (
    "jpg jpeg jpe jfif mpo png apng webp avif heic heif hif bmp dib gif tif tiff jp2 j2k jpf jpx tga psd pbm "
    "pgm ppm pnm qoi ico sgi pcx dds"
)
_RAW = "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 rwl pef srw x3f 3fr erf kdc dcr mrw mos iiq"
_VIDEO = "mp4 m4v mov qt avi mkv webm wmv flv mpg mpeg m2ts mts 3gp ogv"
_SAVE = "save it as JPEG or PNG"
_FRAMES = "save frames of it as JPEG or PNG"


class _Kind(NamedTuple):
    name: str
    mend: str
    start: str  # pattern of the first bytes, as Latin-1
    suffixes: str = ""


_KINDS = (
    _Kind("a camera's raw file", _SAVE, r"II.\0.{4}CR|FUJIFILMCCD|II(RO|RS|U\0)|.{4}ftypcrx ", _RAW),
    _Kind("a video", _FRAMES, r".{4}ftyp(?!hei|hev|mif|msf|avi)|.{4}moov", _VIDEO),
    _Kind("a video", _FRAMES, r"RIFF.{4}AVI |\x1aE\xdf\xa3|FLV\x01|\0\0\x01[\xba\xb3]"),
    _Kind(
        "an SVG drawing", "save it as PNG", r"(\xef\xbb\xbf)?\s*(<[?!].*)?(<!DOCTYPE svg|<svg)", "svg svgz"
    ),
    _Kind("a PDF document", "save its pages as PNG", r"\s*%PDF-", "pdf"),
    _Kind("a PostScript file", "save it as PNG", r"%!PS|\xc5\xd0\xd3\xc6", "eps ps ai"),
    _Kind("a JPEG XL picture", _SAVE, r"\xff\x0a|\0\0\0\x0cJXL ", "jxl"),
    _Kind("a DICOM file", "save its frames as PNG", r".{128}DICM", "dcm"),
    _Kind("an OpenEXR picture", _SAVE, r"v/1\x01", "exr"),
    _Kind("a Radiance picture", _SAVE, r"#\?(RADIANCE|RGBE)", "hdr"),
    _Kind("a GIMP project", "export it as PNG", r"gimp xcf", "xcf"),
    _Kind("a NumPy array", "save it as PNG", r"\x93NUMPY", "npy npz"),
    _Kind("an archive", "unpack it", r"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "zip rar 7z tar gz"),
    _Kind("a web page, not the picture", "download the picture itself", r"\s*<(!doctype )?html", "html htm"),
    _Kind("a Git LFS pointer, not the picture", "run git lfs pull", r"version https://git-lfs"),
)


def describe_kind(start: bytes, suffix: str) -> str | None:
    """Says what a file is that no picture can be read from, and how to get one out of it.

    Args:
        start: Its first bytes, up to `FIRST_BYTES`. What they say comes before what the ending says.
        suffix: The ending of its name, with the dot, in any case; may be empty.

    Returns:
        Such as "a video; save frames of it as JPEG or PNG", or None of a file of another kind.
    """
    text = start.decode("latin-1")
    found = [kind for kind in _KINDS if re.match(kind.start, text, re.DOTALL | re.IGNORECASE)]
    found += [kind for kind in _KINDS if _is_among(suffix, kind.suffixes)]
    return f"{found[0].name}; {found[0].mend}" if found else None


def is_raw(suffix: str) -> bool:
    """Whether an ending, with the dot, is that of a camera's raw files, some of which look like TIFF."""
    return _is_among(suffix, _RAW)


def is_picture(suffix: str) -> bool:
    """Whether an ending, with the dot, is that of a format that is read."""
    return _is_among(suffix, _PICTURES)


def _is_among(suffix: str, endings: str) -> bool:
    return suffix.lower().removeprefix(".") in endings.split()
