import pytest

from demogen.networks.size import longest_first, network_size, parameter_count
from demogen.schema.records import MLP, Data, NetworkSpec, NiN, Training

CIFAR10 = Data(images="cifar10")


def spec(architecture=None, data=CIFAR10):
    return NetworkSpec(
        architecture=architecture or NiN(family="nin", width=192), data=data, training=Training()
    )


def test_a_network_in_network_by_hand():
    # Multiply-adds: kernel elements times output positions, at 16x16, 8x8, 4x4 and 1x1.
    w = 192
    first = (27 * w + 2 * w * w) * 256
    others = (9 * w * w + 2 * w * w) * (64 + 16)
    size = network_size(spec())
    assert size.forward == 2 * (first + others + 16 * w * 10)
    assert (size.parameters, size.buffers) == (922_378, 0)
    normed = network_size(spec(NiN(family="nin", width=w, batch_norm=True, dropout=0.5)))
    # Nine batch norms: scale and shift are trained, mean and variance are buffers.
    assert (normed.parameters, normed.buffers) == (922_378 + 18 * w, 18 * w)
    assert normed.forward == size.forward


@pytest.mark.parametrize("activation", ["relu", "hardtanh", "tanh"])
def test_a_fully_connected_network_by_hand(activation):
    network = MLP(family="mlp", width=50, depth=4, activation=activation)
    weights = 24 * 24 * 3 * 50 + 2 * 50 * 50 + 50 * 10
    size = network_size(spec(network, Data(images="cifar10", center_crop=24)))
    assert (size.parameters, size.buffers, size.forward) == (weights, 0, 2 * weights)
    whole = network_size(spec(network))
    assert whole.parameters == weights + (32 * 32 - 24 * 24) * 3 * 50
    hundred = spec(network, Data(images="cifar100"))
    assert parameter_count(hundred) == network_size(hundred).parameters
    assert parameter_count(hundred) == whole.parameters + 90 * 50


def test_the_longest_comes_first():
    narrow, wide = (spec(NiN(family="nin", width=width)) for width in (8, 16))
    # More parameters than either, and fewer operations.
    dense = spec(MLP(family="mlp", width=40, depth=2))
    tasks = [("dense", dense), ("first", narrow), ("wide", wide), ("second", narrow)]
    found = longest_first(tasks, lambda task: task[1])
    assert [name for name, _ in found] == ["wide", "first", "second", "dense"]
