"""Training settings → optimizer and learning-rate schedule of torch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from demogen.schema.records import Training


def make_optimizer(module: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """The optimizer; `l2` is its weight decay (for L-BFGS see `penalty`).

    Secondary coefficients are TensorFlow's defaults, as Novak et al. 2018 (appendix A.5.5) took
    them: RMSProp keeps 0.9 of its mean square and adds 1e-10. choice: torch adds it after the
    root, TensorFlow before.
    """
    rate = settings.learning_rate
    if settings.optimizer == "lbfgs":
        # One iteration a step, so that steps are counted, decayed and stopped as for the others.
        return torch.optim.LBFGS(
            module.parameters(), lr=rate, max_iter=1, line_search_fn="strong_wolfe"
        )
    decayed = decayed_parameters(module, settings)
    kept = {id(parameter) for parameter in decayed}
    others = [parameter for parameter in module.parameters() if id(parameter) not in kept]
    groups = [
        {"params": decayed, "weight_decay": settings.l2},
        {"params": others, "weight_decay": 0.0},
    ]
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=True)
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, alpha=0.9, eps=1e-10)
    momentum = settings.momentum if settings.optimizer == "momentum" else 0.0
    nesterov = settings.nesterov and momentum > 0
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov, fused=True)


def decayed_parameters(module: nn.Module, settings: Training) -> list[Tensor]:
    """What `l2` acts on: kernels (weights of convolutions and dense layers), or all parameters."""
    everything = settings.l2_on == "all"
    return [parameter for parameter in module.parameters() if everything or parameter.ndim > 1]


def penalty(module: nn.Module, settings: Training) -> Tensor:
    """λ·Σw²/2 over what is decayed, for an optimizer without weight decay of its own."""
    squares = [weight.square().sum() for weight in decayed_parameters(module, settings)]
    return settings.l2 / 2 * torch.stack(squares).sum()


def make_schedule(optimizer: torch.optim.Optimizer, settings: Training) -> Callable[[float], float]:
    """What to call after every epoch with its mean training loss; gives the learning rate then.

    `plateau_epochs` counts as Keras does: the rate falls after that many epochs in a row, not one
    more, without a loss below the best by more than `plateau_delta`.
    """
    epochwise: lr_scheduler.LRScheduler | None = None
    plateau: lr_scheduler.ReduceLROnPlateau | None = None
    if settings.plateau_epochs:
        plateau = lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=settings.decay,
            patience=settings.plateau_epochs - 1,
            threshold=settings.plateau_delta,
            threshold_mode="abs",
            eps=0.0,
        )
    elif settings.decay_epochs:
        epochwise = lr_scheduler.StepLR(optimizer, settings.decay_epochs, settings.decay)
    elif settings.decay_at:
        epochwise = lr_scheduler.MultiStepLR(optimizer, list(settings.decay_at), settings.decay)

    def after_epoch(loss: float) -> float:
        if plateau is not None:
            plateau.step(loss)
        elif epochwise is not None:
            epochwise.step()
        return float(optimizer.param_groups[0]["lr"])

    return after_epoch
