"""Networks of torchvision, timm and transformers with random weights, and which measures apply.

No weights are downloaded. `table` is what docs/own-networks.md shows.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import baselines
from demogen import Network, measure
from demogen.errors import NotMeasurable, ZooError
from demogen.images._torchvision import torchvision

CLASSES = 10
PAGE = Path(__file__).parents[1] / "docs" / "own-networks.md"
QUICK = {
    "curvature": {"draws": 2, "tolerance": 0.5},
    "flatness": {"draws": 1},
    "pac-bayes": {"draws": 1},
    "projection-norm": {"steps": 1},
}
"""Measure → parameters that make it fast and leave whether it has a value."""


@dataclass(frozen=True)
class Model:
    """A network by its package and name, the size of its images, and how to build it for 32x32."""

    package: str
    name: str
    size: int
    small: dict[str, int] = field(default_factory=dict)

    def __str__(self):
        return f"{self.package} {self.name}"

    def build(self, *, seed=0, **settings):
        """The network in evaluation mode, its norms and its last layer not as they begin."""
        torchvision("models")  # timm and transformers import it
        package = pytest.importorskip(self.package)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if self.package == "transformers":
                config = package.ViTConfig(
                    hidden_size=32,
                    num_hidden_layers=4,
                    num_attention_heads=2,
                    intermediate_size=64,
                    image_size=self.size,
                    patch_size=8,
                    num_labels=CLASSES,
                )
                module = package.ViTForImageClassification(config)
            elif self.package == "timm":
                module = package.create_model(self.name, num_classes=CLASSES, **settings)
            else:
                module = getattr(package.models, self.name)(num_classes=CLASSES, **settings)
            _as_if_trained(module)
        return module.eval()

    def images(self, count=4, size=None):
        """Random images, (count, 3, size, size)."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(count, 3, size or self.size, size or self.size, generator=generator)


MODELS = [
    Model("torchvision", "resnet18", 64),
    Model("torchvision", "vgg11_bn", 64),
    Model("torchvision", "mobilenet_v3_small", 64),
    Model("torchvision", "densenet121", 64),
    Model("torchvision", "convnext_tiny", 64),
    Model("torchvision", "vit_b_16", 224, {"image_size": 32}),
    Model("timm", "resnet18", 64),
    Model("timm", "mobilenetv3_small_050", 64),
    Model("timm", "convnext_atto", 64),
    Model("timm", "vit_tiny_patch16_224", 224, {"img_size": 32}),
    Model("transformers", "ViTForImageClassification", 32),
]


def logits_of(module: nn.Module, x: Tensor) -> Tensor:
    """Of the network itself."""
    with torch.no_grad():
        output = module(x.clone())
    return output if isinstance(output, Tensor) else output.logits


def two_classes(labels: Tensor) -> Tensor:
    """Three labels as given, but that the first two are of one class and the third of another.

    So that no measure is refused for what three images happen to be.
    """
    first = labels[0]
    third = labels[2] if labels[2] != first else (first + 1) % CLASSES
    return torch.stack([first, first, third])


def verdicts(network: Network) -> dict[str, str | None]:
    """Predictor → None where its measure has a value for the network, else the refusal."""
    by_measure: dict[str, str | None] = {}
    found = {}
    for predictor in baselines.ALL:
        key = repr(predictor.measure)
        if key not in by_measure:
            quick = predictor.with_parameters(**QUICK.get(predictor.measure.name, {}))
            by_measure[key] = _refusal(quick.measure, network)
        found[predictor.name] = by_measure[key]
    return found


def table(networks: dict[str, dict[str, str | None]]) -> str:
    """Predictors with the same verdicts in one row; a number stands for a refusal below."""
    refusals: list[str] = []
    rows: dict[tuple[str, ...], list[str]] = {}
    for predictor in sorted(predictor.name for predictor in baselines.ALL):
        cells = []
        for verdict in (found[predictor] for found in networks.values()):
            if verdict is not None and verdict not in refusals:
                refusals.append(verdict)
            cells.append("yes" if verdict is None else f"no ({refusals.index(verdict) + 1})")
        rows.setdefault(tuple(cells), []).append(f"`{predictor}`")
    head = ["predictors", *networks]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    lines += [f"| {', '.join(names)} | {' | '.join(cells)} |" for cells, names in rows.items()]
    notes = [f"{number}. {refusal}" for number, refusal in enumerate(refusals, start=1)]
    return "\n".join([*lines, "", *notes])


def _refusal(chosen, network):
    try:
        measure(chosen, network)
    except (NotMeasurable, ZooError) as error:
        reason = re.sub(r"^.* on network \S+: (not defined, )?", "", str(error))
        return reason.replace("network network comes", "it comes")
    return None


def _as_if_trained(module):
    """Norms with statistics of their own, and no layer of zeros."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.running_mean.normal_(0.0, 0.1)
                layer.running_var.uniform_(0.5, 2.0)
                layer.bias.normal_(0.0, 0.1)
            if isinstance(layer, nn.Linear) and not layer.weight.any():
                layer.weight.normal_(0.0, 0.1)
