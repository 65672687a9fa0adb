"""One network, and what a measure may read of it."""

import enum
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, final

import torch
from torch import Tensor, nn

from demogen.errors import AccessError, NotMeasurable, ZooError
from demogen.networks.own_data import read
from demogen.networks.own_network import (
    SIBLING,
    check_classes,
    own_alike,
    own_batch_size,
    own_images,
    own_labels,
    own_module,
)
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import ordinary_state
from demogen.networks.trial import try_out

if TYPE_CHECKING:
    from demogen.networks.own_data import Images
    from demogen.networks.own_network import Numbers
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
    SIBLINGS = enum.auto()
    """The other trained networks of the same configuration: its copies, from other seeds."""

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

    None: the network comes without. What is in `missing` nobody has, for the reason that stands
    there: a measure that needs it is not defined for the network.
    """

    initial: Callable[[], TappedModule] | None = None
    train: Callable[[], LabeledImages] | None = None
    test_inputs: Callable[[], Tensor] | None = None
    spec: "NetworkSpec | None" = None
    siblings: Callable[[], tuple[TappedModule, ...]] | None = None
    input_shape: tuple[int, ...] | None = None
    classes: int | None = None
    missing: "Mapping[Access, str]" = field(default_factory=dict)


@dataclass
class OnceValues:
    """What `Network.once` gave to measures that run together.

    Attributes:
        values: function and arguments → what it gave, and the seconds that it took.
        spared: seconds that would have been taken again without it.
    """

    values: dict[Hashable, tuple[Any, float]] = field(default_factory=dict)
    spared: float = 0.0


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
        memo: OnceValues | None = None,
    ) -> None:
        self.id = id
        self.module = module.eval().requires_grad_(False)
        self.batch_size = own_batch_size(batch_size)
        self._sources = sources
        self._access = access
        self._memo = memo
        self._read: dict[Access, Any] = {}

    @classmethod
    @ordinary_state()
    def of(
        cls,
        module: nn.Module,
        images: "Images",
        labels: "Numbers | None" = None,
        *,
        initial: nn.Module | None = None,
        test_inputs: "Images | None" = None,
        spec: "NetworkSpec | None" = None,
        siblings: "Sequence[nn.Module]" = (),
        batch_size: int = 256,
        id: str = "network",
    ) -> "Network":
        """A network of one's own, to be measured without any zoo.

        Measured is a copy of the network as it is now; training can go on, whatever measures do.
        It is run on a few images first (`demogen.networks.trial`): measures that need images are
        refused where samples of a batch meet in evaluation mode or layers overwrite their inputs,
        and those that go layer by layer where that does not give the network's logits.

        Args:
            module: the trained network. Wrappers of torch (DataParallel, compile) are taken off;
                a plain module is put into stages, with taps and units by the rules of
                `TappedModule.from_module`.
            images: training images as the network expects them, (n, c, h, w) or (n, d),
                floating-point; or a Dataset or DataLoader of images and labels, read once.
            labels: the labels it was trained on, whole numbers from 0 on, (n,), (n, 1) or one-hot;
                left out where they come with the images.
            initial: the network before training, for measures that compare with it.
            test_inputs: unlabelled test images, for measures that declare that access.
            spec: training settings, for measures that declare that access.
            siblings: networks trained with the same settings from other seeds, for measures that
                compare with them.
            batch_size: how many images to take at a time.
            id: a name for messages.

        Raises:
            ZooError: what is given is no trained classifier that gives logits (n, classes) for the
                images, or the labels are none of its classes; the message says what to change.
        """
        images, labels = read(images, labels)
        train = LabeledImages(own_images(images), own_labels(labels))
        inputs = None
        if test_inputs is not None:
            inputs = own_images(read(test_inputs, what="test_inputs")[0], "test_inputs")
        tried = train.images if len(train) or inputs is None else inputs
        own = own_module(module, tried)
        trial = try_out(own, tried)
        own.refuse_chain(trial.why_no_chain)
        if trial.classes is not None:
            check_classes(train.labels, trial.classes)
        first = None if initial is None else own_alike(initial, own, tried)
        if first is not None:
            first.refuse_chain(try_out(first, tried).why_no_chain)

        copies = tuple(own_alike(each, own, tried, SIBLING).eval() for each in siblings)

        def unless_refused(value: "Value", *tensors: Tensor) -> "Callable[[], Value]":
            versions = [tensor._version for tensor in tensors]

            def get() -> "Value":
                if trial.fault is not None:
                    raise NotMeasurable(trial.fault)
                if versions != [tensor._version for tensor in tensors]:
                    raise NotMeasurable(
                        f"images or labels of network {id} were changed in place since Network.of "
                        "took them; work on a clone, and make the network again"
                    )
                return value

            return get

        sources = Sources(
            initial=None if first is None else lambda: first,
            train=unless_refused(train, train.images, train.labels),
            test_inputs=None if inputs is None else unless_refused(inputs, inputs),
            spec=spec,
            siblings=(lambda: copies) if copies else None,
            input_shape=tuple(tried.shape[1:]),
            classes=trial.classes or _classes(own, tried),
        )
        return cls(own, sources, id=id, batch_size=batch_size)

    @property
    def initial(self) -> TappedModule:
        """The network with its initial weights."""
        source = self._sources.initial
        if source is None or self._memo is None:
            return self._get(Access.INITIAL, source)
        # Made once for measures that run together; each has a copy, which it may train.
        own: TappedModule = self._get(Access.INITIAL, lambda: deepcopy(self.once(_made, source)))
        return own

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
    def siblings(self) -> tuple[TappedModule, ...]:
        """Other trained networks of the same configuration, at least one."""
        return self._get(Access.SIBLINGS, self._sources.siblings)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image as the network takes it, (c, h, w) or (d,); no access is needed."""
        if self._sources.input_shape is None:
            raise ZooError(f"network {self.id} comes without the shape of its images")
        return self._sources.input_shape

    @property
    def classes(self) -> int:
        """How many classes the network tells apart; no access is needed."""
        if self._sources.classes is None:
            raise ZooError(f"network {self.id} comes without images and the number of classes")
        return self._sources.classes

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.module.parameters()).device

    @property
    def missing(self) -> "Mapping[Access, str]":
        """What nobody can read of it whatever the access, and why."""
        return self._sources.missing

    def why_without(self, access: Access) -> str | None:
        """Why nobody can read all of `access`, or None where that is not known."""
        for part in access:
            if part in self.missing:
                return f"it comes without {part}: {self.missing[part]}"
        return None

    def view(self, access: Access) -> "Network":
        """The same network, of which only `access` can be read."""
        return self._copy(access, self._memo)

    def remembering(self) -> "Network":
        """The same network, whose views share what `once` gives; for measures that run together.

        One that shares it already goes on doing so.
        """
        return self._copy(self._access, self._memo or OnceValues())

    def with_images(self, train: LabeledImages | None, test_inputs: Tensor | None) -> "Network":
        """The same network, with these images in the place of its own; None leaves its own.

        It gives copies of them, so that a measure which works in place changes nobody's images.
        """
        sources = self._sources
        if train is not None:
            sources = replace(
                sources, train=lambda: LabeledImages(train.images.clone(), train.labels.clone())
            )
        if test_inputs is not None:
            sources = replace(sources, test_inputs=test_inputs.clone)
        return self._copy(self._access, self._memo, sources)

    def once(self, function: Callable[..., Value], *arguments: Hashable) -> Value:
        """function(module, *arguments): computed once for all measures that run together.

        For what costs much and depends on the weights alone, such as norms of layers.
        """
        if self._memo is None:
            return function(self.module, *arguments)
        key = (function, arguments)
        if key in self._memo.values:
            known: Value
            known, seconds = self._memo.values[key]
            self._memo.spared += seconds
            return known
        start = time.perf_counter()
        result = function(self.module, *arguments)
        self._memo.values[key] = result, time.perf_counter() - start
        return result

    @property
    def seconds_spared(self) -> float:
        """Seconds that `once` has spared the measures that run together, so far."""
        return self._memo.spared if self._memo else 0.0

    def _copy(
        self, access: Access | None, memo: OnceValues | None, sources: Sources | None = None
    ) -> "Network":
        return Network(
            self.module,
            sources or self._sources,
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
        if reason := self.why_without(needed):
            raise NotMeasurable(reason)
        if source is None:
            raise ZooError(f"network {self.id} comes without {needed}")
        if self._access is None:
            return source()
        # A measure reads its data more than once, and each time would be a copy.
        if needed not in self._read:
            self._read[needed] = source()
        value: Value = self._read[needed]
        return value


def _made(module: TappedModule, source: Callable[[], Value]) -> Value:
    """What a source gives, as a function for `once`."""
    del module
    return source()


def _classes(module: TappedModule, images: Tensor) -> int | None:
    """The number of logits where there are no images; None: it does not run on any."""
    like = next(module.parameters())
    zeros = torch.zeros(2, *images.shape[1:], dtype=like.dtype, device=like.device)
    try:
        with torch.no_grad():
            return int(module(zeros).shape[-1])
    except Exception:  # of the network's own code, whose measures need no images
        return None
