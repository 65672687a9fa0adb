"""Every predictor's measure against its independent reference, on every family, in float64."""

import importlib
import re
from pathlib import Path

import pytest

import baselines
from baselines.bibliography import BIBTEX
from demogen.measuring.predictor import Measure
from tests.baselines.reference import REFERENCES

HERE = Path(__file__).parent
for path in sorted((HERE / "references").glob("*.py")):
    importlib.import_module(f"tests.baselines.references.{path.stem}")

EVERY_MEASURE = list({repr(p.measure): p.measure for p in baselines.ALL}.values())
SOURCE = re.compile(r"\b(Eqs?\.|[Ss]ections?|[Aa]ppendix|Table) ?[A-Z]?\.?\d*")


@pytest.mark.parametrize("measure", EVERY_MEASURE, ids=repr)
def test_measure_equals_its_reference(measure, any_network):
    assert type(measure) in REFERENCES, f"no reference in {HERE.name}/references for {measure!r}"
    if measure.applicable(any_network.module):
        pytest.skip(measure.applicable(any_network.module))
    found = measure.compute(any_network.view(measure.access))
    wanted = REFERENCES[type(measure)](measure, any_network)
    assert dict(found) == pytest.approx(dict(wanted), rel=1e-9, abs=0)


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_predictor_names_its_source(predictor):
    if not predictor.paper:
        assert type(predictor.measure).__module__ == "baselines.dummy"
        return
    assert predictor.paper in BIBTEX
    text = type(predictor.measure).__doc__
    assert text != Measure.__doc__
    assert SOURCE.search(text), f"no equation or section in the docstring of {predictor.measure!r}"
    assert predictor.measure.cost, f"{predictor.measure!r} does not say what it costs"
