import numpy as np
import torch

from baselines.transitions import Transitions
from tests.baselines.reference import reference_for

PIECES = {
    "ReLU": [0],
    "ReLU6": [0, 6],
    "Hardtanh": [-1, 1],
    "HardSigmoid": [-0.5, 0.5],
    "Hardsigmoid": [-3, 3],
    "Tanh": [0],
}


@reference_for(Transitions)
def transitions(measure, network):
    counts = [
        transitions_around(network.module, image.numpy(), measure.points_per_step)
        for image in drawn(network.test_inputs, measure.images)
    ]
    return {"transitions": sum(counts) / len(counts)}


def transitions_around(module, image, points_per_step):
    codes = codes_along(module, list(path_of(image, points_per_step)))
    total = 0
    for code, following in zip(codes, [*codes[1:], codes[0]], strict=True):
        total += int(np.abs(code - following).sum())
    return total


def path_of(image, points_per_step):
    for shift in range(image.shape[2]):
        here, there = np.roll(image, shift, axis=2), np.roll(image, shift + 1, axis=2)
        for part in range(points_per_step):
            yield here + (there - here) * (part / points_per_step)


def codes_along(module, points):
    """One array of 0, 1, 2 a point, over all units."""
    x = torch.tensor(np.stack(points))
    codes = []
    for _, layer in module.chain():
        pieces = PIECES.get(type(layer).__name__)
        if pieces:
            codes.append(np.searchsorted(pieces, x.flatten(1).numpy(), side="left"))
        x = layer(x)
    return list(np.concatenate(codes, axis=1))


def drawn(images, count, seed=0):
    """The images with the smallest hashes of their float32 pixels."""
    generator = torch.Generator().manual_seed(seed)
    high = 2**62
    factors = torch.randint(-high, high, (images[0].numel(),), generator=generator).tolist()
    tickets = []
    for image in images:
        bits = image.numpy().astype(np.float32).view(np.int32).flatten().tolist()
        ticket = sum(b * (2 * f + 1) for b, f in zip(bits, factors, strict=True)) % 2**64
        tickets.append(ticket - 2**64 if ticket >= 2**63 else ticket)
    order = sorted(range(len(images)), key=lambda index: tickets[index])
    return images[order[:count]]
