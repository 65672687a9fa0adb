"""Random permutations and integers that no version of numpy changes.

numpy promises the bits of a bit generator for good, but not what `Generator` makes of them (NEP
19). What images a network was trained on follows from a seed alone, so it is made of the bits here,
by the methods that numpy 1.17 to 2.4 use: the numbers are those of `numpy.random.default_rng`.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

_BLOCK = 1024


class Draws:
    """A stream of draws; the same seed always gives the same ones.

    Args:
        seed: not negative.

    >>> Draws(0).permutation(np.arange(5)).tolist()
    [2, 4, 3, 0, 1]
    """

    def __init__(self, seed: int) -> None:
        self._words = _words(np.random.PCG64(seed))

    def permutation(self, values: Indices) -> Indices:
        """The values, shape (n,), in random order (Fisher and Yates, from the last place down)."""
        order = list(range(len(values)))
        for last in range(len(order) - 1, 0, -1):
            # As many bits as the place takes, drawn again where they are too many.
            mask = (1 << last.bit_length()) - 1
            while (other := next(self._words) & mask) > last:
                pass
            order[last], order[other] = order[other], order[last]
        return np.asarray(values)[np.array(order, np.int64)]

    def integers(self, upto: int, size: int) -> Indices:
        """Independent uniform integers of 0 … upto − 1, shape (size,)."""
        return np.fromiter((self._below(upto) for _ in range(size)), np.int64, size)

    def _below(self, upto: int) -> int:
        """A uniform integer of 0 … upto − 1, with as many words as it takes (Lemire 2019)."""
        if upto == 1:
            return 0
        product = next(self._words) * upto
        if product & 0xFFFFFFFF < upto:
            # Words below this would make some integers likelier than others.
            uneven = (0x100000000 - upto) % upto
            while product & 0xFFFFFFFF < uneven:
                product = next(self._words) * upto
        return product >> 32


def _words(bits: np.random.PCG64) -> Iterator[int]:
    """Words of 32 bits, the lower half of each 64 first."""
    while True:
        block = bits.random_raw(_BLOCK)
        halves = np.stack([block & np.uint64(0xFFFFFFFF), block >> np.uint64(32)], axis=1)
        yield from islice(halves.ravel().tolist(), 2 * _BLOCK)
