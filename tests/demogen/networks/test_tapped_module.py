from collections import OrderedDict

import pytest
import torch
from torch import nn

from demogen import TappedModule
from demogen.errors import NotMeasurable
from demogen.networks.homogeneity import (
    affine_layers,
    log_norms,
    log_product_norm,
    why_not_homogeneous,
)
from demogen.networks.tapped_module import DROPOUTS


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return x + self.inner(x)


def small(**stages):
    return TappedModule(OrderedDict(stages), {})


def convolutional():
    torch.manual_seed(0)
    body = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(2, 3, 3, stride=2, padding=1),
            norm=nn.BatchNorm2d(3),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
        )
    )
    head = nn.Sequential(OrderedDict(flatten=nn.Flatten(), dense=nn.Linear(12, 5)))
    stages = OrderedDict(body=body, relu=nn.ReLU(), head=head)
    module = TappedModule(stages, {"h1": "body"}, units="relu").double()
    with torch.no_grad():
        module(3 * torch.randn(64, 2, 8, 8).double() + 1)
        module.get_submodule("body.norm").weight.uniform_(0.5, 2)
        module.get_submodule("body.norm").bias.normal_()
    return module.eval()


def test_taps_and_resuming_agree_with_the_whole_network():
    module, x = convolutional(), torch.randn(6, 2, 8, 8).double()
    logits, activations = module.forward_with_taps(x)
    assert list(activations) == ["input", "h1"]
    assert torch.equal(activations["input"], x)
    assert torch.equal(logits, module(x))
    for place in ("input", "h1", "units"):
        there = module.forward_to(place, x)
        assert torch.equal(module.forward_from(place, there), logits)
    assert torch.equal(module.forward_to("units", x), activations["h1"].clamp_min(0))


def test_state_keys_carry_stage_names():
    assert "body.conv.weight" in convolutional().state_dict()


def test_two_taps_at_one_stage_and_out_of_order():
    stages = OrderedDict(a=nn.Linear(2, 2), b=nn.Linear(2, 2))
    module = TappedModule(stages, {"h2": "b", "h1": "a", "again": "a"})
    _, activations = module.forward_with_taps(torch.ones(1, 2))
    assert list(activations) == ["input", "h2", "h1", "again"]
    assert torch.equal(activations["h1"], activations["again"])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: small(a=nn.ReLU(inplace=True)), "a .ReLU. works in place"),
        (lambda: small(a=nn.Sequential(nn.ReLU(inplace=True))), r"a\.0 .ReLU. works in place"),
        (lambda: TappedModule(OrderedDict(a=nn.ReLU()), {"h1": "b"}), "names stage 'b'"),
        (lambda: TappedModule(OrderedDict(a=nn.ReLU()), {"input": "a"}), "reserved name"),
        (lambda: TappedModule(OrderedDict(a=nn.ReLU()), {}, units="c"), "names stage 'c'"),
    ],
)
def test_unusable_networks_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_no_place_for_units_and_unknown_taps_are_said():
    module = small(a=nn.Linear(2, 2))
    with pytest.raises(NotMeasurable, match="no place for unit ablation"):
        module.forward_to("units", torch.ones(1, 2))
    with pytest.raises(ValueError, match="no tap 'h9'"):
        module.forward_to("h9", torch.ones(1, 2))


def test_weight_layers_in_order_with_input_shapes():
    layers = convolutional().weight_layers((2, 8, 8))
    assert [(layer.name, layer.input_shape) for layer in layers] == [
        ("body.conv", (2, 8, 8)),
        ("head.dense", (12,)),
    ]


def test_folding_batch_norm_gives_the_same_network():
    module, x = convolutional(), torch.randn(4, 2, 8, 8).double()
    conv, dense = affine_layers(module, (2, 8, 8))
    hidden = conv.linear_map(x) + conv.bias[:, None, None]
    hidden = nn.functional.max_pool2d(hidden.relu(), 2).relu().flatten(1)
    assert torch.allclose(dense.linear_map(hidden) + dense.bias, module(x), rtol=1e-12)


def test_layer_norms_take_the_first_bias_in_and_no_other():
    module = convolutional()
    conv, dense = affine_layers(module, (2, 8, 8))
    for p in (1.0, 2.0, 3.0):
        first = torch.cat([conv.weight.flatten(), conv.bias]).abs().pow(p).sum() ** (1 / p)
        second = dense.weight.abs().pow(p).sum() ** (1 / p)
        expected = torch.stack([first, second]).log()
        assert torch.allclose(log_norms([conv, dense], p), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (small(a=nn.Linear(4, 4), b=Residual()), "'b' is a Residual"),
        (small(a=nn.Linear(4, 4), b=nn.Tanh()), "'b' .Tanh. is not positively homogeneous"),
        (small(a=nn.Linear(4, 4), b=nn.ReLU(), c=nn.BatchNorm1d(4)), "'c' does not follow"),
        (small(a=nn.BatchNorm1d(4), b=nn.Linear(4, 4)), "'a' does not follow"),
        (small(a=nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")), "circular"),
        (small(a=nn.ReLU()), "no convolution or dense layer"),
    ],
)
def test_what_is_not_homogeneous_says_why(module, reason):
    assert why_not_homogeneous(module)
    with pytest.raises(NotMeasurable, match=reason):
        log_product_norm(module)


class Standardized(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


class Doubled(nn.Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


def with_forward_of_its_own():
    layer = nn.Linear(4, 4)
    layer.forward = lambda x: 2 * x
    return layer


def with_hook(layer, kind="register_forward_hook"):
    getattr(layer, kind)(lambda *_: None)
    return layer


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Standardized(1, 1, 3), "'b' .Standardized. is none of the layers known"),
        (Doubled(nn.Linear(4, 4)), "'b' is a Doubled, not a plain sequence"),
        (type("MyReLU", (nn.ReLU,), {})(), "MyReLU"),
        (type("MyNorm", (nn.BatchNorm1d,), {})(4), "MyNorm"),
        (with_forward_of_its_own(), "`forward` of its own"),
        (with_hook(nn.Linear(4, 4)), "'b' .Linear. has forward hooks"),
        (with_hook(nn.Linear(4, 4), "register_forward_pre_hook"), "has forward hooks"),
        (with_hook(nn.Sequential(nn.Linear(4, 4))), "'b' .Sequential. has forward hooks"),
        (nn.Sequential(nn.Sequential(with_hook(nn.ReLU()))), r"'b\.0\.0' .ReLU. has forward"),
        (nn.utils.spectral_norm(nn.Linear(4, 4)), "has forward hooks"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), "is parametrized"),
        (nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), "is parametrized"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layers_that_compute_something_else_are_no_chain(stage, reason):
    module = small(a=nn.Linear(4, 4), b=stage)
    with pytest.raises(NotMeasurable, match=reason):
        affine_layers(module, (4,))


def test_a_layer_applied_twice_stands_in_the_chain_twice():
    shared, relu = nn.Linear(4, 4), nn.ReLU()
    inner = nn.Sequential(shared, relu, shared, relu)
    module = small(a=inner, b=inner, last=nn.Linear(4, 2)).double()
    chain = module.chain()
    names = ["a.0", "a.1", "a.2", "a.3", "b.0", "b.1", "b.2", "b.3", "last"]
    assert [name for name, _ in chain] == names
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double()
    expected = x
    for _, layer in chain:
        expected = layer(expected)
    assert torch.equal(module(x), expected)
    norms = log_norms(affine_layers(module, (4,)))
    with_bias = torch.cat([shared.weight, shared.bias[:, None]], dim=1)
    of_shared = [with_bias.norm().log()] + [shared.weight.norm().log()] * 3
    expected = torch.stack([*of_shared, module.last.weight.norm().log()])
    torch.testing.assert_close(norms, expected, rtol=1e-12, atol=0)


def test_two_layers_with_one_weight_count_as_two():
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    layers = affine_layers(small(a=first, relu=nn.ReLU(), b=second), (4,))
    assert [layer.name for layer in layers] == ["a", "b"]
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_a_stage_replaced_later_is_what_the_chain_holds():
    module = small(a=nn.Linear(4, 4), b=nn.ReLU(), c=nn.Linear(4, 2))
    module.b = nn.Tanh()
    assert why_not_homogeneous(module).startswith("'b' (Tanh)")


@pytest.mark.parametrize("dropout", DROPOUTS)
def test_any_dropout_leaves_a_chain_as_it_is(dropout):
    module = small(a=nn.Linear(4, 4), b=nn.ReLU(), drop=dropout(0.5), c=nn.Linear(4, 2)).eval()
    assert why_not_homogeneous(module) is None
    x = torch.ones(2, 3, *[4] * {nn.Dropout2d: 2, nn.Dropout3d: 3}.get(dropout, 1))
    assert torch.equal(module.drop(x), x)


def test_the_layer_that_gives_the_activation_at_a_place():
    module = convolutional()
    assert isinstance(module.last_layer_before("h1"), nn.MaxPool2d)
    assert isinstance(module.last_layer_before("units"), nn.ReLU)
    assert isinstance(module.last_layer_before("input"), nn.Identity)


def test_zero_weights_have_no_norm():
    module = small(a=nn.Linear(4, 4), b=nn.Linear(4, 2))
    nn.init.zeros_(module.get_submodule("b").weight)
    with pytest.raises(NotMeasurable, match="weights of layer 'b' are all zero"):
        log_norms(affine_layers(module, (4,)))
