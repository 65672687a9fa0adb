import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

import baselines
from baselines import sensitivity
from baselines.bibliography import BIBTEX
from demogen.networks.network import Network
from tests.baselines.applies import defined_on
from tests.baselines.conftest import shared_network

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
MEASURES = list({repr(p.measure): p.measure for p in baselines.ALL}.values())


def signature(measure, network):
    return measure.compute(network.view(measure.access))


def test_all_are_announced_under_their_names():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    announced = project["entry-points"]["demogen.predictors"]
    assert sorted(announced) == sorted(predictor.name for predictor in baselines.ALL)
    for predictor in baselines.ALL:
        module, constant = announced[predictor.name].split(":")
        assert getattr(sys.modules[module], constant) is predictor
        assert predictor.summary
        assert predictor.paper in ("", *BIBTEX)
    names = [predictor.name for predictor in baselines.ALL]
    assert len(set(names)) == len(names)
    kinds = {type(measure) for measure in MEASURES}
    assert len({kind.name for kind in kinds}) == len(kinds)


def test_entries_are_named_after_their_keys():
    for paper, entry in BIBTEX.items():
        assert entry.split("{", 1)[1].startswith(f"{paper},")
        assert entry.count("{") == entry.count("}")


def test_importing_the_package_does_not_import_torch():
    check = "import sys, baselines; assert 'torch' not in sys.modules and 'ALL' in dir(baselines)"
    subprocess.run([sys.executable, "-c", check], check=True)


# `check_predictor` holds the signature to this in double precision, not the details.
@pytest.mark.parametrize("measure", MEASURES, ids=repr)
def test_measuring_leaves_no_trace(measure, make_network, monkeypatch):
    monkeypatch.setattr(sensitivity, "ANGLES", 60)
    monkeypatch.setattr(sensitivity, "SIDE", 9)
    network = make_network("nin-bn", torch.float32, samples=20, test_samples=4)
    before = {key: value.clone() for key, value in network.module.state_dict().items()}
    images = network.train.images.clone()
    random_states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with torch.no_grad():
        signature(measure, network)
        measure.details(network.view(measure.access))
    assert torch.equal(torch.get_rng_state(), random_states[0])
    assert np.random.get_state()[1].tolist() == random_states[1]  # noqa: NPY002
    for key, value in network.module.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert torch.equal(network.train.images, images)
    assert not network.train.images.requires_grad
    assert not any(layer.training for layer in network.module.modules())
    assert all(p.grad is None and not p.requires_grad for p in network.module.parameters())


@pytest.mark.parametrize("measure", MEASURES, ids=repr)
def test_single_images_make_no_difference_to_precision(measure, make_network):
    single = make_network("convnet", torch.float32, samples=30, test_samples=8)
    double = make_network("convnet", samples=30)
    double.module.load_state_dict(single.module.state_dict())
    # The same float32 images for both: the double network takes them as doubles.
    images, labels = single.train.images, single.train.labels
    double = Network.of(
        double.module,
        images,
        labels,
        initial=single.initial,
        test_inputs=single.test_inputs,
        spec=single.spec,
        siblings=[double.initial],
    )
    assert signature(measure, single) == pytest.approx(signature(measure, double), rel=2e-4, abs=0)


class Viewing(torch.nn.Module):
    """Takes a view of what it is given, as in x.view(len(x), -1), which needs it contiguous."""

    def forward(self, x):
        return x.view(len(x), -1).view(x.shape)


def test_any_memory_format_will_do(make_network):
    usual = make_network("convnet", samples=30, test_samples=8)
    module = torch.nn.Sequential(Viewing(), usual.module)
    network = Network.of(
        module,
        usual.train.images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        usual.train.labels,
        initial=torch.nn.Sequential(Viewing(), usual.initial),
        test_inputs=usual.test_inputs.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0),
        spec=usual.spec,
        siblings=[torch.nn.Sequential(Viewing(), usual.initial)],
    )
    measured = 0
    for measure in MEASURES:
        if measure.applicable(network.module) is None:
            expected, found = signature(measure, usual), signature(measure, network)
            if measure.name == "weight-statistics":
                # Its features bear the names of layers, which stand deeper in this network.
                assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-12)
                found = {}
            for feature, value in found.items():
                if not feature.startswith(("h1", "h2", "h3")):
                    assert value == pytest.approx(expected[feature], rel=1e-9), (measure, feature)
            measured += 1
    assert measured >= 8


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_regressors_fit_and_pickle(predictor):
    name, *_ = defined_on(predictor.measure, ["mlp", "convnet"])
    features = signature(predictor.measure, shared_network(name))
    columns = predictor.design(list(features))
    generator = np.random.default_rng(0)
    X = generator.uniform(0.1, 2.0, (30, len(columns)))
    gaps = generator.uniform(0, 0.5, 30)
    model = clone(predictor.regressor).fit(X, gaps)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict(X), again.predict(X))
    assert np.isfinite(model.predict(X)).all()
    assert repr(pickle.loads(pickle.dumps(predictor))) == repr(predictor)
