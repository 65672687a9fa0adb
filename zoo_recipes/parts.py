"""A part of a recipe's networks, for one of several builds that run side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from demogen.errors import RecipeError
from demogen.schema.records import NetworkSpec, sha256


@final
@dataclass(frozen=True)
class Shard:
    """Part `number` of `count` parts of nearly equal size, each spread over the grid.

    A network's part does not depend on how many are wanted, so different parts never share one.

    Raises:
        RecipeError: `number` is not from 1 to `count`.

    >>> str(Shard.parse("2/10"))
    '2/10'
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise RecipeError(f"there is no shard {self}: of ten, say, there are 1/10 to 10/10")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A shard written as "2/10".

        Raises:
            RecipeError: written otherwise, or not from 1/n to n/n.
        """
        if not (numbers := re.fullmatch(r"(\d+)/(\d+)", text)):
            raise RecipeError(f"shard {text!r} is not written as 2/10: the second of ten")
        return cls(int(numbers[1]), int(numbers[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, networks: Iterable[NetworkSpec]) -> tuple[NetworkSpec, ...]:
        """Its networks: every `count`-th in the order by which `Recipe.first` takes them."""
        in_order = sorted(networks, key=lambda spec: sha256(spec.id.encode()))
        return tuple(in_order[self.number - 1 :: self.count])
