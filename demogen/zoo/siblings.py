"""Which networks of a zoo were trained with the same settings from other seeds."""

from collections.abc import Mapping


def siblings_of(configurations: Mapping[str, str]) -> dict[str, list[str]]:
    """Id → ids of the other networks of its configuration, in the order given.

    >>> siblings_of({"a": "wide", "b": "narrow", "c": "wide"})
    {'a': ['c'], 'b': [], 'c': ['a']}
    """
    copies: dict[str, list[str]] = {}
    for id, configuration in configurations.items():
        copies.setdefault(configuration, []).append(id)
    return {
        id: [other for other in copies[configuration] if other != id]
        for id, configuration in configurations.items()
    }
