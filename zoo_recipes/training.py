"""NetworkSpec → trained weights and record."""

import math
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from demogen import __version__
from demogen.images.image_set import ImageSet
from demogen.networks import architectures
from demogen.networks.golden_logits import probe_logits
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import float32_products, ordinary_state, own_random_numbers
from demogen.schema.records import NetworkRecord, NetworkSpec, RunFacts, Training, sha256
from demogen.zoo.assembly import accept
from demogen.zoo.labels import label_digest
from demogen.zoo.weights import to_bytes
from zoo_recipes.batches import Batches, plain_inputs
from zoo_recipes.evaluation import EVALUATION_BATCH, Evaluation, evaluate
from zoo_recipes.optimization import Course, Diverged, optimize

SUMMED_VALUES = 2**17
"""Values of a channel, over a batch of images, whose float32 sum in order is near enough: those of
128 images of 32x32."""


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
    images forward and backward an epoch (pretraining included), with `snapshot_loss` one more
    forward, and one forward over all images at the end.

    Raises:
        Diverged: the loss became infinite or NaN.
    """
    start = time.perf_counter()
    with ordinary_state(), _one_thread(), own_random_numbers(spec.known_seed, device):
        module = architectures.build(spec)
        initial = sha256(to_bytes(module.state_dict()))
        initial_logits = probe_logits(module, spec.data.input_shape)
        module.train()
        channels_last = takes_channels_last(module, spec, device)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        module = _in_memory_format(module.to(device), layout)
        part = images.training_part(spec.data)
        batches = Batches(part.images, spec, images, device, channels_last=channels_last)
        labels = part.labels.to(device)
        with float32_products(tf32=spec.trained.precision == "tf32"):
            course = _train(module, batches, labels, spec)
        outcome = _outcome(module.eval(), batches, labels, spec, images, device)
        # The probe logits are those of the weights as they are read back: contiguous, on the CPU.
        module = _in_memory_format(module.cpu(), torch.contiguous_format)
        logits = probe_logits(module, spec.data.input_shape)
        if not logits.isfinite().all():
            raise Diverged("logits are not finite after training")
        weights = to_bytes(module.state_dict())
    record = NetworkRecord(
        spec=spec,
        parameters=architectures.parameter_count(module),
        epochs_run=course.epochs,
        steps_run=course.steps,
        stopped=course.stopped,
        kept_epoch=course.kept_epoch,
        labels=label_digest(part.labels) if spec.data.corruption else None,
        weights_sha256=sha256(weights),
        initial_sha256=initial,
        probe_logits=_rows(logits),
        **outcome,
    )
    # What a zoo would not take is refused after one network, and not after all of them.
    record, weights = accept(record, weights)
    run = _facts(spec, time.perf_counter() - start, device, initial_logits)
    return TrainedNetwork(record, run, weights)


def takes_channels_last(module: nn.Module, spec: NetworkSpec, device: str) -> bool:
    """Whether a network trains on channels-last images.

    Convolutions run faster on them; a flattened image would be copied back. On a CPU batch norm of
    such images sums a channel's values, and their squared deviations, one after another in float32,
    whose error grows with their number: up to `SUMMED_VALUES` the variance is right to 4e-5 even
    where the mean is 1,000 standard deviations, beyond it contiguous images are taken.
    """
    layers = list(module.modules())
    if not any(isinstance(layer, nn.Conv2d) for layer in layers):
        return False
    _, height, width = spec.data.input_shape
    few = spec.trained.batch_size * height * width <= SUMMED_VALUES
    normed = any(isinstance(layer, nn.BatchNorm2d) for layer in layers)
    return few or not normed or not device.startswith("cpu")


def swap_labels(labels: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Labels of which a fraction, drawn at random, is passed on in a cycle from sample to sample.

    Each label stays as frequent as before (puzzles2019, appendix C: labels of a portion of the
    examples are "swapped with each other"). Some samples get a label equal to their own.

    Args:
        labels: (n,).
        fraction: of the samples whose labels are swapped.
        generator: of the CPU; draws the samples and their order.

    Returns:
        The labels after swapping, (n,).
    """
    chosen = torch.randperm(len(labels), generator=generator)[: round(fraction * len(labels))]
    chosen = chosen.to(labels.device)
    swapped = labels.clone()
    swapped[chosen] = labels[chosen.roll(1)]
    return swapped


def _train(module: TappedModule, batches: Batches, labels: Tensor, spec: NetworkSpec) -> Course:
    settings = spec.trained
    generator = torch.Generator().manual_seed(spec.known_seed + 1)
    if settings.pretrain_epochs is not None:
        swapped = swap_labels(labels, settings.pretrain_corruption, generator)
        optimize(module, batches, swapped, _pretraining(settings), generator)
    return optimize(module, batches, labels, settings, generator)


def _pretraining(settings: Training) -> Training:
    """The same steps for `pretrain_epochs`, at a constant rate and without stopping rules."""
    constant = {
        "epochs": settings.pretrain_epochs,
        "steps": None,
        "decay_epochs": None,
        "decay_at": (),
        "plateau_epochs": None,
        "stop_accuracy": None,
        "stop_learning_rate": None,
        "snapshot_loss": None,
        "snapshot_tolerance": None,
    }
    return settings.model_copy(update=constant)


def _outcome(
    module: TappedModule,
    batches: Batches,
    labels: Tensor,
    spec: NetworkSpec,
    images: ImageSet,
    device: str,
) -> dict[str, float | None]:
    # In plain order and without augmentation, also where training cropped at random.
    train = evaluate(module, batches.plain(EVALUATION_BATCH), [labels])[0]
    test_labels = [images.test.labels]
    if spec.data.test_corruption:
        test_labels.append(images.corrupted_test_labels(spec.data))
    inputs = plain_inputs(images.test.images, spec, images, device, EVALUATION_BATCH)
    evaluations = [train, *evaluate(module, inputs, test_labels)]
    outcome: dict[str, float | None] = {}
    # Without corrupted test labels the last part is missing.
    for part, evaluation in zip(("train", "test", "corrupted_test"), evaluations, strict=False):
        if not math.isfinite(evaluation.cross_entropy):
            loss = evaluation.cross_entropy
            raise Diverged(f"the {part} cross-entropy is {loss} after training")
        outcome |= _columns(part, evaluation)
    return outcome


def _columns(part: str, evaluation: Evaluation) -> dict[str, float | None]:
    return {
        f"{part}_accuracy": evaluation.accuracy,
        f"{part}_cross_entropy": evaluation.cross_entropy,
        f"{part}_normalized_cross_entropy": evaluation.normalized_cross_entropy,
    }


def _in_memory_format(module: TappedModule, memory_format: torch.memory_format) -> TappedModule:
    return module.to(memory_format=memory_format)  # type: ignore[call-overload, no-any-return]


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _facts(spec: NetworkSpec, seconds: float, device: str, initial_logits: Tensor) -> RunFacts:
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
        initial_logits=_rows(initial_logits) if initial_logits.isfinite().all() else None,
    )


def _rows(logits: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, logits.double().tolist()))
