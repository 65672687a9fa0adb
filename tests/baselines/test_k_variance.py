import math

import numpy as np
import pytest
import torch

from baselines.functional.k_variance import released_scores
from baselines.functional.numbered_layers import numbered_layers
from baselines.k_variance import KVarianceMargins
from demogen.errors import NotMeasurable
from tests.baselines.conftest import shared_network
from tests.baselines.released import (
    MADE,
    as_released_whatever_the_order,
    at_hand,
    images_of,
    keras_network,
    untrained,
)


@at_hand
@pytest.mark.parametrize(("name", "number"), [("model_0", 2), ("model_1", 2), ("model_4", 6)])
def test_as_released_is_what_the_authors_program_does(name, number):
    """Its steps one by one, of its own draws: no value of theirs is at hand of these networks."""
    images, labels = images_of(MADE[name])
    module = keras_network(f"pgdl_made/{name}")
    np_random = np.random.RandomState(0)
    subset = np_random.choice(np.where(labels.numpy() > -1)[0], 500, replace=False)
    x, y = images[subset], labels[subset]
    layers = numbered_layers(module)
    place = x
    for layer in layers[:number]:
        for part in layer:
            place = part(place)
    place.requires_grad_(True)
    logits = place
    for layer in layers[number:]:
        for part in layer:
            logits = part(logits)
    others = logits.detach().clone()
    others[torch.arange(500), y] = -10_000
    picked = logits[torch.arange(500), y] - logits[torch.arange(500), others.argmax(1)]
    gradients = torch.autograd.grad(picked.sum(), place)[0].flatten(1).numpy()
    margins, norms = picked.detach().numpy(), np.linalg.norm(gradients, axis=1)
    slopes = plain = 0.0
    for label in range(10):
        rows = np_random.permutation(np.where(y.numpy() == label)[0])
        k = len(rows) // 2
        features = place.detach().flatten(1).numpy().astype(np.float64)
        distance = transported(features[rows[:k]], features[rows[k : 2 * k]])
        plain += 0.1 * distance
        slopes += 0.1 * distance * norms[rows].max()
    found = released_scores(module, layers, number, images, labels)
    known = {
        "kv": -np.median(margins[:400]) / slopes,
        "kv_gn": -np.median((margins / (norms + 1e-6))[:400]) / plain,
    }
    assert found == pytest.approx(known, rel=1e-5)


def transported(first, second):
    """W₁ as a linear program over all plans."""
    from scipy.optimize import linprog

    k = len(first)
    costs = np.linalg.norm(first[:, None] - second, axis=2)
    sums = np.zeros((2 * k, k * k))
    for row in range(k):
        sums[row, row * k : (row + 1) * k] = 1
        sums[k + row, row::k] = 1
    return linprog(costs.ravel(), A_eq=sums, b_eq=np.full(2 * k, 1 / k)).fun


def test_a_tap_in_other_units_gives_the_same():
    network = shared_network("mlp")
    module, factor = network.module, 8.0
    found = KVarianceMargins().compute(network)
    first, second = [module.get_submodule(name) for name in ("layer1", "classifier")]
    kept = first.weight.clone(), second.weight.clone()
    try:
        with torch.no_grad():
            first.weight *= factor
            second.weight /= factor
        scaled = KVarianceMargins(epsilon=0.0).compute(network)
    finally:
        first.weight.data, second.weight.data = kept
    exact = KVarianceMargins(epsilon=0.0).compute(network)
    assert scaled == pytest.approx(dict(exact), rel=1e-12)
    assert found["h1.kv"] == exact["h1.kv"]
    assert not math.isclose(found["h1.kv_gn"], exact["h1.kv_gn"], rel_tol=1e-12)


def test_as_released_shallow_and_deep_are_one_where_one_layer_has_strides():
    found = as_released_whatever_the_order(KVarianceMargins(released=True))
    # Layer 2 pools, and is the only one with strides that either looks for.
    assert found["shallow.kv"] == found["deep.kv"]
    assert found["shallow.kv_gn"] == found["deep.kv_gn"]
    ours = KVarianceMargins().compute(untrained())
    assert found["shallow.kv"] * ours["h3.kv"] < 0


def test_as_released_few_images_of_a_class_are_refused():
    with pytest.raises(NotMeasurable, match="fewer than two images|batches of 200"):
        KVarianceMargins(released=True, layer=2).compute(shared_network("layers"))


def test_as_released_a_network_that_is_no_chain_is_refused():
    with pytest.raises(NotMeasurable, match="no plain sequence|not a plain sequence"):
        KVarianceMargins(released=True).compute(shared_network("own-residual"))
