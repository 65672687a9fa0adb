from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional import regions
from baselines.functional.regions import region_codes, transition_counts, why_no_codes
from baselines.functional.trajectories import Translations
from demogen.errors import NotMeasurable
from demogen.networks.architectures.mlp import HardSigmoid
from demogen.networks.tapped_module import TappedModule


class Listed:
    """Paths whose points are listed, (paths, k, d)."""

    def __init__(self, points):
        self._points = torch.as_tensor(points, dtype=torch.float64)
        self.count, self.length = self._points.shape[:2]

    def points(self, paths, steps):
        return self._points[paths][:, steps]


def one_unit(activation, dtype=torch.float64):
    """A unit that sees its input as it is."""
    first, last = nn.Linear(1, 1, bias=False), nn.Linear(1, 2)
    with torch.no_grad():
        first.weight.fill_(1.0)
    stages = OrderedDict(first=first, activation=activation, last=last)
    return TappedModule(stages, {"h1": "first"}).to(dtype).eval().requires_grad_(False)


def code(module, value):
    return int(sum(region_codes(module, torch.tensor([[value]], dtype=torch.float64))).item())


@pytest.mark.parametrize(
    ("activation", "codes"),
    [
        (nn.ReLU(), {-2.0: 0, -1e-300: 0, 0.0: 0, 1e-300: 1, 9.0: 1}),
        (nn.LeakyReLU(), {-2.0: 0, 0.0: 0, 3.0: 1}),
        (nn.ReLU6(), {-2.0: 0, 0.0: 0, 0.1: 1, 5.9: 1, 6.1: 2}),
        (nn.Hardtanh(), {-1.1: 0, -0.9: 1, 0.9: 1, 1.1: 2}),
        (nn.Hardtanh(-2.0, 3.0), {-2.1: 0, -1.9: 1, 2.9: 1, 3.1: 2}),
        (HardSigmoid(), {-0.6: 0, -0.4: 1, 0.4: 1, 0.6: 2}),
        (nn.Hardsigmoid(), {-3.1: 0, -2.9: 1, 2.9: 1, 3.1: 2}),
        (nn.Tanh(), {-0.1: 0, 0.0: 0, 0.1: 1}),
        (nn.Sigmoid(), {-0.1: 0, 0.1: 1}),
    ],
    ids=repr,
)
def test_codes_name_the_piece_that_a_unit_is_on(activation, codes):
    module = one_unit(activation)
    assert {value: code(module, value) for value in codes} == codes


@pytest.mark.parametrize("activation", [nn.ReLU6(), nn.Hardtanh(), HardSigmoid(), nn.Hardsigmoid()])
def test_boundaries_are_where_the_slope_changes(activation):
    x = torch.linspace(-7, 7, 14001, dtype=torch.float64).requires_grad_()
    (slopes,) = torch.autograd.grad(activation(x).sum(), x)
    pieces = sum(region_codes(one_unit(activation), x.detach()[:, None])).flatten()
    changes = (slopes[1:] != slopes[:-1]).nonzero().flatten()
    boundaries = (pieces[1:] != pieces[:-1]).nonzero().flatten()
    assert len(boundaries) == 2
    assert (changes[[0, -1]] - boundaries).abs().max() <= 1


def test_a_jump_over_a_piece_counts_twice():
    module = one_unit(nn.ReLU6())
    counts = transition_counts(module, Listed([[[-1.0], [7.0], [3.0]]]))
    assert counts.tolist() == [[2, 1, 1]]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 7, 8, 12, 100])
def test_batches_do_not_matter(make_chain, batch_size):
    module = make_chain(3, 8, 6, 2)
    generator = torch.Generator().manual_seed(0)
    paths = Listed(torch.randn(5, 4, 3, generator=generator, dtype=torch.float64))
    points = paths.points(slice(None), torch.arange(4))
    codes = [
        torch.cat([(z @ module.layer1.weight.T + module.layer1.bias) for z in points])[:, None],
        module.layer2(module.relu1(module.layer1(points.flatten(0, 1))))[:, None],
    ]
    above = torch.cat([part.flatten(1) > 0 for part in codes], dim=1).reshape(5, 4, 14).numpy()
    expected = (above != np.roll(above, -1, axis=1)).sum(axis=2)
    found = transition_counts(module, paths, batch_size)
    assert found.dtype == torch.int64
    assert found.tolist() == expected.tolist()
    assert found.sum() > 20


def test_batches_do_not_matter_on_long_paths_of_images(make_network):
    network = make_network("nin-bn", torch.float32)
    paths = Translations(network.test_inputs[:3], 4)
    whole = transition_counts(network.module, paths, batch_size=96)
    for batch_size in (5, 31, 32, 33, 64):
        parts = transition_counts(network.module, paths, batch_size)
        assert torch.equal(parts.sum(1), whole.sum(1))


def test_no_more_than_a_batch_is_run_or_kept(make_network, monkeypatch):
    network = make_network("nin")
    sizes = []
    codes = regions._codes
    monkeypatch.setattr(regions, "_codes", lambda chain, x: sizes.append(len(x)) or codes(chain, x))
    transition_counts(network.module, Translations(network.test_inputs[:4], 3), batch_size=50)
    # 24 points a path, two whole paths at a time.
    assert sizes == [48, 48]
    sizes.clear()
    transition_counts(network.module, Translations(network.test_inputs[:2], 3), batch_size=10)
    assert sizes == [10, 10, 4, 10, 10, 4]


def test_dead_units_and_blank_images_give_no_transition(make_chain):
    module = make_chain(3, 8, 2, bias=False)
    blank = Listed(torch.zeros(2, 5, 3))
    assert transition_counts(module, blank).tolist() == [[0] * 5] * 2
    with torch.no_grad():
        module.layer1.weight.zero_()
    moving = Listed(torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)))
    assert transition_counts(module, moving).sum() == 0


def test_hidden_units_may_be_permuted(make_chain):
    module = make_chain(3, 8, 2)
    paths = Listed(torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(1)))
    before = transition_counts(module, paths)
    with torch.no_grad():
        for parameter in (module.layer1.weight, module.layer1.bias):
            parameter.copy_(parameter.flip(0))
        module.layer2.weight.copy_(module.layer2.weight.flip(1))
    assert torch.equal(transition_counts(module, paths), before)


class Swish(nn.Module):
    def forward(self, x):
        return x * x.sigmoid()


def test_networks_without_known_pieces_are_refused(make_network):
    swish = one_unit(Swish())
    assert why_no_codes(swish) == "the linear pieces of 'activation' (Swish) are not known"
    assert "no activation" in why_no_codes(one_unit(nn.Identity()))
    assert "Residual" in why_no_codes(make_network("own-residual").module)
    with pytest.raises(NotMeasurable, match="Swish"):
        transition_counts(swish, Listed([[[1.0], [2.0]]]))


def test_diverged_networks_and_no_paths_are_refused():
    module = one_unit(nn.ReLU())
    with pytest.raises(NotMeasurable, match="no images"):
        transition_counts(module, Listed(torch.zeros(0, 4, 1)))
    with torch.no_grad():
        module.last.weight.fill_(torch.nan)
    with pytest.raises(NotMeasurable, match="not all finite"):
        transition_counts(module, Listed([[[1.0], [2.0]]]))


def test_a_layer_applied_twice_has_units_twice(make_chain):
    generator = torch.Generator().manual_seed(0)
    relu, square = nn.ReLU(), nn.Linear(6, 6)
    layers = [nn.Linear(3, 6), relu, square, relu, square, relu, nn.Linear(6, 2)]
    module = TappedModule(OrderedDict(all=nn.Sequential(*layers)), {}).double().eval()
    points = torch.randn(1, 40, 3, generator=generator, dtype=torch.float64)
    counts = transition_counts(module, Listed(points))
    x, expected = points[0], 0
    with torch.no_grad():
        for layer in layers:
            if layer is relu:
                expected += int(((x > 0) != (x.roll(-1, dims=0) > 0)).sum())
            x = layer(x)
    assert int(counts.sum()) == expected


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Hardtanh, nn.Tanh])
def test_pieces_of_subclasses_are_not_known(activation):
    other = type("Other", (activation,), {"forward": lambda self, x: x - 1})
    assert "(Other) are not known" in why_no_codes(one_unit(other()))
