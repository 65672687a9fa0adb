"""The training loop: epochs of steps, schedules, stopping rules, snapshots."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import Stopped, Training
from zoo_recipes.batches import Batches
from zoo_recipes.evaluation import EVALUATION_BATCH, evaluate
from zoo_recipes.optimizers import make_optimizer, make_schedule, penalty


class Diverged(Exception):  # noqa: N818 - an outcome of training, recorded with the zoo
    """The loss is no longer a finite number; the network is no part of the zoo."""


@dataclass(frozen=True)
class Course:
    """How training went.

    Attributes:
        epochs: how many were begun.
        steps: how many the optimizer took.
        stopped: why training ended.
        kept_epoch: the epoch whose weights the network has.
    """

    epochs: int
    steps: int
    stopped: Stopped
    kept_epoch: int


@dataclass
class _Epoch:
    """What one epoch gave.

    Attributes:
        steps: of the optimizer.
        loss: mean over the images of the epoch, each before the step that it was part of.
        accuracy: likewise; 0 where no stopping rule needs it and it is not counted.
        converged: whether the optimizer no longer moves the weights.
    """

    steps: int
    loss: float
    accuracy: float
    converged: bool = False


def optimize(
    module: TappedModule,
    batches: Batches,
    labels: Tensor,
    settings: Training,
    generator: torch.Generator,
) -> Course:
    """Train as the settings say; the module is left with the weights that are kept.

    Costs one pass forward and backward an epoch, and with `snapshot_loss` one more forward.

    Args:
        module: on its device.
        batches: the training images.
        labels: what they are trained on, (n,), on the module's device.
        settings: optimizer, schedule, stopping rules, snapshot.
        generator: of the CPU; gives the order of samples and augmentations.

    Raises:
        Diverged: the training loss became infinite or NaN.
    """
    optimizer = make_optimizer(module, settings)
    after_epoch = make_schedule(optimizer, settings)
    run = _full_batch_epoch if settings.optimizer == "lbfgs" else _epoch
    snapshot = _Snapshot(settings)
    epoch = steps = 0
    stopped: Stopped | None = None
    while stopped is None:
        epoch += 1
        left = None if settings.steps is None else settings.steps - steps
        done = run(module, optimizer, batches, labels, settings, generator, left)
        steps += done.steps
        if not math.isfinite(done.loss):
            raise Diverged(f"the training loss is {done.loss} in epoch {epoch}")
        snapshot.consider(epoch, module, batches, labels)
        stopped = _why_stop(settings, epoch, steps, done, after_epoch(done.loss))
    return Course(epoch, steps, stopped, snapshot.restore(module) or epoch)


def _why_stop(
    settings: Training, epoch: int, steps: int, done: _Epoch, rate: float
) -> Stopped | None:
    if settings.stop_accuracy is not None and done.accuracy >= settings.stop_accuracy:
        return "accuracy"
    if settings.stop_learning_rate is not None and rate <= settings.stop_learning_rate:
        return "learning_rate"
    if done.converged:
        return "converged"
    if settings.steps is not None and steps >= settings.steps:
        return "steps"
    if settings.epochs is not None and epoch >= settings.epochs:
        return "epochs"
    return None


def _epoch(
    module: TappedModule,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    labels: Tensor,
    settings: Training,
    generator: torch.Generator,
    steps_left: int | None,
) -> _Epoch:
    module.train()
    device = labels.device
    losses: list[Tensor] = []
    sizes: list[int] = []
    correct: list[Tensor] = []
    for x, y in batches.epoch(labels, generator):
        with _precision(settings, device):
            logits = module(x)
            loss = _loss(logits, y, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        # Tensors, read after the epoch: a number would make the device wait at every step.
        losses.append(loss.detach())
        sizes.append(len(y))
        if settings.stop_accuracy is not None:
            correct.append((logits.detach().argmax(1) == y).sum())
        if len(sizes) == steps_left:
            break
    weights = torch.tensor(sizes, dtype=torch.float64)
    mean = float(torch.stack(losses).double().cpu() @ weights / weights.sum())
    right = int(torch.stack(correct).sum()) if correct else 0
    return _Epoch(len(sizes), mean, right / sum(sizes))


def _full_batch_epoch(
    module: TappedModule,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    labels: Tensor,
    settings: Training,
    generator: torch.Generator,
    steps_left: int | None,
) -> _Epoch:
    """One iteration of L-BFGS on all images, whose gradient is summed over chunks of them.

    Batch norm would take its statistics from each chunk alone; no published network trained by
    L-BFGS has it.
    """
    module.train()
    first: list[tuple[float, float]] = []

    def closure() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        correct, done = 0, 0
        total = torch.zeros((), dtype=torch.float64, device=labels.device)
        for x in batches.plain(EVALUATION_BATCH):
            y = labels[done : done + len(x)]
            with _precision(settings, labels.device):
                logits = module(x)
                loss = _loss(logits, y, settings) * (len(y) / len(labels))
            loss.backward()
            total += loss.detach()
            correct += int((logits.detach().argmax(1) == y).sum())
            done += len(x)
        decay = penalty(module, settings)
        if settings.l2:
            decay.backward()
        first.append((float(total), correct / done))
        return total + decay.detach()

    before = [parameter.detach().clone() for parameter in module.parameters()]
    optimizer.step(closure)  # type: ignore[arg-type] # declared to give a float, takes a tensor
    moved = any(
        not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True)
    )
    # The first evaluation is at the weights the iteration starts from.
    loss, accuracy = first[0]
    return _Epoch(1, loss, accuracy, converged=not moved)


def _loss(logits: Tensor, labels: Tensor, settings: Training) -> Tensor:
    if settings.loss == "cross_entropy":
        return F.cross_entropy(logits, labels)
    one_hot = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (logits - one_hot).square().sum(1).mean()


def _precision(settings: Training, device: torch.device) -> AbstractContextManager[object]:
    if settings.precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


class _Snapshot:
    """The weights whose training cross-entropy is nearest to `snapshot_loss`, where that is set."""

    def __init__(self, settings: Training) -> None:
        self._target = settings.snapshot_loss
        self._tolerance = settings.snapshot_tolerance
        self._distance = math.inf
        self._epoch = 0
        self._state: dict[str, Tensor] = {}

    def consider(self, epoch: int, module: TappedModule, batches: Batches, labels: Tensor) -> None:
        if self._target is None:
            return
        inputs = batches.plain(EVALUATION_BATCH)
        loss = evaluate(module.eval(), inputs, [labels], normalize=False)[0].cross_entropy
        if abs(loss - self._target) < self._distance:
            self._distance = abs(loss - self._target)
            self._epoch = epoch
            self._state = {name: value.clone() for name, value in module.state_dict().items()}

    def restore(self, module: TappedModule) -> int | None:
        """The epoch whose weights were put back; None: the last one's stay."""
        if self._tolerance is not None and self._distance > self._tolerance:
            return None
        if self._state:
            module.load_state_dict(self._state)
        return self._epoch or None
