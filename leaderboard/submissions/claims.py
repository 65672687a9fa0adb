"""What a submission claims of itself, held against its own parts and against what is installed."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from demogen import __version__
from demogen.errors import DemogenError, SubmissionError
from leaderboard.results.result import Result
from leaderboard.submissions.folder import Contents
from leaderboard.submissions.predictor_facts import PredictorFacts

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
    fields = (
        *("predictor", "regressor", "paper", "summary", "zoo", "revision", "split", "target"),
    )
    texts = [getattr(result, name) for name in fields]
    for text in (*texts, result.measure.name, *result.columns, *result.targets, *result.dropped):
        if not text.isprintable():
            raise SubmissionError(f"{result.path}: {text[:80]!a} is no text that can be printed")


def check_version(result: Result) -> None:
    """The demogen that made a result is not later than this one.

    Raises:
        SubmissionError: it is, or is not named.
    """
    maker = result.versions.get("demogen", "")
    if not (numbers := _version(maker)):
        raise SubmissionError(
            f"{result.path}: its `versions` name no demogen that is known ({maker!r}); evaluate "
            "again"
        )
    if numbers > _version(__version__):
        raise SubmissionError(
            f"{result.path}: made by demogen {maker}, which is later than this {__version__}; "
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
    from demogen.measuring.predictor_names import predictor_called

    name = contents.submission.name
    base = name.partition("(")[0]
    if not is_installed(name):
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
    true = PredictorFacts.of(installed)
    for result in contents.results:
        check_words(result, installed)
        claimed = PredictorFacts.claimed(result, contents.regressor)
        if difference := claimed.first_difference(true):
            fact, here, there = difference
            raise SubmissionError(
                f"{result.path}: its {fact} is {here}, but the installed {name} has {there}; "
                "evaluate again, or give another predictor another name"
            )
    return [f"measure, access, columns and regressor are those of the installed {name}"]


def check_words(result: Result, installed: "Predictor") -> None:
    """Paper and summary are those of the installed predictor, whose they are shown as.

    Raises:
        SubmissionError: one is not.
    """
    for what in ("paper", "summary"):
        here, there = getattr(result, what), getattr(installed, what)
        if here != there:
            raise SubmissionError(
                f"{result.path}: its {what} is {here!a}, but the installed {installed.name} has "
                f"{there!a}; evaluate again, without --paper"
            )


def is_installed(name: str) -> bool:
    """Whether a predictor of this name, parameters aside, is installed here."""
    from demogen.measuring.predictor import list_predictors

    return name.partition("(")[0] in list_predictors()


def _check_agreement(contents: Contents) -> None:
    submission, first = contents.submission, contents.results[0]
    for result in contents.results:
        for fact, claimed, expected in (
            ("predictor", result.predictor, submission.name),
            ("paper", result.paper, submission.paper),
            ("measure", result.measure, first.measure),
            ("columns", result.columns, first.columns),
            ("regressor", result.regressor, first.regressor),
            ("access", result.access, first.access),
        ):
            if claimed != expected:
                raise SubmissionError(
                    f"{result.path}: its {fact} is {claimed!r}, but that of the submission is "
                    f"{expected!r}; one submission holds the results of one predictor"
                )
    zoos = {zoo_label(result) for result in contents.results}
    splits = {result.split for result in contents.results}
    for what, present, listed in (
        ("zoos", zoos, submission.zoos),
        ("splits", splits, submission.splits),
    ):
        if sorted(present) != list(listed):
            raise SubmissionError(
                f"{submission.name}: {what} are {', '.join(listed)} in submission.toml, but the "
                f"results are on {', '.join(sorted(present))}; submit again"
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
    start = re.match(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}", text)
    return tuple(map(int, start[0].split("."))) if start else ()
