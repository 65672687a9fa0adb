import math

import pytest
import torch
from torch.nn import functional as F

from baselines.functional.jacobians import point_sensitivities, softmax_jacobian_norms
from demogen.errors import NotMeasurable


def jacobian(module, image, outputs):
    return torch.autograd.functional.jacobian(lambda x: outputs(module(x[None])[0]), image)


def norm_by_definition(module, image):
    return jacobian(module, image, lambda logits: logits.softmax(0)).norm().item()


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
    points = point_sensitivities(module, image)
    assert points.norms.item() == pytest.approx(expected, rel=3e-6, abs=0)
    rows = [expected / math.sqrt(2)] * 2
    assert points.row_norms[0].tolist() == pytest.approx(rows, rel=3e-6, abs=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_of_ten_thousand_leave_numbers(make_chain, dtype):
    module = make_chain(4, 6, 3, dtype=dtype)
    with torch.no_grad():
        module.layer2.weight.mul_(1e4)
    images = torch.tensor([[0.3, -1.0, 0.5, 2.0], [0.0, 0.0, 0.0, 0.0]], dtype=dtype)
    logits = module(images)
    assert logits[0].abs().max() > 1e4
    points = point_sensitivities(module, images)
    for values in (points.norms, points.row_norms, points.logit_squares, points.log_probabilities):
        assert bool(values.isfinite().all())
    # Far below the smallest double: zero is the nearest.
    assert points.norms[0].item() == 0
    assert torch.equal(softmax_jacobian_norms(module, images), points.norms)
    exact = [
        jacobian(module, image, lambda f: f).double().square().sum().item() for image in images
    ]
    assert points.logit_squares.tolist() == pytest.approx(exact, rel=1e-5)


def test_a_constant_network_has_norm_zero(make_chain):
    module = make_chain(4, 6, 3)
    with torch.no_grad():
        module.layer1.weight.zero_()
    images = torch.ones(5, 4, dtype=torch.float64)
    assert softmax_jacobian_norms(module, images).tolist() == [0.0] * 5
    points = point_sensitivities(module, images)
    assert points.norms.tolist() == points.logit_squares.tolist() == [0.0] * 5


def test_equal_logits_have_the_jacobian_of_the_uniform_distribution(make_chain):
    module = make_chain(4, 6, 3)
    with torch.no_grad():
        module.layer2.weight.copy_(module.layer2.weight[:1].expand(3, -1))
        module.layer2.bias.fill_(1.0)
    # Equal rows move all logits together: the softmax does not move.
    found = softmax_jacobian_norms(module, torch.ones(5, 4, dtype=torch.float64))
    assert found.max().item() < 1e-14


def test_points_follow_their_definitions(network):
    images = network.test_inputs
    points = point_sensitivities(network.module, images, batch_size=7)
    for index, image in enumerate(images):
        logits = network.module(image[None])[0]
        rows = jacobian(network.module, image, lambda f: f.softmax(0)).flatten(1)
        squares = jacobian(network.module, image, lambda f: f).square().sum().item()
        assert points.norms[index].item() == pytest.approx(rows.norm().item(), rel=1e-9)
        assert points.row_norms[index].tolist() == pytest.approx(
            rows.norm(dim=1).tolist(), rel=1e-9
        )
        assert points.logit_squares[index].item() == pytest.approx(squares, rel=1e-9)
        losses = [F.cross_entropy(logits, torch.tensor(k)).item() for k in range(len(logits))]
        assert points.log_probabilities[index].neg().tolist() == pytest.approx(losses, rel=1e-9)


def test_the_norm_of_a_point_is_the_measured_one_with_one_pass_more(make_network):
    network = make_network("nin-bn")
    passes = []
    # Only layers whose input needs a gradient call back, so one each time the input gets one.
    network.module.block1.conv1.register_full_backward_hook(lambda *_: passes.append(1))
    norms = softmax_jacobian_norms(network.module, network.test_inputs, batch_size=25)
    assert len(passes) == 9
    passes.clear()
    points = point_sensitivities(network.module, network.test_inputs, batch_size=25)
    assert len(passes) == 10
    assert torch.allclose(points.norms, norms, rtol=1e-12, atol=0)


@pytest.mark.parametrize("function", [softmax_jacobian_norms, point_sensitivities])
def test_derivatives_that_overflow_are_refused(make_chain, function):
    module = make_chain(4, 6, 3, dtype=torch.float32, bias=False)
    with torch.no_grad():
        module.layer1.weight.copy_(module.layer1.weight.abs() * 1e25)
        module.layer2.weight.mul_(1e25)
    tiny = torch.full((1, 4), 1e-30)
    assert bool(module(tiny).isfinite().all())
    with pytest.raises(NotMeasurable, match="derivatives with respect to the input"):
        function(module, tiny)


@pytest.mark.parametrize("function", [softmax_jacobian_norms, point_sensitivities])
def test_no_images_and_no_classes_are_refused(make_chain, function):
    with pytest.raises(NotMeasurable, match="no images"):
        function(make_chain(4, 6, 3), torch.zeros(0, 4))
    with pytest.raises(NotMeasurable, match="one output"):
        function(make_chain(4, 6, 1), torch.zeros(2, 4))
