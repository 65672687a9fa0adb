import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from demogen.errors import NotMeasurable
from demogen.networks.homogeneity import (
    FoldedLayer,
    affine_layers,
    fold_batch_norm,
    folded_layers,
    layer_norm,
    log_norms,
    log_product_norm,
)
from demogen.networks.padded import (
    FlattenByPosition,
    PaddedAvgPool2d,
    PaddedConv2d,
    PaddedMaxPool2d,
)
from demogen.networks.tapped_module import TappedModule


def network(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    stages = OrderedDict(
        conv=nn.Conv2d(2, 4, 3, groups=2, bias=False),
        norm=nn.BatchNorm2d(4),
        relu=nn.ReLU(),
        flatten=nn.Flatten(),
        dense=nn.Linear(16, 5),
        norm1d=nn.BatchNorm1d(5, affine=False),
        relu2=nn.ReLU(),
        last=nn.Linear(5, 3),
    )
    module = TappedModule(stages, {}).to(dtype).eval().requires_grad_(False)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(generator=generator)
        if name.endswith("running_var"):
            tensor.abs_()
    return module


def test_folding_needs_no_shapes_and_gives_the_weights_of_affine_layers():
    module = network()
    folded, affine = folded_layers(module), affine_layers(module, (2, 4, 4))
    assert [layer.name for layer in folded] == ["conv", "dense", "last"]
    for one, other in zip(folded, affine, strict=True):
        assert one.name == other.name
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.bias, other.bias)
    assert [layer.input_shape for layer in affine] == [(2, 4, 4), (16,), (5,)]
    assert affine[0].convolution.groups == 2


def test_a_convolution_with_other_padding_on_opposite_sides_is_a_link_of_the_chain():
    stages = OrderedDict(
        conv=PaddedConv2d(2, 4, (3, 2), (2, 1), bias=True, sides=(0, 1, 2, 1)),
        norm=nn.BatchNorm2d(4),
        relu=nn.ReLU(),
        pool=PaddedMaxPool2d((3, 3), (2, 2), (0, 1, 0, 1)),
        mean=PaddedAvgPool2d((2, 2), (1, 1), (0, 1, 0, 1), count_padding=False),
        flatten=FlattenByPosition(),
        dense=nn.Linear(12, 3),
    )
    module = TappedModule(stages, {}).double().eval().requires_grad_(False)
    module.get_submodule("norm").running_var.fill_(0.5)
    module.get_submodule("norm").running_mean.fill_(0.25)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 2, 5, 6, generator=generator, dtype=torch.float64)
    conv, _ = affine_layers(module, (2, 5, 6))
    assert conv.convolution.sides == (0, 1, 2, 1)
    hidden = conv.linear_map(x) + conv.bias[:, None, None]
    assert torch.allclose(hidden, module.get_submodule("norm")(stages["conv"](x)), rtol=1e-12)
    # c·W of both layers, and biases by the factors up to them, give c²·f.
    logits, two = module(x), 2.0
    stages["conv"].weight *= two
    stages["conv"].bias *= two
    module.get_submodule("norm").running_mean *= two
    module.get_submodule("norm").bias *= two
    module.get_submodule("dense").weight *= two
    module.get_submodule("dense").bias *= two**2
    assert torch.allclose(module(x), two**2 * logits, rtol=1e-12)


@pytest.mark.parametrize("more", [(0, 1, 0, 1), (0, 0, 2, 0)])
def test_zeros_of_a_layer_of_their_own_are_part_of_the_next_convolution(more):
    stages = OrderedDict(
        pad=nn.ZeroPad2d(more),
        again=nn.ZeroPad2d((1, 0, 0, 0)),
        conv=nn.Conv2d(2, 4, 3, stride=2, padding=(1, 0), bias=False),
        relu=nn.ReLU(),
        later=nn.ZeroPad2d(1),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        dense=nn.Linear(4, 3),
    )
    module = TappedModule(stages, {}).double().eval().requires_grad_(False)
    x = torch.randn(3, 2, 7, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    conv, _ = affine_layers(module, (2, 7, 6))
    assert conv.input_shape == (2, 7, 6)
    whole = nn.Sequential(*list(stages.values())[:3])
    assert torch.allclose(conv.linear_map(x), whole(x), rtol=1e-12)
    module.get_submodule("again").padding = (-1, 0, 0, 0)
    with pytest.raises(NotMeasurable, match="'again' cuts images off"):
        affine_layers(module, (2, 7, 6))


def test_folded_layers_compute_the_network():
    module = network()
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(1)).double()
    conv, dense, last = folded_layers(module)
    hidden = nn.functional.conv2d(x, conv.weight, conv.bias, groups=2).relu().flatten(1)
    hidden = nn.functional.linear(hidden, dense.weight, dense.bias).relu()
    out = nn.functional.linear(hidden, last.weight, last.bias)
    assert torch.allclose(out, module(x), rtol=1e-12)


def test_folding_leaves_the_network_and_its_mode_alone():
    module = network().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    log_product_norm(module)
    assert module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_variance_of_zero_leaves_the_guard():
    module = network()
    module.norm.running_var.zero_()
    expected = module.conv.weight * (module.norm.weight / math.sqrt(1e-5))[:, None, None, None]
    assert torch.allclose(folded_layers(module)[0].weight, expected, rtol=1e-12)
    module.norm.eps = 0.0
    with pytest.raises(NotMeasurable, match="layer 'conv' are not finite"):
        log_product_norm(module)


def test_norms_in_single_precision_are_summed_in_double():
    weight = torch.full((2000, 2000), 0.1)
    layer = FoldedLayer("wide", weight, None)
    exact = 2000 * float(torch.tensor(0.1).double())
    assert layer_norm(layer).dtype == torch.float64
    assert float(layer_norm(layer)) == pytest.approx(exact, rel=1e-13)
    assert float(layer_norm(layer, 1.0)) == pytest.approx(2000 * exact, rel=1e-13)


@pytest.mark.parametrize("p", [1.0, 2.0, 4.0, 50.0, 1000.0, math.inf])
@pytest.mark.parametrize(
    ("dtype", "unit"),
    [
        (torch.float64, 1e-250),
        (torch.float64, 1e250),
        (torch.float32, 1e-36),
        (torch.float32, 1e38),
    ],
)
def test_norms_of_any_order_and_unit(p, dtype, unit):
    entries = np.array([0.03, 0.01, 0.04])
    weight = torch.tensor(unit * entries, dtype=dtype)[:, None]
    expected = unit * 0.04 * ((entries / 0.04) ** p).sum() ** (0 if p == math.inf else 1 / p)
    found = float(layer_norm(FoldedLayer("a", weight, None), p))
    assert found == pytest.approx(expected, rel=1e-6, abs=0)


def test_the_first_bias_alone_is_in_a_norm():
    layer = FoldedLayer("a", torch.tensor([[3.0]]), torch.tensor([4.0]))
    assert log_norms([layer, layer]).exp().tolist() == pytest.approx([5.0, 3.0])


def test_log_product_norm_sums_logs():
    module = network()
    norms = [float(layer_norm(x, with_bias=i == 0)) for i, x in enumerate(folded_layers(module))]
    assert log_product_norm(module) == pytest.approx(math.log(math.prod(norms)), rel=1e-12)
    expected = math.log(math.prod(norms) / 7**3)
    assert log_product_norm(module, divisor=7.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.99, -1.0, math.nan])
def test_orders_that_make_no_norm_are_refused(p):
    with pytest.raises(ValueError, match="makes no norm"):
        log_product_norm(network(), p)


def test_a_dead_layer_is_named_with_its_batch_norm_folded_in():
    module = network()
    module.norm.weight.zero_()
    module.norm.bias.zero_()
    with pytest.raises(NotMeasurable, match="weights of layer 'conv' are all zero"):
        log_product_norm(module)
    module.norm.bias.fill_(1.0)
    assert math.isfinite(log_product_norm(module))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_folded_norm_is_the_linear_map_of_both(bias, affine):
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(3, 4, 3, bias=bias).double()
    norm = nn.BatchNorm2d(4, affine=affine).double().eval()
    for value in (*norm.parameters(), norm.running_mean):
        value.data = torch.randn(4, generator=generator, dtype=torch.float64)
    norm.running_var.uniform_(0.5, 2.0, generator=generator)
    weight, shift = fold_batch_norm(conv.weight, conv.bias, norm)
    x = torch.randn(2, 3, 5, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(F.conv2d(x, weight, shift), norm(conv(x)))
    with pytest.raises(NotMeasurable, match="no linear map"):
        fold_batch_norm(conv.weight, None, nn.BatchNorm2d(4, track_running_stats=False))
