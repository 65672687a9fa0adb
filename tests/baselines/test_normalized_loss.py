import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.dummy import TrainLoss
from baselines.normalized_loss import NORMALIZED_LOSS_L1, NormalizedLoss, NormalizedLossOutput
from baselines.product_norm import ProductNorm
from demogen.errors import NotMeasurable
from demogen.networks.network import Access, Network

CHAINS = ["nin", "nin-bn", "convnet", "convnet-bn", "mlp", "mlp-deep", "own-pooled"]


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
            rho = np.linalg.norm(entries, p) / divisor
            product, first = product * rho, False
            entry[1], entry[2] = entry[1] / rho, entry[2] / product

    def run(x):
        for layer, weight, bias in layers:
            if weight is None:
                x = layer(x)
            elif isinstance(layer, nn.Conv2d):
                how = (layer.stride, layer.padding, layer.dilation, layer.groups)
                x = F.conv2d(x, weight, bias, *how)
            else:
                x = F.linear(x, weight, bias)
        return x

    return run


@pytest.mark.parametrize("name", ["nin-bn", "mlp"])
def test_details_are_the_largest_outputs_of_the_divided_network(name, make_network):
    network = make_network(name)
    largest = NormalizedLoss().details(network.view(Access.TRAIN))["largest_output"]
    outputs = divided_network(network.module.double(), 2, 1.0)(network.train.images.double())
    np.testing.assert_allclose(largest, outputs.max(dim=1).values.numpy(), rtol=1e-9)


def loss_of(network, **parameters):
    return NormalizedLoss(**parameters).compute(network.view(Access.TRAIN))["normalized_loss"]


def output_loss_of(network):
    return NormalizedLossOutput().compute(network.view(Access.TRAIN))["normalized_loss"]


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(("p", "divisor"), [(2.0, 1.0), (1.0, 100.0), (4.0, 1.0), (math.inf, 3.0)])
def test_it_is_the_loss_of_the_divided_network(make_network, name, p, divisor):
    network = make_network(name)
    train = network.train
    logits = divided_network(network.module, p, divisor)(train.images)
    expected = F.cross_entropy(logits, train.labels).item()
    # What tells networks apart is the distance from ln 10, so that must be right.
    found = loss_of(network, p=p, divisor=divisor)
    assert found - np.log(10) == pytest.approx(expected - np.log(10), rel=1e-6, abs=1e-15)
    # R can bring every network to losses far from ln 10.
    scale = 5 / logits.abs().max().item()
    expected = F.cross_entropy(scale * logits, train.labels).item()
    assert abs(expected - np.log(10)) > 0.05
    found = loss_of(network, p=p, divisor=divisor, scale=scale)
    assert found == pytest.approx(expected, rel=1e-11)


def test_scaled_by_the_product_of_norms_it_is_the_plain_loss(make_network):
    network = make_network("nin-bn")
    log_product = ProductNorm().compute(network.view(Access.NONE))["log_product_norm"]
    plain = TrainLoss().compute(network)["train_loss"]
    assert loss_of(network, scale=math.exp(log_product)) == pytest.approx(plain, rel=1e-12)


def test_the_l1_predictor_divides_by_a_hundred():
    assert NORMALIZED_LOSS_L1.measure.get_params() == {"p": 1.0, "divisor": 100.0, "scale": 1.0}


def test_it_does_not_see_the_scale_of_layers(make_network):
    network = make_network("mlp-deep")
    loss, plain = loss_of(network), TrainLoss().compute(network)
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
    assert loss_of(network) == pytest.approx(loss, rel=1e-12)
    assert TrainLoss().compute(network) != pytest.approx(plain, rel=1e-2)


def test_saturated_logits_have_a_normalized_loss(make_network):
    network = make_network("nin")
    before = loss_of(network, scale=1e5)
    with torch.no_grad():
        network.module.classifier.conv.weight *= 1e30
        network.module.classifier.conv.bias *= 1e30
    assert TrainLoss().compute(network)["train_loss"] > 1e20
    assert loss_of(network, scale=1e5) == pytest.approx(before, rel=1e-12)


def test_single_precision_keeps_the_distance_from_chance(make_network):
    single, double = make_network("nin", torch.float32), make_network("nin")
    double.module.load_state_dict(single.module.state_dict())
    double = Network.of(double.module, single.train.images, single.train.labels)
    found, exact = loss_of(single) - np.log(10), loss_of(double) - np.log(10)
    assert 0 < abs(exact) < 1e-4
    assert found == pytest.approx(exact, rel=1e-4, abs=0)


@pytest.mark.parametrize("name", ["nin-bn", "convnet-bn"])
def test_a_channel_without_variance_counts_with_the_guard_of_batch_norm(make_network, name):
    network = make_network(name)
    norm = next(m for m in network.module.modules() if isinstance(m, nn.BatchNorm2d))
    before = loss_of(network)
    norm.running_var[1] = 0
    logits = divided_network(network.module, 2.0, 1.0)(network.train.images)
    expected = F.cross_entropy(logits, network.train.labels).item()
    assert loss_of(network) == pytest.approx(expected, rel=1e-13)
    assert loss_of(network) != before


@pytest.mark.parametrize("kind", [NormalizedLoss, ProductNorm])
def test_a_layer_of_zeros_is_named(make_network, kind):
    network = make_network("nin-bn")
    with torch.no_grad():
        network.module.block2.norm2.weight.zero_()
    with pytest.raises(NotMeasurable, match=r"'block2\.conv2' are all zero"):
        kind().compute(network)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", [NormalizedLoss, ProductNorm])
def test_diverged_weights_are_named(make_network, kind, value):
    network = make_network("nin")
    with torch.no_grad():
        network.module.block3.conv1.weight[0, 0] = value
    with pytest.raises(NotMeasurable, match=r"'block3\.conv1' are not finite"):
        kind().compute(network)


def test_the_first_layer_may_be_its_bias_alone(make_network):
    network = make_network("mlp-deep")
    with torch.no_grad():
        network.module.layer1.weight.zero_()
    logits = divided_network(network.module, 2.0, 1.0)(network.train.images)
    expected = F.cross_entropy(logits, network.train.labels).item()
    assert loss_of(network) == pytest.approx(expected, rel=1e-13)


def test_without_images_there_is_no_loss(make_network):
    network = make_network("mlp")
    empty = Network.of(network.module, network.train.images[:0], network.train.labels[:0])
    for measure in (NormalizedLoss(), NormalizedLossOutput()):
        with pytest.raises(NotMeasurable, match="no images"):
            measure.compute(empty)


@pytest.mark.parametrize("parameters", [{"p": 0.5}, {"p": math.nan}, {"divisor": 0}, {"scale": -1}])
def test_parameters_that_make_no_sense_are_refused(make_network, parameters):
    with pytest.raises(ValueError, match=r"makes no norm|math domain error|positive"):
        loss_of(make_network("mlp"), **parameters)


@pytest.mark.parametrize("name", ["own-residual", "mlp-tanh", "nin-bn"])
def test_output_normalization_suits_any_network(make_network, name):
    network = make_network(name)
    (chosen,) = NormalizedLossOutput().details(network)["reference_image"]
    logits = network.module(network.train.images)
    expected = F.cross_entropy(logits / logits[chosen].norm(), network.train.labels).item()
    assert output_loss_of(network) == pytest.approx(expected, rel=1e-12)
    with torch.no_grad():
        for parameter in list(network.module.children())[-1].parameters():
            parameter *= 1e4
    assert output_loss_of(network) == pytest.approx(expected, rel=1e-12)


def test_the_reference_image_is_the_same_for_all_who_see_the_images(make_network):
    measure = NormalizedLossOutput()
    one, other = make_network("own-residual"), make_network("mlp", torch.float64)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    seen = []
    for network in (
        one,
        other,
        Network.of(other.module, one.train.images[order], one.train.labels[order], batch_size=7),
        Network.of(make_network("mlp", torch.float32).module, one.train.images, one.train.labels),
    ):
        index = measure.details(network.view(measure.access))["reference_image"]
        assert index.shape == (1,)
        seen.append(network.train.images[index[0]])
    assert all(torch.equal(image, seen[0]) for image in seen)


def test_an_output_of_zero_on_the_reference_image(make_network):
    network = make_network("own-residual")
    with torch.no_grad():
        for parameter in network.module.classifier.parameters():
            parameter.zero_()
    with pytest.raises(NotMeasurable, match="output on the reference image is zero"):
        output_loss_of(network)
