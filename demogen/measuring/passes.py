"""Passes over images: what most measures cost, so that it can be counted before they run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Passes:
    """Passes over the images that a measure reads; a pass backward to the input counts as one.

    Attributes:
        forward: passes forward.
        backward: passes backward, besides those for each class.
        backward_per_class: passes backward for each class.

    >>> print(Passes(1), Passes(1, backward=1), Passes(1, backward_per_class=1), sep="; ")
    1 forward; 1 forward + 1 backward; 1 forward + classes backward
    >>> print(Passes(1, backward=-1, backward_per_class=1), Passes(), sep="; ")
    1 forward + (classes − 1) backward; no pass over images
    """

    forward: int = 0
    backward: int = 0
    backward_per_class: int = 0

    def count(self, classes: int) -> int:
        """Passes of a network with so many classes."""
        return self.forward + self.backward + self.backward_per_class * classes

    def __str__(self) -> str:
        backward = str(self.backward) if self.backward else ""
        if self.backward_per_class:
            times = "" if self.backward_per_class == 1 else f"{self.backward_per_class} "
            sign = f" {'+' if self.backward > 0 else '−'} {abs(self.backward)}"
            backward = f"({times}classes{sign})" if self.backward else f"{times}classes"
        parts = [f"{self.forward} forward"] if self.forward else []
        parts += [f"{backward} backward"] if backward else []
        return " + ".join(parts) or "no pass over images"
