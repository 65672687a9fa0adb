"""Looking things up by name, with the nearest names where there is none."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from demogen.errors import DemogenError

Value = TypeVar("Value")

FEW = 40
"""Names that an error lists, at most."""


def lookup(name: str, among: Mapping[str, Value], kind: str, error: type[DemogenError]) -> Value:
    """The value called `name`.

    Args:
        name: as the user wrote it.
        among: name → value.
        kind: what is looked up, in messages.
        error: class of the error.

    Raises:
        error: there is none; the nearest names are listed, or all where none is near.

    >>> lookup("cifar-10", {"cifar10": 1, "mnist": 2}, "image set", DemogenError)
    Traceback (most recent call last):
    demogen.errors.DemogenError: no image set 'cifar-10'; did you mean 'cifar10'?
    """
    if name in among:
        return among[name]
    if near := difflib.get_close_matches(name, among, n=3):
        raise error(f"no {kind} {name!r}; did you mean {' or '.join(map(repr, near))}?")
    listed = sorted(among)[:FEW]
    more = f" and {len(among) - FEW} more" if len(among) > FEW else ""
    raise error(f"no {kind} {name!r}; there are: {', '.join(listed) or 'none'}{more}")
