"""Where merged results come from: who submitted them, when, and what of them was checked."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, final, get_args

from pydantic import Field, StringConstraints, ValidationError

from demogen._util.files import read_text_bounded
from demogen._util.lookalikes import appearance
from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ResultError, os_fault
from demogen.schema.frozen import Frozen, Sha256
from demogen.schema.records import first_fault
from leaderboard.results.file_names import file_name

SUBMISSIONS = "submissions"
"""Folder beside the results of a leaderboard: one file a predictor, one line a merge."""

SUFFIX = ".jsonl"

Claim = Literal[
    "signatures",
    "zoo",
    "measure",
    "access",
    "seconds",
    "epochs",
    "paper",
    "summary",
    "revision",
    "versions",
]
"""What a submission says and a check may have confirmed. "zoo" stands for splits, targets and
factors; every other word is the name of a field of a result."""

CHECKABLE: tuple[Claim, ...] = get_args(Claim)
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Again(Frozen):
    """How many networks of a zoo a submission's code measured again, with the same outcome."""

    networks: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]


class Unseen(Frozen):
    """A score on a zoo that the author of a submission did not have."""

    zoo_digest: Sha256
    networks: Annotated[int, Field(ge=1)]
    missing: Annotated[int, Field(ge=0)]
    """Networks that the code could not measure; a constant stands in for their predictions."""
    r2: Annotated[float, Field(allow_inf_nan=False)] | None


class MergedFile(Frozen):
    """One result as it was merged."""

    sha256: Sha256
    claimed: tuple[Claim, ...]
    """What nobody checked: it is its author's word."""
    again: Again | None = None
    chance: Probability | None = None
    """p of the permutation test (see `leaderboard.results.permutation`); None: not made."""
    unseen: Unseen | None = None
    """None: no zoo was held out."""


class Merge(Frozen):
    """One merge of a submission."""

    format_version: Literal[1] = 1
    day: date
    """Of the merge, or of the proposal where the maintainer gave that."""
    authors: Annotated[tuple[Text, ...], Field(min_length=1)]
    measure: Text
    """Name of the predictor's measure: submissions of one measure are one family."""
    files: dict[str, MergedFile]
    """`Result.path` → what is known of that result."""


@final
@dataclass(frozen=True)
class Origin:
    """What is known of one merged result, from all merges.

    Attributes:
        sha256: of its file.
        first: day of the first submission of its predictor.
        submissions: how many submissions of this leaderboard share an author or the measure with
            it; it is one of them.
        claimed: what nobody checked, in the order of `CHECKABLE`.
        again: how many networks were measured again; None: none.
        chance: p of the permutation test; None: not made.
        unseen: the score on a zoo that was held out; None: none was.
    """

    sha256: str
    first: date
    submissions: int
    claimed: tuple[Claim, ...]
    again: Again | None
    chance: float | None
    unseen: Unseen | None


def read_origins(folder: Path) -> dict[str, Origin]:
    """`Result.path` → origin, of every merged result under a folder of results.

    Raises:
        ResultError: a file of merges cannot be read, or is none.
    """
    by_file = {path: _read(path) for path in sorted((folder / SUBMISSIONS).glob(f"*{SUFFIX}"))}
    every = [merge for merges in by_file.values() for merge in merges]
    return {
        path: origin
        for merges in by_file.values()
        for path, origin in _origins(merges, every).items()
    }


def check_merged(path: Path, content: bytes, origin: Origin, root: Path) -> None:
    """A result is the file that was merged: what was checked is known of that alone.

    Args:
        path: of the file that the result is in.
        content: of the result's own file.
        origin: of the result.
        root: folder of the results.

    Raises:
        ResultError: it is another.
    """
    if hashlib.sha256(content).hexdigest() != origin.sha256:
        raise ResultError(
            f"{path} is not the file that was merged (sha256 {origin.sha256[:12]}); take the "
            f"merged one from its submission, or remove the predictor's file in "
            f"{root / SUBMISSIONS}"
        )


def ledger_of(folder: Path, predictor: str) -> Path:
    """The file of the merges of a predictor."""
    return folder / SUBMISSIONS / f"{file_name(predictor)}{SUFFIX}"


def with_merge(path: Path, merge: Merge) -> bytes | None:
    """The content of a file of merges with one more; None: that one says nothing new.

    Raises:
        ResultError: the file cannot be read, or is none.
    """
    before = _read(path) if path.is_file() else []
    after = [*before, merge]
    if _known(before) == _known(after):
        return None
    return "".join(f"{one.model_dump_json()}\n" for one in after).encode()


def _read(path: Path) -> list[Merge]:
    try:
        lines = read_text_bounded(path).splitlines()
    except (OSError, UnreadableError) as error:
        reason = os_fault(error) if isinstance(error, OSError) else str(error)
        raise ResultError(f"{path}: cannot be read: {reason}") from error
    merges = []
    for number, line in enumerate(lines, 1):
        try:
            json_data(line)
            merges.append(Merge.model_validate_json(line))
        except (UnreadableError, ValidationError) as error:
            fault = first_fault(error) if isinstance(error, ValidationError) else error
            raise ResultError(
                f"{path}: line {number} is no merge: {fault}; take it from the "
                "history of the file, or merge the submission again"
            ) from error
    return merges


def _origins(merges: Sequence[Merge], every: Sequence[Merge]) -> dict[str, Origin]:
    if not merges:
        return {}
    first = min(merge.day for merge in merges)
    submissions = _related(merges, every)
    return {
        path: Origin(
            file.sha256,
            first,
            submissions,
            file.claimed,
            file.again,
            file.chance,
            file.unseen,
        )
        for path, file in _known(merges).items()
    }


def _known(merges: Iterable[Merge]) -> dict[str, MergedFile]:
    """What is known of each file, its latest content: what was checked once stays checked."""
    known: dict[str, MergedFile] = {}
    for merge in merges:
        for path, file in merge.files.items():
            before = known.get(path)
            same = before is not None and before.sha256 == file.sha256
            known[path] = _both(before, file) if before and same else file
    return known


def _both(one: MergedFile, other: MergedFile) -> MergedFile:
    claimed = tuple(c for c in CHECKABLE if c in one.claimed and c in other.claimed)
    agains = [file.again for file in (one, other) if file.again]
    return MergedFile(
        sha256=one.sha256,
        claimed=claimed,
        again=max(agains, key=lambda again: again.networks, default=None),
        chance=one.chance if other.chance is None else other.chance,
        unseen=other.unseen or one.unseen,
    )


def _related(merges: Sequence[Merge], every: Iterable[Merge]) -> int:
    """How many distinct submissions share an author, however spelled, or the measure."""
    authors = {name for merge in merges for name in _names(merge)}
    measures = {merge.measure for merge in merges}
    related = (
        merge for merge in every if merge.measure in measures or authors & set(_names(merge))
    )
    return len({frozenset((path, f.sha256) for path, f in m.files.items()) for m in related})


def _names(merge: Merge) -> Iterator[str]:
    return map(appearance, merge.authors)
