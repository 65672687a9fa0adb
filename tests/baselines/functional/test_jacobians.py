import math

import pytest
import torch

from baselines.functional.jacobians import softmax_jacobian_norms


def norm_by_definition(module, image):
    jacobian = torch.autograd.functional.jacobian(lambda x: module(x[None])[0].softmax(0), image)
    return jacobian.norm().item()


def test_norms_follow_their_definition(network):
    images = network.test_inputs
    expected = [norm_by_definition(network.module, image) for image in images]
    found = softmax_jacobian_norms(network.module, images, batch_size=7)
    assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [0.0, 3.0, 40.0, 200.0, 600.0])
def test_two_classes_have_a_closed_form_however_saturated(make_chain, dtype, gap):
    module = make_chain(4, 6, 2, dtype=dtype)
    image = torch.tensor([[0.3, -1.0, 0.5, 2.0]], dtype=dtype)
    with torch.no_grad():
        logits = module(image)[0]
        module.layer2.bias += torch.tensor([0.3137, 0.3137 + gap], dtype=dtype) - logits
    x = image.clone().requires_grad_()
    logits = module(x)[0]
    (gradient,) = torch.autograd.grad(logits[1] - logits[0], x)
    # p(1 - p) of the logit difference, once for each class.
    difference = (logits[1].double() - logits[0].double()).item()
    weight = math.exp(-difference) / (1 + math.exp(-difference)) ** 2
    expected = math.sqrt(2) * gradient.double().norm().item() * weight
    assert expected > 0
    found = softmax_jacobian_norms(module, image).item()
    assert found == pytest.approx(expected, rel=3e-6, abs=0)


def test_a_constant_network_has_norm_zero(make_chain):
    module = make_chain(4, 6, 3)
    with torch.no_grad():
        module.layer1.weight.zero_()
    images = torch.ones(5, 4, dtype=torch.float64)
    assert softmax_jacobian_norms(module, images).tolist() == [0.0] * 5


def test_equal_logits_have_the_jacobian_of_the_uniform_distribution(make_chain):
    module = make_chain(4, 6, 3)
    with torch.no_grad():
        module.layer2.weight.copy_(module.layer2.weight[:1].expand(3, -1))
        module.layer2.bias.fill_(1.0)
    # Equal rows move all logits together: the softmax does not move.
    found = softmax_jacobian_norms(module, torch.ones(5, 4, dtype=torch.float64))
    assert found.max().item() < 1e-14
