"""The published collections against what their papers say."""

import itertools

import pytest

from baselines.bibliography import BIBTEX
from demogen.networks.size import network_size
from demogen.schema.records import ResNet
from tests.zoo_recipes.published import (
    CORRUPTIONS,
    FIFTEEN,
    FIVE_ACTIVATIONS,
    IMAGENET,
    PRETRAINING,
    PUBLISHED,
    TWENTY_FIVE,
    ZHAO,
    factors,
    load_cached,
)
from zoo_recipes import list_recipes


def listed(value):
    return list(value) if isinstance(value, tuple) else value


def test_every_collection_is_held_against_its_paper():
    assert sorted(PUBLISHED) == list_recipes()


@pytest.mark.parametrize("name", PUBLISHED)
def test_collections_have_the_published_networks(name):
    count, varies, fixed = PUBLISHED[name]
    networks = factors(name)
    assert len(networks) == load_cached(name).count == count
    for factor, levels in varies.items():
        found = [listed(network[factor]) for network in networks]
        assert all(level in levels for level in found)
        often = [found.count(level) for level in levels]
        assert min(often) == count // len(levels)
        assert max(often) - min(often) <= 1
    for setting, value in fixed.items():
        found = [network[setting] for network in networks if network["optimizer"] != "lbfgs"]
        assert all(listed(level) == value for level in found), setting


@pytest.mark.parametrize("name", ["nin-cifar10", "resnet32-cifar10", "resnet32-cifar100"])
def test_demogens_released_code_is_a_variant_with_the_same_levels_and_other_ids(name):
    recipe = load_cached(name)
    released = recipe.variant("released")
    pairs = list(zip(recipe.networks(), released.networks(), strict=True))
    assert not {one.id for one, _ in pairs} & {other.id for _, other in pairs}
    expected = {
        "nin-cifar10": {
            "dropout_is": "kept",
            "dropout_after": "all",
            "same_padding": "tensorflow",
        },
        "resnet32-cifar10": {"l2_on": "all", "dense_start": "glorot"},
    }[name.replace("100", "10")]
    for one, other in pairs:
        before, after = one.factors(), other.factors()
        changed = {key: after[key] for key in after if after[key] != before[key]}
        changed.pop("seed")
        wanted = dict(expected)
        if other.architecture.family == "resnet" and other.architecture.norm == "batch":
            wanted["norm_eps"] = 1.001e-5
        assert changed == wanted
    assert recipe.digest == load_cached(name).model_copy(update={"variants": {}}).digest


@pytest.mark.parametrize("name", PUBLISHED)
def test_collections_have_ids_seeds_choices_and_a_paper(name):
    recipe = load_cached(name)
    networks = recipe.networks()
    assert recipe.name == name
    assert len({spec.configuration for spec in networks}) * recipe.copies == len(networks)
    assert len({spec.seed for spec in networks}) == len(networks)
    assert recipe.choices
    assert recipe.repository == f"demogen/{name}"
    if name != "digits":
        assert recipe.paper.bibtex.strip() == BIBTEX[recipe.paper.key]
        assert recipe.paper.title in BIBTEX[recipe.paper.key]


def test_the_design_of_80_holds_the_six_released_cells_and_even_pairs():
    networks = factors("vgg16-cifar100")
    released = [
        network["corruption"]
        for network in networks
        if (network["batch_norm"], network["dropout"], network["momentum"]) == (False, 0, 0.9)
        and (network["l2"], network["batch_size"]) == (0.0002, 128)
        and listed(network["augmentation"]) == ["crop", "flip", "rotation"]
    ]
    assert sorted(released) == CORRUPTIONS
    levels = {**ZHAO, "batch_norm": [False, True], "dropout": [0, 0.3, 0.5]}
    for first, second in itertools.combinations(levels, 2):
        for pair in itertools.product(levels[first], levels[second]):
            both = [listed(network[first]) == pair[0] for network in networks]
            found = sum(
                one and listed(network[second]) == pair[1]
                for one, network in zip(both, networks, strict=True)
            )
            assert abs(found - 80 / len(levels[first]) / len(levels[second])) < 2


@pytest.mark.parametrize("name", ["mobilenet-cifar100", "resnet34-cifar100"])
def test_each_corruption_level_has_the_same_six_cells(name):
    by_level = {level: [] for level in CORRUPTIONS}
    for network in factors(name):
        cell = (network["momentum"], network["l2"], network["batch_size"])
        by_level[network["corruption"]].append((*cell, listed(network["augmentation"])))
    assert len(by_level[0]) == 6
    assert all(cells == by_level[0] for cells in by_level.values())


def test_the_imagenet_models_are_a_to_e():
    settings = ("augmentation", "momentum", "dropout", "dropout_layers", "l2")
    found = [tuple(listed(network[name]) for name in settings) for network in factors(IMAGENET)]
    assert [extra.label for extra in load_cached(IMAGENET).extra] == [
        f"model {letter}" for letter in "ABCDE"
    ]
    assert found == [
        (["window", "flip"], 0.9, 0.5, "all", 0.0005),
        ([], 0.9, 0.5, "all", 0.0005),
        ([], 0, 0.5, "all", 0.0005),
        ([], 0, 0.3, "first", 0.0005),
        ([], 0, 0, "all", 0),
    ]


@pytest.mark.parametrize(
    ("name", "factor", "levels", "std"),
    [
        ("convnet3-cifar10-pretrain", "pretrain_corruption", PRETRAINING, None),
        ("convnet3-mnist-init", "initial_std", FIFTEEN, 0.05),
        ("convnet3s-cifar10-init", "initial_std", TWENTY_FIVE, 0.1),
    ],
)
def test_one_network_more_is_trained_and_tested_on_random_labels(name, factor, levels, std):
    *natural, random = factors(name)
    assert [network[factor] for network in natural] == levels
    assert {(network["corruption"], network["test_corruption"]) for network in natural} == {(0, 0)}
    assert (random["corruption"], random["test_corruption"]) == (1, 1)
    assert random["initial_std"] == std


@pytest.mark.parametrize("name", ["mlp-large-cifar10", "mlp-large-cifar100"])
def test_the_large_experiment_is_a_sample_of_matched_pairs(name):
    networks = factors(name)
    drawn = load_cached(name).grid
    assert drawn["width"] == [2**n for n in range(17)]
    assert drawn["depth"] == [2, 3, 5, 9, 17, 33, 65]
    assert drawn["activation"] == FIVE_ACTIVATIONS
    assert drawn["optimizer"] == ["sgd", "momentum", "adam", "rmsprop", "lbfgs"]
    for factor, levels in (
        ("learning_rate", [0.01, 0.005, 0.0005]),
        ("batch_size", [128, 512]),
        ("initial_scale", [0.5, 1, 4, 8]),
        ("corruption", [0, 1]),
    ):
        assert drawn[factor] == levels
        others = [network[factor] for network in networks if network["optimizer"] != "lbfgs"]
        assert set(others) == set(levels)
    follows = ("steps", "batch_size", "learning_rate")
    differing = []
    for first, second in zip(networks[::2], networks[1::2], strict=True):
        same = {"seed"} | set(
            follows if "lbfgs" in (first["optimizer"], second["optimizer"]) else ()
        )
        (factor,) = {key for key in first if first[key] != second[key]} - same
        differing.append(factor)
    assert differing == ["corruption", "activation", "optimizer"] * 360
    for network in networks:
        lbfgs = network["optimizer"] == "lbfgs"
        assert network["steps"] == (2684 if lbfgs else 524_288)
        assert network["batch_size"] == 50_000 or not lbfgs
        width, depth = network["width"], network["depth"]
        classes = 10 if network["images"] == "cifar10" else 100
        weights = 1728 * width + (depth - 2) * width**2 + classes * width
        assert weights <= 100_000_000
    assert 1728 * 2**16 + 10 * 2**16 > 100_000_000


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("nin-cifar10", [922_378, 925_834, 2_047_114, 2_052_298, 3_614_218, 3_621_130]),
        ("nin-cifar10-corrupted", [922_378, 925_834, 2_047_114, 2_052_298, 3_614_218, 3_621_130]),
        ("resnet32-cifar10", [466_970, 1_861_162, 7_431_242]),
        ("resnet32-cifar100", [472_820, 1_872_772, 7_454_372]),
        # Batch norm adds a scale and a shift for each of 4,224 channels.
        ("vgg16-cifar100", [34_006_948, 34_015_396]),
        ("vgg16-imagenet", [138_357_544]),
        ("mobilenet-cifar100", [3_309_476]),
        ("resnet34-cifar100", [21_328_292]),
        ("resnet56-cifar10-init", [855_834]),
        ("convnet3-cifar10-pretrain", [154_464]),
        ("convnet3-cifar10-init", [154_464]),
        ("convnet3-cifar10-default", [154_464]),
        ("convnet3-mnist-init", [165_784]),
        ("convnet3s-cifar10-init", [148_160]),
        ("convnet5-cifar10-pretrain", [135_584]),
        ("convnet5-cifar10-init", [135_584]),
        ("convnet5-cifar100-pretrain", [181_664]),
        ("convnet5-cifar100-init", [181_664]),
        ("convnet16-cifar10-nsweep", [9_978]),
        # 28c + 3(9c² + c) in convolutions, 160c + 10 in the dense layer, for c channels.
        (
            "convnet-cifar10-widthsweep",
            [500, 1_206, 3_266, 9_978, 33_770, 122_826, 466_826],
        ),
        ("mlp-trajectory-mnist", [784 * 200 + 18 * 200 * 200 + 200 * 10]),
        ("mlp-boundaries-mnist", [784 * 300 + 13 * 300 * 300 + 300 * 10]),
        (
            "mlp-crossentropy-cifar10",
            [3082 * w + (d - 2) * w * w for w in (50, 100, 200) for d in (2, 5, 10, 20)],
        ),
    ],
)
def test_architectures_have_the_published_number_of_parameters(name, parameters):
    specs = load_cached(name).networks()
    sizes = {spec.architecture: network_size(spec).parameters for spec in specs}
    # Group and batch norm have as many parameters as one another, dropout has none.
    assert sorted(set(sizes.values())) == sorted(set(parameters))


def test_group_norm_has_the_parameters_of_batch_norm():
    specs = load_cached("resnet32-cifar10").networks()
    for norm in ("batch", "group"):
        architecture = ResNet(family="resnet", depth=32, width=16, norm=norm)
        spec = next(spec for spec in specs if spec.architecture == architecture)
        assert network_size(spec).parameters == 466_970
