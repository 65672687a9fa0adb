"""The softmax Jacobian's norm against other ways to have it, on 128 images."""

import pytest
import torch
from torch.func import functional_call, jacrev, vmap

from baselines.functional.jacobians import softmax_jacobian_norms

IMAGES = 128
AT_ONCE = 128
"""Images in one vmap: ten rows of the largest activation take 0.25 GB, all of it about 1 GB."""
BEST_CHUNK = 8
"""Images in one vmap that keep its intermediate results in the processor's cache."""


@pytest.fixture
def images(train):
    return train[0][:IMAGES]


def by_vmap(module, images, chunk):
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def probabilities(image):
        return functional_call(module, state, (image[None],))[0].softmax(dim=0)

    jacobians = vmap(jacrev(probabilities))
    return torch.cat([jacobians(part).flatten(1).norm(dim=1) for part in images.split(chunk)])


@pytest.mark.parametrize(
    ("chunk", "title"),
    [
        (AT_ONCE, "softmax Jacobian norm / torch.func vmap(jacrev) (at most 0.5)"),
        (BEST_CHUNK, "softmax Jacobian norm / vmap(jacrev) in its best chunks (no bound)"),
    ],
)
def test_jacobian_norms_against_vmap(ratio, network, images, chunk, title):
    ours = softmax_jacobian_norms(network.module, images, IMAGES)
    theirs = by_vmap(network.module, images, chunk)
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-4, atol=1e-12)
    ratio(
        title,
        lambda: softmax_jacobian_norms(network.module, images, IMAGES),
        lambda: by_vmap(network.module, images, chunk),
        rounds=5,
    )


def test_jacobian_norms_against_their_passes(ratio, network, images):
    forward, backward = [], []

    def backward_passes():
        x = images.clone().requires_grad_()
        logits = network.module(x)
        for index in range(logits.shape[1] - 1):
            torch.autograd.grad(logits[:, index].sum(), x, retain_graph=True)

    first = next(layer for _, layer in network.module.chain())
    handles = [
        first.register_forward_hook(lambda *_: forward.append(1)),
        first.register_full_backward_hook(lambda *_: backward.append(1)),
    ]
    softmax_jacobian_norms(network.module, images, IMAGES)
    for handle in handles:
        handle.remove()
    # One image is run first, to see how large its activations are.
    assert len(backward) == 9 * (len(forward) - 1)
    ratio(
        "softmax Jacobian norm / 1 forward + (classes − 1) backward passes (at most 1.2)",
        lambda: softmax_jacobian_norms(network.module, images, IMAGES),
        backward_passes,
        rounds=5,
    )
