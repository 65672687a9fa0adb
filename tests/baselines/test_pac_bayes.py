"""PAC-Bayes: the authors' values within the search's tolerance, seeds, bounds, refusals."""

import math

import numpy as np
import pytest

from baselines.pac_bayes import Flatness, PacBayes
from demogen.errors import PredictorError
from demogen.measuring import measure_together
from demogen.measuring.passes import Passes
from demogen.networks.network import Access, Network
from tests.baselines import dziugaite2020
from tests.baselines.conftest import shared_network, spec_of
from tests.zoo_recipes.importing.foreign import at_hand


@at_hand
def test_released_variant_gives_what_the_authors_code_gives():
    network = dziugaite2020.network()
    runs = []
    for seed in range(3):
        kinds = {kind.name: kind("released", seed=seed) for kind in (Flatness, PacBayes)}
        found = measure_together(kinds, network)
        runs.append({key: v for one in found.values() for key, v in one.signature.items()})
    for name, (mean, deviation) in dziugaite2020.SEARCHED.items():
        measured = [dziugaite2020.adjusted(name, run[name.lower()]) for run in runs]
        # Their code draws anew for every σ, so that it differs as seeds do.
        assert np.mean(measured) == pytest.approx(mean, abs=3 * deviation), name
        assert 0 < np.std(measured, ddof=1) < 4 * deviation, name


@at_hand
def test_with_their_sigma_the_bound_is_theirs():
    network, m = dziugaite2020.network(), dziugaite2020.M
    theirs = 1 / (dziugaite2020.value("PACBAYES_FLATNESS") * math.sqrt(m))
    assert theirs == pytest.approx(0.25)
    bound = PacBayes("released").compute(network)["pacbayes_init"]
    own = Flatness("released").compute(network)["sigma"]
    distance = (bound - math.log(m / own) - 10) * 4 * own**2
    measured = distance / 4 / theirs**2 + math.log(m / theirs) + 10
    assert dziugaite2020.adjusted("PACBAYES_INIT", measured) == pytest.approx(
        dziugaite2020.value("PACBAYES_INIT"), rel=1e-6
    )


@at_hand
def test_sigma_of_three_seeds():
    network = dziugaite2020.network()
    found = [Flatness(seed=seed).compute(network) for seed in range(3)]
    for name in ("sigma", "sigma_mag"):
        sigmas = [each[name] for each in found]
        assert len(set(sigmas)) == 3
        assert np.std(sigmas, ddof=1) / math.sqrt(3) < 0.12 * np.mean(sigmas)


def test_noise_is_seeded_by_the_networks_id():
    usual = shared_network("mlp")
    train = usual.train

    def sigma(id):
        return Flatness().compute(Network.of(usual.module, train.images, train.labels, id=id))

    assert sigma("a") == sigma("a") != sigma("b")


def test_what_flatness_and_bounds_have_in_common():
    network = shared_network("convnet-bn")
    flat, bounds = Flatness().compute(network), PacBayes().compute(network)
    assert flat["pacbayes_flatness"] == pytest.approx(flat["sigma"] ** -2)
    assert flat["pacbayes_mag_flatness"] == pytest.approx(flat["sigma_mag"] ** -2)
    assert all(value > 0 for value in bounds.values())
    # A plain bound is the sum of a norm over σ² and of what depends on σ and m alone.
    rest = math.log(len(network.train) / flat["sigma"]) + 10
    assert flat["pacbayes_orig"] > rest
    assert bounds["pacbayes_init"] > rest


@pytest.mark.parametrize("kind", [Flatness, PacBayes])
def test_cost_and_access(kind):
    assert kind.access == (Access.TRAIN if kind is Flatness else Access.TRAIN | Access.INITIAL)
    assert not isinstance(kind.cost, Passes)
    spec = spec_of("nin")
    assert kind().passes(spec, 640) == 2 * (1 + 15 * 6) * 64 / 640
    assert kind(images=None).passes(spec, 640) == 2 * (1 + 15 * 6)
    assert kind("released").passes(spec, 640) == 2 * (1 + 15 * 10)


@pytest.mark.parametrize("kind", [Flatness, PacBayes])
def test_parameters_out_of_their_range(kind):
    network = shared_network("mlp")
    with pytest.raises(PredictorError, match="no variant 'exact'"):
        kind("exact").compute(network)
    for parameters in ({"draws": 0}, {"images": 0}):
        with pytest.raises(PredictorError, match="both have to be at least 1"):
            kind(**parameters).compute(network)
