"""Published collections, all their networks included; a zoo may hold a part of one."""

from collections.abc import Collection, Iterator
from importlib.metadata import EntryPoint, entry_points

from demogen.errors import ZooError
from demogen.schema.records import Frozen, Paper

COLLECTIONS = "demogen.collections"
"""Entry-point group: a package's name → function (names) → its `PublishedCollection`s.

The function gives those that a paper prints numbers of, and those called `names`.
"""

Plain = bool | int | float | str | None
Level = Plain | tuple[Plain, ...]


class PublishedCollection(Frozen):
    """A paper's collection of networks, whether or not a zoo of it was ever trained."""

    name: str
    """Also the name of its zoos."""
    paper: Paper
    networks: int | None
    """In the whole collection; None where it is known from a zoo alone."""
    levels: dict[str, tuple[Level, ...]] = {}
    """Factor → its levels over all networks, fixed settings included; the seed is left out."""
    printed_results: dict[str, dict[str, float]] = {}
    """The paper's own numbers: predictor, feature or network → statistic → value."""


def published_collections(names: Collection[str] = ()) -> list[PublishedCollection]:
    """Collections of installed packages, sorted by name.

    Args:
        names: of collections to include even if no paper prints a number of them.

    Raises:
        ZooError: a package's function does not load, or two packages offer one name.
    """
    by_name: dict[str, PublishedCollection] = {}
    for entry in _entry_points():
        for collection in _collections(entry, names):
            if collection.name in by_name:
                raise ZooError(
                    f"two packages offer a collection {collection.name!r}, one of them "
                    f"{entry.value}; uninstall one"
                )
            by_name[collection.name] = collection
    return [by_name[name] for name in sorted(by_name)]


def _entry_points() -> list[EntryPoint]:
    # The same distribution may be listed twice (an editable install beside its sources).
    by_value = {entry.value: entry for entry in entry_points(group=COLLECTIONS)}
    return [by_value[value] for value in sorted(by_value)]


def _collections(entry: EntryPoint, names: Collection[str]) -> Iterator[PublishedCollection]:
    try:
        collections = entry.load()
    except Exception as error:
        raise ZooError(f"collections of {entry.value} do not load: {error!r}") from error
    yield from collections(names)
