"""Every predictor's measure against its independent reference, on every family, in float64."""

import importlib
import re
from pathlib import Path

import pytest

import baselines
from baselines.bibliography import BIBTEX
from demogen.errors import NotMeasurable
from demogen.measuring.predictor import Measure
from demogen.measuring.together import compute_signature
from tests.baselines.applies import defined_on
from tests.baselines.conftest import LONG, SHORT, shared_network
from tests.baselines.reference import REFERENCES, as_exact, assert_agrees

HERE = Path(__file__).parent
for path in sorted((HERE / "references").glob("*.py")):
    importlib.import_module(f"tests.baselines.references.{path.stem}")

EVERY_MEASURE = {repr(p.measure): p.measure for p in baselines.ALL}
# Long networks add nothing but depth: one measure that goes through all layers sees it.
ON_LONG = [("mobilenet", "SpectralMargin()"), ("resnet34", "JacobianNorm()")]
CASES = [
    *((name, key) for key, each in EVERY_MEASURE.items() for name in defined_on(each, SHORT)),
    *ON_LONG,
]
SOURCE = re.compile(r"\b(Eqs?\.|[Ss]ections?|[Aa]ppendix|Table) ?[A-Z]?\.?\d*")


@pytest.mark.parametrize(("name", "key"), CASES)
def test_measure_equals_its_reference(name, key):
    measure, network = as_exact(EVERY_MEASURE[key]), shared_network(name)
    assert type(measure) in REFERENCES, f"no reference in {HERE.name}/references for {measure!r}"
    found = measure.compute(network.view(measure.access))
    wanted = REFERENCES[type(measure)](measure, network)
    assert_agrees(found, wanted, rel=1e-9)


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_a_measure_that_is_not_defined_on_a_network_says_so(name):
    network = shared_network(name)
    for measure in EVERY_MEASURE.values():
        if name in defined_on(measure, [name]):
            assert measure.applicable(network.module) is None
        else:
            with pytest.raises(NotMeasurable, match=f"on network {network.id}: .*not defined, "):
                compute_signature(measure, network)


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_predictor_names_its_source(predictor):
    if not predictor.paper:
        assert type(predictor.measure).__module__ == "baselines.dummy"
        return
    assert predictor.paper in BIBTEX
    text = type(predictor.measure).__doc__
    assert text != Measure.__doc__
    assert SOURCE.search(text), f"no equation or section in the docstring of {predictor.measure!r}"
    assert str(predictor.measure.cost), f"{predictor.measure!r} does not say what it costs"
