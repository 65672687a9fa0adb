import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from demogen.images._torchvision import torchvision
from demogen.networks.architectures import build, parameter_count, skeleton
from demogen.schema.records import ResNet
from tests.demogen.networks.architectures.specs import as_if_trained, images_like, spec_of


def resnet(depth=32, **settings):
    return ResNet(family="resnet", depth=depth, **settings)


def preactivation_count(blocks, width, classes, channels=3):
    """Kernels, norms and the dense layer of the pre-activation network, added up by hand."""
    total = 9 * channels * width
    inputs = width
    for outputs in (width, 2 * width, 4 * width):
        total += inputs * outputs
        for _ in range(blocks):
            total += 9 * inputs * outputs + 9 * outputs**2 + 2 * inputs + 2 * outputs
            inputs = outputs
    return total + 2 * inputs + (inputs + 1) * classes


def resnet34_count(width, classes):
    """Likewise of the 34-layer network: 32 convolutions in blocks, 3 projections, 36 norms."""
    stages = [(width * 2**stage, blocks) for stage, blocks in enumerate((3, 4, 6, 3))]
    total = 27 * width + 2 * width
    for index, (outputs, blocks) in enumerate(stages):
        inputs = outputs if index == 0 else outputs // 2
        total += 9 * inputs * outputs + 9 * outputs**2 * (2 * blocks - 1) + 4 * outputs * blocks
        if index:
            total += inputs * outputs + 2 * outputs
    return total + (8 * width + 1) * classes


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize(
    ("images", "width", "count"),
    [
        ("cifar10", 16, 466_970),
        ("cifar10", 32, 1_861_162),
        ("cifar10", 64, 7_431_242),
        ("cifar100", 16, 472_820),
        ("cifar100", 32, 1_872_772),
        ("cifar100", 64, 7_454_372),
    ],
)
def test_resnet32_has_the_papers_parameters(images, width, count, norm):
    module = skeleton(spec_of(resnet(width=width, norm=norm), images))
    assert parameter_count(module) == count
    assert count == preactivation_count(5, width, 10 if images == "cifar10" else 100)


@pytest.mark.parametrize(("images", "count"), [("cifar10", 855_834), ("cifar100", 861_684)])
def test_parameters_of_resnet56(images, count):
    assert parameter_count(skeleton(spec_of(resnet(56), images))) == count
    assert count == preactivation_count(9, 16, 10 if images == "cifar10" else 100)


@pytest.mark.parametrize(("images", "count"), [("cifar10", 21_282_122), ("cifar100", 21_328_292)])
def test_parameters_of_resnet34(images, count):
    assert parameter_count(skeleton(spec_of(resnet(34, width=64), images))) == count
    assert count == resnet34_count(64, 10 if images == "cifar10" else 100)


def by_the_paper(module, x, depth, norm):
    """The pre-activation network from its state, block by block, as He et al. 2016 draw it."""
    state = module.state_dict()

    def normed(x, key):
        parameters = state[f"{key}.weight"], state[f"{key}.bias"]
        if norm == "group":
            return F.group_norm(x, x.shape[1], *parameters, eps=1e-6)
        statistics = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        return F.batch_norm(x, *statistics, *parameters, eps=1e-5)

    taps = {}
    x = F.conv2d(x, state["stem.weight"], padding=1)
    for stage in (1, 2, 3):
        for block in range(1, (depth - 2) // 6 + 1):
            key, stride = f"stage{stage}.block{block}", 2 if stage > 1 and block == 1 else 1
            y = F.relu(normed(x, f"{key}.norm1"))
            kept = F.conv2d(y, state[f"{key}.shortcut.weight"], stride=stride) if block == 1 else x
            y = F.conv2d(y, state[f"{key}.conv1.weight"], stride=stride, padding=1)
            y = F.relu(normed(y, f"{key}.norm2"))
            x = kept + F.conv2d(y, state[f"{key}.conv2.weight"], padding=1)
        taps[f"h{stage}"] = x
    units = F.relu(normed(x, "end.norm"))
    pooled = units.mean(dim=(2, 3))
    logits = pooled @ state["classifier.dense.weight"].T + state["classifier.dense.bias"]
    return logits, {**taps, "units": units}


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_preactivation_network_is_the_papers(norm):
    spec = spec_of(resnet(20, width=8, norm=norm))
    module = as_if_trained(build(spec)).double()
    x = images_like(spec.data, dtype=torch.float64)
    with torch.no_grad():
        wanted, places = by_the_paper(module, x, 20, norm)
        # The order of float64 sums is all that may differ.
        torch.testing.assert_close(module(x), wanted, rtol=1e-10, atol=1e-12)
        for place, activation in places.items():
            found = module.forward_to(place, x)
            torch.testing.assert_close(found, activation, rtol=1e-10, atol=1e-12)
    shapes = [tuple(places[place].shape[1:]) for place in ("h1", "h2", "h3", "units")]
    assert shapes == [(8, 32, 32), (16, 16, 16), (32, 8, 8), (32, 8, 8)]


def test_norms_are_the_papers():
    batch = skeleton(spec_of(resnet(8))).get_submodule("stage2.block1.norm1")
    assert (type(batch), batch.eps, batch.momentum) == (nn.BatchNorm2d, 1e-5, 0.003)
    group = skeleton(spec_of(resnet(8, norm="group"))).get_submodule("stage2.block1.norm1")
    assert (type(group), group.eps) == (nn.GroupNorm, 1e-6)


@pytest.mark.parametrize(
    ("width", "groups"),
    [
        (16, (16, 32, 32)),
        (32, (32, 32, 32)),
        (64, (32, 32, 32)),
        (24, (24, 24, 32)),
        (33, (11, 22, 22)),
        (37, (1, 2, 4)),
    ],
)
def test_groups_are_32_or_the_most_that_divide_the_channels(width, groups):
    module = skeleton(spec_of(resnet(8, width=width, norm="group")))
    found = [module.get_submodule(f"stage{stage}.block1.norm2").num_groups for stage in (1, 2, 3)]
    assert tuple(found) == groups


def small_images_resnet34(classes):
    """torchvision's, with a 3x3 stride-1 stem and no max pool, without memory for its weights."""
    with torch.device("meta"):
        model = torchvision("models").resnet34(num_classes=classes)
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def test_resnet34_is_torchvisions():
    spec = spec_of(resnet(34, width=64), "cifar100")
    module = as_if_trained(build(spec)).double()
    model = small_images_resnet34(100)
    theirs, ours = model.state_dict(), module.state_dict()
    assert len(theirs) == len(ours)
    model.load_state_dict(dict(zip(theirs, ours.values(), strict=True)), assign=True)
    x = images_like(spec.data, count=2, dtype=torch.float64)
    places = {}
    for block, name in {5: "layer2.1", 11: "layer3.3", 16: "layer4.2"}.items():
        model.get_submodule(name).register_forward_hook(
            lambda _, inputs, output, block=block: places.update({block: output})
        )
    with torch.no_grad():
        # The same layers in the same order: at most the order of float64 sums differs.
        torch.testing.assert_close(module(x), model.eval()(x), rtol=1e-10, atol=1e-12)
        for tap, block in {"h1": 5, "h2": 11, "h3": 16}.items():
            # Their blocks end with the ReLU that comes after ours.
            found = module.forward_to(tap, x)
            assert (found < 0).any()
            torch.testing.assert_close(found.relu(), places[block], rtol=1e-10, atol=1e-12)
        units = module.forward_to("units", x)
        torch.testing.assert_close(units, places[16], rtol=1e-10, atol=1e-12)
    assert units.shape == (2, 512, 4, 4)
    norm = module.get_submodule("stem.norm")
    assert (norm.eps, norm.momentum) == (model.bn1.eps, model.bn1.momentum)


def test_state_keys_are_stable():
    small = skeleton(spec_of(resnet(8))).state_dict()
    assert [key for key in small if "norm" not in key] == [
        "stem.weight",
        "stage1.block1.conv1.weight",
        "stage1.block1.conv2.weight",
        "stage1.block1.shortcut.weight",
        "stage2.block1.conv1.weight",
        "stage2.block1.conv2.weight",
        "stage2.block1.shortcut.weight",
        "stage3.block1.conv1.weight",
        "stage3.block1.conv2.weight",
        "stage3.block1.shortcut.weight",
        "classifier.dense.weight",
        "classifier.dense.bias",
    ]
    assert {"stage1.block1.norm1.weight", "end.norm.running_var"} < small.keys()
    large = skeleton(spec_of(resnet(34))).state_dict()
    assert {
        "stem.conv.weight",
        "stem.norm.weight",
        "block1.main.conv1.weight",
        "block4.main.norm2.running_mean",
        "block4.shortcut.conv.weight",
        "block4.shortcut.norm.bias",
        "block16.main.conv2.weight",
        "classifier.dense.bias",
    } < large.keys()
    assert not any(key.startswith("block5.shortcut") for key in large)


def test_eps_of_norms_and_start_of_the_dense_layer_may_be_the_released_codes():
    released = resnet(depth=8, width=16, norm_eps=1.001e-5, dense_start="glorot")
    module = build(spec_of(released))
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1.001e-5}
    dense = module.get_submodule("classifier.dense").weight.detach()
    bound = (6 / (64 + 10)) ** 0.5
    assert 0.9 * bound < dense.abs().max() <= bound
    plain = build(spec_of(resnet(depth=8, width=16))).state_dict()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, plain[name]) == (name != "classifier.dense.weight"), name
    with pytest.raises(ValidationError, match="depth 6n"):
        resnet(depth=34, dense_start="glorot")
