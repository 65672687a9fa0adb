"""One cell of a table as a picture or a class number: read right, or refused with what is wrong."""

import io
import re
import reprlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Of images that are decoded: formats of pixels, none that runs a program or opens a file."""

MOST_PIXELS = 1 << 24
"""Of an image, before it is resized."""


class CellError(ValueError):
    """What is wrong with a cell, as the end of a sentence that starts with its place."""


def picture(cell: Any) -> Any:
    """The PIL image that a cell holds: encoded bytes, or {"bytes": …, "path": …}.

    Raises:
        CellError: the cell has no bytes, or they are no image.
    """
    from PIL import Image

    content = cell.get("bytes") if isinstance(cell, Mapping) else cell
    if content is None:
        path = cell.get("path") if isinstance(cell, Mapping) else None
        known = f" but the path {reprlib.repr(path)}" if path else ""
        raise CellError(f"holds no bytes{known}; write the images into the file")
    if not isinstance(content, bytes):
        raise CellError(f"holds a {type(content).__name__}, not an image's bytes")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        # A few bytes of some formats unfold to gigabytes.
        large = image.width * image.height > MOST_PIXELS
        if not large:
            image.load()
    # Decoders raise errors of many kinds on damaged bytes.
    except Exception as error:
        raise CellError(
            "holds bytes that are no image, or damaged; fetch the file again"
        ) from error
    if large:
        raise CellError(f"holds an image of more than {MOST_PIXELS:,} pixels")
    return image


def pixels(image: Any, shape: tuple[int, int, int]) -> Any:
    """Pixels of a PIL image as they were before they were encoded, uint8 (c, h, w).

    A palette, a channel without transparency and equal color channels of a gray image are other
    ways to write the same pixels; what would change them is refused.

    Raises:
        CellError: the image has another size, other than 8 bits a channel, transparent parts, or
            colors where the set is gray.
    """
    channels, height, width = shape
    if image.size != (width, height):
        found = " x ".join(map(str, image.size))
        raise CellError(f"holds an image of {found} pixels, not {width} x {height}")
    if image.mode not in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}:
        raise CellError(f"holds an image of mode {image.mode}, not 8 bits a channel, gray or RGB")
    if image.mode == "L" and channels == 1 and "transparency" not in image.info:
        return np.asarray(image)[None]
    values = np.asarray(image.convert("RGBA")).transpose(2, 0, 1)
    if (values[3] < 255).any():
        raise CellError("holds an image that is transparent in places; store it without")
    if channels == 3:
        return values[:3]
    if (values[0] != values[1]).any() or (values[0] != values[2]).any():
        raise CellError("holds an image in color; the set is gray")
    return values[:1]


def class_number(value: Any, classes: int, names: Sequence[str] = ()) -> int:
    """The class that a label names: a whole number of any type, its digits, or a published name.

    Args:
        value: the label.
        classes: how many classes there are.
        names: published names of the classes, in the order of their numbers; blanks, signs and
            capitals make no difference.

    Raises:
        CellError: it is none of these, or there is no class of that number.
    """
    number = _whole(value)
    if number is None and isinstance(value, str):
        number = _numbers(tuple(names)).get(_letters(value))
    if number is None:
        known = " and no published name of a class" if names else ""
        raise CellError(f"holds {reprlib.repr(value)}, which is no class number{known}")
    if not 0 <= number < classes:
        raise CellError(f"holds {number}; classes are 0 to {classes - 1}")
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[0-9]{1,9}\s*", value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return int(number) if abs(number) < 1e9 and number.is_integer() else None


@lru_cache
def _numbers(names: tuple[str, ...]) -> dict[str, int]:
    return {_letters(name): number for number, name in enumerate(names)}


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
