"""Progress of long steps: networks done, rate, time left."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(
    items: Iterable[Item], description: str, total: int, *, enabled: bool = True
) -> Iterator[Item]:
    """Give the items on, with a progress bar on standard error."""
    if not enabled or not total:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, desc=description, total=total, unit=" networks", dynamic_ncols=True)
