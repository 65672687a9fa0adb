from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.latent_graphs import cosine_variation, nearest_variation, one_hot
from baselines.functional.numbered_layers import input_of_layer, numbered_layers
from baselines.label_variation import (
    LabelVariation,
    drawn_mixtures,
    released_variation_rate,
    released_worst_variation,
)
from demogen.errors import NotMeasurable
from demogen.networks.tapped_module import TappedModule
from tests.baselines.conftest import shared_network
from tests.baselines.released import (
    as_released_whatever_the_order,
    at_hand,
    images_of,
    keras_network,
    toy_images,
    value,
)


@at_hand
@pytest.mark.parametrize("number", range(18))
def test_variations_are_those_of_the_authors_program(number):
    images, labels = toy_images()
    module = keras_network(f"pgdl_toy/model_{number}")
    name = "VR_functions_batch200: inputs of last two layers, logits"
    known = value("others_toy.json", f"pgdl_toy/model_{number}", name)
    layers = numbered_layers(module)
    spaces = [input_of_layer(module, layers, len(layers) - back, images, 64) for back in (2, 1, 0)]
    found = [cosine_variation(space, one_hot(labels)) / 100_000 for space in spaces]
    # Theirs is in single precision, where some variation is of rounding alone.
    assert found == pytest.approx(known, rel=1e-4, abs=1e-8)
    steps = abs(known[0] - known[1]), abs(known[1] - known[2])
    rate = released_variation_rate(module, images, labels, size=200)
    assert rate == pytest.approx(sum(steps) / 2, rel=1e-3, abs=1e-8)


@at_hand
def test_as_released_the_worst_of_the_last_third_of_layers_counts():
    """Six Keras layers: the inputs of the last three, by the release's own steps."""
    images, labels = images_of("mnist")
    module = keras_network("pgdl_made/model_1")
    by_class = [torch.nonzero(labels == label).flatten()[:50] for label in range(10)]
    chosen = torch.cat(by_class)
    layers = numbered_layers(module)
    assert len(layers) == 6
    found = []
    for number in (3, 4, 5):
        rows = input_of_layer(module, layers, number, images[chosen], 500).flatten(1).double()
        rows = rows / rows.norm(dim=1, keepdim=True)
        squares = (rows**2).sum(dim=1)
        similarity = (2 * rows @ rows.T - squares - squares[:, None]).numpy()
        near = similarity >= np.sort(similarity, axis=1)[:, -2:-1]
        np.fill_diagonal(near, False)
        near = (near | near.T).astype(np.float64)
        degree = np.diag(near.sum(axis=1) ** -0.5)
        targets = np.eye(10)[labels[chosen]]
        laplacian = np.eye(500) - degree @ near @ degree
        found.append(np.trace(targets.T @ laplacian @ targets) / 2000)
    released = released_worst_variation(module, images, labels, by_class)
    assert released == pytest.approx(max(found), rel=1e-4)


def test_as_released_the_last_third_of_layers_and_one_more_count():
    # Classes stand apart behind the second layer only, which drops the noise.
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(500) % 10
    x = torch.cat([0.1 * one_hot(labels), torch.randn(500, 10, generator=generator)], dim=1)
    kept = torch.eye(10, 20, dtype=torch.float64)
    layers = [nn.Linear(20, 20), nn.Linear(20, 10), nn.Linear(10, 10)]
    for layer, weight in zip(layers, (torch.eye(20), kept, torch.eye(10)), strict=True):
        layer.weight.data, layer.bias.data = weight.double(), torch.zeros(len(weight)).double()
    module = TappedModule(OrderedDict(zip("abc", layers, strict=True)), {})
    by_class = [torch.nonzero(labels == label).flatten() for label in range(10)]
    found = released_worst_variation(module, x, labels, by_class)
    assert found == pytest.approx(nearest_variation(x, one_hot(labels)) / 2000, rel=1e-12)
    assert found > 1.5 * nearest_variation(x @ kept.T, one_hot(labels)) / 2000


def test_neighbors_are_mutual_unless_asked():
    # 0 is the nearest of 1, and 1 of 2; not the other way round.
    angles = torch.tensor([0.0, 0.1, 0.3, -0.05], dtype=torch.float64)
    points = torch.stack([angles.cos(), angles.sin()], dim=1)
    targets = one_hot(torch.tensor([0, 1, 0, 1]))
    one_way = 4.0  # no neighbor of anyone's own class: the trace of I
    assert nearest_variation(points, targets, symmetric=False) == pytest.approx(one_way)
    same = one_hot(torch.tensor([0, 0, 0, 0]))
    # Edges 0–1, 1–2 and 0–3, so degrees 2, 2, 1, 1.
    edges = 2 * (1 / 2 + 1 / 2**0.5 + 1 / 2**0.5)
    assert nearest_variation(points, same) == pytest.approx(4 - edges)


def test_dead_samples_have_no_cosines():
    points = torch.zeros(3, 2)
    points[0, 0] = 1.0
    assert cosine_variation(points, one_hot(torch.tensor([0, 1, 0]))) == 0.0


def test_labels_that_no_edge_joins_do_not_vary_at_all():
    """The difference of sums was 1e-14, of rounding alone, and its logarithm a number."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    features = torch.rand(60, 8, generator=generator)
    features[labels == 0, :4] = features[labels == 1, 4:] = 0.0
    assert cosine_variation(features, one_hot(labels)) == 0


def test_mixtures_are_drawn_by_the_networks_id():
    partners, shares = drawn_mixtures("a", 0, 0, 500)
    again = drawn_mixtures("a", 0, 0, 500)
    assert torch.equal(partners, again[0])
    assert torch.equal(shares, again[1])
    assert sorted(partners.tolist()) == list(range(500))
    assert 0 < float(shares.min()) < float(shares.max()) < 1
    for other in (("b", 0, 0), ("a", 1, 0), ("a", 0, 1)):
        assert not torch.equal(partners, drawn_mixtures(*other, 500)[0])


def test_as_released_variations_are_over_fixed_numbers_of_samples():
    found = as_released_whatever_the_order(LabelVariation(released=True))
    # 500 samples: at most 2 for each of them in the normalized Laplacian.
    assert 0 < found["vpm"] < 0.5
    assert 0 < found["wcv"] < 0.5
    assert 0 < found["vr"] < 500 * 500 / 100_000


def test_as_released_few_images_are_refused():
    with pytest.raises(NotMeasurable, match="graphs of 500 images"):
        LabelVariation(released=True).compute(shared_network("layers"))
