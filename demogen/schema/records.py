"""What was asked for, what came out, what a zoo consists of: typed, frozen, closed to other keys.

Nothing here imports torch: tables and pages are made without it.
"""

import hashlib
import json
import re
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from demogen.errors import NotMeasurable, ZooError
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
from demogen.schema.frozen import Frozen
from demogen.schema.image_sets import IMAGE_SETS
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

FORMAT_VERSION = 2
"""Newest layout of a zoo on disk; read before anything else of a zoo is validated.

1: networks trained here. 2: also networks from elsewhere, networks given as layers, and the
columns of `demogen.format.table.LATER`. A zoo that needs none of these is written as 1.
"""

MOST_NETWORKS = 10_000_000
"""In a zoo; a larger number is a mistake."""

Model = TypeVar("Model", bound=BaseModel)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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
        for name in self.origin.factors:
            if name in RESERVED or self._settings().get(name) is not None:
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

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no defaults, so that a new option renames nothing."""
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def id(self) -> str:
        """A readable prefix and 12 hex digits of the sha256 of the canonical JSON."""
        digest = sha256(f"{SPEC_VERSION}:{self.canonical()}".encode())
        return f"{'-'.join(self._readable())}-{digest[:12]}"

    @property
    def configuration(self) -> str:
        """12 hex digits shared by the copies of one configuration; they differ in the seed only."""
        content = json.loads(self.canonical())
        content.pop("copy_number", None)
        content.pop("seed", None)
        content.get("origin", {}).pop("network", None)
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
    and else the one that its source states, which may be defined otherwise; see `stated` and
    `measured`.
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
    probe_logits: tuple[tuple[float, ...], ...]
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
    {"zoo", "id", "configuration", "gap", "shard", "offset", "length", "origin", "archive"}
    | {"initial_offset", "initial_length", "architecture", "data", "training"}
    | (NetworkRecord.model_fields.keys() | STRUCTURE)
)
"""Columns of a table that are no settings: no factor of a source has such a name."""


class RunFacts(Frozen):
    """Facts of one training run that differ each time; kept outside the zoo's digest."""

    id: str
    seconds: float
    device: str
    host: str
    versions: dict[str, str]


class FileDigest(Frozen):
    """Size in bytes and sha256 of one file of a zoo."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Paper(Frozen):
    """Where a collection comes from."""

    key: str
    title: str
    section: str
    bibtex: str = ""


class ZooManifest(Frozen):
    """zoo.json: its sha256 is the zoo's digest, and it holds the sha256 of every other file."""

    format_version: Literal[1, 2]
    name: str
    recipe_digest: Sha256 | None = None
    """None: of an imported zoo, which has no recipe."""
    code_version: str
    paper: Paper
    printed_results: dict[str, dict[str, float]] = {}
    """The paper's own numbers: predictor → statistic → value."""
    image_sets: dict[str, Sha256]
    networks: Annotated[int, Field(ge=1, le=MOST_NETWORKS)]
    planned: int
    """Networks in the whole recipe; more than `networks` where only a part was trained."""
    failed: dict[str, str] = {}
    """Networks that could not be trained: id → reason."""
    files: dict[str, FileDigest]
    archive: Archive | None = None
    """What an imported zoo was read from; None: its networks were trained here."""

    @model_validator(mode="after")
    def _paths_stay_inside(self) -> Self:
        for path in self.files:
            parts = path.split("/")
            strange = set(path) & set("\\:") or not path.isprintable()
            if strange or not set(parts).isdisjoint({"", ".", ".."}):
                raise ValueError(f"file path {path!r} leaves the zoo's folder")
        return self

    @property
    def split_names(self) -> list[str]:
        """Names of the standardized splits, sorted."""
        pattern = re.compile(r"splits/([^/]+)\.json")
        return sorted(match[1] for match in map(pattern.fullmatch, self.files) if match)

    @classmethod
    def from_json(cls, text: bytes, source: str) -> "ZooManifest":
        """Read zoo.json, its format version first.

        Raises:
            ZooError: not JSON, an unknown format version (named), or not a manifest.
        """
        try:
            content = json.loads(text)
            version = content["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ZooError(f"{source}: zoo.json is no manifest of a zoo ({error!r})") from error
        if version not in range(1, FORMAT_VERSION + 1):
            raise ZooError(
                f"{source}: zoo format {version} is not known here (formats 1 to "
                f"{FORMAT_VERSION} are); install a newer demogen to read it"
            )
        return parse(cls, content, f"{source}: zoo.json")

    def to_json(self) -> bytes:
        """Sorted, indented JSON; the same manifest always gives the same bytes.

        Those of format 1 hold no key that its readers would not know.
        """
        later = {"archive"} if self.archive is None else None
        content = self.model_dump(mode="json", exclude=later)
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def parse(model: type[Model], content: Any, where: str) -> Model:
    """Validate `content`; raise ZooError with one line naming the first fault and its place."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ZooError(f"{where}: {first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """The first fault of a validation error as 'place: what is wrong'."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {fault['msg']}{more}" if place else f"{fault['msg']}{more}"


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces; NaN refused."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(content: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(content).hexdigest()


def factor_types() -> dict[str, Any]:
    """Flat column → Python type, over all families; None is stripped from optional fields.

    Raises:
        TypeError: two parts of a spec use one name for different types.
    """
    columns: dict[str, Any] = {}
    parts: tuple[type[Frozen], ...] = (*FAMILIES.values(), Data, Training, NetworkSpec)
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
