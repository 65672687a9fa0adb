import functools
import statistics

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import demogen
from baselines.functional.fine_tuning import fine_tuned
from baselines.projection_norm import ProjectionNorm
from demogen import Network
from demogen.errors import NotMeasurable, PredictorError, ZooError
from tests.baselines.conftest import new_network, shared_network
from tests.baselines.test_invariances import changed


@functools.cache
def trained():
    """A small network that has learnt digits; before that; these, their labels, and others."""
    digits = demogen.load_images("digits")
    images = digits.standardize(digits.train.images, "image")
    labels = torch.as_tensor(digits.train.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        modules = [
            nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
            for _ in range(2)
        ]
    module, initial = modules
    module.load_state_dict(initial.state_dict())
    with torch.enable_grad():
        optimizer = torch.optim.Adam(module.parameters(), 0.02)
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(module(images), labels).backward()
            optimizer.step()
    return module, initial, images, labels, digits.standardize(digits.test.images, "image")


def distance(test_inputs, **parameters):
    module, initial, images, labels, _ = trained()
    network = Network.of(module, images, labels, initial=initial, test_inputs=test_inputs)
    return ProjectionNorm(**parameters).compute(network)["distance"]


def test_one_step_of_a_linear_network_is_that_by_hand():
    """∇ of the mean cross-entropy by W is (p − Y)ᵀ x / n, and by b the mean of p − Y."""
    generator = torch.Generator().manual_seed(2)
    initial, module = (nn.Linear(4, 3, dtype=torch.float64) for _ in range(2))
    images, inputs = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        for parameter in (*initial.parameters(), *module.parameters()):
            parameter.normal_(generator=generator)
    network = Network.of(module, images, torch.arange(6) % 3, initial=initial, test_inputs=inputs)
    moves = []
    for x in (images, inputs):
        labels = module(x).argmax(1)
        errors = (torch.softmax(initial(x), 1) - torch.eye(3)[labels]).detach().numpy()
        moves.append(np.concatenate([(errors.T @ x.numpy() / 6).ravel(), errors.mean(axis=0)]))
    found = ProjectionNorm(steps=1, learning_rate=0.25).compute(network)
    assert found["distance"] == pytest.approx(0.25 * np.linalg.norm(moves[0] - moves[1]), rel=1e-12)


def test_the_same_images_lead_to_the_same_place():
    assert distance(trained()[2]) == 0
    assert distance(trained()[4]) > 0


def test_images_unlike_those_trained_on_lead_farther_away():
    inputs = trained()[4]
    seen = distance(inputs)
    assert distance(-inputs) > 2 * seen
    assert (
        distance(torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))) > 2 * seen
    )


def test_three_seeds_of_the_sample_change_it_by_a_few_percent():
    found = [distance(trained()[4], seed=seed) for seed in range(3)]
    error = statistics.stdev(found) / 3**0.5
    assert 0 < error / statistics.mean(found) < 0.1, found


def test_batches_go_round_the_images():
    """Four steps of half the images are two rounds; the labels count, wherever they come from."""
    module = shared_network("mlp").initial
    images, labels = shared_network("mlp").train.images[:8], torch.arange(8)
    twice = fine_tuned(module, images.repeat(2, 1, 1, 1), labels.repeat(2), 0.1, 4, 4)
    round_again = fine_tuned(module, images, labels, 0.1, 4, 4)
    assert all(torch.equal(a, b) for a, b in zip(twice, round_again, strict=True))
    whole = fine_tuned(module, images, labels, 0.1, 100, 1)
    assert all(
        torch.equal(a, b)
        for a, b in zip(whole, fine_tuned(module, images, labels, 0.1, 8, 1), strict=True)
    )


@pytest.mark.parametrize("name", ["vgg-bn", "convnet-bn"])
def test_neither_the_network_nor_its_initial_weights_change(name):
    network = new_network(name, samples=20, test_samples=8)
    modules = network.module, network.initial
    before = [{k: v.clone() for k, v in module.state_dict().items()} for module in modules]
    ProjectionNorm(learning_rate=0.1).compute(network)
    for module, state in zip(modules, before, strict=True):
        assert not any(layer.training for layer in module.modules())
        assert all(p.grad is None and not p.requires_grad for p in module.parameters())
        for key, value in module.state_dict().items():
            assert torch.equal(value, state[key]), key


def test_weights_that_logits_do_not_depend_on_stay():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.idle = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.linear(x)

    module, images = Idle(), torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    *_, weight, bias = fine_tuned(module, images, torch.arange(6) % 3, 1.0, 4, 2)
    assert torch.equal(weight, module.idle.weight.double())
    assert torch.equal(bias, module.idle.bias.double())


def test_what_cannot_be_trained_is_refused():
    module, _, images, labels, inputs = trained()
    with pytest.raises(ZooError, match="comes without initial"):
        ProjectionNorm().compute(Network.of(module, images, labels, test_inputs=inputs))
    with pytest.raises(NotMeasurable, match="two training images, and two test inputs"):
        distance(inputs[:1])
    with pytest.raises(NotMeasurable, match="diverges at learning rate 1e[+]300"):
        distance(inputs, learning_rate=1e300)
    for parameters in ({"steps": 0}, {"batch": 1}, {"learning_rate": 0.0}):
        with pytest.raises(PredictorError, match="steps must be at least 1, batch at least 2"):
            distance(inputs, **parameters)


def test_the_network_and_not_the_labels_given_says_the_classes():
    network = shared_network("mlp")
    other = changed(network, labels=network.train.labels.flip(0))
    assert ProjectionNorm().compute(other) == ProjectionNorm().compute(network)
