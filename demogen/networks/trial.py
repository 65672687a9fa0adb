"""A trial run of a network on a few images: is it what measures take it for?

Measures differentiate sums over a batch, read activations between stages, and compute layer by
layer what `forward` should compute. All of that is right for networks that compute one sample's
logits from that sample alone, leave their inputs as they are, and, for some measures, are the chain
of their layers. A network of somebody's own may do otherwise in ways that its structure does not
show. So it is run: five times on a few images, more often only where something is wrong, and in
double precision on four, to see whether derivatives are those of its logits.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from demogen.errors import NotMeasurable, ZooError, first_line
from demogen.networks.copying import quiet
from demogen.networks.layer_at_fault import described, first_that_differs, inner_layer_in_place
from demogen.networks.own_network import own_module
from demogen.networks.padded import PaddedConv2d
from demogen.networks.tapped_module import TappedModule, is_linear

IMAGES = 16
"""Images that a trial takes, the first."""

ROUNDING = 16
"""Logits that differ by no more than so many machine epsilons of the largest are the same. Beyond,
they are compared in double precision on the CPU: rounding grows in deep networks, and with TF32."""

NEGLIGIBLE = 1e-5
"""What logits may differ by in double precision, relative to the largest: a network may round
inside, to single precision, whatever it is given."""

FEW = 4
"""Images at which derivatives are compared with differences."""

STEPS = (1e-6, 3e-6)
"""Lengths of steps, in units of the images' size; double precision leaves nine digits."""

AGREEMENT = 0.01
"""What derivatives may differ by from differences, relative; two differences by a tenth of it."""

_Run = Callable[[TappedModule, Tensor], Tensor]


@dataclass(frozen=True)
class Trial:
    """What a trial run has shown.

    Attributes:
        classes: the number of logits; None where there was no image to run the network on.
        fault: why no measure may run the network on images, or None.
        why_no_chain: why its layers one after the other are not what it computes, or None.
    """

    classes: int | None = None
    fault: str | None = None
    why_no_chain: str | None = None


def try_out(module: TappedModule, images: Tensor) -> Trial:
    """Run a network on the first of the images, in evaluation mode and on copies of them.

    The random state is left as it was. A network whose logits are not finite is not looked at any
    further; its measures say so.

    Args:
        module: in evaluation mode; not changed.
        images: (n, ...), n may be 0.

    Raises:
        ZooError: the network does not take the images, or does not give logits (n, classes).
    """
    if len(images) == 0:
        return Trial()
    like = next(module.parameters())
    with quiet(like.device):
        x = images[:IMAGES].detach().to(like.device, like.dtype).contiguous().clone()
        if len(x) == 1:
            x = torch.cat([x, torch.zeros_like(x)])  # so that it has company
        logits = _logits(module, x)
        trial = Trial(classes=logits.shape[1])
        if not bool(logits.isfinite().all()):
            return trial
        _check_no_probabilities(logits)
        fault = _why_in_place(module, x) or _why_not_alone(module, x, logits)
        if fault := fault or _why_no_derivative(module, x):
            return Trial(trial.classes, fault=fault)
        return Trial(trial.classes, why_no_chain=_why_no_chain(module, x, logits))


def _logits(module: TappedModule, x: Tensor) -> Tensor:
    try:
        output: object = module(x.clone())
    except Exception as error:
        shape = ", ".join(map(str, x.shape[1:]))
        raise ZooError(
            f"the network does not run on images of shape (n, {shape}): "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    if not isinstance(output, Tensor):
        raise ZooError(
            f"the network gives a {type(output).__name__}, not a tensor of logits (n, classes); "
            "wrap it in a module that returns them alone"
        )
    if output.ndim != 2 or len(output) != len(x) or not output.is_floating_point():
        raise ZooError(
            f"for {len(x)} images the network gives {str(output.dtype).removeprefix('torch.')} of "
            f"shape {tuple(output.shape)}, not logits ({len(x)}, classes)"
        )
    return output


def _check_no_probabilities(logits: Tensor) -> None:
    """Refuse softmax and log-softmax; warn of sigmoids, which logits might look like."""
    values = logits.double()
    classes = logits.shape[1]
    if classes < 2:
        return
    near = max(1e-5, ROUNDING * torch.finfo(logits.dtype).eps)
    if bool((values >= 0).all() and ((values.sum(dim=1) - 1).abs() <= near).all()):
        raise ZooError(
            "the network's outputs are probabilities (each row sums to 1), and measures are of "
            "logits: leave out the softmax at its end"
        )
    if bool((values.logsumexp(dim=1).abs() <= near).all()):
        raise ZooError(
            "the network's outputs are log-probabilities (their exponentials sum to 1), and "
            "measures are of logits: leave out the log-softmax at its end"
        )
    if len(values) == IMAGES and bool(((values > 0) & (values < 1)).all()):
        warnings.warn(
            "all outputs of the network lie between 0 and 1; if it ends in a sigmoid, leave that "
            "out: measures are of logits",
            RuntimeWarning,
            stacklevel=5,
        )


def _why_in_place(module: TappedModule, x: Tensor) -> str | None:
    """Why the input of a stage, which may be an image or a tap, is not what it was, or None."""
    for name, stage in module.stages():
        before, version = x.clone(), x._version
        after = stage(x)
        if x._version != version or not torch.equal(x, before):
            where = described(name, stage, inner_layer_in_place(stage, before))
            return (
                f"{where} works in place on what it is given and would overwrite images or a "
                "tapped activation; let it compute a new tensor"
            )
        if not isinstance(after, Tensor):
            return f"stage {name!r} gives a {type(after).__name__}, not one tensor"
        x = after
    return None


def _why_not_alone(module: TappedModule, x: Tensor, logits: Tensor) -> str | None:
    """Why a sample's logits are not those of the stages on that sample alone, or None."""
    if _agrees(module, x, _in_parts, logits) and _agrees(module, x, _by_stages, logits):
        return None
    if not _agrees(module, x, _again, logits):
        where = first_that_differs(module, x, [slice(None)])
        return (
            f"{where} gives other numbers each time it is run in evaluation mode; measures need a "
            "network that computes the same"
        )
    if not _agrees(module, x, _by_stages, logits):
        return "the network's stages one after the other give other logits than its `forward`"
    where = first_that_differs(module, x[_order(x)], [slice(0, 1), slice(1, None)])
    return (
        f"{where} lets samples of a batch meet in evaluation mode, or does not take a batch of one:"
        " measures need each sample's own logits, whatever the batch (batch norm needs running "
        "statistics)"
    )


def _why_no_derivative(module: TappedModule, x: Tensor) -> str | None:
    given = x[:1].clone().requires_grad_()
    try:
        with torch.enable_grad():
            torch.autograd.grad(module(given).sum(), given)
    except RuntimeError:
        return (
            "its logits have no derivatives with respect to its input; look for no_grad or detach "
            "in its `forward`"
        )
    return _why_other_derivative(module, x[:FEW])


def _why_other_derivative(module: TappedModule, x: Tensor) -> str | None:
    """Why derivatives are not those of the logits, or None; by differences, in double precision.

    Two steps of different length have to agree before a difference counts: where they do not, the
    network rounds inside to single precision, or a unit passed from one piece to another. And it
    has to be more than rounding of the logits makes: weights may be tiny beside the last biases.
    """
    double, x = own_module(module).cpu().double(), x.cpu().double()
    generator = torch.Generator().manual_seed(0)
    toward = torch.randn(x.shape, generator=generator, dtype=x.dtype) * x.abs().mean()
    given = x.clone().requires_grad_()
    try:
        with torch.enable_grad():
            logits = double(given)
            weights = torch.randn(logits.shape, generator=generator, dtype=x.dtype)
            (gradient,) = torch.autograd.grad((weights * logits).sum(), given)
        by_steps = [
            float((weights * (double(x + step * toward) - double(x - step * toward))).sum()) / step
            for step in STEPS
        ]
    except Exception:  # it takes no doubles
        return None
    by_autograd = 2 * float((gradient * toward).sum())
    if not math.isfinite(by_autograd):
        return (
            f"the derivative that autograd gives along a line is {by_autograd}; look for weights "
            "that are not finite"
        )
    largest = max(map(abs, by_steps))
    rounding = torch.finfo(x.dtype).eps * float((weights * logits).abs().sum()) / STEPS[0]
    if AGREEMENT * max(largest, abs(by_autograd)) <= rounding:
        return None
    if abs(by_steps[0] - by_steps[1]) > AGREEMENT / 10 * largest:
        return None
    if abs(by_steps[0] - by_autograd) <= AGREEMENT * max(largest, abs(by_autograd)):
        return None
    return (
        f"the derivative that autograd gives along a line is {by_autograd:.3g} where logits change "
        f"by {by_steps[0]:.3g}; look for detach, no_grad or a backward of its own in its `forward`"
    )


def _why_no_chain(module: TappedModule, x: Tensor, logits: Tensor) -> str | None:
    try:
        module.chain()
    except NotMeasurable:
        return None  # the chain says so itself
    if _agrees(module, x, _layer_by_layer, logits):
        return None
    return "the network's layers one after the other give other logits than its `forward`"


def _agrees(module: TappedModule, x: Tensor, other: _Run, logits: Tensor) -> bool:
    """Whether another way to run the network gives its logits, up to rounding."""
    epsilon = torch.finfo(logits.dtype).eps
    difference = _difference(module, x, other, logits)
    if difference <= ROUNDING * epsilon:
        return True
    # On the CPU, as some accelerators have no doubles.
    double, x_double = own_module(module).cpu().double(), x.cpu().double()
    try:
        exact = double(x_double.clone())
    except Exception:  # it takes no doubles
        exact = logits
    if exact.dtype != torch.float64:
        return difference <= max(10 * NEGLIGIBLE, 4 * ROUNDING * epsilon)
    return _difference(double, x_double, other, exact) <= NEGLIGIBLE


def _difference(module: TappedModule, x: Tensor, other: _Run, logits: Tensor) -> float:
    """Of the logits found in another way, relative to the largest; infinite where it fails."""
    try:
        found = other(module, x.clone())
    except Exception:  # whatever it is: it fails where it should give the same logits
        return math.inf
    if found.shape != logits.shape:
        return math.inf
    largest = float(logits.abs().max())
    difference = float((found - logits).abs().max())
    return difference / largest if largest else difference


def _order(x: Tensor) -> Tensor:
    return torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).to(x.device)


def _in_parts(module: TappedModule, x: Tensor) -> Tensor:
    """In another order, the first sample alone and then all others."""
    order = _order(x)
    shuffled = x[order]
    found = torch.cat([module(part) for part in (shuffled[:1], shuffled[1:])])
    return found[order.argsort()]


def _again(module: TappedModule, x: Tensor) -> Tensor:
    logits: Tensor = module(x)
    return logits


def _by_stages(module: TappedModule, x: Tensor) -> Tensor:
    for _, stage in module.stages():
        x = stage(x)
    return x


def _layer_by_layer(module: TappedModule, x: Tensor) -> Tensor:
    for _, layer in module.chain():
        if not is_linear(layer):
            x = layer(x)
        elif isinstance(layer, nn.Linear):
            x = F.linear(x, layer.weight, layer.bias)
        elif layer.padding_mode == "zeros":
            x = F.conv2d(
                F.pad(x, layer.sides) if isinstance(layer, PaddedConv2d) else x,
                layer.weight,
                layer.bias,
                layer.stride,
                layer.padding,
                layer.dilation,
                layer.groups,
            )
        else:
            x = layer(x)
    return x
