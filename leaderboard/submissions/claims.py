"""What a submission claims of itself, held against its own parts and against what is installed."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from demogen import __version__
from demogen.errors import DemogenError, PredictorError, SubmissionError
from leaderboard.fitting.regressor_text import regressor_from_text, regressor_to_text
from leaderboard.results.measure_identity import MeasureIdentity
from leaderboard.results.result import Result
from leaderboard.submissions.folder import Contents

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor


def check_claims(contents: Contents) -> list[str]:
    """Name, zoos, splits, versions and access of all results.

    Returns:
        What was checked, a line each.

    Raises:
        SubmissionError: a result is not of this submission, was made by an unknown demogen, or
            names an access or a predictor that is not what it says.
    """
    for result in contents.results:
        check_text(result)
    _check_agreement(contents)
    for result in contents.results:
        check_version(result)
        check_access(result)
    return [
        f"{len(contents.results)} results of {contents.submission.name}, whole and in their places",
        *check_installed(contents),
    ]


def zoo_label(result: Result) -> str:
    """<zoo>@<12 digits of its digest>, as the first part of the result's path."""
    return result.path.parts[0]


def check_text(result: Result) -> None:
    """Names and notes are printable: they are shown in terminals, logs, tables and pages.

    Raises:
        SubmissionError: one holds a line break, or a sign that a terminal would act upon.
    """
    fields = ("predictor", "regressor", "paper", "summary", "zoo", "revision", "split")
    texts = [getattr(result, name) for name in fields]
    for text in (*texts, result.measure.name, *result.columns, *result.targets, *result.dropped):
        if not text.isprintable():
            raise SubmissionError(f"{result.path}: {text[:80]!a} is no text that can be printed")


def check_version(result: Result) -> None:
    """The demogen that made a result is not later than this one.

    Raises:
        SubmissionError: it is, or is not named.
    """
    made = result.versions.get("demogen", "")
    if not (parts := _version(made)):
        raise SubmissionError(
            f"{result.path}: its `versions` name no demogen that is known ({made!r}); evaluate "
            "again"
        )
    if parts > _version(__version__):
        raise SubmissionError(
            f"{result.path}: made by demogen {made}, which is later than this {__version__}; "
            "install that to check it"
        )


def check_access(result: Result) -> None:
    """The access is one that a measure can declare.

    Raises:
        SubmissionError: it is not.
    """
    if result.access not in (known := accesses()):
        raise SubmissionError(
            f"{result.path}: no measure can declare access to {result.access!a}; what it can: "
            f"{', '.join(known)}"
        )


def accesses() -> list[str]:
    """The text of every access that a measure can declare."""
    from demogen.networks.network import Access

    return [str(Access(value)) for value in range(1 << len(Access))]


def check_installed(contents: Contents) -> list[str]:
    """A predictor that is installed here by this name is the one that the results are of.

    Raises:
        SubmissionError: it reads, takes, measures or fits something else.
    """
    from demogen.measuring.predictor import list_predictors
    from leaderboard.results.predictor_names import predictor_called

    name = contents.submission.name
    base = name.partition("(")[0]
    if base not in list_predictors():
        return [f"{name} is not installed here: what it reads, only its code can tell"]
    if contents.submission.code is not None:
        raise SubmissionError(
            f"an installed predictor is called {base!r}; give the one in "
            f"{contents.submission.code} another name"
        )
    try:
        installed = predictor_called(name)
    except DemogenError as error:
        raise SubmissionError(f"{name}: {error}") from error
    for result in contents.results:
        try:
            differences = list(_differences(result, installed))
        except PredictorError as error:
            raise SubmissionError(str(error)) from error
        for what, claimed, true in differences:
            raise SubmissionError(
                f"{result.path}: {what} is {claimed}, but the installed {name} has {true}; "
                "evaluate again, or give another predictor another name"
            )
    return [f"measure, access, columns and regressor are those of the installed {name}"]


def _differences(result: Result, installed: "Predictor") -> Iterable[tuple[str, object, object]]:
    columns = result.columns if installed.columns is None else tuple(installed.columns)
    again = regressor_to_text(regressor_from_text(result.regressor))
    for what, claimed, true in (
        ("its access", result.access, str(installed.measure.access)),
        ("its measure", result.measure, MeasureIdentity.of(installed.measure)),
        ("its columns", result.columns, columns),
        ("its regressor", again, regressor_to_text(installed.regressor)),
    ):
        if claimed != true:
            yield what, claimed, true


def _check_agreement(contents: Contents) -> None:
    submission, first = contents.submission, contents.results[0]
    for result in contents.results:
        for what, claimed, listed in (
            ("predictor", result.predictor, submission.name),
            ("paper", result.paper, submission.paper),
            ("measure", result.measure, first.measure),
            ("columns", result.columns, first.columns),
            ("regressor", result.regressor, first.regressor),
            ("access", result.access, first.access),
        ):
            if claimed != listed:
                raise SubmissionError(
                    f"{result.path}: its {what} is {claimed!r}, but that of the submission is "
                    f"{listed!r}; one submission holds the results of one predictor"
                )
    zoos = {zoo_label(result) for result in contents.results}
    splits = {result.split for result in contents.results}
    for what, found, told in (
        ("zoos", zoos, submission.zoos),
        ("splits", splits, submission.splits),
    ):
        if sorted(found) != list(told):
            raise SubmissionError(
                f"{submission.name}: {what} are {', '.join(told)} in submission.toml, but the "
                f"results are on {', '.join(sorted(found))}; submit again"
            )
    _check_measurements(contents.results)


def _check_measurements(results: Iterable[Result]) -> None:
    """Results on one zoo share their signatures: the split has no part in them."""
    first: dict[str, Result] = {}
    for result in results:
        other = first.setdefault(result.zoo_digest, result)
        if (result.signatures, result.dropped) != (other.signatures, other.dropped):
            raise SubmissionError(
                f"{result.path}: its signatures are not those of {other.path}, though both are of "
                "one zoo; evaluate all splits together"
            )


def _version(text: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}", text)
    return tuple(map(int, found[0].split("."))) if found else ()
