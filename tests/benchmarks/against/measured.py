"""Times measures in the tree that it is run in; a program of its own, for commits old and new.

It uses what earlier commits have too, and prints JSON: without arguments the names of predictors,
else CPU seconds by group of measures, and every signature.
"""

import json
import sys
import time

import torch
from sklearn.base import clone

import demogen

GROUPS = {
    "all measures": lambda name: True,
    "all without transitions": lambda name: name != "transitions",
    "those of training images, without unit ablation and spectral margins": lambda name: (
        name in TRAINING_IMAGES
    ),
    "transitions": lambda name: name == "transitions",
    "three spectral margins": lambda name: name.startswith("spectral-margin"),
    "Jacobian norm on test inputs": lambda name: name == "jacobian-norm",
}
"""What is timed: a title → which measures, by name."""

TRAINING_IMAGES = {
    "jacobian-margin",
    "jacobian-norm-train",
    "large-margin",
    "normalized-loss",
    "normalized-loss-output",
    "normalized-output-margin",
    "tap-margins",
    "train-loss",
}


def main(names: list[str], width: int, images: int, dtype: str) -> None:
    """Time each group on one network, and print what came out."""
    torch.set_num_threads(1)
    network = nin(width, images, getattr(torch, dtype))
    measures = [demogen.get_predictor(name).measure for name in names]
    found = {}
    for title, is_in in GROUPS.items():
        chosen = {repr(measure): measure for measure in measures if is_in(measure.name)}
        start = time.process_time()
        signatures = together(chosen, network)
        found[title] = [time.process_time() - start, signatures]
    print(json.dumps(found))


def together(measures, network):
    """Signatures as a zoo's measurement takes them: together, where this tree knows how."""
    try:
        from demogen.measuring import measure_together
    except ImportError:
        return {key: demogen.measure(clone(one), network) for key, one in measures.items()}
    return {key: one.signature for key, one in measure_together(measures, network).items()}


def nin(width: int, images: int, dtype: torch.dtype) -> demogen.Network:
    """A NiN with batch norm, of random weights that keep the scale of its activations.

    Images are smoothed noise, and labels what the network says, which one in sixteen is not.
    """
    spec = demogen.NetworkSpec.model_validate(
        {
            "architecture": {"family": "nin", "width": width, "batch_norm": True},
            "data": {"images": "cifar10"},
            "training": {},
        }
    )
    generator = torch.Generator().manual_seed(0)
    module, initial = build(spec, generator).to(dtype), build(spec, generator).to(dtype)
    noise = torch.randn(2 * images, 3, 32, 32, generator=generator).to(dtype)
    inputs = 2 * torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
    train, test = inputs.split(images)
    with torch.no_grad():
        logits = torch.cat([module(part) for part in train.split(64)])
    labels = logits.argmax(dim=1)
    labels[::16] = (labels[::16] + 1) % 10
    return demogen.Network.of(
        module, train, labels, initial=initial, test_inputs=test, spec=spec, batch_size=256
    )


def build(spec, generator):
    """The network without its weights, and weights drawn with variance 2 / inputs."""
    try:
        from demogen.networks.architectures import skeleton
    except ImportError:
        from demogen.architectures import skeleton
    module = skeleton(spec).to_empty(device="cpu").eval()
    with torch.no_grad():
        for name, values in [*module.named_parameters(), *module.named_buffers()]:
            if not values.is_floating_point():
                values.zero_()
            elif values.ndim > 1:
                values.normal_(0, (2 / values[0].numel()) ** 0.5, generator=generator)
            elif "var" in name or ("norm" in name and "weight" in name):
                values.uniform_(0.8, 1.2, generator=generator)
            else:
                values.uniform_(-0.1, 0.1, generator=generator)
    return module


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(json.dumps(demogen.list_predictors()))
    else:
        main(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
