"""Costs as ratios to the passes they are made of, taken in turn in one run.

Each benchmark times the thing itself; `extra_info` holds the ratio of its median to that of its
floor, which is timed in turn with it, so that a slow machine slows both.
"""

import statistics
import time

import pytest
import torch
from torch.nn import functional as F

from baselines.functional.jacobians import softmax_jacobian_norms
from baselines.functional.margins import tap_margins
from baselines.normalized_loss import NORMALIZED_LOSS
from demogen import architectures, load_images, measure
from zoo_recipes.training import train_network

ROUNDS = 7


def in_turn(benchmark, capsys, name, work, floor):
    """Time `work` and `floor` alternately; report and print the ratio of their medians."""
    work()
    floor()
    times = {work: [], floor: []}
    for _ in range(ROUNDS):
        for timed in (work, floor):
            start = time.perf_counter()
            timed()
            times[timed].append(time.perf_counter() - start)
    ratio = statistics.median(times[work]) / statistics.median(times[floor])
    benchmark.extra_info["ratio"] = round(ratio, 3)
    benchmark.pedantic(work, rounds=3)
    with capsys.disabled():
        print(f"\n{name}: {ratio:.2f}")


@pytest.fixture
def train(network):
    return network.train.images, network.train.labels


def test_margins_cost_a_forward_and_a_backward_pass(benchmark, capsys, network, train):
    images, labels = train

    def forward_and_backward():
        for x, y in zip(images.split(256), labels.split(256), strict=True):
            x = x.detach().requires_grad_()
            logits = network.module(x)
            torch.autograd.grad(logits.gather(1, y[:, None]).sum(), x)

    name = "margins at four taps with total variation / forward and backward pass"
    work = lambda: tap_margins(network.module, images, labels)  # noqa: E731
    in_turn(benchmark, capsys, name, work, forward_and_backward)


def test_jacobian_costs_a_backward_pass_a_class_but_one(benchmark, capsys, network, train):
    images = train[0][:256]

    def passes():
        x = images.detach().requires_grad_()
        logits = network.module(x)
        for index in range(logits.shape[1] - 1):
            torch.autograd.grad(logits[:, index].sum(), x, retain_graph=True)

    name = "softmax Jacobian norm / forward and (classes - 1) backward passes"
    work = lambda: softmax_jacobian_norms(network.module, images, 256)  # noqa: E731
    in_turn(benchmark, capsys, name, work, passes)


def test_normalized_loss_costs_a_forward_pass(benchmark, capsys, network, train):
    def forward():
        with torch.no_grad():
            for x in train[0].split(256):
                network.module(x)

    name = "normalized loss / forward pass"
    work = lambda: measure(NORMALIZED_LOSS, network)  # noqa: E731
    in_turn(benchmark, capsys, name, work, forward)


def test_training_costs_a_bare_loop(benchmark, capsys, spec):
    digits = load_images("digits")
    part = digits.training_part(spec.data)
    x = digits.standardize(part.images, "image")

    def bare_loop():
        module = architectures.build(spec).to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.005, fused=True)
        for _ in range(spec.training.epochs):
            for batch in torch.randperm(len(x)).split(100):
                images = x[batch].contiguous(memory_format=torch.channels_last)
                loss = F.cross_entropy(module(images), part.labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    name = "three epochs of training with evaluation and packing / bare loop"
    in_turn(benchmark, capsys, name, lambda: train_network(spec, digits), bare_loop)
