"""Where independent references of measures are kept: a slow, plain function for each class."""

from collections.abc import Callable, Mapping

from demogen.measuring.predictor import Measure
from demogen.networks.network import Network

Reference = Callable[[Measure, Network], Mapping[str, float]]

REFERENCES: dict[type[Measure], Reference] = {}


def reference_for(kind: type[Measure]) -> Callable[[Reference], Reference]:
    """Register a function that computes the same signature in another way.

    It gets the measure, whose parameters it obeys, and a network in float64 on the CPU, and shares
    no code with the measure: loops and definitions, numpy and autograd, nothing clever.
    """

    def register(function: Reference) -> Reference:
        assert kind not in REFERENCES, f"two references for {kind.__name__}"
        REFERENCES[kind] = function
        return function

    return register
