"""What the ablation curves of VGG16 cost beyond running its last layers on what differs."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.functional.ablation import ablation_curves
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import Data

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
BATCH = 256

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(autouse=True)
def one_thread(all_cores):
    # On a busy machine threads wait for each other after each small operation, whatever its size.
    torch.set_num_threads(1)


class Counter(nn.Module):
    """Passes everything on and counts the rows."""

    rows = 0

    def forward(self, x):
        self.rows += len(x)
        return x


def vgg16(classes):
    stages, inputs = OrderedDict(), 3
    for block, widths in enumerate(BLOCKS, start=1):
        for number, width in enumerate(widths, start=1):
            convolution = nn.Conv2d(inputs, width, 3, padding=1)
            stages[f"block{block}_conv{number}"] = nn.Sequential(convolution, nn.ReLU())
            inputs = width
        if block == len(BLOCKS):
            stages["counter"] = Counter()
        stages[f"block{block}_pool"] = nn.MaxPool2d(2)
    stages["dense"] = nn.Sequential(
        nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()
    )
    stages["classifier"] = nn.Linear(4096, classes)
    return TappedModule(stages, {"h4": "block4_pool"}, units="block5_conv3")


@pytest.fixture(scope="module")
def images(cifar10):
    """512 images (512, 3, 32, 32) of CIFAR-10."""
    part = cifar10.training_part(Data(images="cifar10", train_size=512))
    return cifar10.standardize(part.images, "image")


@pytest.fixture(scope="module")
def labels(cifar10):
    return cifar10.training_part(Data(images="cifar10", train_size=512)).labels


@pytest.fixture(scope="module")
def module(images, labels):
    """VGG16, its last block and dense layers trained on the 512 images, the rest as initialized.

    The ablation begins in the last block; training the others too takes many minutes.
    """
    torch.manual_seed(0)
    module = vgg16(10)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        features = torch.cat([module.forward_to("h4", batch) for batch in images.split(128)])
    last = [
        parameter
        for name, parameter in module.named_parameters()
        if name.startswith(("block5", "dense", "classifier"))
    ]
    optimizer = torch.optim.Adam(last, lr=5e-4, fused=True)
    for _ in range(8):
        for batch in torch.randperm(len(images)).split(64):
            loss = F.cross_entropy(module.forward_from("h4", features[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        predicted = module.forward_from("h4", features).argmax(1)
    assert (predicted == labels).double().mean() > 0.2
    return module.eval().requires_grad_(False)


def of_one_class(images, labels, count):
    """A real class has thousands of images, which keep the naive loop's passes busy too."""
    chosen = (labels == 3).nonzero().flatten()[:count]
    return images[chosen], labels[chosen]


def rows_needed(units):
    """Of a sample with a > 0 nonzero units 2a − 1, and one of zeros."""
    nonzero = (units != 0).flatten(2).any(2).sum(1)
    return 1 + sum(2 * a - 1 for a in nonzero.tolist() if a)


def naive_curves(module, images, labels):
    """Every unit zeroed in turn, the rest of the network run on the whole class each time."""
    found = []
    with torch.no_grad():
        for label in labels.unique():
            units = module.forward_to("units", images[labels == label])
            h = units.double().mean(dim=(0, 2, 3))
            for descending in (True, False):
                left, curve = units.clone(), []
                for removed in (None, *h.argsort(descending=descending, stable=True)):
                    if removed is not None:
                        left[:, removed] = 0
                    hits = module.forward_from("units", left).argmax(1) == label
                    curve.append(hits.double().mean())
                found.append(torch.stack(curve))
    return torch.stack(found).unflatten(0, (-1, 2))


def test_it_is_vgg16():
    with torch.device("meta"):
        module = vgg16(100)
    assert sum(parameter.numel() for parameter in module.parameters()) == 34_006_948


def test_curves_cost_a_pass_over_the_rows_that_differ(ratio, module, images, labels):
    x, y = of_one_class(images, labels, 16)
    units = module.forward_to("units", x)
    rows = rows_needed(units)
    module.counter.rows = 0
    ablation_curves(module, x, y, BATCH)
    assert module.counter.rows == rows
    # The same number of rows with the same units; which of them are zero is of no weight.
    batches = [units.repeat(BATCH // len(x), 1, 1, 1)] * (rows // BATCH)
    batches.append(batches[0][: rows % BATCH])

    def one_pass():
        for batch in batches:
            module.forward_from("units", batch)

    ratio(
        f"unit ablation curves / one batched pass over the same {rows} rows (at most 1.5)",
        lambda: ablation_curves(module, x, y, BATCH),
        one_pass,
        rounds=3,
    )


def test_curves_spare_most_of_the_naive_loop(ratio, module, images, labels):
    x, y = of_one_class(images, labels, 16)
    found = ablation_curves(module, x, y, BATCH)
    naive = naive_curves(module, x, y)
    assert torch.equal(torch.stack([found.descending, found.ascending], dim=1), naive)
    ratio(
        "re-running the rest of the network on every sample once a removal / unit ablation curves",
        lambda: naive_curves(module, x, y),
        lambda: ablation_curves(module, x, y, BATCH),
        rounds=1,
    )
