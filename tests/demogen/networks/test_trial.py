import math
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from demogen import Network, TappedModule
from demogen.errors import NotMeasurable
from demogen.networks import trial
from demogen.networks.trial import try_out

IMAGES = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 5


class Custom(nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.compute = compute

    def forward(self, x):
        return self.compute(x)


def network_module(middle=None, first=None, last=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        stages = OrderedDict(
            first=first or nn.Identity(),
            conv=nn.Conv2d(1, 3, 3, padding=1),
            middle=nn.Sequential(middle or nn.Identity()),
            relu=nn.ReLU(),
            head=nn.Sequential(nn.Flatten(), nn.Linear(48, 5)),
            last=last or nn.Identity(),
        )
    return TappedModule(stages, {"h1": "conv"}, units="relu")


def of(module, images=IMAGES):
    return Network.of(module, images, LABELS[: len(images)], test_inputs=images)


def pairs_meet(x):
    return x + 0.5 * x.view(-1, 2, *x.shape[1:]).flip(1).reshape(x.shape)


class Backward(torch.autograd.Function):
    """Signs, with the derivative of what it is given."""

    @staticmethod
    def forward(context, x):
        return x.sign()

    @staticmethod
    def backward(context, gradient):
        return gradient


@pytest.mark.parametrize(
    "layer",
    [
        Custom(lambda x: x + x.relu().detach()),
        Custom(lambda x: x + x.relu().data),
        Custom(lambda x: x - x.detach() + x),
        Custom(lambda x: x + (x.round() - x).detach()),  # straight through
        Custom(Backward.apply),
    ],
)
def test_derivatives_of_something_else_are_refused(layer):
    with pytest.raises(NotMeasurable, match="autograd gives along a line is .* look for detach"):
        of(network_module(layer)).train  # noqa: B018 - reading is what is refused


def test_logits_that_hardly_depend_on_the_images_are_theirs():
    """Weights that decay took to nothing beside biases: differences are those of rounding."""
    module = network_module()
    with torch.no_grad():
        module.conv.weight.mul_(1e-20)
        module.conv.bias.zero_()
    assert try_out(module.eval(), IMAGES).fault is None


def test_an_infinite_weight_is_what_is_looked_for():
    module = network_module()
    with torch.no_grad():
        module.conv.bias[0] = -torch.inf
        module.conv.weight[0] = 0.0
        module.conv.weight[0, 0, 1, 1] = -torch.inf
    images = IMAGES.abs()
    with pytest.raises(NotMeasurable, match="is nan; look for weights that are not finite"):
        _ = of(module, images).train


@pytest.mark.parametrize(
    "layer",
    [
        Custom(lambda x: x.float().sin()),  # rounds inside
        Custom(lambda x: x.half().to(x.dtype)),
        nn.MaxPool2d(3, 1, 1),
        nn.GELU(),
        nn.Hardswish(),
        nn.Sequential(nn.BatchNorm2d(3), nn.ReLU6()),
    ],
)
def test_derivatives_of_logits_are_taken(layer):
    assert len(of(network_module(layer)).train) == len(IMAGES)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3, track_running_stats=False),
        Custom(lambda x: F.batch_norm(x, None, None, training=True)),
        Custom(lambda x: x - x.mean(dim=0)),
        Custom(lambda x: x - 1e-4 * x[:1]),
        Custom(lambda x: x * torch.arange(len(x))[:, None, None, None]),
        Custom(lambda x: x + x.roll(1, dims=0)),
        Custom(lambda x: x.cumsum(dim=0)),
        Custom(pairs_meet),
    ],
    ids=["norm", "functional norm", "mean", "a little", "position", "next", "before", "pairs"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_layer_in_which_samples_meet_is_named(layer, dtype):
    network = of(network_module(layer).to(dtype), IMAGES.to(dtype))
    named = rf"layer 'middle\.0' \({type(layer).__name__}\) lets samples of a batch meet"
    for read in ("train", "test_inputs"):
        with pytest.raises(NotMeasurable, match=named):
            getattr(network, read)


def test_a_single_image_is_tried_in_company():
    network = of(network_module(nn.BatchNorm2d(3, track_running_stats=False)), IMAGES[:1])
    with pytest.raises(NotMeasurable, match=r"middle\.0"):
        network.train  # noqa: B018


def test_a_network_that_takes_no_batch_of_one_is_refused():
    network = of(network_module(last=Custom(lambda x: x.squeeze())))
    with pytest.raises(NotMeasurable, match="layer 'last' .* batch of one"):
        network.train  # noqa: B018


@pytest.mark.parametrize(
    "layer",
    [Custom(lambda x: F.dropout(x, 0.5, training=True)), Custom(lambda x: x + torch.rand_like(x))],
    ids=["dropout", "noise"],
)
def test_a_random_layer_is_named(layer):
    before = torch.get_rng_state()
    network = of(network_module(layer))
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(NotMeasurable, match=r"layer 'middle\.0' .* each time it is run"):
        network.train  # noqa: B018


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (network_module(Custom(lambda x: F.relu(x, inplace=True))), r"middle\.0"),
        (network_module(Custom(lambda x: x.clamp_(-100, 100))), r"middle\.0"),
        (network_module(first=Custom(lambda x: x.sub_(1.0))), "first"),
        (network_module(first=Custom(lambda x: x.data.mul_(0.5))), "first"),
        (network_module(Custom(lambda x: x.view(-1).relu_().view(x.shape))), r"middle\.0"),
    ],
    ids=["relu", "without effect", "input", "data", "view"],
)
def test_work_in_place_is_named_and_leaves_the_images(module, named):
    images = IMAGES.clone()
    network = of(module, images)
    assert torch.equal(images, IMAGES)
    with pytest.raises(NotMeasurable, match=f"layer '{named}' .Custom. works in place"):
        network.train  # noqa: B018


def test_work_in_place_on_ones_own_tensors_is_allowed():
    module = network_module(Custom(lambda x: F.relu(x + 1, inplace=True)))
    assert of(module).train.images is not None


@pytest.mark.parametrize(
    "layer", [Custom(lambda x: x.detach()), Custom(torch.no_grad()(lambda x: 2 * x))]
)
def test_logits_without_derivatives_are_refused(layer):
    with pytest.raises(NotMeasurable, match="no derivatives"):
        of(network_module(layer)).train  # noqa: B018


def test_other_logits_than_those_of_the_stages():
    module = network_module()
    module.register_forward_hook(lambda _, __, logits: 2 * logits)
    with pytest.raises(NotMeasurable, match="stages one after the other give other logits"):
        of(module).train  # noqa: B018


def test_a_chain_that_does_not_give_the_logits_is_refused(monkeypatch):
    module = network_module()
    plain = nn.Conv2d.forward
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, x: 2 * plain(self, x))
    network = of(module)
    assert network.train.images is not None
    with pytest.raises(NotMeasurable, match="layers one after the other give other logits"):
        network.module.chain()


def test_deep_networks_of_single_precision_pass():
    torch.manual_seed(0)
    layers = [layer for _ in range(60) for layer in (nn.Linear(16, 16), nn.ReLU())]
    deep = nn.Sequential(nn.Flatten(), *layers, nn.Linear(16, 5))
    with torch.no_grad():
        for layer in deep[1::2]:
            nn.init.normal_(layer.weight, std=math.sqrt(2 / 16))
        # Logits that are small differences of large numbers.
        deep.append(nn.Linear(5, 5))
        deep[-1].weight.copy_(torch.eye(5) - 0.2 + 1e-6)
    network = of(deep)
    assert network.train.images is not None
    assert len(network.module.chain()) == len(deep)


class Rounding(nn.Module):
    """Multiplies in single precision, whatever it is given, with a matrix that is no parameter."""

    def __init__(self, cast_back):
        super().__init__()
        self.matrix = 30 * torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
        self.cast_back = cast_back

    def forward(self, x):
        product = x.float() @ self.matrix
        return product.to(x.dtype) if self.cast_back else product


@pytest.mark.parametrize("cast_back", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_networks_that_round_inside_pass(cast_back, dtype):
    last = nn.Sequential(*[Rounding(cast_back) for _ in range(4)])
    network = of(network_module(last=last).to(dtype), IMAGES.to(dtype))
    assert network.train.images is not None


def test_tuples_between_stages_are_refused():
    stages = OrderedDict(
        flat=nn.Flatten(),
        dense=nn.Linear(16, 5),
        two=Custom(lambda x: (x, x)),
        one=Custom(lambda pair: pair[0]),
    )
    with pytest.raises(NotMeasurable, match="stage 'two' gives a tuple"):
        of(TappedModule(stages, {})).train  # noqa: B018


def test_networks_without_images_or_finite_logits_are_not_tried():
    assert try_out(network_module().eval(), IMAGES[:0]) == trial.Trial()
    diverged = network_module()
    nn.init.constant_(diverged.conv.bias, float("nan"))
    assert try_out(diverged.eval(), IMAGES) == trial.Trial(classes=5)


def test_a_trial_costs_a_few_passes_over_sixteen_images():
    module = network_module().eval()
    sizes = []
    module.conv.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    assert try_out(module, IMAGES.expand(24, 1, 4, 4)).fault is None
    assert max(sizes) == trial.IMAGES
    # As a whole, by stages twice, in two parts, layer by layer, and a few for derivatives; the hook
    # is no part of a chain that is run layer by layer.
    assert sum(sizes) <= 4 * trial.IMAGES + 1 + 5 * trial.FEW
