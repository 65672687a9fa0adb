import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.functional.trajectories import anchor_indices, ellipse_through
from baselines.sensitivity import ANGLES, JacobianNorm, JacobianNormTrain
from demogen.network import Network

AT_IMAGES = {"jacobian_norm", "logit_jacobian_squared", "cross_entropy", "target_row_norm"}


def along(kind, *names):
    return {f"ellipse.{kind}.{name}" for name in names}


@pytest.mark.parametrize("measure", [JacobianNorm(), JacobianNormTrain()], ids=repr)
def test_the_signature_is_the_mean_of_the_details(measure, make_network):
    network = make_network("nin-bn").view(measure.access)
    mean = measure.details(network)["jacobian_norm"].mean()
    assert measure.compute(network)["jacobian_norm"] == pytest.approx(mean, rel=1e-12)


def test_details_at_training_images_follow_their_definitions(make_network):
    network = make_network("convnet")
    details = JacobianNormTrain().details(network)
    for index in range(0, 60, 7):
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


def test_details_hold_three_ellipses(make_network):
    network = make_network("mlp-deep")
    details = JacobianNormTrain().details(network)
    kinds = [
        along(kind, "jacobian_norm", "transition_density")
        for kind in ("random", "different", "same")
    ]
    assert set(details) == AT_IMAGES.union(*kinds, {"ellipse.angle"})
    assert all(len(details[name]) == ANGLES for name in details if name.startswith("ellipse"))
    anchors = anchor_indices(network.train.images, network.train.labels)["same"]
    at_anchor = np.isclose(details["ellipse.angle"], np.pi).argmax()
    expected = details["jacobian_norm"][anchors[1]]
    assert details["ellipse.same.jacobian_norm"][at_anchor] == pytest.approx(expected, rel=1e-9)
    ellipse = ellipse_through(network.train.images[anchors], ANGLES)
    assert ellipse.length % 6 == 0


def test_details_do_not_depend_on_the_order_or_the_batches(make_network):
    network = make_network("mlp-tanh")
    train = network.train
    shuffled = Network.of(network.module, train.images.flip(0), train.labels.flip(0), batch_size=11)
    before, after = (JacobianNormTrain().details(each) for each in (network, shuffled))
    for name, values in before.items():
        expected = values[::-1] if name in AT_IMAGES else values
        np.testing.assert_allclose(after[name], expected, rtol=1e-9)


def test_kinds_of_ellipses_that_cannot_be_drawn_are_left_out(make_network):
    network = make_network("own-residual")
    train = network.train
    two = Network.of(network.module, train.images[:2], torch.tensor([4, 5]))
    found = JacobianNormTrain().details(two)
    assert set(found) == AT_IMAGES | along("random", "jacobian_norm") | {"ellipse.angle"}


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
