"""One sweep over images for many measures: what several of them need of a batch is made once.

A reduction says what it needs of a batch (`Needs`), takes one batch after the other (`add`), and
keeps what it makes of them. `sweep` runs the network over the images and makes for each batch what
all reductions together need: one forward pass; one backward pass for each direction; one for each
class where inner products of the logits' derivatives are needed, from which directions that are
differences to the most likely class are then taken without passes of their own. A number does not
depend on which other reductions ran along, but for rounding where a direction is taken so.
"""

import functools
import operator
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

import torch
from torch import Tensor

from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.batches import batches, finite, pass_size, sizes
from demogen.measuring.logit_derivatives import (
    CollectedNorms,
    LogitGram,
    gradients_at,
    logit_gram,
    ranks_of,
)
from demogen.measuring.sample_norms import sample_norms
from demogen.networks.tapped_module import TappedModule

_JACOBIAN_ENTRIES = 2**27
"""Most entries that the Jacobians of one pass may have together."""


class Direction(Protocol):
    """A combination of logits whose gradient at the taps is needed; hashable, equal if the same."""

    def __hash__(self) -> int: ...

    def cotangent(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Coefficients of the logits for every sample, float64, shape (n, classes).

        Args:
            scores: the logits, float64, shape (n, classes).
            labels: the labels trained on, shape (n,), on the device of the scores.

        Raises:
            NotMeasurable: the network has no such direction (too few classes, say).
        """


@dataclass(frozen=True)
class Needs:
    """What a reduction reads of a batch, beyond its images, labels and logits.

    Attributes:
        activations: what every tap gives.
        directions: combinations of logits, of whose gradients the norm at every tap is needed.
        jacobian: inner products of the logits' derivatives by the input (`LogitGram`): of their
            "differences" to that of the most likely class, or of "all" of them.
    """

    activations: bool = False
    directions: frozenset[Direction] = frozenset()
    jacobian: Literal["", "differences", "all"] = ""

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.activations or other.activations,
            self.directions | other.directions,
            "all" if "all" in (self.jacobian, other.jacobian) else self.jacobian or other.jacobian,
        )


@dataclass(frozen=True)
class Batch:
    """A batch of images and what was made of it. A reduction changes none of it.

    Attributes:
        images: as the network got them, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,), on the device; None for test inputs.
        logits: float64, shape (n, classes), all finite.
        activations: tap → (n, ...), where needed.
        gradient_norms: direction → tap → ‖gradient‖₂ of each sample, float64, shape (n,).
        jacobian: where needed.
    """

    images: Tensor
    labels: Tensor | None
    logits: Tensor
    activations: Mapping[str, Tensor] = field(default_factory=dict)
    gradient_norms: Mapping[Direction, Mapping[str, Tensor]] = field(default_factory=dict)
    jacobian: LogitGram | None = None


class Reduction(Protocol):
    """What a measure makes of the batches of a sweep; what it keeps of each goes into `Rows`."""

    @property
    def needs(self) -> Needs:
        """What it reads of a batch; asked for once, before the first."""

    def add(self, batch: Batch) -> None:
        """Take one batch.

        Raises:
            NotMeasurable: the measure has no value for this network; the message says why.
        """


@dataclass
class Cost:
    """Seconds of a reduction.

    Attributes:
        alone: what a sweep for it alone would have taken.
        share: its part of what the sweep for all took; what several need is shared evenly.
    """

    alone: float = 0.0
    share: float = 0.0


Key = TypeVar("Key", bound=Hashable)
Reduced = TypeVar("Reduced", bound=Reduction)


def sweep(
    module: TappedModule,
    images: Tensor,
    labels: Tensor | None,
    reductions: Mapping[Key, Reduction],
    batch_size: int = 256,
) -> tuple[dict[Key, Exception], dict[Key, Cost]]:
    """Run a network over images once, for all reductions; one that fails does not stop the others.

    Args:
        module: in evaluation mode.
        images: (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,); None for test inputs.
        reductions: are changed: they hold what they made of the images.
        batch_size: images a pass at most; fewer where that is faster or takes less memory.

    Returns:
        The errors of the reductions that failed, and what each took.
    """
    needed = {key: reduction.needs for key, reduction in reductions.items()}
    costs = {key: Cost() for key in reductions}
    errors: dict[Key, Exception] = {}
    live = dict(reductions)
    try:
        for x, y in _passes(module, images, labels, needed, batch_size):
            # What was made of a batch dies with this call, before that of the next is made.
            failed = _take(live, _Made(module, x, y, [needed[key] for key in live]), needed, costs)
            errors |= failed
            live = {key: reduction for key, reduction in live.items() if key not in failed}
            if not live:
                break
    except Exception as error:  # of the network itself: no reduction has all images
        errors |= dict.fromkeys(live, error)
    return errors, costs


def reduce_images(
    module: TappedModule,
    images: Tensor,
    labels: Tensor | None,
    reduction: Reduced,
    batch_size: int = 256,
) -> Reduced:
    """A sweep for one reduction.

    Returns:
        The reduction, which holds what it made of the images.

    Raises:
        NotMeasurable: no images, or what the network or the reduction says.
    """
    errors, _ = sweep(module, images, labels, {"": reduction}, batch_size)
    for error in errors.values():
        raise error
    return reduction


def _take(
    reductions: Mapping[Key, Reduction],
    made: "_Made",
    needed: Mapping[Key, Needs],
    costs: Mapping[Key, Cost],
) -> dict[Key, Exception]:
    """Give a batch to every reduction and add to its cost; the errors of those that fail."""
    failed: dict[Key, Exception] = {}
    for key, reduction in reductions.items():
        start = time.perf_counter()
        try:
            made.give(reduction, needed[key])
        except Exception as error:  # somebody's measure: the others go on
            failed[key] = error
        own = time.perf_counter() - start
        costs[key].alone += made.seconds(needed[key]) + own
        costs[key].share += made.share(needed[key]) + own
    return failed


def _passes(
    module: TappedModule,
    images: Tensor,
    labels: Tensor | None,
    needed: Mapping[Key, Needs],
    batch_size: int,
) -> Iterator[tuple[Tensor, Tensor | None]]:
    one = sizes(module, images)
    size = pass_size(module, one.largest_activation, batch_size)
    if any(needs.jacobian for needs in needed.values()):
        size = min(size, max(1, _JACOBIAN_ENTRIES // (one.classes * images[0].numel())))
    chosen = [None] * -(-len(images) // size) if labels is None else labels.split(size)
    for x, y in zip(batches(module, images, size), chosen, strict=True):
        yield x, None if y is None else y.to(x.device)


class _Made:
    """What was made of one batch, and what each part of it took."""

    def __init__(
        self, module: TappedModule, x: Tensor, labels: Tensor | None, needed: Sequence[Needs]
    ) -> None:
        needs = functools.reduce(operator.or_, needed, Needs())
        self._users = Counter(part for one in needed for part in _parts(one))
        self._seconds: dict[Hashable, float] = {}
        self._along: set[Hashable] = set()
        self._failed: dict[Direction, NotMeasurable] = {}
        start = time.perf_counter()
        with torch.set_grad_enabled(bool(needs.directions or needs.jacobian)):
            x = x.detach().requires_grad_(torch.is_grad_enabled())
            if needs.activations or needs.directions:
                logits, activations = module.forward_with_taps(x)
            else:
                logits, activations = module(x), {}
        scores = finite(logits).detach().double()
        self._seconds["forward"] = time.perf_counter() - start
        cotangents = self._cotangents(needs.directions, scores, labels)
        norms: dict[Direction, dict[str, Tensor]] = {}
        gram = None
        if needs.jacobian:
            start = time.perf_counter()
            by_rank = scores.argsort(dim=1, descending=True, stable=True)
            collected = {
                direction: CollectedNorms(ranks, activations)
                for direction, cotangent in cotangents.items()
                if (ranks := ranks_of(cotangent, by_rank)) is not None
            }
            gram = logit_gram(logits, x, by_rank, needs.jacobian == "all", list(collected.values()))
            norms |= {direction: rows.norms for direction, rows in collected.items()}
            self._seconds["jacobian"] = time.perf_counter() - start
            # What a pass of its own would have taken.
            of_a_pass = self._seconds["jacobian"] / scores.shape[1]
            self._seconds |= dict.fromkeys(collected, of_a_pass)
            self._along.update(collected)
        left = [direction for direction in cotangents if direction not in norms]
        for direction in left:
            start = time.perf_counter()
            # The last pass may take the graph apart, and its memory be used again at once.
            gradients = gradients_at(
                logits,
                list(activations.values()),
                cotangents[direction],
                last=direction == left[-1],
            )
            norms[direction] = {
                tap: sample_norms(gradient)
                for tap, gradient in zip(activations, gradients, strict=True)
            }
            self._seconds[direction] = time.perf_counter() - start
        self._batch = Batch(
            x.detach(),
            labels,
            scores,
            {tap: activation.detach() for tap, activation in activations.items()},
            norms,
            gram,
        )

    def give(self, reduction: Reduction, needs: Needs) -> None:
        """Let a reduction take the batch, or say why what it needs is not there.

        Raises:
            NotMeasurable: a direction that it needs is not there, or it says so itself.
            PredictorError: it changed the batch, which others read after it.
        """
        for direction in needs.directions:
            if direction in self._failed:
                raise self._failed[direction]
        shared = [self._batch.images, self._batch.logits, *self._batch.activations.values()]
        before = [tensor._version for tensor in shared]
        reduction.add(self._batch)
        if before != [tensor._version for tensor in shared]:
            raise PredictorError(
                f"{type(reduction).__qualname__} changed a batch in place, which other measures "
                "read too; let it work on a clone"
            )

    def seconds(self, needs: Needs) -> float:
        """What all that is needed would have taken alone."""
        return sum(self._seconds.get(part, 0.0) for part in _parts(needs))

    def share(self, needs: Needs) -> float:
        """A part of what all that is needed took; what rode along with other passes took none."""
        return sum(
            self._seconds.get(part, 0.0) / self._users[part]
            for part in _parts(needs)
            if part not in self._along
        )

    def _cotangents(
        self, directions: frozenset[Direction], scores: Tensor, labels: Tensor | None
    ) -> dict[Direction, Tensor]:
        cotangents = {}
        for direction in sorted(directions, key=repr):
            assert labels is not None, "a direction is taken on labelled images"
            try:
                cotangents[direction] = direction.cotangent(scores, labels)
            except NotMeasurable as error:
                self._failed[direction] = error
        return cotangents


def _parts(needs: Needs) -> list[Hashable]:
    """What is made of a batch, each with seconds of its own."""
    return ["forward", *(["jacobian"] if needs.jacobian else []), *needs.directions]
