"""NetworkSpec → trained weights and record."""

import math
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen import __version__, architectures, checkpoints
from demogen.image_sets import facts
from demogen.images import ImageSet, LabeledImages
from demogen.probes import probe_logits
from demogen.schema import NetworkRecord, NetworkSpec, RunFacts, Training, sha256
from demogen.tapped import TappedModule
from zoo_recipes.augmentation import augment

EVALUATION_BATCH = 1000


class Diverged(Exception):  # noqa: N818 - an outcome of training, recorded with the zoo
    """The loss is no longer a finite number; the network is no part of the zoo."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network's record, facts of its run, and its weights as a safetensors file."""

    record: NetworkRecord
    run: RunFacts
    weights: bytes


def train_network(spec: NetworkSpec, images: ImageSet, device: str = "cpu") -> TrainedNetwork:
    """Train one network as its spec says.

    Everything random comes from the spec's seed, and a CPU trains with one thread: the same spec
    gives the same weights on the same machine, alone or in a pool. Costs one pass over the training
    images forward and backward an epoch, and one forward over all images at the end.

    Raises:
        Diverged: the loss became infinite or NaN.
    """
    start = time.perf_counter()
    with _reproducible(spec.seed, device):
        module = architectures.build(spec)
        initial = sha256(checkpoints.to_bytes(module.state_dict()))
        module = _in_memory_format(module.to(device), torch.channels_last)
        part = images.training_part(spec.data)
        train = LabeledImages(part.images.to(device), part.labels.to(device))
        epochs_run, stopped = _optimize(module, spec, images, train)
        outcome = _outcome(module.eval(), spec, images, train)
        # Logits of the weights as they will be read back, not of channels-last ones on a GPU.
        module = _in_memory_format(module.cpu(), torch.contiguous_format)
        logits = probe_logits(module, facts(spec.data.images).shape)
        weights = checkpoints.to_bytes(module.state_dict())
    record = NetworkRecord(
        spec=spec,
        parameters=architectures.parameter_count(module),
        epochs_run=epochs_run,
        stopped=stopped,
        labels=label_digest(part.labels) if spec.data.corruption else None,
        weights_sha256=sha256(weights),
        initial_sha256=initial,
        probe_logits=tuple(tuple(row) for row in logits.double().tolist()),
        **outcome,
    )
    return TrainedNetwork(record, _facts(spec, time.perf_counter() - start, device), weights)


def evaluate(module: TappedModule, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Accuracy and mean cross-entropy (nats, summed in float64) over all images."""
    correct, loss = 0, 0.0
    with torch.no_grad():
        for x, y in zip(
            images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True
        ):
            logits = module(x)
            correct += int((logits.argmax(1) == y).sum())
            loss += float(F.cross_entropy(logits.double(), y, reduction="sum"))
    return correct / len(labels), loss / len(labels)


def _in_memory_format(module: TappedModule, memory_format: torch.memory_format) -> TappedModule:
    return module.to(memory_format=memory_format)  # type: ignore[call-overload, no-any-return]


def label_digest(labels: Tensor) -> str:
    """Hex sha256 of a label vector as int64."""
    return sha256(labels.cpu().numpy().astype("<i8").tobytes())


def _optimize(
    module: TappedModule, spec: NetworkSpec, images: ImageSet, train: LabeledImages
) -> tuple[int, Literal["epochs", "accuracy"]]:
    settings = spec.training
    optimizer = _optimizer(module, settings)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    standardization = spec.data.standardization
    # Without augmentation every epoch sees the same images: standardize them once.
    inputs = train.images
    if not settings.augmentation:
        inputs = images.standardize(inputs, standardization)
    for epoch in range(1, settings.epochs + 1):
        module.train()
        correct = torch.zeros((), dtype=torch.int64, device=train.labels.device)
        total = torch.zeros((), device=train.labels.device)
        order = torch.randperm(len(train), generator=generator).to(train.labels.device)
        for batch in order.split(settings.batch_size):
            x, y = inputs[batch], train.labels[batch]
            if settings.augmentation:
                x = images.standardize(
                    augment(x, settings.augmentation, generator), standardization
                )
            logits = module(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            correct += (logits.detach().argmax(1) == y).sum()
            total += loss.detach() * len(batch)
        if not torch.isfinite(total):
            raise Diverged(f"the training loss is {float(total)} in epoch {epoch}")
        if settings.stop_accuracy is not None and correct >= settings.stop_accuracy * len(train):
            return epoch, "accuracy"
        if settings.decay_epochs and epoch % settings.decay_epochs == 0:
            for group in optimizer.param_groups:
                group["lr"] *= settings.decay
    return settings.epochs, "epochs"


def _optimizer(module: TappedModule, settings: Training) -> torch.optim.Optimizer:
    kernels = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": settings.l2},
        {"params": others, "weight_decay": 0.0},
    ]
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=settings.learning_rate, fused=True)
    return torch.optim.SGD(
        groups, lr=settings.learning_rate, momentum=settings.momentum, fused=True
    )


def _outcome(
    module: TappedModule, spec: NetworkSpec, images: ImageSet, train: LabeledImages
) -> dict[str, float]:
    how = spec.data.standardization
    device = train.labels.device
    test = LabeledImages(images.test.images.to(device), images.test.labels.to(device))
    outcome = {}
    for part, labeled in (("train", train), ("test", test)):
        standardized = images.standardize(labeled.images, how)
        accuracy, loss = evaluate(module, standardized, labeled.labels)
        if not math.isfinite(loss):
            raise Diverged(f"the {part} cross-entropy is {loss} after training")
        outcome[f"{part}_accuracy"], outcome[f"{part}_cross_entropy"] = accuracy, loss
    return outcome


@contextmanager
def _reproducible(seed: int, device: str) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    devices = [torch.device(device)] if device.startswith("cuda") else []
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _facts(spec: NetworkSpec, seconds: float, device: str) -> RunFacts:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    versions = {
        "demogen": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    return RunFacts(
        id=spec.id,
        seconds=round(seconds, 3),
        device=f"{device} ({name})",
        host=platform.node(),
        versions=versions,
    )
