"""submission.toml: who submits which predictor, on what, and the digest of every file."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from demogen._util.parsing import UnreadableError, toml_data
from demogen.errors import SubmissionError
from demogen.schema.frozen import Frozen, Sha256
from demogen.schema.records import first_fault

MANIFEST = "submission.toml"

FORMAT_VERSION = 1

OneLine = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""Text on one line: it goes to messages, commits and pages."""

FILE_FORM = r"[A-Za-z_]\w*\.py:[A-Za-z_]\w*"
"""A predictor in a file of the folder."""


class Submission(Frozen):
    """What submission.toml says."""

    format_version: Literal[1] = 1
    name: OneLine
    """Of the predictor, as its results have it."""
    authors: Annotated[tuple[OneLine, ...], Field(min_length=1, max_length=100)]
    paper: Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
    """Short name of the paper, as its results have it; may be ""."""
    predictor: OneLine
    """An installed name, `module:attribute`, or `file.py:attribute` for a file in the folder."""
    zoos: tuple[OneLine, ...]
    """As results' paths name them: <zoo>@<12 digits of its digest>; sorted."""
    splits: tuple[OneLine, ...]
    """Of all results; sorted."""
    files: dict[str, Sha256]
    """Path → sha256, of every other file of the folder."""

    @property
    def code(self) -> str | None:
        """Name of the file that the predictor is in; None: it is of an installed package."""
        file, colon, _ = self.predictor.partition(":")
        return file if colon and file.endswith(".py") else None

    def to_toml(self) -> bytes:
        """The file's content; the same submission always gives the same bytes."""
        content = self.model_dump(mode="json")
        files = content.pop("files")
        lines = [f"{key} = {_toml(value)}" for key, value in content.items()]
        digests = [f"{_toml(path)} = {_toml(files[path])}" for path in sorted(files)]
        return "\n".join([*lines, "", "[files]", *digests, ""]).encode()

    @classmethod
    def from_toml(cls, text: bytes, source: str) -> "Submission":
        """Read submission.toml, its format version first.

        Raises:
            SubmissionError: not TOML, an unknown format version (named), or not a submission.
        """
        try:
            content = toml_data(text)
        except UnreadableError as error:
            raise SubmissionError(f"{source} is no manifest of a submission: {error}") from error
        version = content.get("format_version")
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise SubmissionError(
                f"{source}: submission format {version!r} is not known here (this is format "
                f"{FORMAT_VERSION}); make it with `demogen leaderboard submit` of this demogen"
            )
        return cls.from_content(content, source)

    @classmethod
    def from_content(cls, content: dict[str, Any], source: str) -> "Submission":
        """What was parsed, or is to be written, as a submission.

        Raises:
            SubmissionError: it is none; the first fault is named.
        """
        try:
            return cls.model_validate_json(json.dumps(content, default=str), strict=True)
        except ValidationError as error:
            raise SubmissionError(f"{source}: {first_fault(error)}") from error


def _toml(value: int | str | list[str]) -> str:
    # JSON's strings are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def file_of(text: str) -> Path | None:
    """The file that a predictor is in; None: it is of a package.

    Raises:
        SubmissionError: its name is no module's.
    """
    module, colon, name = text.rpartition(":")
    if not colon or not module.endswith(".py"):
        return None
    path = Path(module)
    if not re.fullmatch(FILE_FORM, f"{path.name}:{name}"):
        raise SubmissionError(
            f"{text!r} names no file that can be submitted; write file.py:ATTRIBUTE, with letters, "
            "digits and underscores"
        )
    return path
