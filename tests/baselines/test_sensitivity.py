import functools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.functional.input_planes import boundary_counts, plane_through
from baselines.functional.trajectories import anchor_indices, ellipse_through
from baselines.sensitivity import ANGLES, SIDE, JacobianNorm, JacobianNormTrain
from demogen.networks.network import Network
from tests.baselines.conftest import shared_network

AT_IMAGES = {"jacobian_norm", "logit_jacobian_squared", "cross_entropy", "target_row_norm"}
BOUNDS = {
    f"bound.{name}"
    for name in ("cross_entropy", "jacobian_norm", "target_row_lower", "target_row_upper")
}
SLICE = {f"slice.{name}" for name in ("anchors", "boundaries", "images")}


@functools.cache
def details_of(name):
    """At the training images of a small network, which is not to be changed."""
    return JacobianNormTrain().details(shared_network(name))


def along(kind, *names):
    return {f"ellipse.{kind}.{name}" for name in names}


@pytest.mark.parametrize("measure", [JacobianNorm(), JacobianNormTrain()], ids=repr)
def test_the_signature_is_the_mean_of_the_details(measure):
    network = shared_network("mlp-deep").view(measure.access)
    mean = measure.details(network)["jacobian_norm"].mean()
    assert measure.compute(network)["jacobian_norm"] == pytest.approx(mean, rel=1e-12)


def test_details_at_training_images_follow_their_definitions():
    network, details = shared_network("convnet"), details_of("convnet")
    for index in range(0, 24, 3):
        image, label = network.train.images[index], network.train.labels[index]
        jacobian = torch.autograd.functional.jacobian(lambda x: network.module(x[None])[0], image)
        logits = network.module(image[None])[0]
        p = logits.softmax(0)
        row = p[label] * (jacobian[label] - torch.tensordot(p, jacobian, dims=1))
        loss = F.cross_entropy(logits, label)
        assert details["cross_entropy"][index] == pytest.approx(loss.item(), rel=1e-10)
        assert details["target_row_norm"][index] == pytest.approx(row.norm().item(), rel=1e-9)
        square = jacobian.square().sum().item()
        assert details["logit_jacobian_squared"][index] == pytest.approx(square, rel=1e-10)
    assert (details["target_row_norm"] < details["jacobian_norm"]).all()


def test_details_hold_three_ellipses():
    network, details = shared_network("mlp-deep"), details_of("mlp-deep")
    kinds = [
        along(kind, "jacobian_norm", "transition_density")
        for kind in ("random", "different", "same")
    ]
    assert set(details) == AT_IMAGES.union(*kinds, BOUNDS, SLICE, {"ellipse.angle"})
    assert all(len(details[name]) == ANGLES for name in details if name.startswith("ellipse"))
    anchors = anchor_indices(network.train.images, network.train.labels)["same"]
    at_anchor = np.isclose(details["ellipse.angle"], np.pi).argmax()
    expected = details["jacobian_norm"][anchors[1]]
    assert details["ellipse.same.jacobian_norm"][at_anchor] == pytest.approx(expected, rel=1e-9)
    ellipse = ellipse_through(network.train.images[anchors], ANGLES)
    assert ellipse.length % 6 == 0


def test_details_do_not_depend_on_the_order_or_the_batches(make_network):
    network = make_network("mlp-tanh", samples=24)
    train = network.train
    shuffled = Network.of(network.module, train.images.flip(0), train.labels.flip(0), batch_size=11)
    before, after = (JacobianNormTrain().details(each) for each in (network, shuffled))
    for name, values in before.items():
        expected = values[::-1] if name in AT_IMAGES else values
        np.testing.assert_allclose(after[name], expected, rtol=1e-9)


def test_details_hold_the_analytic_curves_over_the_losses_of_the_images():
    details = details_of("convnet")
    losses = details["bound.cross_entropy"]
    assert losses[[0, -1]] == pytest.approx(
        [details["cross_entropy"].min(), details["cross_entropy"].max()], rel=1e-9
    )
    assert np.ptp(np.diff(np.log(losses))) < 1e-9
    M = details["logit_jacobian_squared"].mean() / 10
    right = np.exp(-losses)
    expected = np.sqrt(10 * M / 9) * right * (1 - right)
    np.testing.assert_allclose(details["bound.target_row_lower"], expected, rtol=1e-9)
    ratio = details["bound.target_row_upper"] / expected
    np.testing.assert_allclose(ratio, np.sqrt(2 * 9 / 10), rtol=1e-9)
    full = np.sqrt(M) / 9 * (1 - right) * np.sqrt(100 * right**2 + 8)
    np.testing.assert_allclose(details["bound.jacobian_norm"], full, rtol=1e-9)


def test_details_hold_the_plane_through_images_of_different_classes():
    network, details = shared_network("mlp-deep"), details_of("mlp-deep")
    train = network.train
    anchors = anchor_indices(train.images, train.labels)["different"]
    np.testing.assert_array_equal(details["slice.images"], train.images[anchors].numpy())
    assert np.hypot(*details["slice.anchors"].T) == pytest.approx([0.8] * 3)
    plane = plane_through(train.images[anchors], SIDE)
    expected = boundary_counts(network.module, plane, batch_size=7)
    assert expected.any()
    np.testing.assert_array_equal(details["slice.boundaries"], expected.numpy())


def test_kinds_of_ellipses_that_cannot_be_drawn_are_left_out(make_network):
    network = make_network("own-residual")
    train = network.train
    two = Network.of(network.module, train.images[:2], torch.tensor([4, 5]))
    found = JacobianNormTrain().details(two)
    assert set(found) == AT_IMAGES | BOUNDS | along("random", "jacobian_norm") | {"ellipse.angle"}


def test_one_image_and_a_dead_network(make_network):
    network = make_network("mlp")
    with torch.no_grad():
        network.module.classifier.weight.zero_()
    image = network.train.images[:1]
    one = Network.of(network.module, image, network.train.labels[:1], test_inputs=image)
    for measure in (JacobianNorm(), JacobianNormTrain()):
        assert measure.compute(one) == {"jacobian_norm": 0.0}
        details = measure.details(one)
        assert all(np.isfinite(values).all() for values in details.values())
    assert details["cross_entropy"] == pytest.approx(np.log(10))
