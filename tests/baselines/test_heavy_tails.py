import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from baselines.heavy_tails import HeavyTails
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network, Sources
from demogen.networks.tapped_module import TappedModule
from tests.zoo_recipes.importing.foreign import FOLDER

SHAPES = {
    "first": (4, 1, 3, 3),
    "swapped": (2, 6, 2, 2),
    "even": (1, 2, 2, 2),
    "mistaken": (1, 3, 1, 5),
    "thin": (2, 8, 1, 1),
    "few": (10, 32),
    "some": (19, 30),
    "many": (40, 64),
    "faint": (8, 40),
    "narrow": (7, 30),
}
COLUMNS = (
    "alpha",
    "xmin",
    "ks_distance",
    "log_norm",
    "alpha_weighted",
    "log_alpha_norm",
    "stable_rank",
)
# Printed by weightwatcher 0.7.7 (numpy 2.4, scipy 1.17, CPU) for `printed_weights`, layer by layer,
# and its summary; `tests/benchmarks/test_peers.py` runs it.
PRINTED = {
    "first": (
        1.392018017051623,
        0.24184898588635223,
        0.28905216354373575,
        1.5846507617272043,
        1.7575050534582832,
        1.9776996056584346,
        2.0993827961020757,
    ),
    "swapped": (
        1.6476104683749329,
        1.6715826223401131,
        0.20124236840142973,
        1.9715285024852893,
        2.7989514122538584,
        2.9139032471475907,
        1.8738469558830455,
    ),
    "even": (
        1.1741374786527135,
        0.03812878028404611,
        0.2368119359238291,
        2.149338610051819,
        2.48983211249607,
        2.5066420473727136,
        1.068503465594659,
    ),
    "mistaken": (
        1.20082230292736,
        0.019738370921708947,
        0.3382253790129604,
        1.2825881026460864,
        1.3254981428107866,
        1.4632396447649014,
        1.5092553221861769,
    ),
    "few": (
        1.967454493289995,
        56.95851382246625,
        0.11164800449638779,
        3.211638907137737,
        5.454810461489757,
        5.6635358725527505,
        2.7486352578570403,
    ),
    "some": (
        3.3148961192376967,
        144.3737656128076,
        0.09930171447787484,
        2.7764480739389317,
        8.061668625849332,
        8.207414238199464,
        2.2105276910803973,
    ),
    "many": (
        2.2324544972239613,
        379.65741873120845,
        0.10050907037546762,
        4.320706463845223,
        7.959570148013171,
        8.376423871407372,
        5.692680613972902,
    ),
    "faint": (
        -1.0,
        -1.0,
        -1.0,
        -6.601527404197224,
        7.174126070104465,
        8.556372044078026,
        3.737650301611773,
    ),
}
SUMMARY = {
    "log_norm": 1.3369215022043832,
    "alpha": 1.491174172094785,
    "alpha_weighted": 4.627745253309465,
    "log_alpha_norm": 4.958153821397657,
    "log_spectral_norm": 0.9726848822349305,
    "stable_rank": 2.6175603005360086,
    "ks_distance": 0.04709882952896066,
}


def printed_weights(name):
    generator = np.random.RandomState(list(SHAPES).index(name))
    normal = generator.standard_normal(SHAPES[name])
    weights = normal * np.exp(generator.standard_normal(SHAPES[name]))
    if name == "faint":
        weights *= 1e-5
    if name == "some":
        weights[3:] = 0
    return weights.astype(np.float32)


def network_of(weights):
    """A network that is never run: its weights are all that is looked at."""
    stages = OrderedDict()
    for name, weight in weights.items():
        outputs, inputs, *kernel = weight.shape
        layer = nn.Conv2d(inputs, outputs, kernel) if kernel else nn.Linear(inputs, outputs)
        layer.weight.data = torch.as_tensor(weight)
        stages[name] = layer
    return Network(TappedModule(stages, {}), Sources())


def test_released_gives_what_weightwatcher_prints():
    network = network_of({name: printed_weights(name) for name in SHAPES})
    measure = HeavyTails(variant="released")
    assert measure.compute(network) == pytest.approx(SUMMARY, rel=1e-12)
    details = measure.details(network)
    assert details["layer"].tolist() == list(PRINTED)
    for column, theirs in zip(COLUMNS, zip(*PRINTED.values(), strict=True), strict=True):
        assert details[column] == pytest.approx(theirs, rel=1e-12), column


@pytest.mark.skipif(not FOLDER.is_dir(), reason="reference values are not at hand")
def test_released_gives_the_reference_of_a_trained_network():
    folder = FOLDER / "references"
    weights = np.load(folder / "net_c1.npz")
    network = network_of({"6": weights["w.6.weight"]})
    [alpha], [xmin], [distance] = (
        HeavyTails(variant="released").details(network)[key]
        for key in ("alpha", "xmin", "ks_distance")
    )
    wanted = json.loads((folder / "ww_small_n.json").read_text())["c1.6"]
    assert (alpha, xmin, distance) == pytest.approx(
        (wanted["alpha"], wanted["xmin"], wanted["D"]), rel=1e-12
    )


def random_layers(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"conv": (3, 2, 2, 3), "dense": (9, 14)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        * torch.randn(shape, generator=generator, dtype=torch.float64).exp()
        for name, shape in shapes.items()
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-12, 1e12))
def test_a_scale_moves_logs_of_norms_and_nothing_else(seed, factor):
    layers = random_layers(seed)
    details = HeavyTails().details(network_of(layers))
    scaled = HeavyTails().details(
        network_of({name: factor * weight for name, weight in layers.items()})
    )
    moved = 2 * np.log10(factor)
    for key, by in {
        "alpha": 0,
        "ks_distance": 0,
        "stable_rank": 0,
        "log_norm": moved,
        "log_spectral_norm": moved,
        "alpha_weighted": details["alpha"] * moved,
        "log_alpha_norm": details["alpha"] * moved,
    }.items():
        assert scaled[key] == pytest.approx(details[key] + by, rel=1e-9, abs=1e-9), key


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["paper", "released"]))
def test_orthogonal_maps_of_a_layers_inputs_and_outputs_change_nothing(seed, variant):
    generator = torch.Generator().manual_seed(seed)
    dense = random_layers(seed)["dense"]
    left, right = (
        torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
        for size in dense.shape
    )
    found = [
        HeavyTails(variant=variant).compute(network_of({"dense": weight}))
        for weight in (dense, left @ dense @ right)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-8)


def test_networks_without_a_tail_are_refused():
    narrow = network_of({"a": torch.ones(7, 30), "b": torch.ones(1, 3, 1, 5)})
    with pytest.raises(NotMeasurable, match="no convolution or dense layer has 8 eigenvalues"):
        compute_signature(HeavyTails(), narrow)
    # Weightwatcher takes the three inputs for the smaller side of the second.
    assert HeavyTails(variant="released").applicable(narrow.module) is None


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.eye(9), "all eigenvalues of layer 'a' that are not zero are the same"),
        (torch.ones(9, 9), "all eigenvalues of layer 'a' that are not zero are the same"),
        (torch.zeros(9, 9), "the weights of layer 'a' are all zero"),
        (torch.full((9, 9), torch.inf), "the weights of layer 'a' are not all finite"),
    ],
)
def test_layers_that_follow_no_law_are_refused(weight, message):
    with pytest.raises(NotMeasurable, match=message):
        HeavyTails().compute(network_of({"a": weight}))


def test_a_variant_must_be_known():
    with pytest.raises(PredictorError, match="no variant 'relaesed'; did you mean 'released'"):
        HeavyTails(variant="relaesed").compute(network_of({"a": torch.randn(9, 9)}))
