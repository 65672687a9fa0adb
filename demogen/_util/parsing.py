"""JSON and TOML from outside as plain data: the sole door, with bounds on what may be in them."""

import json
import math
import re
import tomllib
from itertools import chain
from typing import Any

from demogen._util.limits import JSON_LEVELS, JSON_VALUES, TOML_LEVELS, TOML_VALUES

_LARGEST_INTEGER = 2**64

_TOML_TEXTS = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*',
    re.DOTALL,
)
_DOTTED_KEY = re.compile(rf"(?:\.[ \t]*[\w-]+[ \t]*){{{TOML_LEVELS},}}")


class UnreadableError(ValueError):
    """A file, or its text, is none that is read here; the message says why, but not which it is."""


def json_data(
    text: bytes | str,
    *,
    values: int = JSON_VALUES,
    levels: int = JSON_LEVELS,
    finite: bool = True,
) -> Any:
    """What a JSON text holds.

    Refused beside what is no JSON: a key that stands twice in an object (readers differ in which
    one counts), NaN and infinity, whole numbers beyond 64 bits, half of a surrogate pair (it is no
    text in any encoding), and more levels or values than `demogen._util.limits` allows.

    Args:
        text: in UTF-8.
        values: most values and keys.
        levels: most arrays and objects within one another.
        finite: whether NaN and infinity are refused, as they stand in no JSON but in Python's.

    Raises:
        UnreadableError: for any of these reasons.

    >>> json_data('{"gap": [0.25, null]}')
    {'gap': [0.25, None]}
    >>> json_data('{"gap": 1, "gap": 2}')
    Traceback (most recent call last):
    demogen._util.parsing.UnreadableError: the key 'gap' stands twice
    """
    try:
        plain = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is no UTF-8 (byte {error.start})") from error
    if value_signs(plain) > values:
        raise UnreadableError(f"it holds more than {values:,} values")
    try:
        constant = _refuse_constant if finite else float
        content = json.loads(plain, object_pairs_hook=_without_repeats, parse_constant=constant)
    except UnreadableError:
        raise
    except RecursionError as error:
        raise UnreadableError(f"it has more than {levels} levels") from error
    except ValueError as error:
        raise UnreadableError(f"it is no JSON: {_line(error)}") from error
    _check_values(content, levels, finite)
    if re.search(r"\\u[dD][89a-fA-F]", plain):
        _check_text(content)
    return content


def value_signs(text: str) -> int:
    """As many as a JSON text has values and keys, or more: each but the first follows one."""
    return sum(map(text.count, ",:[{"))


def toml_data(text: bytes | str) -> dict[str, Any]:
    """What a TOML text holds, with as many levels and values as `demogen._util.limits` allows.

    Raises:
        UnreadableError: it is no TOML, or holds more.
    """
    try:
        plain = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is no UTF-8 (byte {error.start})") from error
    outside = _TOML_TEXTS.sub(lambda found: "" if found[0].startswith("#") else "s", plain)
    if sum(map(outside.count, ",=[")) > TOML_VALUES:
        raise UnreadableError(f"it holds more than {TOML_VALUES:,} values")
    # Python's parser takes memory with the square of the parts of a key.
    if _DOTTED_KEY.search(outside) or _deepest(outside) > TOML_LEVELS:
        raise UnreadableError(f"it has more than {TOML_LEVELS} levels")
    try:
        return tomllib.loads(plain)
    except RecursionError as error:
        raise UnreadableError(f"it has more than {TOML_LEVELS} levels") from error
    except ValueError as error:
        raise UnreadableError(f"it is no TOML: {_line(error)}") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise UnreadableError(f"the key {key!a} stands twice")
            seen.add(key)
    return content


def _refuse_constant(name: str) -> None:
    raise UnreadableError(f"it holds {name}, which is no number")


def _check_values(content: Any, levels: int, finite: bool) -> None:
    """Levels and numbers, the values of one level after the other: recursion has an end."""
    values = [content]
    for _ in range(levels + 1):
        kinds = set(map(type, values))
        if finite and float in kinds and not all(map(math.isfinite, _of(float, values))):
            raise UnreadableError("it holds a number that is too large")
        if int in kinds and max(map(abs, _of(int, values))) >= _LARGEST_INTEGER:
            raise UnreadableError("it holds a whole number beyond 64 bits")
        if not kinds & {dict, list}:
            return
        values = [
            *chain.from_iterable(_of(list, values)),
            *chain.from_iterable(one.values() for one in _of(dict, values)),
        ]
    raise UnreadableError(f"it has more than {levels} levels")


def _of(kind: type, values: list[Any]) -> list[Any]:
    return [value for value in values if type(value) is kind]


def _check_text(content: Any) -> None:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UnreadableError("it holds half of a surrogate pair, which is no text") from error


def _deepest(text: str) -> int:
    level = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _line(error: Exception) -> str:
    """An error on one line, short: parsers repeat what they could not read."""
    return " ".join(str(error).split())[:200] or type(error).__name__
