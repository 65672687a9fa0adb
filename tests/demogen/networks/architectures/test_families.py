"""What holds for every family of networks."""

import pytest
import torch
from torch import nn

from demogen.networks.architectures import build, parameter_count, skeleton
from demogen.networks.homogeneity import why_not_homogeneous
from demogen.schema.architectures import FAMILIES
from demogen.schema.records import MLP, NiN
from tests.demogen.networks.architectures.specs import SMALL, images_like, small_network, spec_of


def test_all_families_are_tried():
    assert {architecture.family for architecture in SMALL.values()} == FAMILIES.keys()


@pytest.mark.parametrize("images", ["digits", "mnist", "cifar100"])
@pytest.mark.parametrize("name", SMALL)
def test_the_rest_of_the_network_gives_the_same_logits(name, images):
    spec = spec_of(SMALL[name], images)
    module = small_network(name, images)
    x = images_like(spec.data)
    with torch.no_grad():
        logits, activations = module.forward_with_taps(x)
        assert logits.shape == (3, 100 if images == "cifar100" else 10)
        assert module.taps == tuple(activations) == ("input", "h1", "h2", "h3")
        assert torch.equal(module(x), logits)
        for tap, activation in activations.items():
            assert torch.equal(module.forward_to(tap, x), activation)
            assert torch.equal(module.forward_from(tap, activation), logits)
        units = module.forward_to("units", x)
        assert torch.equal(module.forward_from("units", units), logits)
    assert (units >= 0).all()
    assert (units > 0).any()
    for tap in ("h1", "h2", "h3"):
        assert (activations[tap] < 0).any(), f"{tap} is not before a ReLU"


@pytest.mark.parametrize("name", SMALL)
def test_a_skeleton_has_the_state_and_no_memory(name):
    spec = spec_of(SMALL[name], "digits")
    empty, built = skeleton(spec), build(spec)
    assert {tensor.device.type for tensor in empty.state_dict().values()} == {"meta"}
    shapes = {key: tuple(tensor.shape) for key, tensor in empty.state_dict().items()}
    assert shapes == {key: tuple(tensor.shape) for key, tensor in built.state_dict().items()}
    assert built.training


def test_networks_see_the_center_of_images():
    mlp = MLP(family="mlp", width=5, depth=2)
    assert parameter_count(skeleton(spec_of(mlp, crop=24))) == 3 * 24 * 24 * 5 + 5 * 10
    nin = skeleton(spec_of(NiN(family="nin", width=5), crop=24))
    assert nin.get_submodule("classifier.conv").weight.shape == (10, 5, 3, 3)


@pytest.mark.parametrize("name", SMALL)
def test_chains_are_homogeneous_and_others_say_why_not(name):
    reason = why_not_homogeneous(small_network(name, "digits"))
    block = {
        "resnet-bn": "'stage1.block1' is a PreActivationBlock",
        "resnet-gn": "'stage1.block1' is a PreActivationBlock",
        "resnet34": "'block1' is a BasicBlock",
    }.get(name)
    assert reason == (f"stage {block}, not a plain sequence of layers" if block else None)


@pytest.mark.parametrize("name", ["resnet-bn", "resnet34", "vgg-bn", "mobilenet"])
def test_every_weight_learns(name):
    spec = spec_of(SMALL[name], "digits")
    module = small_network(name, "digits")
    module(images_like(spec.data, count=40)).square().sum().backward()
    kernels = [m.weight for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(kernel.grad.abs().max() > 0 for kernel in kernels)
