import json

import numpy as np
import pytest
import torch
from torch import nn

from baselines.curvature import Curvature, FisherRao, SamSharpness
from baselines.functional.curvature import linear_in_each_parameter
from baselines.functional.loss_surface import LossSurface
from demogen.errors import NotMeasurable, PredictorError
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from tests.baselines.conftest import new_network
from tests.baselines.references.curvature import known_curvature
from tests.baselines.released import VALUES, at_hand, images_of


def network_c1(dtype=torch.float64):
    """The trained network whose exact Hessian is at hand, on its 500 images."""
    stored = np.load(VALUES / "net_c1.npz")
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 10, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(90, 10),
    )
    module.load_state_dict(
        {key[2:]: torch.from_numpy(stored[key]) for key in stored if key.startswith("w.")}
    )
    images, labels = images_of("mnist")
    return Network.of(module.to(dtype).eval(), images.to(dtype), labels, id="c1")


def known_of_c1():
    return json.loads((VALUES / "hessian_c1.json").read_text())


@at_hand
@pytest.mark.parametrize(
    ("parameters", "trace", "largest", "in_proportion"),
    [
        ("all", "trace", "eig_max", "sum_w2_Hii"),
        ("weights", "trace_weights_only", "eig_max_weights_only", "sum_w2_Hii_weights_only"),
    ],
)
def test_the_exact_hessian_of_a_trained_network(parameters, trace, largest, in_proportion):
    known = known_of_c1()
    measure = Curvature(images=None, draws=20, tolerance=1e-6, parameters=parameters)
    found = measure.compute(network_c1())
    assert found["hessian_max"] == pytest.approx(known[largest], rel=1e-9)
    for feature, exact in (("hessian_trace", trace), ("magnitude_trace", in_proportion)):
        error = found[f"{feature}_se"]
        assert 0 < error < 0.1 * known[exact]
        assert abs(found[feature] - known[exact]) < 4 * error


@at_hand
def test_the_usual_tolerance_gives_the_largest_eigenvalue_to_four_digits():
    found = Curvature(images=None, draws=2).compute(network_c1(torch.float32))
    assert found["hessian_max"] == pytest.approx(known_of_c1()["eig_max"], rel=1e-4)


@at_hand
def test_the_second_order_is_the_rise_under_small_noise_in_proportion():
    """Mean loss under 100 fixed draws of noise σ|w|, by the program that made the Hessian."""
    known = known_of_c1()
    rows = [row for row in known["noise"] if row[0] == "magnitude"]
    sigma, loss, spread = min(rows, key=lambda row: row[1])[1:4]
    rise = sigma**2 / 2 * known["sum_w2_Hii"]
    assert abs(loss - known["loss"] - rise) < 3 * spread / 100**0.5


@at_hand
def test_the_three_seeds_differ_by_what_the_standard_error_says():
    network = network_c1()
    exact = known_of_c1()["trace"]
    found = [Curvature(images=None, draws=20, seed=seed).compute(network) for seed in range(3)]
    traces = [one["hessian_trace"] for one in found]
    errors = [one["hessian_trace_se"] for one in found]
    assert len(set(traces)) == 3
    for trace, error in zip(traces, errors, strict=True):
        assert abs(trace - exact) < 4 * error
    assert np.std(traces, ddof=1) < 4 * np.mean(errors)


def test_more_draws_make_the_standard_error_smaller():
    network = new_network("mlp-tanh")
    few, many = (Curvature(draws=draws).compute(network) for draws in (4, 400))
    for trace in ("gauss_newton_trace_se", "hessian_trace_se", "magnitude_trace_se"):
        assert many[trace] < few[trace] / 4


@pytest.mark.parametrize("name", ["mlp-tanh", "mlp-gn"])
def test_many_draws_give_the_traces_of_networks_that_are_not_linear_in_each_parameter(name):
    """Ten draws leave errors so large that a factor too many in R would pass for chance."""
    network = new_network(name)
    known, found = known_curvature(network), Curvature(draws=400).compute(network)
    for trace in ("gauss_newton_trace", "hessian_trace", "magnitude_trace"):
        assert found[trace] == pytest.approx(known[trace], rel=0.1), trace
        assert abs(found[trace] - known[trace]) < 4 * found[f"{trace}_se"], trace


def test_random_numbers_are_those_of_the_network():
    network = new_network("mlp-tanh")
    first, again = (Curvature().compute(network) for _ in range(2))
    assert first == again
    other = Curvature().compute(
        Network.of(network.module, network.train.images, network.train.labels, id="another")
    )
    assert other["hessian_trace"] != first["hessian_trace"]
    assert other["hessian_max"] == pytest.approx(first["hessian_max"], rel=1e-3)


def test_units_scaled_up_and_down_keep_what_does_not_depend_on_the_scale():
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)).double()
    images, labels = torch.rand(40, 1, 8, 8).double(), torch.arange(40) % 10
    before = Network.of(module, images, labels, id="scaled")
    scaled = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)).double()
    scaled.load_state_dict(module.state_dict())
    with torch.no_grad():
        scaled[1].weight *= 3
        scaled[1].bias *= 3
        scaled[3].weight /= 3
    after = Network.of(scaled, images, labels, id="scaled")
    for measure, features in (
        (FisherRao(), ("fisher_rao", "fisher_rao_model")),
        (SamSharpness(), ("asam_sharpness",)),
        (Curvature(), ("magnitude_trace",)),
    ):
        one, other = measure.compute(before), measure.compute(after)
        for feature in features:
            assert other[feature] == pytest.approx(one[feature], rel=1e-9), feature
    assert SamSharpness().compute(after) != pytest.approx(SamSharpness().compute(before))


def test_without_biases_the_change_along_the_weights_is_the_logits_times_the_layers():
    """Liang et al. 2019, theorem 3.1, so that the norm follows from the logits alone."""
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8, bias=False), nn.ReLU(), nn.Linear(8, 10, bias=False)
    ).double()
    images, labels = torch.rand(30, 1, 8, 8).double(), torch.arange(30) % 10
    with torch.no_grad():
        logits = module(images)
    p = logits.softmax(dim=1)
    slopes = 2 * ((p * logits).sum(dim=1) - logits[torch.arange(30), labels])
    found = FisherRao().compute(Network.of(module, images, labels))
    assert found["fisher_rao"] == pytest.approx(slopes.square().mean().sqrt().item(), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "linear"),
    [("convnet", True), ("nin-bn", True), ("mlp-tanh", False), ("resnet", True)],
)
def test_where_logits_are_linear_in_each_parameter_the_rest_has_no_trace(name, linear):
    network = new_network(name)
    assert linear_in_each_parameter(network.module) is linear
    surface = LossSurface(network.module, network.train.images[:20], network.train.labels[:20])
    generator = torch.Generator().manual_seed(0)
    places = torch.randperm(len(surface.parameters), generator=generator)[:40]
    entries = []
    for place in places.tolist():
        unit = torch.zeros_like(surface.parameters)
        unit[place] = 1
        entries.append(abs(float(unit @ surface.rest_product(unit))))
    assert (max(entries) < 1e-12) is linear


def test_a_layer_of_shared_weights_is_not_linear_in_them():
    layer = nn.Linear(16, 16)
    module = nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(16, 10))
    tapped = TappedModule.from_module(module, torch.rand(1, 1, 4, 4))
    assert not linear_in_each_parameter(tapped)


def test_what_cannot_be_measured_is_refused():
    network = new_network("mlp-tanh")
    with pytest.raises(PredictorError, match="two draws at least"):
        Curvature(draws=1).compute(network)
    with pytest.raises(PredictorError, match="parameters"):
        Curvature(parameters="some").compute(network)
    sure = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        sure[1].weight.zero_()
        sure[1].bias.copy_(torch.tensor([1e6, 0.0]))
    flat = Network.of(sure, torch.rand(3, 1, 2, 2).double(), torch.tensor([0, 0, 0]))
    with pytest.raises(NotMeasurable, match="no way leads uphill"):
        SamSharpness().compute(flat)


def test_what_does_not_converge_is_refused(monkeypatch):
    monkeypatch.setattr("baselines.functional.curvature.MOST_STEPS", 2)
    with pytest.raises(NotMeasurable, match="does not converge in 2 steps"):
        Curvature(tolerance=1e-9).compute(new_network("mlp-tanh"))


def test_batches_and_graphs_made_anew_change_nothing(monkeypatch):
    network = new_network("nin-bn")
    whole = Curvature().compute(network)
    monkeypatch.setattr("baselines.functional.loss_surface.KEPT_VALUES", 0)
    small = Network.of(
        network.module, network.train.images, network.train.labels, batch_size=7, id=network.id
    )
    assert Curvature().compute(small) == pytest.approx(whole, rel=1e-6)
