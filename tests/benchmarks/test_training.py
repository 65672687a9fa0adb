"""What training costs beyond its passes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from demogen import load_images
from demogen.networks import architectures
from demogen.schema.records import MLP, Data, NetworkSpec, NiN, Training
from zoo_recipes.batches import Batches
from zoo_recipes.optimization import optimize
from zoo_recipes.training import train_network

NIN = NiN(family="nin", width=48, batch_norm=True)
SMALL_MLP = MLP(family="mlp", width=100, depth=3)


@pytest.fixture(autouse=True)
def one_thread(all_cores):
    torch.set_num_threads(1)


def asked(architecture, **training):
    settings = {"optimizer": "adam", "learning_rate": 0.005, "batch_size": 100, "epochs": 10}
    return NetworkSpec(
        architecture=architecture,
        data=Data(images="digits"),
        training=Training(**{**settings, **training}),
    )


def bare_loop(spec, x, labels):
    """As one writes it down: resident standardized images, one fused optimizer."""
    layout = torch.contiguous_format if x.ndim == 2 else torch.channels_last
    module = architectures.build(spec).to(memory_format=layout)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.005, fused=True)
    for _ in range(spec.training.epochs):
        for batch in torch.randperm(len(x)).split(spec.training.batch_size):
            loss = F.cross_entropy(module(x[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("architecture", [NIN, SMALL_MLP], ids=["nin", "mlp"])
def test_a_step_costs_a_bare_step(architecture, ratio):
    spec = asked(architecture)
    digits = load_images("digits")
    part = digits.training_part(spec.data)
    x = digits.standardize(part.images, "image")
    convolutional = any(isinstance(m, nn.Conv2d) for m in architectures.skeleton(spec).modules())
    x = x.contiguous(memory_format=torch.channels_last) if convolutional else x.flatten(1)

    def ours():
        module = architectures.build(spec)
        if convolutional:
            module = module.to(memory_format=torch.channels_last)
        batches = Batches(part.images, spec, digits, "cpu", channels_last=convolutional)
        optimize(module, batches, part.labels, spec.training, torch.Generator())

    title = f"100 steps of training / a bare loop, {spec.architecture.family} (at most 1.1)"
    ratio(title, ours, lambda: bare_loop(spec, x, part.labels), rounds=15)


def test_training_with_all_around_it(ratio):
    spec = asked(NIN)
    digits = load_images("digits")
    part = digits.training_part(spec.data)
    x = digits.standardize(part.images, "image").contiguous(memory_format=torch.channels_last)
    title = "100 steps with evaluation of all images and packing / a bare loop (no bound)"
    ratio(title, lambda: train_network(spec, digits), lambda: bare_loop(spec, x, part.labels))


@pytest.mark.parametrize("names", [("crop", "flip", "shift"), ("crop", "flip", "rotation")])
def test_augmentation_beside_the_step(names, ratio):
    digits = load_images("digits")

    def run(spec):
        part = digits.training_part(spec.data)
        module = architectures.build(spec).to(memory_format=torch.channels_last)
        batches = Batches(part.images, spec, digits, "cpu", channels_last=True)
        optimize(module, batches, part.labels, spec.training, torch.Generator())

    title = f"100 steps with {', '.join(names)} / without (no bound)"
    ratio(title, lambda: run(asked(NIN, augmentation=names)), lambda: run(asked(NIN)))
