"""Put a submission's results beside those already there, and note what of them was checked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, final

from demogen.errors import SubmissionError
from leaderboard.results.origins import (
    CHECKABLE,
    Claim,
    Merge,
    MergedFile,
    Unseen,
    ledger_of,
    with_merge,
)
from leaderboard.results.result import Result, write_file
from leaderboard.submissions.claims import is_installed
from leaderboard.submissions.folder import RESULTS, Contents
from leaderboard.submissions.validation import zoo_of

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet
    from leaderboard.submissions.rerun import Remeasured


@final
@dataclass(frozen=True)
class Confirmed:
    """What checks confirmed of a submission that `validate` accepted.

    Attributes:
        zoos: those that it was validated against; none: all of it is its author's word.
        again: what measuring again confirmed, zoo by zoo.
        chances: `Result.path` → p of its permutation test.
        unseen: `Result.path` → score on a zoo that was held out.
    """

    zoos: "Sequence[NetworkSet]" = ()
    again: "Sequence[Remeasured]" = ()
    chances: Mapping[str, float] = field(default_factory=dict)
    unseen: Mapping[str, Unseen] = field(default_factory=dict)


def merge(
    contents: Contents, results: Path, confirmed: Confirmed = Confirmed(), day: date | None = None
) -> list[Path]:
    """Copy result files where they belong; nothing is copied if one of them cannot be.

    Who submitted them, when, and what nobody checked is kept beside them, in a file of the
    predictor (`leaderboard.results.origins`): tables and pages mark what is only claimed.

    Args:
        contents: a submission that was validated against these results.
        results: folder of result files.
        confirmed: what of it was checked.
        day: of the submission; None: today (UTC).

    Returns:
        The files that are new or changed; one that is there with the same content is left alone.

    Raises:
        SubmissionError: a file is there with other content.
        ResultError: a file cannot be written.
    """
    new: dict[Path, bytes] = {}
    for path, content in contents.files.items():
        if not path.startswith(f"{RESULTS}/"):
            continue
        target = results / path.removeprefix(f"{RESULTS}/")
        if target.is_symlink() or target.exists():
            if target.is_symlink() or not target.is_file() or target.read_bytes() != content:
                raise SubmissionError(
                    f"{target} is there with other content; remove it first, or refuse the "
                    "submission"
                )
        else:
            new[target] = content
    ledger = ledger_of(results, contents.submission.name)
    known = with_merge(ledger, _merge(contents, confirmed, day))
    if known is not None:
        # First: a result without its line would stand there as checked.
        new = {ledger: known, **new}
    for target, content in new.items():
        write_file(target, content)
    return list(new)


def unchecked(
    result: Result, zoo: "NetworkSet | None", again: "Remeasured | None"
) -> tuple[Claim, ...]:
    """What a validated submission says of a result that nothing confirmed.

    Versions of packages on the author's machine can be confirmed by nobody; paper and summary only
    of a predictor that is installed here, and a revision by a zoo that was opened at it.

    Args:
        result: of the submission.
        zoo: the zoo it was compared with; None: it was not.
        again: what measuring again confirmed on that zoo; None: nothing was measured again.
    """
    known: set[Claim] = set()
    if zoo is not None:
        known |= {"zoo", "revision"} if zoo.revision == result.revision else {"zoo"}
    if again is not None:
        known |= {"signatures", "measure", "access", *again.costs}
    if is_installed(result.predictor):
        known |= {"measure", "access", "paper", "summary"}
    said = [c for c in CHECKABLE if c == "zoo" or getattr(result, c) not in (None, "")]
    return tuple(claim for claim in said if claim not in known)


def _merge(contents: Contents, confirmed: Confirmed, day: date | None) -> Merge:
    again = {one.zoo_digest: one for one in confirmed.again}
    files = {}
    for result in contents.results:
        path, measured = str(result.path), again.get(result.zoo_digest)
        zoo = zoo_of(result, confirmed.zoos) if confirmed.zoos else None
        files[path] = MergedFile(
            sha256=hashlib.sha256(contents.files[f"{RESULTS}/{path}"]).hexdigest(),
            claimed=unchecked(result, zoo, measured),
            again=measured.again if measured else None,
            chance=confirmed.chances.get(path),
            unseen=confirmed.unseen.get(path),
        )
    return Merge(
        day=day or datetime.now(UTC).date(),
        authors=contents.submission.authors,
        measure=contents.results[0].measure.name,
        files=files,
    )
