from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.input_planes import anchor_points, boundary_counts, plane_through
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule

ANCHORS = torch.tensor([[1.0, 2.0, 0.5], [-2.0, 0.0, 1.0], [0.5, -1.0, 3.0]])


def chain(*layers):
    stages = OrderedDict((f"s{n}", layer) for n, layer in enumerate(layers))
    return TappedModule(stages, taps={"h1": "s0"}, units="s1").double()


def linear(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def at(plane, u, v):
    return plane.center + u * plane.right + v * plane.up


def test_the_plane_meets_the_three_inputs_where_it_says():
    plane = plane_through(ANCHORS, 5)
    for (u, v), anchor in zip(anchor_points().tolist(), ANCHORS, strict=True):
        assert torch.allclose(at(plane, u, v), anchor.double(), atol=1e-12)
        assert np.hypot(u, v) == pytest.approx(0.8)
    expected = torch.stack([at(plane, u, 0.5) for u in (-1, -0.5, 0, 0.5, 1)])
    assert torch.allclose(plane.row(3), expected, atol=1e-12)


def test_boundaries_are_where_units_change_their_piece():
    weight, bias = [[1.0, 0.5, -0.3], [0.2, -1.0, 0.4]], [0.1, -0.2]
    module = chain(linear(weight, bias), nn.Hardtanh(), nn.Linear(2, 3))
    plane = plane_through(ANCHORS, 40)
    counts = boundary_counts(module, plane, batch_size=7)
    points = torch.stack([plane.row(row) for row in range(40)])
    values = points @ torch.tensor(weight).double().T + torch.tensor(bias).double()
    code = ((values > -1).int() + (values > 1).int()).numpy()
    across = np.abs(np.diff(code, axis=1))[:-1].sum(axis=2)
    upwards = np.abs(np.diff(code, axis=0))[:, :-1].sum(axis=2)
    assert (across + upwards).any()
    np.testing.assert_array_equal(counts.numpy(), across + upwards)


def test_only_the_last_activation_counts():
    first = linear([[1.0, 0.5, -0.3]], [0.1])
    dead = linear([[0.0]], [1.0])
    module = chain(first, nn.ReLU(), dead, nn.ReLU(), nn.Linear(1, 2))
    assert not boundary_counts(module, plane_through(ANCHORS, 20)).any()


def test_networks_without_codes_have_no_boundaries():
    module = chain(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2))
    with pytest.raises(NotMeasurable, match="linear pieces of 's1'"):
        boundary_counts(module, plane_through(ANCHORS, 3))
