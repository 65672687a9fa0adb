"""One network, one measure or many: signatures checked, and passes over the images shared."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sklearn.base import clone

from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.cache import Outcome
from demogen.measuring.predictor import Measure, Signature
from demogen.measuring.shared_measure import SharedMeasure, images_of
from demogen.measuring.sweep import Cost, sweep
from demogen.networks.network import Access, Network
from demogen.networks.torch_state import ordinary_state, own_random_numbers


def compute_signature(measure: Measure, network: Network) -> Signature:
    """The checked signature of one network, seen through the measure's declared access.

    Raises:
        NotMeasurable: the measure is not defined for this network, or gave no finite numbers; the
            message names measure and network.
        PredictorError: it gave no mapping from texts to numbers.
    """
    with ordinary_state():
        return _checked(measure, network, lambda: measure.compute(network.view(measure.access)))


def measure_together(measures: Mapping[str, Measure], network: Network) -> dict[str, Outcome]:
    """What each of several measures gives for one network, the errors of each for itself.

    Shared measures on the same images take one sweep together; what a measure asks the network for
    `once` is computed once for all. The signatures are those that each would have alone, but for
    rounding.

    Args:
        measures: by any key; they are not changed.
        network: with access to everything.

    Returns:
        Key → outcome, in the order given; its seconds are those that the measure would have taken
        alone, `share_seconds` its part of what all took.
    """
    outcomes = dict(measure_in_turn(measures, network))
    return {key: outcomes[key] for key in measures}


def measure_in_turn(
    measures: Mapping[str, Measure], network: Network
) -> Iterator[tuple[str, Outcome]]:
    """`measure_together`, each outcome as soon as it is there, so that interrupted work is kept."""
    network = network.remembering()
    copies = {key: clone(measure) for key, measure in measures.items()}
    swept: dict[Access, dict[str, SharedMeasure[Any]]] = {}
    for key, measure in copies.items():
        if isinstance(measure, SharedMeasure):
            images = measure.access & Access.TRAIN or Access.TEST_INPUTS
            swept.setdefault(images, {})[key] = measure
    for together in swept.values():
        yield from _sweep(together, network)
    for key, measure in copies.items():
        if not isinstance(measure, SharedMeasure):
            yield key, _outcome(measure, network, Cost(), _computing(measure, network))


def _sweep(
    measures: Mapping[str, SharedMeasure[Any]], network: Network
) -> Iterator[tuple[str, Outcome]]:
    reductions = {}
    for key, measure in measures.items():
        begun: list[Any] = []

        def begin(measure: SharedMeasure[Any] = measure, begun: list[Any] = begun) -> Signature:
            begun.append(measure.reduction(network.view(measure.access)))
            return {}

        outcome = _outcome(measure, network, Cost(), begin)
        if begun:
            reductions[key] = begun[0]
        else:
            yield key, outcome
    if not reductions:
        return
    with ordinary_state():
        try:
            images, labels = images_of(measures[next(iter(reductions))], network)
        except NotMeasurable as error:  # no measure may run the network on images
            for key in reductions:
                yield key, _outcome(measures[key], network, Cost(), _raising(error))
            return
        errors, costs = sweep(network.module, images, labels, reductions, network.batch_size)
    for key, reduction in reductions.items():
        measure = measures[key]
        if key in errors:
            end: Callable[[], Signature] = _raising(errors[key])
        else:
            end = _summarizing(measure, reduction, network)
        yield key, _outcome(measure, network, costs[key], end)


def _computing(measure: Measure, network: Network) -> Callable[[], Signature]:
    return lambda: measure.compute(network.view(measure.access))


def _summarizing(
    measure: SharedMeasure[Any], reduction: Any, network: Network
) -> Callable[[], Signature]:
    return lambda: measure.summarize(reduction, network.view(measure.access))


def _raising(error: Exception) -> Callable[[], Signature]:
    def fail() -> Signature:
        raise error

    return fail


def _outcome(
    measure: Measure, network: Network, before: Cost, signature: Callable[[], Signature]
) -> Outcome:
    start, spared = time.perf_counter(), network.seconds_spared
    values, reason, fault = None, None, False
    try:
        with ordinary_state():
            values = dict(_checked(measure, network, signature))
    except NotMeasurable as error:
        reason = str(error)
    except (Exception, SystemExit) as error:  # somebody's measure: the others go on
        said = " ".join(str(error).split())
        reason = f"{measure.name} on network {network.id}: {type(error).__name__}: {said}"
        fault = True
    taken = time.perf_counter() - start
    return Outcome(
        values,
        reason,
        before.alone + taken + network.seconds_spared - spared,
        fault=fault,
        share_seconds=before.share + taken,
    )


def _checked(measure: Measure, network: Network, signature: Callable[[], Signature]) -> Signature:
    who = f"{measure.name} on network {network.id}"
    if reason := measure.applicable(network.module):
        raise NotMeasurable(f"{who}: not defined, {reason}")
    if reason := network.why_without(measure.access):
        raise NotMeasurable(f"{who}: {reason}")
    try:
        # Each measure begins with the same random numbers, whatever ran before it.
        with own_random_numbers(0, network.device):
            given = signature()
    except NotMeasurable as error:
        raise NotMeasurable(f"{who}: {error}") from error
    if not isinstance(given, Mapping):
        raise PredictorError(
            f"its signature is a {type(given).__name__}; let it return a dict, feature → number"
        )
    checked = {}
    for feature, value in given.items():
        if not isinstance(feature, str):
            raise PredictorError(f"the name of its feature {feature!r} is no text")
        checked[feature] = float(value)
        if not math.isfinite(checked[feature]):
            raise NotMeasurable(f"{who}: feature {feature!r} is {checked[feature]}")
    return checked
