import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.dummy import TrainLoss
from baselines.normalized_loss import NormalizedLoss
from demogen.errors import NotMeasurable
from demogen.network import Network


def divided_network(module, p, divisor):
    """Batch norm folded by hand, then every layer's weights really divided; as a function."""
    layers = []
    for _, layer in module.chain():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bias = torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias
            layers.append([layer, layer.weight.double(), bias.double()])
        elif isinstance(layer, nn.BatchNorm2d):
            scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
            _, weight, bias = layers[-1]
            layers[-1][1] = weight * scale[:, None, None, None]
            layers[-1][2] = (bias - layer.running_mean) * scale + layer.bias
        else:
            layers.append([layer, None, None])
    product, first = 1.0, True
    for entry in layers:
        if entry[1] is not None:
            entries = np.concatenate([t.numpy().ravel() for t in entry[1 : 3 if first else 2]])
            rho = (np.abs(entries) ** p).sum() ** (1 / p) / divisor
            product, first = product * rho, False
            entry[1], entry[2] = entry[1] / rho, entry[2] / product

    def run(x):
        for layer, weight, bias in layers:
            if weight is None:
                x = layer(x)
            elif isinstance(layer, nn.Conv2d):
                x = F.conv2d(x, weight, bias, layer.stride, layer.padding)
            else:
                x = F.linear(x, weight, bias)
        return x

    return run


@pytest.mark.parametrize(("p", "divisor"), [(2.0, 1.0), (1.0, 100.0), (4.0, 1.0)])
def test_it_is_the_loss_of_the_divided_network(network, p, divisor):
    train = network.train
    logits = divided_network(network.module, p, divisor)(train.images)
    expected = F.cross_entropy(logits, train.labels).item()
    found = NormalizedLoss(p, divisor).compute(network)["normalized_loss"]
    # What tells networks apart is the distance from ln 10, so that must be right.
    assert found - np.log(10) == pytest.approx(expected - np.log(10), rel=1e-6, abs=1e-15)


def test_it_does_not_see_the_scale_of_layers(make_network):
    network = make_network("mlp-deep")
    loss, plain = NormalizedLoss().compute(network), TrainLoss().compute(network)
    with torch.no_grad():
        module, product = network.module, 1.0
        for layer, factor in zip(
            (module.layer1, module.layer2, module.layer3), (7.0, 0.2, 30.0), strict=True
        ):
            product *= factor
            layer.weight *= factor
            layer.bias *= product
        for layer in (module.layer4, module.classifier):
            layer.bias *= product
    assert NormalizedLoss().compute(network) == pytest.approx(loss, rel=1e-12)
    assert TrainLoss().compute(network) != pytest.approx(plain, rel=1e-2)


def test_single_precision_keeps_the_distance_from_chance(make_network):
    single, double = make_network("nin", torch.float32), make_network("nin")
    double.module.load_state_dict(single.module.state_dict())
    double = Network.of(double.module, single.train.images, single.train.labels)
    found = NormalizedLoss().compute(single)["normalized_loss"] - np.log(10)
    exact = NormalizedLoss().compute(double)["normalized_loss"] - np.log(10)
    assert 0 < abs(exact) < 1e-4
    assert found == pytest.approx(exact, rel=1e-4, abs=0)


def test_a_layer_of_zeros_is_not_measurable(make_network):
    network = make_network("nin")
    with torch.no_grad():
        network.module.block2.conv2.weight.zero_()
    with pytest.raises(NotMeasurable, match=r"'block2\.conv2' are all zero"):
        NormalizedLoss().compute(network)
