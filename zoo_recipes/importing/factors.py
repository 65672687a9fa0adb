"""Factors of sources: levels of one type a factor, under names that a table can have."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from demogen.errors import ArchiveError
from demogen.schema.records import RESERVED, Data, canonical_json

MOST_TEXT = 256


def level(value: Any) -> Any:
    """A level as text, number or truth value; None where it has none. Lists become their JSON."""
    if value is None or isinstance(value, bool | int | str):
        return value if not isinstance(value, str) else value[:MOST_TEXT]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    try:
        return canonical_json(value)[:MOST_TEXT]
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"{value!r} is no level of a factor") from error


def unified(levels: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Levels by network and factor, so that 7 and "7" are one level wherever they stand.

    A factor all of whose levels are numbers, or texts that read as numbers, has numbers.

    >>> unified({"0": {"width": 7}, "1": {"width": "7"}, "2": {"width": 8.0}})
    {'0': {'width': 7}, '1': {'width': 7}, '2': {'width': 8}}
    """
    factors = {name for network in levels.values() for name in network}
    for_all = {
        name: _kind([network[name] for network in levels.values() if network.get(name) is not None])
        for name in factors
    }
    return {
        number: {name: for_all[name](value) for name, value in network.items() if value is not None}
        for number, network in levels.items()
    }


def names_of(levels: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Levels under names that are no columns already; those that are get the prefix."""
    taken = RESERVED | Data.model_fields.keys() | {"family", "copy_number"}
    named: dict[str, Any] = {}
    for name, value in levels.items():
        plain = re.sub(r"[^A-Za-z0-9_.:+-]+", "_", name)[:48] or "_"
        plain = plain if plain[0].isalpha() or plain[0] == "_" else f"_{plain}"
        named[prefix + plain if plain in taken else plain] = value
    return named


def _kind(values: Iterable[Any]) -> Any:
    """What makes the levels of one factor alike."""
    listed = list(values)
    if all(isinstance(value, bool) for value in listed):
        return bool
    numbers = [number for value in listed if (number := _number(value)) is not None]
    if len(numbers) == len(listed):
        if all(number.is_integer() and abs(number) < 2**53 for number in numbers):
            return lambda value: int(float(value))
        return float
    return lambda value: value if isinstance(value, str) else canonical_json(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and not re.fullmatch(
        r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", value, re.I
    ):
        return None
    return None if isinstance(value, bool) else float(value)
