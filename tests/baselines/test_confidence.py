import pytest
import torch

from baselines.confidence import ThresholdedConfidence, TurnedConsistency
from demogen.errors import NotMeasurable
from tests.baselines.conftest import shared_network


def test_a_network_that_is_as_sure_of_unseen_images_has_no_gap():
    from demogen.networks.network import Network

    network = shared_network("nin-bn")
    same = Network.of(
        network.module,
        network.train.images,
        network.train.labels,
        test_inputs=network.train.images,
    )
    found = ThresholdedConfidence().compute(same)
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-12)


def test_inputs_that_cannot_be_turned_are_refused():
    from demogen.networks.network import Network

    network = shared_network("nin-bn")
    images = network.train.images
    flat = Network.of(
        network.module, images, network.train.labels, test_inputs=images[:, :, :, :-1].contiguous()
    )
    with pytest.raises(NotMeasurable, match="no square images"):
        TurnedConsistency().compute(flat)
    assert torch.equal(images, network.train.images)
