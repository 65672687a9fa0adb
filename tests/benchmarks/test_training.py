"""What training costs beyond its passes."""

import pytest
import torch
from torch.nn import functional as F

from demogen import architectures, load_images
from demogen.schema import Data, NetworkSpec, NiN, Training
from zoo_recipes.training import train_network


@pytest.fixture
def one_thread():
    torch.set_num_threads(1)


def test_training_costs_a_bare_loop(ratio, one_thread):
    spec = NetworkSpec(
        architecture=NiN(family="nin", width=48, batch_norm=True),
        data=Data(images="digits"),
        training=Training(optimizer="adam", learning_rate=0.005, batch_size=100, epochs=3),
    )
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

    title = "three epochs of training with evaluation and packing / bare loop"
    ratio(title, lambda: train_network(spec, digits), bare_loop)
