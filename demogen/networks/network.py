"""One network, and what a measure may read of it."""

import enum
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, final

import torch
from torch import Tensor

from demogen.errors import AccessError, ZooError
from demogen.networks.tapped_module import TappedModule

if TYPE_CHECKING:
    from demogen.schema.records import NetworkSpec

Value = TypeVar("Value")


class Access(enum.Flag):
    """What a measure reads of a network beyond its weights."""

    NONE = 0
    INITIAL = enum.auto()
    """The initial weights."""
    TRAIN = enum.auto()
    """Training images and the labels trained on, corrupted ones included."""
    TEST_INPUTS = enum.auto()
    """Test images without labels."""
    SPEC = enum.auto()
    """The spec: architecture and training settings as asked for."""

    def __str__(self) -> str:
        return " + ".join((flag.name or "").lower().replace("_", " ") for flag in self) or "weights"


@dataclass(frozen=True)
class LabeledImages:
    """Images (n, c, h, w) or (n, d) and their labels (n,), int64."""

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ZooError(f"{len(self.images)} images but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Sources:
    """Functions that give a network's data; each is called whenever the data is read.

    None: the network comes without.
    """

    initial: Callable[[], TappedModule] | None = None
    train: Callable[[], LabeledImages] | None = None
    test_inputs: Callable[[], Tensor] | None = None
    spec: "NetworkSpec | None" = None


@final
class Network:
    """One trained classifier, in evaluation mode, and what may be known of it.

    It has no test label, accuracy, loss or gap. `view` narrows what can be read to a declared
    access; this prevents accidents, not malice.

    Attributes:
        id: the network's id in its zoo.
        module: the trained network; its weights need no gradient.
        batch_size: how many images a measure should take at a time.
    """

    def __init__(
        self,
        module: TappedModule,
        sources: Sources,
        *,
        id: str = "network",
        access: Access | None = None,
        batch_size: int = 256,
        memo: dict[Hashable, Any] | None = None,
    ) -> None:
        self.id = id
        self.module = module.eval().requires_grad_(False)
        self.batch_size = batch_size
        self._sources = sources
        self._access = access
        self._memo = memo

    @classmethod
    def of(
        cls,
        module: TappedModule,
        images: Tensor,
        labels: Tensor,
        *,
        initial: TappedModule | None = None,
        test_inputs: Tensor | None = None,
        spec: "NetworkSpec | None" = None,
        batch_size: int = 256,
        id: str = "network",
    ) -> "Network":
        """A network of one's own, to be measured without any zoo.

        Args:
            module: the trained network; it is put into evaluation mode.
            images: training images as the network expects them, (n, c, h, w) or (n, d).
            labels: the labels it was trained on, (n,), int64.
            initial: the network before training, for measures that compare with it.
            test_inputs: unlabelled test images, for measures that declare that access.
            spec: training settings, for measures that declare that access.
            batch_size: how many images to take at a time.
            id: a name for messages.
        """
        train = LabeledImages(images, labels)
        sources = Sources(
            initial=None if initial is None else lambda: initial.eval().requires_grad_(False),
            train=lambda: train,
            test_inputs=None if test_inputs is None else lambda: test_inputs,
            spec=spec,
        )
        return cls(module, sources, id=id, batch_size=batch_size)

    @property
    def initial(self) -> TappedModule:
        """The network with its initial weights."""
        return self._get(Access.INITIAL, self._sources.initial)

    @property
    def train(self) -> LabeledImages:
        """Training images as the network saw them, with the labels it was trained on."""
        return self._get(Access.TRAIN, self._sources.train)

    @property
    def test_inputs(self) -> Tensor:
        """Test images without labels, standardized as the training images."""
        return self._get(Access.TEST_INPUTS, self._sources.test_inputs)

    @property
    def spec(self) -> "NetworkSpec":
        """What was asked for when the network was trained."""
        spec = self._sources.spec
        return self._get(Access.SPEC, None if spec is None else lambda: spec)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.module.parameters()).device

    def view(self, access: Access) -> "Network":
        """The same network, of which only `access` can be read."""
        return self._copy(access, self._memo)

    def remembering(self) -> "Network":
        """The same network, whose views share what `once` gives; for measures that run together."""
        return self._copy(self._access, {})

    def once(self, function: Callable[..., Value], *arguments: Hashable) -> Value:
        """function(module, *arguments): computed once for all measures that run together.

        For what costs much and depends on the weights alone, such as norms of layers.
        """
        if self._memo is None:
            return function(self.module, *arguments)
        key = (function, arguments)
        if key not in self._memo:
            self._memo[key] = function(self.module, *arguments)
        result: Value = self._memo[key]
        return result

    def _copy(self, access: Access | None, memo: dict[Hashable, Any] | None) -> "Network":
        return Network(
            self.module,
            self._sources,
            id=self.id,
            access=access,
            batch_size=self.batch_size,
            memo=memo,
        )

    def __repr__(self) -> str:
        return f"Network({self.id!r})"

    def _get(self, needed: Access, source: Callable[[], Value] | None) -> Value:
        if self._access is not None and needed not in self._access:
            raise AccessError(
                f"the measure read {needed} of network {self.id}, but declares access to "
                f"{self._access}; add Access.{needed.name} to its `access`"
            )
        if source is None:
            raise ZooError(f"network {self.id} comes without {needed}")
        return source()
