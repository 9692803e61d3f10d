import numpy as np
import pytest
from PIL import Image

from suite.data.pictures.images import UndecodableImageError, decode, load_image
from tests.data.noise import noise

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def smooth(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([255 * rows / height, 255 * columns / width, 128 + 0 * rows], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_keep_every_pixel(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(noise(0, (20, 30))).save(path)
    np.testing.assert_array_equal(decode(path), noise(0, (20, 30)))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_keep_the_picture(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(smooth(40, 60)).save(path, quality=95)
    difference = np.abs(decode(path).astype(int) - smooth(40, 60))
    assert difference.mean() < 2  # measured: JPEG 0.7, WebP 1.1


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_gives_its_first_frame(tmp_path, suffix):
    path = tmp_path / f"animation{suffix}"
    frames = [Image.new("RGB", (20, 20), color) for color in (RED, GREEN, BLUE)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    assert (decode(path) == RED).all()


# How a picture of red, green, blue and white quarters (top left to bottom right) is stored by orientation.
STORED = {1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "GWRB", 7: "WGBR", 8: "BRWG"}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(tmp_path, orientation):
    colors = dict(zip("RGBW", (RED, GREEN, BLUE, WHITE), strict=True))
    quarters = np.array([colors[letter] for letter in STORED[orientation]], np.uint8).reshape(2, 2, 3)
    height, width = (32, 16) if orientation >= 5 else (16, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(quarters.repeat(height, axis=0).repeat(width, axis=1))
    picture.save(tmp_path / "phone.jpg", exif=exif, quality=95, subsampling=0)
    upright = decode(tmp_path / "phone.jpg")
    assert upright.shape == (32, 64, 3)
    corners = upright[[4, 4, -4, -4], [4, -4, 4, -4]].astype(int)
    np.testing.assert_allclose(corners, (RED, GREEN, BLUE, WHITE), atol=4)  # measured: 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_cost_the_picture(tmp_path):
    Image.new("RGB", (20, 20), RED).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage")
    assert (decode(tmp_path / "a.png") == RED).all()


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    levels = np.array([[0, 256, 257, 32896, 65535]], np.uint16).repeat(4, axis=0)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    picture = decode(tmp_path / "deep.png")
    assert picture.shape == (4, 5, 3)
    assert picture[0].tolist() == [[level] * 3 for level in (0, 0, 1, 128, 255)]


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.full((20, 20), 0.5, np.float32)).save(tmp_path / "float.tiff")
    Image.fromarray(np.full((20, 20), 1_000_000, np.int32)).save(tmp_path / "deep.tiff")
    with pytest.raises(UndecodableImageError, match=r"unsupported \(floating-point pixels\)"):
        decode(tmp_path / "float.tiff")
    with pytest.raises(UndecodableImageError, match=r"unsupported \(32-bit pixels\)"):
        decode(tmp_path / "deep.tiff")


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[..., 0], pixels[:, 1, 3], pixels[:, 2, 3] = 255, 51, 255
    Image.fromarray(pixels).save(tmp_path / "rgba.png")
    assert decode(tmp_path / "rgba.png")[0].tolist() == [[255, 255, 255], [255, 204, 204], [255, 0, 0]]
    Image.fromarray(np.array([[[10, 0], [10, 255]]], np.uint8)).save(tmp_path / "grey_alpha.png")
    assert decode(tmp_path / "grey_alpha.png")[0, :, 0].tolist() == [255, 10]


def test_palette_with_a_transparent_color(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([*RED, *GREEN, *BLUE])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / "palette.png", transparency=1)
    assert decode(tmp_path / "palette.png")[0].tolist() == [list(RED), list(WHITE), list(BLUE)]


@pytest.mark.parametrize(("mode", "expected"), [("L", 128), ("1", 255), ("CMYK", 128)])
def test_other_modes_become_rgb(tmp_path, mode, expected):
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.new("RGB", (16, 16), (128, 128, 128)).convert(mode, dither=Image.Dither.NONE).save(path, quality=95)
    picture = decode(path).astype(int)
    assert picture.shape == (16, 16, 3)
    np.testing.assert_allclose(picture, expected, atol=2)


def test_the_content_counts_and_not_the_extension(tmp_path):
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(noise(0, (20, 30))).save(path, format="PNG")
    np.testing.assert_array_equal(decode(path), noise(0, (20, 30)))


def test_a_large_jpeg_is_decoded_smaller_but_never_too_small(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(smooth(600, 900)).save(path)
    assert decode(path).shape == (600, 900, 3)
    assert decode(path, size=(70, 70)).shape == (150, 225, 3)
    assert decode(path, size=(20, 160)).shape == (600, 900, 3)
    full = np.asarray(Image.fromarray(decode(path)).resize((64, 64), Image.Resampling.BILINEAR))
    difference = np.abs(load_image(path, (64, 64)).astype(int) - full)
    assert difference.max() <= 2  # measured: 1


def test_load_image_shows_the_whole_picture_stretched(tmp_path):
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:80], pixels[:, 80:] = RED, GREEN, BLUE
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    picture = load_image(tmp_path / "wide.png", size=(60, 30))
    assert picture.shape == (60, 30, 3) and picture.dtype == np.uint8
    assert (
        (picture[:, :8] == RED).all()
        and (picture[:, 12:18] == GREEN).all()
        and (picture[:, 22:] == BLUE).all()
    )


def test_load_image_is_antialiased(tmp_path):
    checkerboard = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checkerboard).save(tmp_path / "checkerboard.png")
    assert (
        np.abs(load_image(tmp_path / "checkerboard.png", (32, 32)).astype(int) - 127.5).max() <= 2
    )  # measured: 0.5; without antialiasing 127.5


def broken_files(folder):
    Image.fromarray(noise(0, (64, 64))).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "noise.jpg").write_bytes(noise(0, (8, 8)).tobytes())
    (folder / "notes.txt").write_text("not a picture")
    (folder / "folder.jpg").mkdir()
    return {
        "truncated.jpg": "truncated",
        "zero.jpg": "zero bytes",
        "noise.jpg": "corrupt",
        "notes.txt": "not an image",
        "folder.jpg": "is a directory",
        "missing.jpg": "no such file or directory",
    }


def test_files_that_cannot_be_decoded_are_refused_in_one_line(tmp_path):
    for name, reason in broken_files(tmp_path).items():
        with pytest.raises(ValueError, match="^expected ") as raised:
            decode(tmp_path / name)
        assert raised.value.reason == reason
        expected = "expected a picture (JPEG, PNG, WebP, AVIF, HEIC, TIFF and others), received "
        assert (
            str(raised.value)
            == f"{expected}{str(tmp_path / name)!r}: {reason}; save it as JPEG or PNG, or leave it out"
        )


def test_decompression_bombs_are_refused_unless_they_are_jpegs_decoded_small(tmp_path, monkeypatch):
    monkeypatch.setattr("suite.data.pictures.images._MAX_PIXELS", 9_999)
    Image.new("RGB", (100, 100)).save(tmp_path / "bomb.png")
    Image.new("RGB", (100, 100)).save(tmp_path / "photo.jpg")
    for name, size in (("bomb.png", (16, 16)), ("photo.jpg", None)):
        with pytest.raises(UndecodableImageError, match="too large to decode"):
            decode(tmp_path / name, size)
    assert decode(tmp_path / "photo.jpg", size=(16, 16)).shape == (50, 50, 3)
