import numpy as np
import pytest
import torch

from baselines.transitions import Transitions
from demogen.errors import NotMeasurable
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network
from tests.baselines.references.transitions import transitions as reference

NETWORKS = ["nin-bn", "mlp-deep", "mlp-tanh"]


def alike(network, test_inputs, **changes):
    train = network.train
    return Network.of(
        network.module, train.images, train.labels, test_inputs=test_inputs, **changes
    )


@pytest.mark.parametrize("parameters", [(1, 10), (3, 4), (4, 1), (8, None)])
@pytest.mark.parametrize("name", NETWORKS)
def test_other_parameters_follow_the_reference(make_network, name, parameters):
    network, measure = make_network(name, test_samples=10), Transitions(*parameters)
    found = measure.compute(network)
    assert found == pytest.approx(reference(measure, network), rel=1e-12)
    assert found["transitions"] > 0


@pytest.mark.parametrize("activation", ["relu6", "hardtanh", "hardsigmoid"])
def test_activations_of_three_pieces_follow_the_reference(make_mlp, activation):
    network, measure = make_mlp(activation), Transitions(4)
    found = measure.compute(network)
    assert found == pytest.approx(reference(measure, network), rel=1e-12)


@pytest.fixture
def make_mlp(make_network):
    """A network whose units visit all three pieces of their activation."""

    def make(activation):
        from demogen.networks.architectures import build
        from demogen.schema.records import MLP, Data, NetworkSpec, Training

        architecture = MLP(family="mlp", width=7, depth=4, activation=activation)
        data = Data(images="digits")
        spec = NetworkSpec(architecture=architecture, data=data, training=Training())
        module = build(spec).double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(4)
        images = 2 * make_network("mlp").test_inputs
        return Network.of(module, images, torch.arange(25) % 10, test_inputs=images)

    return make


def test_the_sample_is_a_property_of_the_images(make_network):
    network = make_network("nin")
    inputs = network.test_inputs
    measure = Transitions(2, images=6)
    few = measure.compute(network)
    order = torch.randperm(25, generator=torch.Generator().manual_seed(2))
    assert measure.compute(alike(network, inputs[order], batch_size=5)) == few
    rest = [i for i in range(25) if i not in measure.details(network)["image"]]
    assert measure.compute(alike(network, inputs[rest])) != few


def test_details_are_what_is_averaged_and_how_far_it_has_converged(make_network):
    network = make_network("nin")
    details = Transitions(8, images=5).details(network)
    names = ["image", "transitions", "transitions.half", "transitions.quarter"]
    assert list(details) == names
    chosen = alike(network, network.test_inputs[details["image"]])
    for name, points in zip(names[1:], (8, 4, 2), strict=True):
        expected = Transitions(points, images=5).compute(chosen)["transitions"]
        assert details[name].mean() == pytest.approx(expected)
    # Points that are dropped can only hide transitions.
    assert (details["transitions.half"] <= details["transitions"]).all()
    assert (details["transitions.quarter"] <= details["transitions.half"]).all()
    assert list(Transitions(6).details(network)) == names[:3]
    assert list(Transitions(3).details(network)) == names[:2]


def test_units_of_two_pieces_change_an_even_number_of_times(make_network):
    details = Transitions(4).details(make_network("mlp-deep"))
    assert np.all(details["transitions"] % 2 == 0)


def test_a_single_image_and_a_blank_one(make_network):
    network = make_network("nin-bn")
    one = alike(network, network.test_inputs[:1])
    assert Transitions(4).compute(one)["transitions"] > 0
    # All translations of a blank image are the same image.
    blank = alike(network, torch.full((3, 1, 8, 8), 0.7, dtype=torch.float64))
    assert Transitions(4).compute(blank) == {"transitions": 0.0}


def test_vectors_no_images_and_residual_networks_are_refused(make_network, make_chain):
    flat = Network.of(
        make_chain(6, 5, 3), torch.ones(2, 6), torch.zeros(2).long(), test_inputs=torch.ones(2, 6)
    )
    with pytest.raises(NotMeasurable, match="on network network: its inputs are vectors"):
        compute_signature(Transitions(), flat)
    network = make_network("nin")
    with pytest.raises(NotMeasurable, match="no images"):
        Transitions().compute(alike(network, network.test_inputs[:0]))
    with pytest.raises(NotMeasurable, match="not defined, stage 'block1' is a Residual"):
        compute_signature(Transitions(), make_network("own-residual"))
