"""Where independent references of measures are kept: a slow, plain function for each class."""

from collections.abc import Callable, Mapping

import pytest
from sklearn.base import clone

from baselines.curvature import Curvature
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


def as_exact(measure: Measure) -> Measure:
    """The measure with its iterations as exact as they get, where it has any."""
    return clone(measure).set_params(tolerance=1e-9) if type(measure) is Curvature else measure


def assert_agrees(
    found: Mapping[str, float], wanted: Mapping[str, float], rel: float, most_error: float = 0.6
) -> None:
    """What was found is what is wanted, within six standard errors of what says its own.

    A reference may lack what is estimated, and lacks its standard errors. These are at most so much
    of what was found, or else the comparison would say little.
    """
    errors = {key: found[f"{key}_se"] for key in found if f"{key}_se" in found}
    assert wanted.keys() <= found.keys()
    assert found.keys() - wanted.keys() <= {*errors, *(f"{key}_se" for key in errors)}
    for key, value in wanted.items():
        if key in errors:
            assert 0 <= errors[key] <= most_error * abs(found[key]), key
            assert abs(found[key] - value) <= 6 * errors[key] + rel * abs(value), key
        else:
            assert found[key] == pytest.approx(value, rel=rel, abs=0), key
