import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from baselines.normalized_output import (
    INVERSE_MARGIN,
    NORMALIZED_OUTPUT_MARGIN,
    BoundedInverse,
    NormalizedOutputMargin,
)
from demogen.errors import NotMeasurable
from demogen.networks.network import Access, Network


def measured(network, **parameters):
    return NormalizedOutputMargin(**parameters).compute(network.view(Access.TRAIN))


def test_misclassified_samples_have_negative_margins(make_network):
    network = make_network("nin-bn")
    found = measured(network)
    logits = network.module(network.train.images)
    wrong = (logits.argmax(dim=1) != network.train.labels).numpy()
    margins = NormalizedOutputMargin().details(network)["output"]
    assert wrong.sum() == 20
    assert np.array_equal(margins < 0, wrong)
    assert found["output.smallest"] == margins.min() < 0
    assert found["output.median"] == pytest.approx(np.median(margins), rel=1e-12)
    assert found["output.lower_fence"] >= found["output.smallest"]


def test_networks_that_are_always_or_never_right(make_network):
    network = make_network("convnet")
    images = network.train.images
    ranks = network.module(images).argsort(dim=1, descending=True)
    right = measured(Network.of(network.module, images, ranks[:, 0]))
    wrong = measured(Network.of(network.module, images, ranks[:, -1]))
    assert all(value > 0 for value in right.values())
    assert all(value < 0 for value in wrong.values())


def test_a_divisor_multiplies_margins_once_a_layer(make_network):
    network = make_network("mlp-deep")
    plain, divided = measured(network), measured(network, divisor=10.0)
    assert divided == pytest.approx({k: 1e5 * v for k, v in plain.items()}, rel=1e-12)
    assert measured(network, p=1.0) != pytest.approx(plain, rel=0.1)


def test_equal_logits_have_no_margin(make_chain):
    module = make_chain(3, 4, 2)
    with torch.no_grad():
        module.layer2.weight[1] = module.layer2.weight[0]
        module.layer2.bias[1] = module.layer2.bias[0]
    network = Network.of(module, torch.ones(5, 3).double(), torch.tensor([0, 1, 0, 1, 0]))
    assert set(measured(network).values()) == {0.0}


def test_networks_too_deep_for_a_double(make_chain):
    module = make_chain(*[4] * 31)
    images = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.zeros(6, dtype=torch.int64)
    plain = measured(Network.of(module, images, labels))
    assert 0 < abs(plain["output.median"]) < 1e-6
    assert measured(Network.of(module, images, labels), divisor=1e-9) == pytest.approx(
        {name: 1e-270 * value for name, value in plain.items()}, rel=1e-9, abs=0
    )
    with pytest.raises(NotMeasurable, match="leave a double's range"):
        measured(Network.of(module, images, labels), divisor=1e-11)


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1.0, 1e9])
def test_the_inverse_of_positive_margins_is_the_papers_line(unit):
    margins = unit * np.random.default_rng(0).uniform(0.1, 3.0, (30, 1))
    gaps = 0.1 + 0.05 / (margins[:, 0] / unit)
    fitted = clone(INVERSE_MARGIN.regressor).fit(margins, gaps)
    assert fitted.predict(margins) == pytest.approx(gaps, rel=1e-9)
    within = unit * np.array([[0.2], [1.7]])
    assert fitted.predict(within) == pytest.approx(0.1 + 0.05 * unit / within[:, 0], rel=1e-9)


def test_margins_without_inverse_count_as_the_worst():
    fitted = BoundedInverse().fit([[-3.0], [0.5], [2.0], [0.0]])
    assert fitted.transform([[-9.0], [-1e-300], [0.0], [1e-320], [0.5]]).tolist() == [[1.0]] * 5
    assert fitted.transform([[1.0], [1e308]]) == pytest.approx(np.array([[0.5], [0.5e-308]]))
    grid = np.linspace(-1, 5, 200)[:, None]
    assert (np.diff(fitted.transform(grid)[:, 0]) <= 0).all()


def test_margins_that_are_never_positive_predict_the_mean():
    margins, gaps = np.array([[-1.0], [-2.0], [0.0]]), np.array([0.1, 0.2, 0.6])
    fitted = clone(INVERSE_MARGIN.regressor).fit(margins, gaps)
    assert fitted.predict([[-5.0], [1e-9], [7.0]]) == pytest.approx([0.3] * 3)
    assert np.array_equal(
        pickle.loads(pickle.dumps(fitted)).predict(margins), fitted.predict(margins)
    )


@pytest.mark.parametrize("unit", [1e-250, 1e-9, 1.0])
def test_margins_of_any_unit_are_fitted_alike(unit):
    generator = np.random.default_rng(1)
    X, gaps = generator.normal(size=(40, 4)), generator.uniform(0, 0.5, 40)
    expected = LinearRegression().fit(X, gaps).predict(X)
    fitted = clone(NORMALIZED_OUTPUT_MARGIN.regressor).fit(unit * X, gaps)
    assert fitted.predict(unit * X) == pytest.approx(expected, rel=1e-9)
