import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from baselines.functional.logit_gradients import logit_jacobian_norms
from baselines.jacobian_margin import JacobianMargin
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring import logit_derivatives, sweep
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from tests.baselines.conftest import SHORT

NORMS = {"spectral": 2, "frobenius": "fro"}


def half_line(images, labels):
    """Logits (h + 0.1, −h) with h = max(x, 0): constant for negative x, with margin 0.1."""
    hidden, out = nn.Linear(1, 1, bias=False).double(), nn.Linear(1, 2).double()
    with torch.no_grad():
        hidden.weight.fill_(1)
        out.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        out.bias.copy_(torch.tensor([0.1, 0.0]))
    module = TappedModule(OrderedDict(hidden=hidden, relu=nn.ReLU(), out=out), {})
    return Network.of(module, torch.tensor(images).double()[:, None], torch.tensor(labels))


@pytest.mark.parametrize("norm", NORMS)
def test_margins_of_a_linear_network(norm):
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(5, 3).double()
    module = TappedModule(OrderedDict(only=layer), {})
    images = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        scores = module(images)
    network = Network.of(module, images, scores.argmax(dim=1))
    top = scores.sort(dim=1).values
    size = np.linalg.norm(layer.weight.detach().numpy(), NORMS[norm])
    wanted = math.sqrt(2) * (top[:, -1] - top[:, -2]).numpy() / size
    assert JacobianMargin(norm).details(network)["input"] == pytest.approx(wanted, rel=1e-12)
    found = JacobianMargin(norm).compute(network)
    assert list(found) == [
        f"input.{s}" for s in ("lower_fence", "q1", "median", "q3", "upper_fence")
    ]
    assert found["input.q3"] == pytest.approx(np.percentile(wanted, 75), rel=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("network", "memory"),
    [*((name, None) for name in SHORT), ("nin-bn", (1, 1)), ("nin-bn", (3000, 100))],
    indirect=["network"],
)
def test_norms_follow_their_definition(network, norm, memory, monkeypatch):
    if memory:
        monkeypatch.setattr(sweep, "_JACOBIAN_ENTRIES", memory[0])
        monkeypatch.setattr(logit_derivatives, "_GRAM_ENTRIES", memory[1])
    images = network.train.images[:12]
    scores, norms = logit_jacobian_norms(
        network.module, images, spectral=norm == "spectral", batch_size=5
    )
    torch.testing.assert_close(scores, network.module(images))
    for image, found in zip(images, norms.tolist(), strict=True):
        rows = jacobian(lambda x: network.module(x[None])[0], image).flatten(1).numpy()
        assert found == pytest.approx(np.linalg.norm(rows, NORMS[norm]), rel=1e-12, abs=0)


def test_no_more_memory_than_allowed(make_network, monkeypatch):
    network = make_network("nin")
    sizes = []
    forward = network.module.forward
    monkeypatch.setattr(
        network.module, "forward", lambda x: sizes.append(len(x)) or forward(x), raising=True
    )
    monkeypatch.setattr(sweep, "_JACOBIAN_ENTRIES", 7 * 640)
    logit_jacobian_norms(network.module, network.train.images, batch_size=60)
    assert sizes == [1, *[7] * 8, 4]


def test_more_classes_than_inputs():
    layer = nn.Linear(2, 6, dtype=torch.float64)
    module = TappedModule(OrderedDict(only=layer), {})
    _, norms = logit_jacobian_norms(module, torch.zeros(3, 2))
    exact = np.linalg.norm(layer.weight.detach().numpy(), 2)
    assert norms.tolist() == pytest.approx([exact] * 3, rel=1e-14)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("spectral", [True, False])
def test_gradients_whose_squares_leave_single_precision(make_chain, scale, spectral):
    module = make_chain(6, 16, 4, dtype=torch.float32)
    images = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    _, before = logit_jacobian_norms(module, images, spectral=spectral)
    with torch.no_grad():
        module.layer2.weight *= scale
    _, after = logit_jacobian_norms(module, images, spectral=spectral)
    assert after.dtype == torch.float64
    torch.testing.assert_close(after / scale, before, rtol=1e-5, atol=0)


@pytest.mark.parametrize("norm", NORMS)
def test_a_few_samples_may_have_no_gradient(norm):
    # ‖J‖ = √2 in both norms where x > 0, so the margin is 2x + 0.1.
    images = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -1.0]
    network = half_line(images, [0] * 8)
    found = JacobianMargin(norm).compute(network)
    wanted = np.sort([2 * x + 0.1 for x in images[:7]] + [1e9])
    assert found["input.lower_fence"] == pytest.approx(2.1)
    assert found["input.median"] == pytest.approx(np.percentile(wanted, 50))
    assert found["input.q3"] == pytest.approx(np.percentile(wanted, 75))
    assert found["input.upper_fence"] == pytest.approx(14.1)
    assert len(JacobianMargin(norm).details(network)["input"]) == 7


@pytest.mark.parametrize(
    ("samples", "without"), [(n, k) for n in range(1, 12) for k in range(1, n + 1)]
)
def test_too_many_without_a_gradient_are_refused(samples, without):
    # The two last are misclassified: they do not count, with or without a gradient.
    images = [float(k) for k in range(1, samples - without + 1)] + [-1.0] * without + [-3.0, 3.0]
    network = half_line(images, [0] * samples + [1, 1])
    if math.floor(0.75 * (samples - 1)) + 1 < samples - without:
        assert all(map(math.isfinite, JacobianMargin().compute(network).values()))
    else:
        with pytest.raises(NotMeasurable, match=f"is zero at {without} of {samples} correctly"):
            JacobianMargin().compute(network)


@pytest.mark.parametrize("norm", NORMS)
def test_broken_networks_are_refused(make_chain, norm):
    module = make_chain(6, 8, 4, dtype=torch.float32)
    images = torch.randn(9, 6, generator=torch.Generator().manual_seed(0))
    labels = module(images).argmax(dim=1)
    wrong = module(images).argmin(dim=1)
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        JacobianMargin(norm).compute(Network.of(module, images, wrong))
    with pytest.raises(NotMeasurable, match="no images"):
        JacobianMargin(norm).compute(Network.of(module, images[:0], labels[:0]))
    with torch.no_grad():
        module.layer1.bias.zero_()
        module.layer1.weight *= 1e30
        module.layer2.weight *= 1e30
    with pytest.raises(NotMeasurable, match="gradients of its logits are not all finite"):
        JacobianMargin(norm).compute(Network.of(module, images * 1e-36, labels))
    with torch.no_grad():
        module.layer2.bias.fill_(math.nan)
    with pytest.raises(NotMeasurable, match="logits are not all finite"):
        JacobianMargin(norm).compute(Network.of(module, images, labels))


def test_an_unknown_norm_is_named(make_network):
    with pytest.raises(PredictorError, match="no norm 'spektral'; did you mean 'spectral'"):
        JacobianMargin("spektral").compute(make_network("mlp"))


def test_a_backward_pass_a_class(make_network, monkeypatch):
    network = make_network("mlp", batch_size=25)
    calls = []
    gradient = torch.autograd.grad
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, **k: calls.append(1) or gradient(*a, **k)
    )
    JacobianMargin().compute(network)
    assert len(calls) == 3 * 10
