import math

import pytest
import torch

from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.schema.records import MLP, Data, NetworkSpec, Training
from zoo_recipes.evaluation import evaluate


@pytest.fixture(scope="module")
def case():
    digits = load_images("digits")
    spec = NetworkSpec(
        architecture=MLP(family="mlp", width=7, depth=3),
        data=Data(images="digits"),
        training=Training(),
    )
    x = digits.standardize(digits.train.images, "image")
    return architectures.build(spec).eval(), x, digits.train.labels


def test_figures_are_plain_means_over_all_images_for_every_label_vector(case):
    module, x, labels = case
    other = labels.roll(1)
    found = evaluate(module, x.split(130), [labels, other])
    logits = module(x).detach().double()
    norm = math.prod(weight.double().norm().item() for weight in module.parameters())
    for evaluation, y in zip(found, (labels, other), strict=True):
        picked = torch.arange(1000), y
        assert evaluation.accuracy == (logits.argmax(1) == y).double().mean().item()
        loss = -logits.log_softmax(1)[picked].mean().item()
        assert evaluation.cross_entropy == pytest.approx(loss, rel=1e-6)
        normalized = -(logits / norm).log_softmax(1)[picked].mean().item()
        assert evaluation.normalized_cross_entropy == pytest.approx(normalized, rel=1e-9)
    assert evaluate(module, x.split(999), [labels])[0].accuracy == found[0].accuracy
    assert evaluate(module, [x], [labels], normalize=False)[0].normalized_cross_entropy is None


def test_a_network_of_zeros_has_no_normalized_loss(case):
    module, x, labels = case
    state = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module.get_parameter("layer2.weight").zero_()
    try:
        found = evaluate(module, [x], [labels])[0]
    finally:
        module.load_state_dict(state)
    assert found.normalized_cross_entropy is None
    assert found.cross_entropy == pytest.approx(math.log(10))
