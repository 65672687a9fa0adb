"""Make a submission: check the predictor, measure, score, and write the folder whole or not."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, final

from demogen._util.writable import check_can_write
from demogen.errors import ResultError, SubmissionError
from demogen.format.integrity import scratch_folder
from leaderboard.fitting.regressor_text import regressor_from_text, regressor_to_text
from leaderboard.results.file_names import file_name
from leaderboard.results.opponents import to_beat
from leaderboard.results.paired_bootstrap import in_words, pair
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import PUBLISHED, Result, results_of
from leaderboard.submissions.claims import is_installed, zoo_label
from leaderboard.submissions.folder import RESULTS
from leaderboard.submissions.manifest import MANIFEST, Submission, file_of
from leaderboard.submissions.names import check_name
from leaderboard.submissions.validation import known_names, validate

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions
    from demogen.zoo.base import NetworkSet

FOLDER = "submissions"
"""Folder of a leaderboard's repository that submissions lie in, one folder each."""


@final
@dataclass(frozen=True)
class SubmissionRequest:
    """What is to be submitted.

    Attributes:
        predictor: as `demogen.measuring.named_predictors.predictor_named` takes it.
        authors: one or more.
        paper: short name of the paper; None: what the predictor says.
        target: what is predicted.
        splits: names; None: all the zoo has.
    """

    predictor: str
    authors: tuple[str, ...]
    paper: str | None = None
    target: str = "gap"
    splits: tuple[str, ...] | None = None


def submit(
    request: SubmissionRequest,
    zoo: "NetworkSet",
    folder: Path,
    report: Callable[[str], object],
    **options: "Unpack[MeasuringOptions]",
) -> Submission:
    """Make the folder of a submission and validate it.

    Args:
        request: what is to be submitted.
        zoo: or a pool of zoos.
        folder: must not be there yet, or be empty.
        report: called with a line for each thing that is done or was checked.
        options: see `demogen.measuring.MeasuringOptions`.

    Raises:
        PredictorError: the predictor fails a check, or cannot be found.
        ZooError: it cannot be fitted, or there is no such split.
        SubmissionError: the folder is taken, a limit of images is given, or what was made would be
            refused.
        DemogenError: nothing can be written beside the folder.
    """
    from demogen.measuring.conformance import check_predictor
    from demogen.measuring.named_predictors import predictor_named
    from leaderboard.results.evaluation import benchmark

    if options.get("image_limit") is not None:
        raise SubmissionError(
            "results to submit are of all images; submit them without an image limit"
        )
    _check_free(folder)
    # What is written first lies beside it.
    check_can_write(folder.absolute().parent, folder=True)
    predictor, code = predictor_named(request.predictor), file_of(request.predictor)
    # Measuring may take days: what would be refused for sure is refused before.
    check_name(predictor.name, known_names(PUBLISHED))
    if request.paper is not None:
        if is_installed(predictor.name) and request.paper != predictor.paper:
            raise SubmissionError(
                f"{predictor.name} is installed here and of the paper {predictor.paper!r}; submit "
                "it without --paper"
            )
        predictor = replace(predictor, paper=request.paper)
    regressor_from_text(regressor_to_text(predictor.regressor))
    check_predictor(predictor)
    report(f"{predictor.name} passes every check of check_predictor")
    results = benchmark([predictor], zoo, request.target, request.splits, **options)
    report(f"{len(results)} results on {zoo.name}")
    published = results_of(PUBLISHED, {"zoo_digest": {result.zoo_digest for result in results}})
    for line in beside_the_best(results, published):
        report(line)
    files = {f"{RESULTS}/{result.path}": result.to_json() for result in results}
    predictor_name = request.predictor
    if code is not None:
        files[code.name] = code.read_bytes()
        predictor_name = f"{code.name}:{request.predictor.rpartition(':')[2]}"
    submission = make_manifest(predictor_name, request.authors, results, files)
    scratch = scratch_folder(folder, "making")
    try:
        unchecked = scratch / folder.name
        for path, content in {MANIFEST: submission.to_toml(), **files}.items():
            (unchecked / path).parent.mkdir(parents=True, exist_ok=True)
            (unchecked / path).write_bytes(content)
        for line in validate(unchecked, [zoo])[1]:
            report(line)
        # An empty folder gives way.
        unchecked.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return submission


def beside_the_best(results: Sequence[Result], published: Sequence[Result]) -> Iterator[str]:
    """How a predictor compares with the best that is published of the same zoo, if any is.

    Args:
        results: of one predictor, zoo and target.
        published: of any.
    """
    splits = {result.split: result for result in results}
    one = splits[preferred_split(splits)]
    best = to_beat(one, published)
    if best is None:
        return
    try:
        yield in_words(one, best, "r2", pair(one, best))
    except ResultError as error:
        yield f"not compared with what is published: {error}"


def make_manifest(
    predictor: str, authors: Sequence[str], results: Sequence[Result], files: dict[str, bytes]
) -> Submission:
    """The submission.toml of results.

    Args:
        predictor: where it is, for whoever runs it.
        authors: one or more.
        results: of one predictor, one or more.
        files: path → content of every file but submission.toml.

    Raises:
        SubmissionError: an author or a name is not one line of text.
    """
    content = {
        "format_version": 1,
        "name": results[0].predictor,
        "authors": list(authors),
        "paper": results[0].paper,
        "predictor": predictor,
        "zoos": sorted({zoo_label(result) for result in results}),
        "splits": sorted({result.split for result in results}),
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
    }
    return Submission.from_content(content, MANIFEST)


def folder_in_repository(submission: Submission) -> str:
    """Where the folder belongs in a leaderboard's repository."""
    return f"{FOLDER}/{file_name(submission.name)}"


def how_to_propose(submission: Submission, folder: Path) -> str:
    """What to do for a pull request by git."""
    target = folder_in_repository(submission)
    return "\n".join(
        [
            "to propose it, in a clone of your fork of the leaderboard's repository:",
            f"  cp -r {folder.resolve()} {target}",
            f"  git switch -c {file_name(submission.name)}",
            f"  git add {target}",
            f"  git commit -m 'Submit {file_name(submission.name)}'",
            "  git push, and open a pull request",
        ]
    )


def propose(submission: Submission, folder: Path, hub: str, endpoint: str | None) -> str:
    """Open a pull request on the leaderboard's dataset repository on the Hub; its address.

    Raises:
        ZooError: there is no such repository, or the Hub refuses.
    """
    from demogen.hub import pull_requests

    paths = [MANIFEST, *submission.files]
    target = folder_in_repository(submission)
    files = {f"{target}/{path}": folder / path for path in sorted(paths)}
    title = f"Submit {submission.name}"
    return pull_requests.propose(files, hub, title, endpoint=endpoint).address


def _check_free(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise SubmissionError(f"{folder} is there and is no folder; choose another")
    if folder.is_dir() and any(folder.iterdir()):
        raise SubmissionError(f"{folder} is not empty; choose another folder")
