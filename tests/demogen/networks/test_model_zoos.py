"""Networks as torchvision, timm and transformers write them; tests/soak has all in their sizes."""

import pytest
import torch

from demogen import Network, TappedModule, measure
from demogen.errors import NotMeasurable
from demogen.measuring import get_predictor
from tests.model_zoos import MODELS, logits_of

SIZES = {
    "torchvision resnet18": ({}, 32),
    "torchvision mobilenet_v3_small": ({}, 32),
    "timm mobilenetv3_small_050": ({}, 32),
    "timm vit_tiny_patch16_224": ({"img_size": 32, "depth": 4}, 32),
    "transformers ViTForImageClassification": ({}, 32),
}


@pytest.mark.parametrize("name", SIZES)
def test_stages_give_the_logits_of_the_network_and_every_tap_leads_to_them(name):
    (model,) = (model for model in MODELS if str(model) == name)
    settings, size = SIZES[name]
    network, x = model.build(**settings), model.images(3, size)
    module = TappedModule.from_module(network, x)
    assert module.why_whole is None
    assert module.taps == ("input", "h1", "h2", "h3")
    with torch.no_grad():
        logits, activations = module.forward_with_taps(x)
        assert torch.equal(logits, logits_of(network, x))
        for tap, activation in activations.items():
            torch.testing.assert_close(module.forward_from(tap, activation), logits)


def test_every_batch_norm_of_a_resnet_can_be_a_tap_of_its_own_activation():
    (model,) = (model for model in MODELS if str(model) == "torchvision resnet18")
    network, x = model.build(), model.images(2, 32)
    norms = [name for name, layer in network.named_modules() if "BatchNorm" in str(layer)[:9]]
    assert len(norms) == 20
    # bn2 and the norm of a projection meet in a sum, bn1 lies beside a shortcut: the stem's alone
    # is all that the rest needs, and each block's output.
    seen = {}
    network.bn1.register_forward_hook(lambda _, __, out: seen.update(bn1=out.clone()))
    expected = logits_of(network, x)
    module = TappedModule.from_module(network, x, taps={"stem": "bn1", "h1": "layer1.0"})
    logits, activations = module.forward_with_taps(x)
    assert torch.equal(logits, expected)
    assert torch.equal(activations["stem"], seen["bn1"])


def test_measures_of_a_resnet_have_values_or_name_the_layer():
    (model,) = (model for model in MODELS if str(model) == "torchvision resnet18")
    network, x = model.build(), model.images(4, 32)
    own = Network.of(network, x, logits_of(network, x).argmax(1))
    signature = measure(get_predictor("margin-quartiles-log"), own)
    assert {tap for tap, _, _ in (name.partition(".") for name in signature)} == {
        "input",
        "h1",
        "h2",
        "h3",
    }
    with pytest.raises(NotMeasurable, match="stage 'layer1_0_add' joins activations"):
        measure(get_predictor("product-norm"), own)
