import io
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from demogen.images.cells import CellError, class_number, picture, pixels

GRAY = np.random.default_rng(0).integers(0, 256, (5, 4), dtype=np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def encoded(image, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def read(image, channels, **options):
    return pixels(picture(encoded(image, **options)), (channels, 5, 4))


def with_alpha(image, alpha):
    opaque = image.convert("LA" if image.mode == "L" else "RGBA")
    opaque.putalpha(Image.fromarray(np.full((5, 4), 255, np.uint8) if alpha is None else alpha))
    return opaque


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(GRAY),
        Image.fromarray(GRAY).convert("RGB"),
        Image.fromarray(GRAY).convert("P"),
        Image.fromarray(GRAY).quantize(256),
        with_alpha(Image.fromarray(GRAY), None),
        with_alpha(Image.fromarray(GRAY).convert("RGB"), None),
    ],
    ids=lambda image: image.mode,
)
def test_a_gray_image_has_the_same_pixels_however_it_is_stored(image):
    assert np.array_equal(read(image, 1), GRAY[None])
    assert np.array_equal(read(image, 3), np.stack([GRAY] * 3))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_color_image_has_the_same_pixels_however_it_is_stored(file_format):
    wanted = COLOR.transpose(2, 0, 1)
    content = encoded(Image.fromarray(COLOR), file_format)
    assert np.array_equal(pixels(picture({"bytes": content, "path": None}), (3, 5, 4)), wanted)
    palette = Image.fromarray(COLOR).quantize(256)
    assert np.array_equal(read(palette, 3), np.asarray(palette.convert("RGB")).transpose(2, 0, 1))


def test_black_and_white_is_0_and_255():
    bits = Image.fromarray(GRAY > 100)
    assert np.array_equal(read(bits, 1), 255 * (GRAY > 100)[None])


@pytest.mark.parametrize(
    ("image", "channels", "fault"),
    [
        (Image.fromarray(COLOR), 1, "an image in color; the set is gray"),
        (with_alpha(Image.fromarray(GRAY), GRAY), 1, "transparent in places"),
        (with_alpha(Image.fromarray(COLOR), GRAY), 3, "transparent in places"),
        (Image.fromarray(GRAY.astype(np.uint16) * 100), 1, "mode I;16, not 8 bits"),
        (Image.fromarray(GRAY[:, :3]), 1, "an image of 3 x 5 pixels, not 4 x 5"),
    ],
)
def test_what_would_change_pixels_is_refused(image, channels, fault):
    with pytest.raises(CellError, match=fault):
        read(image, channels)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (None, "holds no bytes;"),
        ({"bytes": None, "path": "cats/1.png"}, "holds no bytes but the path 'cats/1.png'"),
        ({"path": None}, "holds no bytes;"),
        ([[1, 2], [3, 4]], "holds a list, not an image's bytes"),
        ("iVBORw0KGgo=", "holds a str, not an image's bytes"),
        (b"", "no image, or damaged"),
        (b"nothing", "no image, or damaged"),
        (encoded(Image.fromarray(COLOR))[:-30], "no image, or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 5\n", "no image, or damaged"),
    ],
)
def test_a_cell_without_an_image_is_refused(cell, fault):
    with pytest.raises(CellError, match=fault):
        picture(cell)


NAMES = ("T-shirt/top", "Ankle boot", "7")


@pytest.mark.parametrize("label", [1, 1.0, Decimal(1), "1", " 1 ", "ankle_boot", "Ankle boot"])
def test_a_class_is_named_in_many_ways(label):
    assert class_number(label, 3, NAMES) == 1


def test_digits_are_numbers_before_they_are_names():
    assert class_number("T - shirt / top", 3, NAMES) == 0
    with pytest.raises(CellError, match="holds 7; classes are 0 to 2"):
        class_number("7", 3, NAMES)


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        (None, "holds None, which is no class number$"),
        (True, "holds True, which is no"),
        (1.5, "holds 1.5, which is no"),
        (float("nan"), "holds nan, which is no"),
        (float("inf"), "holds inf, which is no"),
        ([0, 1, 0], r"holds \[0, 1, 0\], which is no"),
        ("boot", "holds 'boot', which is no"),
        (-1, "holds -1; classes are 0 to 2"),
        (3, "holds 3; classes are 0 to 2"),
    ],
)
def test_what_is_no_class_is_refused(label, fault):
    with pytest.raises(CellError, match=fault):
        class_number(label, 3)
