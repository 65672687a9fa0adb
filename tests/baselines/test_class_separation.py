import pytest
import torch

from baselines.class_separation import ClassSeparation, released_index
from baselines.functional import class_mixtures
from baselines.functional.class_mixtures import mean_mixture_accuracy
from demogen.errors import NotMeasurable
from tests.baselines.conftest import shared_network
from tests.baselines.released import (
    MADE,
    as_released_whatever_the_order,
    at_hand,
    images_of,
    keras_network,
    tensorflow_shuffle,
    toy_images,
    value,
)
from tests.baselines.test_invariances import changed

# Of this one the convolutions' activations are layers of their own, as its config.json says.
FIRST_LAYER = {"model_5": 0}


@at_hand
@pytest.mark.parametrize("name", MADE)
def test_the_released_index_is_that_of_the_authors_program(name):
    images, labels = images_of(MADE[name])
    draws = list(tensorflow_shuffle(500, 1200, (0, 1)).split(120))
    module = keras_network(f"pgdl_made/{name}")
    found = released_index(module, images, labels, draws)
    known = value("first_place_made.json", f"pgdl_made/{name}", "DBI|seed=0")
    if name in FIRST_LAYER:
        assert found != pytest.approx(known, rel=1e-2)
        found = released_index(module, images, labels, draws, FIRST_LAYER[name])
    assert found == pytest.approx(known, rel=1e-6)


@at_hand
@pytest.mark.parametrize("name", MADE)
def test_the_released_mixtures_are_those_of_the_authors_program(name):
    images, labels = images_of(MADE[name])
    groups = list((torch.arange(1000) % 500).split(100))
    found = mean_mixture_accuracy(keras_network(f"pgdl_made/{name}"), images, labels, groups)
    known = value("first_place_made.json", f"pgdl_made/{name}", "Mixup|seed=0")
    assert found == pytest.approx(known, rel=1e-12)


@at_hand
@pytest.mark.parametrize("number", range(18))
def test_the_released_mixtures_of_vectors_are_those_of_the_authors_program(number):
    images, labels = toy_images()
    module = keras_network(f"pgdl_toy/model_{number}")
    groups = list((torch.arange(200) % 200).split(20))
    found = mean_mixture_accuracy(module, images, labels, groups)
    known = value("first_place.json", f"pgdl_toy/model_{number}", "Mixup|seed=0")
    assert found == pytest.approx(known, rel=1e-12)


def test_mixtures_that_do_not_lie_in_memory_together_give_the_same(monkeypatch):
    network = shared_network("layers")
    groups = [torch.arange(len(network.train))]
    parts = (network.module, network.train.images, network.train.labels, groups)
    whole = mean_mixture_accuracy(*parts)
    monkeypatch.setattr(class_mixtures, "_PIXELS_AT_A_TIME", 1)
    assert 0 < whole < 1
    assert mean_mixture_accuracy(*parts, batch_size=7) == whole


def test_as_released_all_classes_count_alike_and_the_product_is_of_both():
    network = shared_network("layers")
    found = ClassSeparation(released=True, layer=0).compute(network)
    assert found["product"] == found["davies_bouldin"] * found["mixup_error"]
    assert 0 <= found["mixup_error"] <= 1
    # Ten draws of the 24 images in turn, all of which stand in each of them five times.
    images, labels = network.train.images, network.train.labels
    draws = [torch.arange(24).repeat(5)]
    known = released_index(network.module, images, labels, draws, 0)
    assert found["davies_bouldin"] == pytest.approx(known, rel=1e-12)


def test_as_released_the_order_of_images_does_not_matter():
    as_released_whatever_the_order(ClassSeparation(released=True))


def test_as_released_a_network_that_is_no_chain_is_refused():
    with pytest.raises(NotMeasurable, match="no plain sequence|not a plain sequence"):
        ClassSeparation(released=True).compute(shared_network("own-residual"))


def test_as_released_a_network_without_strides_is_refused():
    with pytest.raises(NotMeasurable, match="none of its layers 0, 1, 2"):
        ClassSeparation(released=True).compute(shared_network("mlp"))


def test_classes_of_single_images_have_no_mixtures():
    network = shared_network("nin-bn")
    labels = torch.arange(10)
    few = changed(network, images=network.train.images[:10], labels=labels)
    with pytest.raises(NotMeasurable, match="no class has two images"):
        ClassSeparation().compute(few)


def test_a_network_without_the_tap_says_which_it_has():
    with pytest.raises(NotMeasurable, match="none of the taps h9; it has h1, h2, h3"):
        ClassSeparation(tap="h9").compute(shared_network("nin-bn"))
