"""What a reduction keeps of each batch, in one tensor."""

from torch import Tensor

_FIRST = 256


class Rows:
    """Numbers of one batch after the other, one row for each image, on the device of the first.

    They lie in one tensor, which is made anew, twice as long, where it is full. A list of a tensor
    for each batch would hold no more, but these small ones lie between the large ones of the
    passes, so that what is free between them fits no other pass: with 50,000 images a process took
    8 GB for numbers of some 20 MB.

    Args:
        expected: how many rows there will be, if known.
    """

    def __init__(self, expected: int | None = None) -> None:
        self._expected = expected or _FIRST
        self._rows: Tensor | None = None
        self._count = 0

    def append(self, part: Tensor) -> None:
        """Add rows, shape (n, ...).

        Raises:
            ValueError: rows before have another shape or dtype.
        """
        if self._rows is not None:
            before, kind = (self._rows.shape[1:], self._rows.dtype), (part.shape[1:], part.dtype)
            if kind != before:
                raise ValueError(
                    f"rows of shape {tuple(kind[0])} and {kind[1]} do not go with those before, of "
                    f"shape {tuple(before[0])} and {before[1]}"
                )
        end = self._count + len(part)
        if self._rows is None or end > len(self._rows):
            rows = part.new_empty(
                self._expected if end <= self._expected else 2 * end, *part.shape[1:]
            )
            if self._rows is not None:
                rows[: self._count] = self._rows[: self._count]
            self._rows = rows
        self._rows[self._count : end] = part
        self._count = end

    def all(self) -> Tensor:
        """All rows, shape (count, ...); not to be changed.

        Raises:
            ValueError: there are none.
        """
        if self._rows is None:
            raise ValueError("no rows were added")
        return self._rows[: self._count]
