"""What a zoo consists of: zoo.json and what it lists. Nothing here imports torch."""

import json
import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ZooError
from demogen.schema.frozen import Frozen, ProbeLogits, Sha256
from demogen.schema.layout import is_listed_path
from demogen.schema.parsing import parse
from demogen.schema.sources import Archive

FORMAT_VERSION = 2
"""Newest layout of a zoo on disk; read before anything else of a zoo is validated.

1: networks trained here. 2: also networks from elsewhere, networks given as layers, and the
columns of `demogen.format.table.LATER`. A zoo that needs none of these is written as 1.
"""

MOST_NETWORKS = 10_000_000
"""In a zoo; a larger number is a mistake."""


class RunFacts(Frozen):
    """Facts of one training run that differ each time; kept outside the zoo's digest."""

    id: str
    seconds: float
    device: str
    host: str
    versions: dict[str, str]
    initial_logits: ProbeLogits | None = None
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
    def _holds_only_what_a_zoo_may(self) -> Self:
        for path in self.files:
            parts = path.split("/")
            strange = set(path) & set("\\:") or not path.isprintable()
            if strange or not set(parts).isdisjoint({"", ".", ".."}):
                raise ValueError(f"file path {path!a} leaves the zoo's folder")
            if not is_listed_path(path):
                raise ValueError(f"{path!a:.200} is no file that a zoo may list")
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
            content = json_data(text)
        except UnreadableError as error:
            raise ZooError(f"{source}: zoo.json is no manifest of a zoo: {error}") from error
        version = content.get("format_version") if isinstance(content, dict) else None
        if version is None:
            raise ZooError(f"{source}: zoo.json is no manifest of a zoo: it has no format_version")
        if type(version) is not int or version not in range(1, FORMAT_VERSION + 1):
            raise ZooError(
                f"{source}: zoo format {version!r:.40} is not known here (formats 1 to "
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
