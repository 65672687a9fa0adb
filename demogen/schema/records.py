"""What was asked for, what came out, what a zoo consists of: typed, frozen, closed to other keys.

Nothing here imports torch: tables and pages are made without it.
"""

import json
import types
import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from demogen.errors import NotMeasurable
from demogen.schema.architectures import (
    FAMILIES,
    MLP,
    STRUCTURE,
    VGG,
    AnyFamily,
    Architecture,
    ConvNet,
    Layers,
    MobileNet,
    NiN,
    ResNet,
)
from demogen.schema.frozen import Frozen, ProbeLogits, Sha256
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.manifest import FORMAT_VERSION, FileDigest, Paper, RunFacts, ZooManifest
from demogen.schema.parsing import canonical_json, first_fault, parse, sha256
from demogen.schema.sources import Archive, Origin
from demogen.schema.training import Augmentation, Data, Fraction, NonNegative, Stopped, Training

__all__ = [
    "FAMILIES",
    "FORMAT_VERSION",
    "MLP",
    "SPEC_VERSION",
    "VGG",
    "AnyFamily",
    "Architecture",
    "Archive",
    "Augmentation",
    "ConvNet",
    "Data",
    "FileDigest",
    "Frozen",
    "Layers",
    "MobileNet",
    "NetworkRecord",
    "NetworkSpec",
    "NiN",
    "Origin",
    "Paper",
    "ResNet",
    "RunFacts",
    "Stopped",
    "Training",
    "ZooManifest",
    "canonical_json",
    "factor_types",
    "first_fault",
    "parse",
    "sha256",
]

SPEC_VERSION = 1
"""Part of every id: raised when the meaning of a spec changes, defaults included."""

MOST_READABLE = 142
"""Characters of an id before its digest: a name in a tar file has room for 155 in all."""


class NetworkSpec(Frozen):
    """Everything that decides what a network becomes.

    Same spec, same id, on every machine:

    >>> spec = NetworkSpec(
    ...     architecture=NiN(family="nin", width=192, batch_norm=True),
    ...     data=Data(images="cifar10"), training=Training(l2=0.001), copy_number=1, seed=7)
    >>> spec.id
    'nin-w192-bn-l0.001-c1-333caa707b02'
    """

    architecture: Architecture
    data: Data
    training: Training | None
    """None: only of a network from elsewhere, whose source does not say it all."""
    copy_number: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = 0
    """None: of a network from elsewhere; its initial weights are stored, or there are none."""
    origin: Origin | None = None
    """Where a network from elsewhere comes from; None: it is trained here, by this spec."""

    @model_validator(mode="before")
    @classmethod
    def _foreign_networks_have_no_seed(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("origin") is not None:
            return {"seed": None, "training": None, **content}
        return content

    @model_validator(mode="after")
    def _layers_fit_the_images(self) -> Self:
        known = self.data.shape is not None or self.data.images in IMAGE_SETS
        if isinstance(self.architecture, Layers) and known:
            shape, classes = self.data.input_shape, self.data.class_count
            if (reason := self.architecture.misfit(shape, classes)) is not None:
                raise ValueError(reason)
        return self

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.origin is None:
            if self.training is None or self.seed is None:
                raise ValueError("a network that is trained here has training settings and a seed")
            return self
        if self.seed is not None:
            raise ValueError("a network from elsewhere has no seed here; leave it out")
        settings = self._settings()
        for name in self.origin.factors:
            if name in RESERVED or settings.get(name) is not None:
                raise ValueError(
                    f"factor {name!r} of the source is a column of the table already; rename it"
                )
        return self

    @property
    def trained(self) -> Training:
        """How it was trained.

        Raises:
            NotMeasurable: a network from elsewhere, whose source does not say it.
        """
        if self.training is None:
            raise NotMeasurable(f"{self.id}: its source does not say how it was trained")
        return self.training

    @property
    def known_seed(self) -> int:
        """The seed that all its randomness comes from.

        Raises:
            NotMeasurable: a network from elsewhere; nobody can make it again.
        """
        if self.seed is None:
            raise NotMeasurable(f"{self.id} comes from elsewhere, without a seed")
        return self.seed

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no defaults, so that a new option renames nothing."""
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def id(self) -> str:
        """A readable prefix and 12 hex digits of the sha256 of the canonical JSON."""
        digest = sha256(f"{SPEC_VERSION}:{self.canonical()}".encode())
        return f"{'-'.join(self._readable())[:MOST_READABLE]}-{digest[:12]}"

    @property
    def configuration(self) -> str:
        """12 hex digits shared by the copies of one configuration; they differ in the seed only."""
        content = json.loads(self.canonical())
        content.pop("copy_number", None)
        content.pop("seed", None)
        origin = content.get("origin", {})
        origin.pop("network", None)
        origin.get("factors", {}).pop("seed", None)
        return sha256(f"{SPEC_VERSION}:{canonical_json(content)}".encode())[:12]

    def factors(self) -> dict[str, Any]:
        """The spec as flat columns: fields of architecture, data and training, copy and seed.

        Of a network from elsewhere also the factors that its source names.
        """
        foreign = {} if self.origin is None else self.origin.factors
        return {**self._settings(), **foreign}

    def _settings(self) -> dict[str, Any]:
        parts = self.model_dump(mode="json", exclude={"origin"})
        training = parts.pop("training") or {}
        flat = {**parts.pop("architecture"), **parts.pop("data"), **training, **parts}
        return {name: value for name, value in flat.items() if name not in STRUCTURE}

    def _readable(self) -> Iterator[str]:
        yield self.architecture.family
        yield from self.architecture.readable()
        if self.training is not None and self.training.l2:
            yield f"l{self.training.l2:g}"
        if self.training is not None and self.training.augmentation:
            yield "aug"
        if self.data.corruption:
            yield f"r{self.data.corruption:g}"
        yield f"c{self.copy_number}"


class NetworkRecord(Frozen):
    """A trained network's spec and what came out.

    Accuracies and cross-entropies (nats, mean over samples) are taken in evaluation mode on the
    whole sets, without augmentation; training figures are against the labels trained on.

    Of a network from elsewhere, each figure is the one measured here where the images are at hand,
    and else the one that its source states, which may be defined otherwise; accuracies of both
    origins stand beside it.
    """

    spec: NetworkSpec
    parameters: int
    train_accuracy: Fraction
    test_accuracy: Fraction
    train_cross_entropy: NonNegative | None = None
    """The next too: None only of a network from elsewhere, where neither source nor images say."""
    test_cross_entropy: NonNegative | None = None
    train_normalized_cross_entropy: NonNegative | None = None
    """Of the normalized network f̃ (`demogen.networks.homogeneity`); None where f̃ is not defined."""
    test_normalized_cross_entropy: NonNegative | None = None
    corrupted_test_accuracy: Fraction | None = None
    """The next three: against test labels corrupted as `data.test_corruption` says, if it does."""
    corrupted_test_cross_entropy: NonNegative | None = None
    corrupted_test_normalized_cross_entropy: NonNegative | None = None
    stated_train_accuracy: Fraction | None = None
    """As the source of a network from elsewhere states it; likewise the next."""
    stated_test_accuracy: Fraction | None = None
    measured_train_accuracy: Fraction | None = None
    """Of a network from elsewhere, measured here on the whole set; None: it is not at hand."""
    measured_test_accuracy: Fraction | None = None
    epochs_run: int | None = None
    """Epochs begun, pretraining not counted. This and the next three: None only of a network from
    elsewhere, whose source does not say."""
    steps_run: int | None = None
    """Steps of the optimizer, likewise."""
    stopped: Stopped | None = None
    """What ended training: it was as long as asked, or a stopping rule."""
    kept_epoch: int | None = None
    """The epoch whose weights these are: the last, or that of a snapshot."""
    labels: Sha256 | None = None
    """Digest of the corrupted training labels in labels.safetensors; None: the image set's own."""
    weights_sha256: Sha256
    initial_sha256: Sha256 | None = None
    """Digest of the initial weights, which are made again from the seed; of a network from
    elsewhere they are stored, or there are none (None)."""
    probe_logits: ProbeLogits
    """Logits of a few fixed inputs (`demogen.networks.golden_logits`): a loaded network must give
    them back."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.spec.origin is None:
            for name in _KNOWN_OF_OURS:
                if getattr(self, name) is None:
                    raise ValueError(f"{name} is missing, of a network that was trained here")
            for name in _ONLY_FOREIGN:
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is of networks from elsewhere alone")
            return self
        for part in ("train", "test"):
            measured = getattr(self, f"measured_{part}_accuracy")
            taken = getattr(self, f"stated_{part}_accuracy") if measured is None else measured
            if taken != getattr(self, f"{part}_accuracy"):
                raise ValueError(
                    f"{part}_accuracy is neither the one measured here nor, without that, the one "
                    "that the source states"
                )
        return self

    @property
    def id(self) -> str:
        """The spec's id."""
        return self.spec.id

    @property
    def gap(self) -> float:
        """Generalization gap: training accuracy minus test accuracy."""
        return self.train_accuracy - self.test_accuracy


_KNOWN_OF_OURS = (
    *("train_cross_entropy", "test_cross_entropy", "initial_sha256"),
    *("epochs_run", "steps_run", "stopped", "kept_epoch"),
)
_ONLY_FOREIGN = tuple(
    f"{how}_{part}_accuracy" for how in ("stated", "measured") for part in ("train", "test")
)

RESERVED = frozenset(
    {"zoo", "id", "configuration", "gap", "shard", "offset", "length"}
    | {"initial_offset", "initial_length", *NetworkRecord.model_fields}
)
"""Columns of a table that are no factors: no factor of a source has such a name."""


def factor_types() -> dict[str, Any]:
    """Flat column → Python type, over all families; None is stripped from optional fields.

    Raises:
        TypeError: two parts of a spec use one name for different types.
    """
    return dict(_types_of((*FAMILIES.values(), Data, Training, NetworkSpec)))


@lru_cache(maxsize=4)
def _types_of(parts: tuple[type[Frozen], ...]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for part in parts:
        for name, field in part.model_fields.items():
            if name in STRUCTURE or (part is NetworkSpec and name in _PARTS):
                continue
            kind = _plain_type(field.annotation)
            if columns.setdefault(name, kind) is not kind and columns[name] != kind:
                raise TypeError(f"column {name!r} is both {columns[name]} and {kind}")
    return columns


_PARTS = ("architecture", "data", "training", "origin")


def _plain_type(annotation: Any) -> Any:
    if typing.get_origin(annotation) is Annotated:
        return _plain_type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is Literal:
        return type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
        return _plain_type(inner[0])
    if typing.get_origin(annotation) is tuple:
        return tuple[_plain_type(typing.get_args(annotation)[0]), ...]  # type: ignore[misc]
    return annotation
