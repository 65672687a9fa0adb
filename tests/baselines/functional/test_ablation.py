from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from baselines.functional import ablation
from baselines.functional.ablation import AblationCurves, ablation_curves, sparsity
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule
from tests.baselines.conftest import SHORT


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


class Counted(nn.Module):
    """A last stage that notes how many samples it gets at a time."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage
        self.rows = []

    def forward(self, x):
        self.rows.append(len(x))
        return self.stage(x)


def with_last_stage_counted(module):
    """The same network, and the list of numbers of samples that its last stage is given."""
    stages = OrderedDict(module.named_children())
    last = next(reversed(stages))
    before = list(stages)[module._units_end - 1]
    assert before != last
    stages[last] = Counted(stages[last])
    return TappedModule(stages, {}, units=before).eval(), stages[last].rows


TO_SEE_ITS_SIZE = 1
"""Images that are run to see how large the network makes activations."""


def rows_needed(units):
    """Of a sample with a > 0 nonzero units 2a − 1 states, and the one in which all are zero."""
    nonzero = [sum(bool((unit != 0).any()) for unit in sample) for sample in units]
    return 1 + sum(2 * a - 1 for a in nonzero if a)


@pytest.mark.parametrize(
    ("network", "batch_size"),
    [*((name, 13) for name in SHORT), ("nin-bn", 1), ("nin-bn", 1000)],
    indirect=["network"],
)
def test_curves_are_those_of_the_naive_loop(network, batch_size):
    module, train = network.module, network.train
    found = ablation_curves(module, train.images, train.labels, batch_size)
    assert found.classes.tolist() == sorted(set(train.labels.tolist()))
    assert found.chance == 0.1
    assert_curves(found, curves_by_definition(module, train.images, train.labels))
    assert (found.descending != found.ascending).any()


@pytest.mark.parametrize(
    ("network", "batch_size"),
    [*((name, 7) for name in SHORT), ("nin-bn", 1000)],
    indirect=["network"],
)
def test_nothing_is_run_twice(network, batch_size, monkeypatch):
    monkeypatch.setattr(ablation, "VALUES_AT_A_TIME", 1)
    module, rows = with_last_stage_counted(network.module)
    train = network.train
    units = module.forward_to("units", train.images)
    assert module.forward_from("units", units).shape == (24, 10)
    rows.clear()
    ablation_curves(module, train.images, train.labels, batch_size)
    assert sum(rows) == rows_needed(units) + TO_SEE_ITS_SIZE
    assert max(rows) <= batch_size


def test_samples_of_few_units_are_run_more_at_a_time(make_chain, monkeypatch):
    monkeypatch.setattr(ablation, "VALUES_AT_A_TIME", 80)
    module, rows = with_last_stage_counted(make_chain(16, 8, 2))
    images = torch.randn(50, 16, generator=torch.Generator().manual_seed(0)).double()
    labels = module(images).argmax(1)
    expected = curves_by_definition(module, images, labels)
    rows.clear()
    assert_curves(ablation_curves(module, images, labels, 2), expected)
    assert max(rows) == 10


def test_dead_units_change_nothing_and_cost_nothing(make_network):
    network = make_network("convnet")
    train = network.train
    with torch.no_grad():
        network.module.layer2.conv.bias[[0, 2]] = -1e3
    module, rows = with_last_stage_counted(network.module)
    units = module.forward_to("units", train.images)
    active = (units.flatten(2) != 0).any(2)
    assert not active[:, [0, 2]].any()
    expected = curves_by_definition(module, train.images, train.labels)
    rows.clear()
    assert_curves(ablation_curves(module, train.images, train.labels), expected)
    needed = 2 * int(active.sum()) - int(active.any(1).sum()) + 1
    assert sum(rows) == needed + TO_SEE_ITS_SIZE


def test_without_any_active_unit_the_network_runs_once(make_network):
    network = make_network("convnet")
    train = network.train
    with torch.no_grad():
        network.module.layer2.conv.bias.fill_(-1e3)
    module, rows = with_last_stage_counted(network.module)
    found = ablation_curves(module, train.images, train.labels, 5)
    assert sum(rows) == 1 + TO_SEE_ITS_SIZE
    always = int(module.forward_from("units", torch.zeros(1, 5, 2, 2).double()).argmax())
    assert found.descending.tolist() == found.ascending.tolist()
    for label, curve in zip(found.classes.tolist(), found.descending.tolist(), strict=True):
        assert curve == [float(label == always)] * 6


def test_units_that_are_zero_on_some_samples_only(make_chain):
    """Samples with none, one and several active units side by side in one class."""
    module = make_chain(6, 8, 4)
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        module.layer1.bias.fill_(-2.5)
    active = (module.forward_to("units", images) != 0).sum(1)
    assert {0, 1, 2, 3} <= set(active.tolist())
    labels = torch.arange(40) % 4
    found = ablation_curves(module, images, labels, 3)
    assert_curves(found, curves_by_definition(module, images, labels))


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation gives."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return out


def test_memory_does_not_grow_with_the_images_or_removals(make_chain, monkeypatch):
    monkeypatch.setattr(ablation, "VALUES_AT_A_TIME", 1)
    module = make_chain(16, 32, 2)
    with torch.no_grad():
        module.layer1.bias.fill_(100.0)
    images = torch.randn(150, 16, generator=torch.Generator().manual_seed(0)).double()
    units = module.forward_to("units", images)
    assert rows_needed(units) == 1 + 150 * 63
    with Largest() as largest:
        ablation_curves(module, images, torch.zeros(150, dtype=torch.int64), 20)
    # Not even the units of a class are kept: no indices of all rows, no rows of all removals.
    assert largest.bytes < units.numel() * units.element_size()


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
    found = sparsity(curves)
    # n0 = 0, 1, 1 and n0r = 2 of M = 3. Class 0 stays above chance, where E is smallest at n = 0.
    assert found["zeta"].tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 3])
    assert found["kappa"].tolist() == pytest.approx([0, 2 / 3, 2 / 3])
    assert found["kappa_released"].tolist() == pytest.approx([0, 1 / 2, 1 / 2])
    assert found["kappa_released_relative"].tolist() == pytest.approx([0, 1 / 2, 1 / 2])


def test_units_of_equal_activity_go_in_the_order_of_their_index():
    curves = ablation_curves(chooser(), torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([1]))
    assert curves.descending.tolist() == [[0, 1, 0, 0]]
    assert curves.ascending.tolist() == [[0, 0, 1, 0]]


def test_classes_without_samples_have_no_curve():
    curves = ablation_curves(chooser(4), torch.eye(4)[[1, 3]], torch.tensor([1, 3]))
    assert curves.classes.tolist() == [1, 3]
    assert curves.descending.shape == (2, 5)
    assert curves.chance == 0.25


def sparsity_by_definition(E, E_r, chance):
    M = len(E) - 1
    low = [n for n in range(M + 1) if E[n] <= chance]
    n0 = low[0] if low else E.index(min(E))
    n0_r = max(n for n in range(M) if E_r[n] == max(E_r[:M]))
    signed = sum(b - a for a, b in zip(E, E_r, strict=True)) / (M + 1)
    return {
        "zeta": (n0 + M - n0_r) / (2 * M),
        "kappa": sum(abs(a - b) for a, b in zip(E, E_r, strict=True)) / M,
        "kappa_released": signed,
        "kappa_released_relative": signed / E[0] if E[0] else 0.0,
    }


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.4])
def test_sparsity_follows_its_definition(chance):
    generator = np.random.default_rng(0)
    E, E_r = (torch.tensor(generator.integers(1, 6, (200, 8)) / 10) for _ in range(2))
    found = sparsity(AblationCurves(torch.arange(200), E, E_r, chance))
    expected = [
        sparsity_by_definition(a, b, chance) for a, b in zip(E.tolist(), E_r.tolist(), strict=True)
    ]
    assert set(found) == set(expected[0])
    for feature, values in found.items():
        assert values.tolist() == pytest.approx([row[feature] for row in expected], abs=1e-15)
        assert values.dtype == torch.float64


def test_the_area_relative_to_no_accuracy_is_zero():
    E, E_r = torch.tensor([[0.0, 0.2, 0.0], [0.5, 0.0, 0.0]]), torch.tensor([[0.0, 0.8, 0.0]] * 2)
    found = sparsity(AblationCurves(torch.arange(2), E.double(), E_r.double(), 0.1))
    assert found["kappa_released"].tolist() == pytest.approx([0.2, 0.1])
    assert found["kappa_released_relative"].tolist() == pytest.approx([0.0, 0.2])


def test_there_must_be_images_and_units(make_network):
    network = make_network("mlp")
    images, labels = network.train.images, network.train.labels
    with pytest.raises(NotMeasurable, match="no images"):
        ablation_curves(network.module, images[:0], labels[:0])
    unitless = TappedModule(OrderedDict(flatten=nn.Flatten(), dense=nn.Linear(64, 10)), {})
    with pytest.raises(NotMeasurable, match="no place for unit ablation"):
        ablation_curves(unitless, images, labels)


def with_units(*layers):
    stages = OrderedDict(
        flatten=nn.Flatten(),
        units=nn.Sequential(nn.Linear(16, 6), *layers),
        flat=nn.Flatten(),
        last=nn.LazyLinear(3),
    )
    module = TappedModule(stages, {}, units="units").eval()
    module(torch.zeros(1, 1, 4, 4))
    return module


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ((nn.GELU(),), "negative in places, as those after GELU"),
        ((nn.SiLU(),), "after SiLU"),
        ((nn.LayerNorm(6),), "after LayerNorm"),
        ((), "after Linear"),
        ((nn.ReLU(), nn.Unflatten(1, (2, 3))), r"units have shape \(n, 2, 3\)"),
    ],
)
def test_units_that_follow_no_relu_are_refused(layers, reason):
    images = torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(NotMeasurable, match=reason):
        ablation_curves(with_units(*layers), images, torch.arange(20) % 3)


@pytest.mark.parametrize(
    "layers",
    [(nn.ReLU(),), (nn.ReLU6(), nn.Dropout(0.5)), (nn.Sigmoid(),), (nn.Tanh(),), (nn.Hardtanh(),)],
)
def test_units_after_relu_or_at_rest_at_zero_have_curves(layers):
    images = torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    module, labels = with_units(*layers), torch.arange(20) % 3
    with torch.no_grad():
        expected = curves_by_definition(module, images, labels)
    assert_curves(ablation_curves(module, images, labels), expected)
