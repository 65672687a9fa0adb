import copy
import math

import torch
from torch import nn

from baselines.projection_norm import ProjectionNorm
from tests.baselines.reference import reference_for
from tests.baselines.references.transitions import drawn


@reference_for(ProjectionNorm)
def projection_norm(measure, network):
    kinds = network.train.images, network.test_inputs
    count = min(len(images) for images in kinds)
    first, second = (trained(measure, network, list(drawn(x, count))) for x in kinds)
    return {"distance": math.dist(first, second)}


def trained(measure, network, images):
    """All parameters as one list, by torch's optimizer, in training mode without dropout."""
    module = copy.deepcopy(network.initial).double().train()
    for layer in module.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.SGD(module.parameters(), lr=measure.learning_rate)
    images = images[: measure.steps * measure.batch]
    used = 0
    for _ in range(measure.steps):
        batch = [images[(used + k) % len(images)] for k in range(min(measure.batch, len(images)))]
        used += len(batch)
        with torch.no_grad():
            labels = [int(network.module(image[None]).argmax()) for image in batch]
        with torch.enable_grad():
            shares = torch.softmax(module(torch.stack(batch)), dim=1)
            loss = -sum(shares[k, label].log() for k, label in enumerate(labels)) / len(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).tolist()
