"""The mean cross-entropy as a function of the parameters: its slope and its curvature.

L(w) = (1/n) Σ −ln softmax(f(x; w))_y, in evaluation mode. With J the derivative of the logits by
the parameters and A = diag(p) − ppᵀ, the Hessian is H = G + R: the Gauss-Newton matrix
G = (1/n) Σ Jᵀ A J, and R = (1/n) Σ_c (p_c − [c = y]) ∇²f_c. Piecewise linear networks have an H
wherever no unit stands at a kink, almost everywhere. No matrix is made: there are products with
vectors, from passes backward through a pass backward.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from demogen.errors import NotMeasurable
from demogen.measuring.batches import batches, finite, pass_size, sizes
from demogen.networks.tapped_module import TappedModule

KEPT_VALUES = 2**25
"""Activations, about, of which graphs are kept between products; of more they are made anew."""


@dataclass(frozen=True)
class SquaredSlopes:
    """Mean square of the slope of an image's loss along a vector v.

    Attributes:
        with_labels: with the labels trained on: vᵀ (mean ∇ℓ ∇ℓᵀ) v.
        of_the_network: in expectation over labels with the network's probabilities: vᵀ G v.
    """

    with_labels: float
    of_the_network: float


@dataclass(frozen=True)
class _Part:
    """A batch of images, from the parameters to its part of L.

    Attributes:
        logits: shape (n, classes), with their graph.
        log_probabilities: float64, shape (n, classes), as are `first`.
        loss: its part of L.
        first: derivatives of that by the logits, (p − [c = y]) / all images.
        cotangent: the same in the network's precision, a leaf of graphs.
    """

    logits: Tensor
    log_probabilities: Tensor
    loss: float
    first: Tensor
    cotangent: Tensor


@dataclass(frozen=True)
class _Graph:
    """A batch, and the way back from its logits to the parameters, which has a graph as well.

    Attributes:
        pulled: Jᵀ `cotangent` for each parameter: linear in the cotangent.
    """

    part: _Part
    pulled: tuple[Tensor, ...]


class LossSurface:
    """L around a network's parameters, on some images.

    Vectors are float64, of all parameters one after the other. Sums over images and products of
    vectors are float64 in any network: float32 drifts over many parameters.

    Args:
        module: in evaluation mode; it is not changed.
        images: (n, ...), at least one.
        labels: (n,).
        batch_size: images a pass, at most.
        weights_only: whether biases, and what norms learn, stay as they are: parameters with fewer
            than two dimensions.

    Raises:
        NotMeasurable: there are no images or no such parameters, or the logits are not finite.
    """

    def __init__(
        self,
        module: TappedModule,
        images: Tensor,
        labels: Tensor,
        batch_size: int = 256,
        weights_only: bool = False,
    ) -> None:
        self._module = module
        self._images, self._labels = images, labels
        one = sizes(module, images)
        self._size = pass_size(module, one.largest_activation, batch_size)
        self._classes = one.classes
        self._parameters = {
            name: parameter.detach().clone().requires_grad_()
            for name, parameter in module.named_parameters()
            if parameter.ndim >= (2 if weights_only else 0)
        }
        if not self._parameters:
            raise NotMeasurable("it has no parameters of two dimensions or more, as weights have")
        layers = sum(1 for layer in module.modules() if not list(layer.children()))
        self._keeps = len(images) * one.largest_activation * layers <= KEPT_VALUES
        self._kept: list[_Graph] | None = None

    @property
    def parameters(self) -> Tensor:
        """The parameters w as they are."""
        return _flat([parameter.detach() for parameter in self._leaves])

    @property
    def count(self) -> int:
        """How many images."""
        return len(self._images)

    def loss_and_gradient(self) -> tuple[float, Tensor]:
        """L and ∇L: a pass forward and one backward."""
        losses, gradient = [], torch.zeros_like(self.parameters)
        for x, y in self._batches():
            part = self._forward(x, y)
            losses.append(part.loss)
            gradient += _flat(_gradients(part.logits, self._leaves, part.cotangent))
        return math.fsum(losses), gradient

    def loss_at(self, moved: Tensor) -> float:
        """L at other parameters than w."""
        leaves = dict(zip(self._parameters, self._split(moved), strict=True))
        losses = []
        with torch.no_grad():
            for x, y in self._batches():
                logits = functional_call(self._module, leaves, (x,))
                losses.append(float(_losses(finite(logits).double(), y).sum()))
        return math.fsum(losses) / self.count

    def squared_slopes(self, vector: Tensor) -> SquaredSlopes:
        """Mean square of vᵀ∇ℓ over the images, ℓ the loss of one image."""
        with_labels, of_the_network = [], []
        for graph in self._graphs():
            (changes,) = self._through(graph, vector, [graph.part.cotangent])
            changes = changes.double()
            slopes = (graph.part.first * self.count * changes).sum(dim=1)
            with_labels.append(float(slopes.square().sum()))
            of_the_network.append(float((changes * _softmax_product(graph.part, changes)).sum()))
        return SquaredSlopes(
            math.fsum(with_labels) / self.count, math.fsum(of_the_network) / self.count
        )

    def gauss_newton_product(self, vector: Tensor) -> Tensor:
        """G v."""
        total = torch.zeros_like(vector)
        for graph in self._graphs():
            (changes,) = self._through(graph, vector, [graph.part.cotangent])
            total += self._pull(graph, _softmax_product(graph.part, changes.double()) / self.count)
        return total

    def hessian_product(self, vector: Tensor) -> Tensor:
        """H v."""
        total = torch.zeros_like(vector)
        for graph in self._graphs():
            *rest, changes = self._through(graph, vector, [*self._leaves, graph.part.cotangent])
            total += _flat(rest)
            total += self._pull(graph, _softmax_product(graph.part, changes.double()) / self.count)
        return total

    def rest_product(self, vector: Tensor) -> Tensor:
        """R v = (H − G) v."""
        total = torch.zeros_like(vector)
        for graph in self._graphs():
            total += _flat(self._through(graph, vector, self._leaves))
        return total

    def gauss_newton_sample(self, generator: torch.Generator) -> Tensor:
        """A random vector q with E qqᵀ = G: n^(-1/2) Σ Jᵀ B z, BBᵀ = A, of random signs z.

        It takes one pass backward, where vᵀGv of a random v takes two. Signs belong to images and
        classes, so that q is that of the network whatever the order of its units.
        """
        total = torch.zeros_like(self.parameters)
        drawn = random_signs(torch.Size((self.count, self._classes)), generator).split(self._size)
        for graph, of_batch in zip(self._graphs(), drawn, strict=True):
            part, signs = graph.part, of_batch.to(graph.part.first)
            roots = (part.log_probabilities / 2).exp()
            sums = (roots * signs).sum(dim=1, keepdim=True)
            mixed = _balanced(roots * signs - roots.square() * sums, part)
            total += self._pull(graph, mixed / math.sqrt(self.count))
        return total

    def ranked(self, draw: Callable[[torch.Size], Tensor]) -> Tensor:
        """A random vector whose entries go to the parameters by their rank within their tensor.

        So networks that differ in the order of their hidden units have the same entries at the same
        weights, unless weights are equal.

        Args:
            draw: shape ↦ independent random numbers.
        """
        parts = []
        for leaf in self._leaves:
            values = leaf.detach().flatten().cpu()
            part = torch.empty(values.shape, dtype=torch.float64)
            part[values.argsort(stable=True)] = draw(values.shape).double()
            parts.append(part.to(leaf.device))
        return torch.cat(parts)

    @property
    def _leaves(self) -> list[Tensor]:
        return list(self._parameters.values())

    def _split(self, vector: Tensor) -> list[Tensor]:
        parts = vector.split([leaf.numel() for leaf in self._leaves])
        return [
            part.reshape(leaf.shape).to(leaf.dtype)
            for part, leaf in zip(parts, self._leaves, strict=True)
        ]

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        labels = self._labels.split(self._size)
        for x, y in zip(batches(self._module, self._images, self._size), labels, strict=True):
            yield x, y.to(x.device)

    def _graphs(self) -> Iterator[_Graph]:
        if not self._keeps:
            return (self._graph(x, y) for x, y in self._batches())
        if self._kept is None:
            self._kept = [self._graph(x, y) for x, y in self._batches()]
        return iter(self._kept)

    def _forward(self, x: Tensor, y: Tensor) -> _Part:
        with torch.enable_grad():
            logits = finite(functional_call(self._module, self._parameters, (x,)))
        scores = logits.detach().double()
        log_probabilities = scores.log_softmax(dim=1)
        others = log_probabilities.exp().scatter(1, y[:, None], 0.0)
        first = others.scatter(1, y[:, None], -others.sum(dim=1, keepdim=True)) / self.count
        # A copy, or in float64 `first` itself would get a gradient.
        cotangent = first.to(logits.dtype, copy=True).requires_grad_()
        loss = float(_losses(scores, y).sum()) / self.count
        return _Part(logits, log_probabilities, loss, first, cotangent)

    def _graph(self, x: Tensor, y: Tensor) -> _Graph:
        part = self._forward(x, y)
        pulled = _gradients(part.logits, self._leaves, part.cotangent, create_graph=True)
        return _Graph(part, pulled)

    def _through(self, graph: _Graph, vector: Tensor, by: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Derivatives of vᵀ Jᵀ `cotangent`: by the cotangent, J v; by the parameters, R v."""
        parts = [
            (pulled, part)
            for pulled, part in zip(graph.pulled, self._split(vector), strict=True)
            if pulled.requires_grad
        ]
        outputs, weights = zip(*parts, strict=True)
        return _gradients(outputs, by, weights)

    def _pull(self, graph: _Graph, cotangent: Tensor) -> Tensor:
        """Jᵀ times a cotangent."""
        logits = graph.part.logits
        return _flat(_gradients(logits, self._leaves, cotangent.to(logits.dtype)))


def random_signs(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Independent 1 and −1, as likely as each other."""
    return torch.randint(0, 2, shape, generator=generator).mul(2).sub(1)


def _losses(scores: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels, reduction="none")


def _softmax_product(part: _Part, changes: Tensor) -> Tensor:
    """A t of every image, for t (n, classes), to all digits where the softmax is saturated."""
    likeliest = part.log_probabilities.argmax(dim=1, keepdim=True)
    p = part.log_probabilities.exp()
    relative = changes - changes.gather(1, likeliest)
    return _balanced(p * (relative - (p * relative).sum(dim=1, keepdim=True)), part)


def _balanced(rows: Tensor, part: _Part) -> Tensor:
    """Rows that add up to 0: the likeliest class's entry, where digits cancel, from the others."""
    likeliest = part.log_probabilities.argmax(dim=1, keepdim=True)
    others = rows.scatter(1, likeliest, 0.0)
    return others.scatter(1, likeliest, -others.sum(dim=1, keepdim=True))


def _gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    weights: Tensor | Sequence[Tensor],
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    try:
        return torch.autograd.grad(
            outputs,
            inputs,
            weights,
            retain_graph=True,
            create_graph=create_graph,
            materialize_grads=True,
        )
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if "not implemented" in said or "differentiate twice" in said:
            raise NotMeasurable(f"it cannot be differentiated twice: {said}") from error
        raise


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.detach().double().flatten() for part in parts])
