"""What measuring a zoo will cost: networks, passes and operations counted, seconds foretold."""

import statistics
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from demogen.measuring.batches import batches, pass_size, sizes
from demogen.measuring.cache_lines import Outcome
from demogen.measuring.options import Cache
from demogen.measuring.predictor import Measure
from demogen.measuring.signature_tables import measure_label
from demogen.measuring.work import Work
from demogen.networks import architectures
from demogen.networks.network import Access
from demogen.networks.size import network_size
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import ordinary_state, own_random_numbers
from demogen.schema.records import NetworkSpec
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd

TIMED = 3
"""Passes of which the median tells the speed of this machine."""


@dataclass(frozen=True)
class ExpectedCost:
    """What a measure will cost.

    Attributes:
        name: of the measure, with its parameters.
        networks: how many are still to be measured, those to which it does not apply left out.
        kept: of how many the signature, or the reason why there is none, is kept.
        passes: over the images it reads, in words.
        operations: floating-point operations of these passes over all networks to be measured (a
            multiplication and an addition are two; a pass backward counts as one forward); None:
            the number of passes is not known beforehand.
        seconds: of one process, if it ran alone; None: neither is known.
        share: its part of the seconds where it runs together with the others; None: not known.
        by_kept: whether the seconds are those of kept signatures, by operations; else they are the
            operations at the speed of a forward pass.
    """

    name: str
    networks: int
    kept: int
    passes: str
    operations: int | None
    seconds: float | None
    share: float | None
    by_kept: bool


def expected_costs(
    measures: Sequence[Measure],
    zoo: NetworkSet,
    cache: Cache = None,
    image_limit: int | None = None,
) -> list[ExpectedCost]:
    """What measuring a zoo, or a pool, with several measures will cost; nothing is measured.

    Seconds are those of the signatures that are kept of other networks of the zoo, in proportion to
    the operations of a forward pass. Of a measure of which none is kept, operations are counted and
    divided by the speed of a forward pass of one of the networks, which is run with random weights.

    Args:
        measures: equal ones are listed once.
        zoo: whose networks would be measured.
        cache: see `demogen.measuring.MeasuringOptions`.
        image_limit: likewise. The groups that give standard errors are counted as another sample.

    Raises:
        ZooError: a measure reads images, and those at hand are not the zoo's, or there are none.
    """
    counted = _Counted(Work.of(measures, zoo, cache, image_limit), zoo, image_limit)
    return [counted.cost(key) for key in counted.work.measures]


def cost_table(costs: Sequence[ExpectedCost]) -> "pd.DataFrame":
    """The costs as a table, the dearest first; index "measure"."""
    import pandas as pd

    dearest = sorted(costs, key=lambda cost: (-(cost.seconds or 0.0), cost.name))
    rows = {
        cost.name: {
            "to measure": cost.networks,
            "kept": cost.kept,
            "seconds alone": cost.seconds,
            "seconds as share": cost.share,
            "seconds by": "" if cost.seconds is None else "kept" if cost.by_kept else "operations",
            "operations": cost.operations,
            "passes": cost.passes,
        }
        for cost in dearest
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")
    for name in ("operations", "seconds alone", "seconds as share"):
        table[name] = table[name].astype("float64")
    return table


def total(costs: Sequence[ExpectedCost]) -> str:
    """Seconds of all measures, in words: together where every share is known, else one by one."""
    wanted = [cost for cost in costs if cost.networks]
    alone = sum(cost.seconds or 0.0 for cost in wanted)
    shares = [cost.share for cost in wanted if cost.share is not None]
    unknown = [cost.name for cost in wanted if cost.seconds is None]
    text = f"one process: {alone:.3g} s if each ran alone"
    if len(shares) == len(wanted):
        text = f"one process: {sum(shares):.3g} s together, {alone:.3g} s if each ran alone"
    return f"{text}; not known: {', '.join(unknown)}" if unknown else text


class _Counted:
    """Operations of measures on the networks of a zoo, and the seconds that they take."""

    def __init__(self, work: Work, zoo: NetworkSet, image_limit: int | None) -> None:
        self.work = work
        self._zoo = zoo
        self._limit = image_limit
        self._speed: float | None = None
        self._skeletons: dict[Hashable, TappedModule] = {}

    def cost(self, key: str) -> ExpectedCost:
        measure, work = self.work.measures[key], self.work
        ids = [
            id
            for id, keys in work.missing.items()
            if key in keys and self._applies(measure, work.records[id].spec)
        ]
        known = {
            id: outcome
            for (of, id), outcome in work.known.items()
            if of == key and id in work.records
        }
        passes = [
            self._operations(measure, work.records[id].spec, (key, id) in work.sampled)
            for id in ids
        ]
        counted = [operations for operations in passes if operations is not None]
        operations = sum(counted) if len(counted) == len(passes) else None
        seconds = self._by_kept(ids, {id: one.seconds for id, one in _measured(known)})
        share = self._by_kept(
            ids,
            {
                id: one.share_seconds
                for id, one in _measured(known)
                if one.share_seconds is not None
            },
        )
        by_kept = seconds is not None
        if ids and seconds is None and operations:
            seconds = operations / self._operations_per_second(work.records[ids[0]].spec)
        return ExpectedCost(
            measure_label(measure),
            len(ids),
            len(known),
            str(measure.cost) or "not said",
            operations,
            seconds,
            share,
            by_kept,
        )

    def _applies(self, measure: Measure, spec: NetworkSpec) -> bool:
        structure = spec.architecture, spec.data.shape_only()
        if structure not in self._skeletons:
            self._skeletons[structure] = architectures.skeleton(spec)
        return measure.applicable(self._skeletons[structure]) is None

    def _operations(self, measure: Measure, spec: NetworkSpec, sampled: bool) -> int | None:
        images = self._images(measure, spec)
        if sampled and self._limit is not None:
            images = min(images, self._limit)
        passes = measure.passes(spec, images)
        if passes is None:
            return None
        # The groups of a sample are as many images once more.
        return round(passes * images * network_size(spec).forward) * (2 if sampled else 1)

    def _images(self, measure: Measure, spec: NetworkSpec) -> int:
        """How many images of the kind that a measure reads there are; 1 where it reads none."""
        if not measure.access & (Access.TRAIN | Access.TEST_INPUTS):
            return 1
        image_set = self._zoo.image_set(spec.data.images)
        if Access.TRAIN in measure.access:
            return spec.data.train_size or len(image_set.train)
        return len(image_set.test)

    def _by_kept(self, ids: Sequence[str], known: Mapping[str, float]) -> float | None:
        """Seconds of networks, from those that others took, by operations of a forward pass."""
        specs = {id: self.work.records[id].spec for id in [*ids, *known]}
        forward = {id: max(1, network_size(spec).forward) for id, spec in specs.items()}
        if not known:
            return None
        rate = statistics.median(seconds / forward[id] for id, seconds in known.items())
        return rate * sum(forward[id] for id in ids)

    @ordinary_state()
    def _operations_per_second(self, spec: NetworkSpec) -> float:
        """Of a forward pass of one network, with random weights and images, on the CPU."""
        if self._speed is None:
            with own_random_numbers(0, torch.device("cpu")):
                module = architectures.skeleton(spec).to_empty(device="cpu").eval()
                for tensor in module.state_dict().values():
                    if tensor.is_floating_point():
                        tensor.uniform_(0.5, 1.0)
                images = torch.rand(64, *spec.data.input_shape)
            size = pass_size(module, sizes(module, images).largest_activation, len(images))
            (batch, *_) = batches(module, images, size)
            taken = []
            with torch.no_grad():
                for _ in range(1 + TIMED):
                    start = time.perf_counter()
                    module(batch)
                    taken.append(time.perf_counter() - start)
            operations = len(batch) * network_size(spec).forward
            self._speed = operations / max(statistics.median(taken[1:]), 1e-9)
        return self._speed


def _measured(known: Mapping[str, Outcome]) -> list[tuple[str, Outcome]]:
    return [(id, one) for id, one in known.items() if one.signature is not None]
