"""Every measure sees the samples and the function, not the order in which they are written down."""

import functools
from copy import deepcopy

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import baselines
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network
from tests.baselines.applies import defined_on
from tests.baselines.conftest import new_network

MEASURES = {repr(p.measure): p.measure for p in baselines.ALL}
CHAINS = ("convnet-bn", "mlp-deep", "mlp-tanh")
FEW = settings(max_examples=2, deadline=None, derandomize=True, database=None)
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def order_of(count, seed):
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def changed(network, **parts):
    """The same network but for the parts given."""
    all_parts = {
        "module": network.module,
        "images": network.train.images,
        "labels": network.train.labels,
        "initial": network.initial,
        "test_inputs": network.test_inputs,
        "spec": network.spec,
        "siblings": network.siblings,
        "batch_size": network.batch_size,
    }
    return Network.of(**{**all_parts, **parts})


def with_units_in_another_order(module, input_shape, layer, seed):
    """The same function with the units of one hidden weight layer, counted from 0, permuted."""
    module = deepcopy(module)
    weights = [entry.module for entry in module.weight_layers(tuple(input_shape))]
    chain = [entry for _, entry in module.chain()]
    start, end = chain.index(weights[layer]), chain.index(weights[layer + 1])
    order = order_of(len(weights[layer].weight), seed)
    with torch.no_grad():
        for entry in chain[start:end]:
            for tensor in entry.state_dict().values():
                if tensor.ndim > 0:
                    tensor.copy_(tensor[order].clone())
        # A dense layer after a convolution has a column for each position of each unit.
        columns = weights[layer + 1].weight.unflatten(1, (len(order), -1))
        weights[layer + 1].weight.copy_(
            columns[:, order].flatten(1, 2).reshape_as(chain[end].weight)
        )
    return module


@functools.cache
def small(name):
    """Enough images to have correct and wrong samples, few enough to go through one at a time."""
    return new_network(name, samples=20, test_samples=4)


def same(signature):
    return pytest.approx(dict(signature), rel=1e-8, abs=0)


# `check_predictor` asks the same of other families, to fewer digits and for one batch size.
@pytest.mark.parametrize("measure", MEASURES.values(), ids=repr)
def test_sample_order_and_batch_size_do_not_matter(measure):
    network = small(*defined_on(measure, ["own-residual", "convnet-bn"])[:1])
    signature = compute_signature(measure, network)
    images, labels, inputs = network.train.images, network.train.labels, network.test_inputs

    @settings(FEW, max_examples=1)
    @given(SEEDS, st.sampled_from([1, 7, len(images)]))
    @example(0, 1)
    @example(1, 7)
    @example(2, len(images))
    def check(seed, batch_size):
        order, other = order_of(len(images), seed), order_of(len(inputs), seed + 1)
        shuffled = changed(
            network,
            images=images[order],
            labels=labels[order],
            test_inputs=inputs[other],
            batch_size=batch_size,
        )
        assert compute_signature(measure, shuffled) == same(signature)

    check()


@pytest.mark.parametrize(
    ("key", "name"),
    [(key, name) for key, each in MEASURES.items() for name in defined_on(each, CHAINS)],
)
def test_order_of_hidden_units_does_not_matter(key, name):
    measure, network = MEASURES[key], small(name)
    signature = compute_signature(measure, network)
    shape = network.train.images.shape[1:]
    hidden = len(network.module.weight_layers(tuple(shape))) - 1

    @FEW
    @given(st.integers(min_value=0, max_value=hidden - 1), SEEDS)
    def check(layer, seed):
        module, initial = (
            with_units_in_another_order(written, shape, layer, seed)
            for written in (network.module, network.initial)
        )
        found = compute_signature(measure, changed(network, module=module, initial=initial))
        assert found == same(signature)

    check()


@pytest.mark.parametrize("name", CHAINS)
def test_networks_with_units_in_another_order_are_the_same_function(make_network, name):
    network = make_network(name)
    images = network.train.images
    hidden = len(network.module.weight_layers(tuple(images.shape[1:]))) - 1
    for layer in range(hidden):
        for module in (network.module, network.initial):
            other = with_units_in_another_order(module, images.shape[1:], layer, 5)
            assert torch.allclose(other(images), module(images), rtol=1e-12, atol=1e-12)
            moved = [
                name
                for name, tensor in module.state_dict().items()
                if not torch.equal(tensor, other.state_dict()[name])
            ]
            assert len(moved) >= 2
