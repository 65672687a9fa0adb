from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.ablation import AblationCurves, ablation_curves, sparsity
from demogen.errors import NotMeasurable
from demogen.tapped import TappedModule


def curves_by_definition(module, images, labels):
    """Every unit set to zero in turn, the rest of the network run each time on all of D_c."""
    found = {}
    for label in sorted(set(labels.tolist())):
        units = module.forward_to("units", images[labels == label])
        count = units.shape[1]
        h = [units[:, i].abs().mean().item() for i in range(count)]
        directions = {
            "descending": sorted(range(count), key=lambda i: -h[i]),
            "ascending": sorted(range(count), key=lambda i: h[i]),
        }
        for direction, order in directions.items():
            kept = units.clone()
            curve = []
            for removed in [None, *order]:
                if removed is not None:
                    kept[:, removed] = 0
                hits = module.forward_from("units", kept).argmax(1) == label
                curve.append(hits.double().mean().item())
            found[label, direction] = curve
    return found


def assert_curves(found, expected):
    for row, label in enumerate(found.classes.tolist()):
        assert found.descending[row].tolist() == expected[label, "descending"]
        assert found.ascending[row].tolist() == expected[label, "ascending"]


@pytest.mark.parametrize("batch_size", [1, 13, 1000])
def test_curves_are_those_of_the_naive_loop(network, batch_size):
    module, train = network.module, network.train
    found = ablation_curves(module, train.images, train.labels, batch_size)
    assert found.classes.tolist() == sorted(set(train.labels.tolist()))
    assert found.chance == 0.1
    assert_curves(found, curves_by_definition(module, train.images, train.labels))
    assert (found.descending != found.ascending).any()


def test_dead_units_change_nothing_and_cost_nothing(make_network):
    network = make_network("convnet")
    module, train = network.module, network.train
    with torch.no_grad():
        module.layer2.conv.bias[[0, 2]] = -1e3
    rows = []
    units = module.forward_to("units", train.images)
    expected = curves_by_definition(module, train.images, train.labels)
    module.classifier.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    found = ablation_curves(module, train.images, train.labels)
    assert_curves(found, expected)
    active = (units.flatten(2) != 0).any(2)
    assert not active[:, [0, 2]].any()
    # One run of each sample as it is and one for each of its active units, in both directions.
    classes = len(found.classes)
    assert sum(rows) == 2 * (len(train) + int(active.sum())) + classes


def chooser(width=3):
    """Unit i alone speaks for class i."""
    dense = nn.Linear(width, width, bias=False)
    with torch.no_grad():
        dense.weight.copy_(torch.eye(width))
    return TappedModule(OrderedDict(units=nn.ReLU(), dense=dense), {}, units="units").eval()


def test_curves_and_turning_points_by_hand():
    images, labels = torch.eye(3)[[0, 0, 1, 2, 2]], torch.tensor([0, 0, 1, 2, 2])
    curves = ablation_curves(chooser(), images, labels)
    # With all logits equal the first class wins, so class 0 is never lost.
    assert curves.descending.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert curves.ascending.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 0]]
    zeta, kappa = sparsity(curves)
    # n0 = 0, 1, 1 and n0r = 2 of M = 3.
    assert zeta.tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 3])
    assert kappa.tolist() == pytest.approx([0, 2 / 3, 2 / 3])


def test_units_of_equal_activity_go_in_the_order_of_their_index():
    curves = ablation_curves(chooser(), torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([1]))
    assert curves.descending.tolist() == [[0, 1, 0, 0]]
    assert curves.ascending.tolist() == [[0, 0, 1, 0]]


def test_classes_without_samples_have_no_curve():
    curves = ablation_curves(chooser(4), torch.eye(4)[[1, 3]], torch.tensor([1, 3]))
    assert curves.classes.tolist() == [1, 3]
    assert curves.descending.shape == (2, 5)
    assert curves.chance == 0.25


def turning_points_by_definition(E, E_r, chance):
    M = len(E) - 1
    low = [n for n in range(M + 1) if E[n] <= chance]
    n0 = low[0] if low else E.index(min(E))
    n0_r = max(n for n in range(M) if E_r[n] == max(E_r[:M]))
    return (n0 + M - n0_r) / (2 * M), sum(abs(a - b) for a, b in zip(E, E_r, strict=True)) / M


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.4])
def test_sparsity_follows_its_definition(chance):
    generator = np.random.default_rng(0)
    E, E_r = (torch.tensor(generator.integers(1, 6, (200, 8)) / 10) for _ in range(2))
    zeta, kappa = sparsity(AblationCurves(torch.arange(200), E, E_r, chance))
    expected = [
        turning_points_by_definition(a, b, chance)
        for a, b in zip(E.tolist(), E_r.tolist(), strict=True)
    ]
    assert zeta.tolist() == pytest.approx([z for z, _ in expected])
    assert kappa.tolist() == pytest.approx([k for _, k in expected])


def test_there_must_be_images_and_units(make_network):
    network = make_network("mlp")
    images, labels = network.train.images, network.train.labels
    with pytest.raises(NotMeasurable, match="no images"):
        ablation_curves(network.module, images[:0], labels[:0])
    unitless = TappedModule(OrderedDict(flatten=nn.Flatten(), dense=nn.Linear(64, 10)), {})
    with pytest.raises(NotMeasurable, match="no place for unit ablation"):
        ablation_curves(unitless, images, labels)
