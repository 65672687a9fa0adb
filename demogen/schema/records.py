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

from demogen.errors import ZooError
from demogen.schema.architectures import (
    FAMILIES,
    MLP,
    VGG,
    AnyFamily,
    Architecture,
    ConvNet,
    Frozen,
    MobileNet,
    NiN,
    ResNet,
)
from demogen.schema.training import Augmentation, Data, Fraction, NonNegative, Stopped, Training

__all__ = [
    "FAMILIES",
    "FORMAT_VERSION",
    "MLP",
    "SPEC_VERSION",
    "VGG",
    "AnyFamily",
    "Architecture",
    "Augmentation",
    "ConvNet",
    "Data",
    "FileDigest",
    "Frozen",
    "MobileNet",
    "NetworkRecord",
    "NetworkSpec",
    "NiN",
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

FORMAT_VERSION = 1
"""Layout of a zoo on disk; read before anything else of a zoo is validated."""

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
    training: Training
    copy_number: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

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
        return sha256(f"{SPEC_VERSION}:{canonical_json(content)}".encode())[:12]

    def factors(self) -> dict[str, Any]:
        """The spec as flat columns: fields of architecture, data and training, copy and seed."""
        parts = self.model_dump(mode="json")
        flat = {**parts.pop("architecture"), **parts.pop("data"), **parts.pop("training")}
        return {**flat, **parts}

    def _readable(self) -> Iterator[str]:
        yield self.architecture.family
        yield from self.architecture.readable()
        if self.training.l2:
            yield f"l{self.training.l2:g}"
        if self.training.augmentation:
            yield "aug"
        if self.data.corruption:
            yield f"r{self.data.corruption:g}"
        yield f"c{self.copy_number}"


class NetworkRecord(Frozen):
    """A trained network's spec and what came out.

    Accuracies and cross-entropies (nats, mean over samples) are taken in evaluation mode on the
    whole sets, without augmentation; training figures are against the labels trained on.
    """

    spec: NetworkSpec
    parameters: int
    train_accuracy: Fraction
    test_accuracy: Fraction
    train_cross_entropy: NonNegative
    test_cross_entropy: NonNegative
    train_normalized_cross_entropy: NonNegative | None = None
    """Of the normalized network f̃ (`demogen.networks.homogeneity`); None where f̃ is not defined."""
    test_normalized_cross_entropy: NonNegative | None = None
    corrupted_test_accuracy: Fraction | None = None
    """The next three: against test labels corrupted as `data.test_corruption` says, if it does."""
    corrupted_test_cross_entropy: NonNegative | None = None
    corrupted_test_normalized_cross_entropy: NonNegative | None = None
    epochs_run: int
    """Epochs begun, pretraining not counted."""
    steps_run: int
    """Steps of the optimizer, likewise."""
    stopped: Stopped
    """What ended training: it was as long as asked, or a stopping rule."""
    kept_epoch: int
    """The epoch whose weights these are: the last, or that of a snapshot."""
    labels: Sha256 | None = None
    """Digest of the corrupted training labels in labels.safetensors; None: the image set's own."""
    weights_sha256: Sha256
    initial_sha256: Sha256
    """Digest of the initial weights, which are made again from the seed."""
    probe_logits: tuple[tuple[float, ...], ...]
    """Logits of a few fixed inputs (`demogen.networks.golden_logits`): a loaded network must give
    them back."""

    @property
    def id(self) -> str:
        """The spec's id."""
        return self.spec.id

    @property
    def gap(self) -> float:
        """Generalization gap: training accuracy minus test accuracy."""
        return self.train_accuracy - self.test_accuracy


class RunFacts(Frozen):
    """Facts of one training run that differ each time; kept outside the zoo's digest."""

    id: str
    seconds: float
    device: str
    host: str
    versions: dict[str, str]
    initial_logits: tuple[tuple[float, ...], ...] | None = None
    """Logits that the initial network gave for the probe inputs; None: not recorded."""


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

    format_version: Literal[1]
    name: str
    recipe_digest: Sha256
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
        if version != FORMAT_VERSION:
            raise ZooError(
                f"{source}: zoo format {version} is not known here (this is format "
                f"{FORMAT_VERSION}); install a newer demogen to read it"
            )
        return parse(cls, content, f"{source}: zoo.json")

    def to_json(self) -> bytes:
        """Sorted, indented JSON; the same manifest always gives the same bytes."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()


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
            if part is NetworkSpec and name in ("architecture", "data", "training"):
                continue
            kind = _plain_type(field.annotation)
            if columns.setdefault(name, kind) is not kind and columns[name] != kind:
                raise TypeError(f"column {name!r} is both {columns[name]} and {kind}")
    return columns


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
