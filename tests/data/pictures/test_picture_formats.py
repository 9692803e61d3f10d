"""Formats that cameras, phones and desktops write: the same pixels, upright; and what is no picture."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from suite.data.pictures.file_kinds import describe_kind
from suite.data.pictures.images import UndecodableImageError, decode, load_image, upright_size
from tests.data.noise import noise

QUARTERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
# How the upright picture is turned before a camera stores it under an orientation.
TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p),
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: np.rot90(p, -1),
}


def quarters(height=32, width=64):
    colors = np.array(QUARTERS, np.uint8).reshape(2, 2, 3)
    return colors.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


def corners(picture):
    """The middles of the four quarters."""
    height, width, _ = picture.shape
    return [
        picture[row, column].tolist()
        for row in (height // 4, -height // 4)
        for column in (width // 4, -width // 4)
    ]


@pytest.mark.parametrize("name", ["TGA", "PPM", "QOI", "SGI", "PCX", "DDS", "JPEG2000", "TIFF"])
def test_lossless_formats_keep_every_pixel(tmp_path, name):
    path = tmp_path / f"picture.{name.lower()}"
    options = {"irreversible": False} if name == "JPEG2000" else {}
    Image.fromarray(noise(0, (20, 30))).save(path, name, **options)
    np.testing.assert_array_equal(decode(path), noise(0, (20, 30)))
    assert upright_size(path) == (20, 30)


@pytest.mark.parametrize("name", ["AVIF", "HEIF", "MPO"])
def test_formats_of_phones_keep_the_picture(tmp_path, name):
    path = tmp_path / "picture.bin"  # the content counts
    Image.fromarray(quarters()).save(path, name, quality=95)
    np.testing.assert_allclose(corners(decode(path)), QUARTERS, atol=4)  # measured: 2
    assert load_image(path, (8, 8)).shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_format_is_turned_upright(tmp_path, name, orientation):
    path = tmp_path / "phone.bin"
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](quarters()))
    Image.fromarray(stored).save(path, name, exif=exif.tobytes(), quality=95)
    picture = decode(path)
    assert picture.shape == (32, 64, 3) and upright_size(path) == (32, 64)
    np.testing.assert_allclose(corners(picture), QUARTERS, atol=5)  # measured: 2


def test_photoshop_files_give_the_merged_picture(tmp_path):
    pixels = noise(0, (20, 30))
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 20, 30, 8, 3)
    (tmp_path / "a.psd").write_bytes(header + bytes(12) + b"\0\0" + pixels.transpose(2, 0, 1).tobytes())
    np.testing.assert_array_equal(decode(tmp_path / "a.psd"), pixels)


def test_icons_give_their_largest_picture(tmp_path):
    Image.fromarray(quarters(64, 64)).save(tmp_path / "a.ico", sizes=[(16, 16), (64, 64)])
    np.testing.assert_array_equal(decode(tmp_path / "a.ico"), quarters(64, 64))


def write_gray_tiff(path, levels, bits, photometric):
    """An uncompressed gray TIFF of 12 or 16 bits, which Pillow does not write."""
    height, width = levels.shape
    if bits == 12:
        pairs = levels.reshape(-1, 2).astype(int)
        packed = [(a >> 4, (a & 15) << 4 | b >> 8, b & 255) for a, b in pairs]
        data = bytes(np.array(packed, np.uint8))
    else:
        data = levels.astype("<u2").tobytes()
    tags = (
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 122),
        (277, 1),
        (278, height),
        (279, len(data)),
    )
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data)


@pytest.mark.parametrize(("bits", "most", "photometric"), [(12, 4095, 1), (16, 65535, 1), (16, 65535, 0)])
def test_deep_gray_tiffs_have_the_range_of_their_bits(tmp_path, bits, most, photometric):
    levels = np.array([[0, most // 2, most, most]] * 2)
    write_gray_tiff(tmp_path / "deep.tif", levels, bits, photometric)
    expected = [0, 127, 255, 255] if photometric else [255, 128, 0, 0]
    assert decode(tmp_path / "deep.tif")[0, :, 0].tolist() == expected


def test_deep_pngs_in_color_and_with_a_clear_level(tmp_path):
    levels = np.array([[0, 40000, 65535]] * 2, np.uint16)
    Image.fromarray(levels).save(tmp_path / "clear.png", transparency=40000)
    assert decode(tmp_path / "clear.png")[0, :, 0].tolist() == [0, 255, 255]


def test_inks_become_colors(tmp_path):
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50)]
    for index, color in enumerate(colors):
        for suffix in ("jpg", "tif"):
            path = tmp_path / f"{index}.{suffix}"
            Image.new("RGB", (16, 16), color).convert("CMYK").save(path)
            np.testing.assert_allclose(decode(path)[8, 8], color, atol=3)  # measured: 1


def test_palette_with_levels_of_transparency(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 0, 0] * 3)
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / "palette.png", transparency=bytes([255, 51, 0]))
    assert decode(tmp_path / "palette.png")[0].tolist() == [[255, 0, 0], [255, 204, 204], [255, 255, 255]]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "TGA", "PPM", "QOI", "HEIF"])
def test_files_cut_short_are_called_truncated(tmp_path, name):
    path = tmp_path / f"cut.{name.lower()}"
    Image.fromarray(noise(0, (64, 64))).save(path, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(UndecodableImageError) as raised:
        decode(path)
    assert raised.value.reason == "truncated"


@pytest.mark.parametrize("name", ["WEBP", "AVIF", "JPEG2000"])
def test_other_files_cut_short_are_refused(tmp_path, name):
    path = tmp_path / f"cut.{name.lower()}"
    Image.fromarray(noise(0, (64, 64))).save(path, name)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UndecodableImageError, match="received '.*': (truncated|corrupt)"):
        decode(path)


ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w") as archive:
    archive.writestr("a.txt", "a")

KINDS = {
    "clip.mov": (b"\0\0\0\x14ftypqt  " + bytes(40), "a video; save frames of it as JPEG or PNG"),
    "clip.jpg": (b"\0\0\0\x18ftypmp42" + bytes(40), "a video; save frames of it as JPEG or PNG"),
    "clip.avi": (b"RIFF\x10\0\0\0AVI LIST", "a video; save frames of it as JPEG or PNG"),
    "clip": (b"\x1aE\xdf\xa3matroska", "a video; save frames of it as JPEG or PNG"),
    "clip.MKV": (b"nothing of it", "a video; save frames of it as JPEG or PNG"),
    "photo.CR2": (b"nothing of it", "a camera's raw file; save it as JPEG or PNG"),
    "photo.cr3": (b"\0\0\0\x18ftypcrx " + bytes(40), "a camera's raw file; save it as JPEG or PNG"),
    "photo.raf": (b"FUJIFILMCCD-RAW ", "a camera's raw file; save it as JPEG or PNG"),
    "icon.svg": (b'<?xml version="1.0"?>\n<svg width="1">', "an SVG drawing; save it as PNG"),
    "icon": (b"\xef\xbb\xbf<svg xmlns='x'>", "an SVG drawing; save it as PNG"),
    "scan.pdf": (b"%PDF-1.7\n", "a PDF document; save its pages as PNG"),
    "scan.jpg": (b"%PDF-1.7\n", "a PDF document; save its pages as PNG"),
    "logo.eps": (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript file; save it as PNG"),
    "new.jxl": (b"\xff\x0a\0\0", "a JPEG XL picture; save it as JPEG or PNG"),
    "scan.dcm": (bytes(128) + b"DICM", "a DICOM file; save its frames as PNG"),
    "page.jpg": (b"<!DOCTYPE html><html>", "a web page, not the picture; download the picture itself"),
    "big.jpg": (b"version https://git-lfs", "a Git LFS pointer, not the picture; run git lfs pull"),
    "set.zip": (ZIP.getvalue(), "an archive; unpack it"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_picture_is_named_with_the_way_out(tmp_path, name):
    content, reason = KINDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UndecodableImageError) as raised:
        decode(tmp_path / name)
    assert raised.value.reason == reason
    assert str(raised.value).endswith(f"received {str(tmp_path / name)!r}: {reason}")
    opened = io.BytesIO(content)
    opened.name = name
    with pytest.raises(UndecodableImageError) as raised:
        decode(opened)
    assert raised.value.reason == reason


def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_photo(tmp_path):
    reason = "a camera's raw file; save it as JPEG or PNG"
    for name, tags in (("a.NEF", {}), ("b.tif", {50706: b"\1\4\0\0"})):
        Image.fromarray(noise(0, (20, 30))).save(tmp_path / name, "TIFF", tiffinfo=tags)
        with pytest.raises(UndecodableImageError) as raised:
            decode(tmp_path / name)
        assert raised.value.reason == reason


def test_post_script_is_never_run_and_text_is_no_tga(tmp_path):
    eps = io.BytesIO()
    Image.fromarray(noise(0, (20, 30))).save(eps, "EPS")
    (tmp_path / "a.png").write_bytes(eps.getvalue())
    with pytest.raises(UndecodableImageError, match="a PostScript file"):
        decode(tmp_path / "a.png")
    tga = io.BytesIO()
    Image.fromarray(noise(0, (20, 30))).save(tga, "TGA")
    (tmp_path / "notes.txt").write_bytes(tga.getvalue())
    with pytest.raises(UndecodableImageError, match="not an image"):
        decode(tmp_path / "notes.txt")


def test_a_picture_is_of_no_such_kind():
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF", "JPEG2000"):
        file = io.BytesIO()
        Image.fromarray(noise(0, (20, 30))).save(file, name)
        assert describe_kind(file.getvalue()[:512], "") is None
    assert describe_kind(b"a note", ".txt") is None
