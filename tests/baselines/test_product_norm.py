import math

import numpy as np
import pytest
import torch

from baselines.product_norm import ProductNorm
from demogen.networks.network import Network, Sources


def log_product(module, **parameters):
    # Without any images at hand: none may be needed.
    network = Network(module, Sources())
    return ProductNorm(**parameters).compute(network.view(ProductNorm.access))["log_product_norm"]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, math.inf])
def test_it_is_the_sum_of_the_logs(make_chain, p):
    module = make_chain(4, 5, 3, 2).requires_grad_(False)
    first = np.append(module.layer1.weight, module.layer1.bias)
    norms = [np.linalg.norm(first, p)]
    norms += [np.linalg.norm(np.ravel(m.weight), p) for m in (module.layer2, module.layer3)]
    expected = np.log(norms).sum()
    assert log_product(module, p=p) == pytest.approx(expected, rel=1e-12)
    scaled = log_product(module, p=p, divisor=100.0)
    assert scaled == pytest.approx(expected - 3 * np.log(100), rel=1e-12)


def test_products_beyond_a_double(make_chain):
    module = make_chain(*[3] * 60).requires_grad_(False)
    before = log_product(module)
    for layer in module.children():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.mul_(1e20)
            layer.bias.mul_(1e20)
    assert log_product(module) == pytest.approx(before + 59 * 20 * math.log(10), rel=1e-12)
    assert log_product(module) > 2000


@pytest.mark.parametrize("divisor", [0.0, -1.0])
def test_a_divisor_must_be_positive(make_chain, divisor):
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        log_product(make_chain(2, 2, 2), divisor=divisor)
