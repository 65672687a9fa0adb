"""Progress of long steps: networks done, rate, time left."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(
    items: Iterable[Item], description: str, total: int | None, *, enabled: bool = True
) -> Iterator[Item]:
    """Yield the items, with a progress bar on standard error.

    Args:
        items: networks, or what came of them.
        description: what is done to them, in a word.
        total: how many there are; None: nobody knows.
        enabled: whether to show the bar.
    """
    if not enabled or total == 0:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, desc=description, total=total, unit=" networks", dynamic_ncols=True)
