"""Plain networks as stages: what is written in many ways computes what it did, tap by tap."""

import copy
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.dummy import TrainLoss
from baselines.norms import WeightNorms
from demogen import Network, TappedModule
from demogen.errors import NotMeasurable, ZooError
from demogen.measuring import compute_signature
from demogen.networks import why_not_homogeneous

X = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = make()
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.running_mean)
                nn.init.uniform_(layer.running_var, 0.5, 2.0)
                nn.init.normal_(layer.weight)
    return module.eval()


class Block(nn.Module):
    """A residual block as torchvision writes it: one ReLU in place, used twice."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.blocks = nn.Sequential(Block(4), Block(4), Block(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.blocks(self.relu(self.bn(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class LeNet(nn.Module):
    """Functions of torch where a Sequential would have layers."""

    def __init__(self, flatten):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3)
        self.fc1, self.fc2 = nn.Linear(6, 7), nn.Linear(7, 5)
        self.flatten = flatten

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x), inplace=True), 2, 2)
        x = F.avg_pool2d(torch.relu_(self.conv2(x)), kernel_size=1)
        x = F.dropout(self.fc1(self.flatten(x)).relu_(), 0.3, self.training)
        return self.fc2(x)


def as_it_runs(module, x):
    """Every submodule's outputs in the order of its calls, copied before anything overwrites them.

    Two lines of hooks, independent of the package's own check.
    """
    seen = {}
    for name, layer in module.named_modules():
        layer.register_forward_hook(
            lambda _, __, out, name=name: seen.setdefault(name, []).append(out.clone())
        )
    with torch.no_grad():
        logits = module(x.clone())
    return logits, seen


def test_every_batch_norm_gives_its_own_activation_though_a_relu_in_place_follows():
    network = seeded(Residual)
    taps = {"stem": "bn", "after": "relu", "first": "blocks.0", "last": "blocks.2.relu#2"}
    module = TappedModule.from_module(network, X, taps=taps)
    with torch.no_grad():
        logits, activations = module.forward_with_taps(X)
    expected, seen = as_it_runs(copy.deepcopy(network), X)
    assert torch.equal(logits, expected)
    assert torch.equal(activations["stem"], seen["bn"][0])
    assert (activations["stem"] < 0).any()
    assert torch.equal(activations["after"], seen["relu"][0])
    assert torch.equal(activations["first"], seen["blocks.0"][0])
    assert torch.equal(activations["last"], seen["blocks.2.relu"][1])
    for tap in module.taps:
        assert torch.allclose(module.forward_from(tap, activations[tap]), expected, atol=1e-6)
    assert network.relu.inplace


def test_taps_by_themselves_are_at_thirds_of_the_hidden_layers_before_their_relu():
    module = TappedModule.from_module(seeded(Residual), X)
    # Of 7 hidden layers the 3rd, 5th and 7th, at the sums that their blocks end with.
    assert {tap: module._names[end - 1] for tap, end in module._ends.items() if end} == {
        "h1": "blocks_0_add",
        "h2": "blocks_1_add",
        "h3": "blocks_2_add",
    }
    assert type(module.last_layer_before("units")) is nn.ReLU
    assert module.forward_to("units", X).shape == (6, 4, 8, 8)


def test_a_tap_of_its_own_accord_is_behind_batch_norm():
    plain = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3),
            norm=nn.BatchNorm2d(4),
            relu=nn.ReLU(True),
            flatten=nn.Flatten(),
            fc=nn.Linear(144, 5),
        )
    )
    module = TappedModule.from_module(plain, X)
    assert module.taps == ("input", "h1", "h2", "h3")
    assert type(module.last_layer_before("h1")) is nn.BatchNorm2d
    assert why_not_homogeneous(module) is None


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.view(x.size(0), -1),
        lambda x: x.view(-1, 6),
        lambda x: x.reshape(x.shape[0], -1),
        lambda x: torch.reshape(x, (x.size()[0], 6)),
        lambda x: x.flatten(1),
        lambda x: torch.flatten(x, start_dim=1),
    ],
)
def test_functions_become_the_layers_that_measures_know(flatten):
    network = seeded(lambda: LeNet(flatten))
    module = TappedModule.from_module(network, X)
    assert torch.equal(module(X), network(X.clone()))
    assert why_not_homogeneous(module) is None
    kinds = [type(layer).__name__ for _, layer in module.chain()]
    assert kinds == [
        *("Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "AvgPool2d"),
        *("Flatten", "Linear", "ReLU", "Dropout", "Linear"),
    ]


class Overwriting(nn.Module):
    """Each line overwrites what a later one reads under its old name."""

    def __init__(self, change):
        super().__init__()
        self.a, self.b = nn.Linear(192, 6), nn.Linear(6, 5)
        self.relu = nn.ReLU(inplace=True)
        self.change = change

    def forward(self, x):
        h = self.a(x.flatten(1))
        self.change(self, h)
        return self.b(h)


@pytest.mark.parametrize(
    "change",
    [
        lambda self, h: self.relu(h),
        lambda self, h: F.relu(h, inplace=True),
        lambda self, h: F.relu(h, True),
        lambda self, h: torch.relu_(h),
        lambda self, h: h.mul_(-3.0),
        lambda self, h: h.clamp_(min=0.1),
        lambda self, h: h.zero_(),
        lambda self, h: F.hardtanh_(h),
        lambda self, h: h.add_(h.relu_()),
        lambda self, h: torch.add(h, 1.0, out=h),
        lambda self, h: h.view(-1).mul_(2.0),
        lambda self, h: h[:, 0].fill_(9.0),
    ],
)
def test_what_works_in_place_still_reaches_those_who_read_it_later(change):
    network = seeded(lambda: Overwriting(change))
    module = TappedModule.from_module(network, X)
    with torch.no_grad():
        assert torch.equal(module(X.clone()), network(X.clone()))
        _, activations = module.forward_with_taps(X)
    assert torch.equal(activations["input"], X)
    if module.why_whole is None:
        assert torch.equal(activations["h1"], network.a(X.flatten(1)))


def test_shapes_and_types_may_decide_values_may_not():
    class Deciding(nn.Module):
        def __init__(self, by_value):
            super().__init__()
            self.a, self.b = nn.Linear(192, 6), nn.Linear(6, 5)
            self.by_value = by_value

        def forward(self, x):
            assert x.dim() == 4
            assert x.shape[2] == x.shape[3]
            if x.dtype != self.a.weight.dtype:
                x = x.to(self.a.weight.dtype)
            h = self.a(x.flatten(1))
            if self.by_value and h.sum() > 100:
                h = -h
            return self.b(h)

    assert TappedModule.from_module(seeded(lambda: Deciding(False)), X).why_whole is None
    whole = TappedModule.from_module(seeded(lambda: Deciding(True)), X)
    assert "control flow" in whole.why_whole
    assert whole.taps == ("input",)
    with pytest.raises(
        NotMeasurable, match="taken as one stage: it does not trace: .* control flow"
    ):
        whole.chain()
    with pytest.raises(ZooError, match=r"taps need a network in stages, and this one \(Deciding\)"):
        TappedModule.from_module(seeded(lambda: Deciding(True)), X, taps=["a"])


class Gate(nn.Module):
    """Decides by values, within a network that does not."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.kept = None

    def forward(self, x):
        self.kept = x
        return self.inner(x) if x.sum() > 1e9 else x


def test_what_does_not_trace_is_a_stage_of_the_others():
    network = seeded(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 6), Gate(), nn.ReLU(), nn.Linear(6, 5))
    )
    module = TappedModule.from_module(network, X)
    kinds = [type(layer).__name__ for _, layer in module.stages()]
    assert kinds == ["Flatten", "Linear", "Gate", "ReLU", "Linear"]
    assert torch.equal(module(X), network(X))
    with pytest.raises(ZooError, match=r"lies within '2', which does not trace \(symbolically"):
        TappedModule.from_module(network, X, taps=["2.inner"])
    copy.deepcopy(module)


def test_the_batch_size_of_the_example_is_not_kept():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(192, 5)

        def forward(self, x):
            return self.fc(x.flatten(1)) + (1.0 if x.shape[0] == 6 else 0.0)

    module = TappedModule.from_module(seeded(Fixed), X)
    assert "other logits" in module.why_whole
    assert torch.equal(module(X[:3]), seeded(Fixed)(X[:3]))


def test_what_the_network_remembers_from_its_forward_stays_its_own():
    class Remembering(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(192, 5)
            self.seen = []

        def forward(self, x):
            self.features = x.flatten(1)
            return self.fc(self.features)

    network = seeded(Remembering)
    given = []
    network.fc.register_forward_hook(lambda _, __, out: given.append(out.clone()))
    module = TappedModule.from_module(network, X)
    assert not hasattr(network, "features")
    assert all(type(out) is torch.Tensor for out in given)
    copy.deepcopy(module)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("blocks.0.conv1", "shortcut leads around it, say.; 'blocks.0' is a place"),
        ("blocks.0.relu#3", "it is called 2 times"),
        ("blocks.0.rellu", "no submodule 'blocks.0.rellu'.*blocks.0.relu"),
        ("fc2", "no submodule 'fc2'"),
    ],
)
def test_places_that_are_none_are_refused_with_a_reason(place, message):
    with pytest.raises(ZooError, match=message):
        TappedModule.from_module(seeded(Residual), X, taps={"h1": place})
    with pytest.raises(ZooError, match=message):
        TappedModule.from_module(seeded(Residual), X, units=place)


def test_taps_as_a_list_are_called_h1_and_so_on():
    module = TappedModule.from_module(
        seeded(Residual), X, taps=["blocks.0", "blocks.1"], units="relu"
    )
    assert module.taps == ("input", "h1", "h2")
    with pytest.raises(ZooError, match="a list of submodules"):
        TappedModule.from_module(seeded(Residual), X, taps="blocks.0")
    with pytest.raises(ZooError, match="reserved"):
        TappedModule.from_module(seeded(Residual), X, taps={"units": "relu"})


def test_logits_of_an_object_that_names_them_are_taken():
    class Naming(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(192, 6), nn.Linear(6, 5)

        def forward(self, x, labels=None):
            return SimpleNamespace(loss=labels, logits=self.b(self.a(x.flatten(1)).relu()))

    network = seeded(Naming)
    module = TappedModule.from_module(network, X)
    assert torch.equal(module(X), network(X).logits)
    assert why_not_homogeneous(module) is None
    assert Network.of(network, X, torch.arange(6) % 5).module.has_units


@pytest.mark.parametrize("weight", [torch.nan, torch.inf])
def test_a_network_of_weights_that_are_not_finite_is_what_its_measures_name(weight):
    network = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.Linear(6, 5)))
    with torch.no_grad():
        network[1].weight[0, 0] = weight
    found = Network.of(network, X, torch.arange(6) % 5)
    with pytest.raises(NotMeasurable, match="weights of layer '1' are not all finite"):
        compute_signature(WeightNorms(), found)
    with pytest.raises(NotMeasurable, match="logits are not all finite"):
        compute_signature(TrainLoss(), found)


def test_names_that_a_module_has_itself_are_no_stages():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
            self.chain = nn.Identity()

        def forward(self, x):
            return self.chain(self.stages(x)).float()

    module = TappedModule.from_module(seeded(Named), X)
    assert torch.equal(module(X), seeded(Named)(X))
    assert [name for name, _ in module.stages()] == ["stages_0", "stages_1", "chain_2", "float_2"]


def test_the_state_of_randomness_and_of_the_network_are_left_alone():
    network = seeded(Residual).train()
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    TappedModule.from_module(network, X)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    for module in network.modules():
        assert not module._forward_hooks
