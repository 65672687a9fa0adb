"""The same numbers by other packages: BackPACK, captum and WeightWatcher (the extra `peers`).

torch.func stands in test_jacobians, the Fourier transform in test_spectra.
"""

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from baselines.functional.margins import MARGIN, output_margins
from baselines.functional.spectra import spectral_norm
from baselines.heavy_tails import HeavyTails
from demogen.measuring.sweep import Needs, reduce_images
from demogen.networks.homogeneity import affine_layers
from demogen.networks.tapped_module import TappedModule
from tests.benchmarks.against.measured import nin

INPUT = (3, 32, 32)
WIDTH, DEPTH = 500, 5
IMAGES = 512

# Warnings are errors elsewhere; here they are other packages'.
pytestmark = [pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def one_thread(all_cores):
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network():
    """NiN-192 with batch norm and random weights; images are smoothed noise."""
    return nin(192, IMAGES, torch.float32)


@pytest.fixture
def mlp():
    """As those of Novak et al., with random weights, and a tap at what each dense layer gives."""
    torch.manual_seed(0)
    stages: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number in range(1, DEPTH + 1):
        inputs = math.prod(INPUT) if number == 1 else WIDTH
        stages[f"dense{number}"] = nn.Linear(inputs, WIDTH)
        stages[f"relu{number}"] = nn.ReLU()
    stages["classifier"] = nn.Linear(WIDTH, 10)
    taps = {f"h{number}": f"dense{number}" for number in range(1, DEPTH + 1)}
    return TappedModule(stages, taps).eval().requires_grad_(False)


class GradientNorms:
    """What a margin is divided by: the norm of its gradient at every tap, by sample."""

    needs = Needs(directions=frozenset({MARGIN}))

    def __init__(self):
        self.batches = []

    def add(self, batch):
        self.batches.append(batch.gradient_norms[MARGIN])


def gradient_norms(module, images, labels):
    batches = reduce_images(module, images, labels, GradientNorms()).batches
    return {tap: torch.cat([norms[tap] for norms in batches]) for tap in batches[0]}


def check(found, squares, tolerance):
    for tap, theirs in squares.items():
        torch.testing.assert_close(found[tap], theirs.double().sqrt(), rtol=tolerance, atol=0)


def test_gradient_norms_beside_captum(ratio, network):
    attribution = pytest.importorskip("captum.attr", reason="pip install demogen[peers]")

    def theirs(of):
        module, train = of.module, of.train
        # captum takes gradients at what layers give: the input is what a layer before them gives.
        before = nn.Sequential(OrderedDict(input=nn.Identity(), network=module))
        layers = {"h1": module.block1, "h2": module.block2, "h3": module.block3}
        layers["input"] = before.input
        gradients = attribution.LayerGradientXActivation(
            lambda x, y: output_margins(before(x), y),
            list(layers.values()),
            multiply_by_inputs=False,
        )
        squares = {tap: [] for tap in layers}
        for x, y in zip(train.images.split(32), train.labels.split(32), strict=True):
            at_taps = gradients.attribute(x, additional_forward_args=(y,))
            for tap, gradient in zip(layers, at_taps, strict=True):
                squares[tap].append(gradient.flatten(1).square().sum(dim=1))
        return {tap: torch.cat(parts) for tap, parts in squares.items()}

    def ours(of):
        return gradient_norms(of.module, of.train.images, of.train.labels)

    # In single precision a unit near zero is rounded to either side of it now and then.
    double = nin(16, 64, torch.float64)
    check(ours(double), theirs(double), 1e-9)
    ratio(
        "norms of margins' gradients at three taps and the input of a NiN-192 / captum's gradients "
        "at the same places (below 1)",
        lambda: ours(network),
        lambda: theirs(network),
        rounds=5,
    )


def test_gradient_norms_beside_backpack(ratio, mlp, network):
    """Of a dense layer, the gradient by its bias is the gradient by what it gives."""
    backpack = pytest.importorskip("backpack", reason="pip install demogen[peers]")
    from backpack.extensions import BatchL2Grad

    images, labels = network.train.images, network.train.labels
    plain = nn.Sequential(OrderedDict(mlp.named_children())).requires_grad_(True)
    extended = backpack.extend(plain)

    def theirs():
        extended.zero_grad()
        with backpack.backpack(BatchL2Grad()):
            output_margins(extended(images), labels).sum().backward()
        return {
            f"h{number}": getattr(extended, f"dense{number}").bias.batch_l2
            for number in range(1, DEPTH + 1)
        }

    check(gradient_norms(mlp, images, labels), theirs(), 1e-4)
    ratio(
        f"norms of margins' gradients at {DEPTH} taps and the input of an MLP / BackPACK's of the "
        "gradients by the biases (below 1)",
        lambda: gradient_norms(mlp, images, labels),
        theirs,
        rounds=11,
    )


def test_spectral_norms_beside_weightwatcher(ratio, mlp):
    """Of dense layers; of a convolution it decomposes the kernel's slices, another number."""
    weightwatcher = pytest.importorskip("weightwatcher", reason="pip install demogen[peers]")
    watcher = weightwatcher.WeightWatcher(model=mlp)

    def theirs():
        return watcher.analyze()["spectral_norm"].tolist()

    def ours():
        return [spectral_norm(layer) ** 2 for layer in affine_layers(mlp, INPUT)]

    assert ours() == pytest.approx(theirs(), rel=1e-4)
    ratio(
        "spectral norms of the layers of an MLP / WeightWatcher's analyze, which makes more of the "
        "singular values (below 1)",
        ours,
        theirs,
        rounds=3,
    )


def test_heavy_tails_beside_weightwatcher(ratio, network):
    """All that it prints of a NiN's layers, and its summary."""
    weightwatcher = pytest.importorskip("weightwatcher", reason="pip install demogen[peers]")
    watcher = weightwatcher.WeightWatcher(model=network.module)
    measure = HeavyTails(variant="released")

    def theirs():
        watcher.analyze()
        return watcher.get_summary()

    summary, ours = theirs(), measure.compute(network)
    assert {key: ours[key] for key in summary} == pytest.approx(summary, rel=1e-12)
    per_layer = measure.details(network)
    assert per_layer["layer"].tolist() == watcher.details["longname"].tolist()
    names = {"ks_distance": "D"}
    for key in per_layer.keys() - {"layer"}:
        assert per_layer[key] == pytest.approx(watcher.details[names.get(key, key)], rel=1e-11)
    ratio(
        "heavy tails of a NiN-192's layers / WeightWatcher's analyze, which gives the same "
        "(below 1)",
        lambda: measure.compute(network),
        theirs,
        rounds=3,
    )
