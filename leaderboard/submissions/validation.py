"""Check whether a submission is what it says, without running its code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demogen.errors import ResultError, SubmissionError
from leaderboard.results.permutation import (
    PERMUTATIONS,
    PermutationTest,
    affordable,
    permutation_test,
)
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import PUBLISHED, Result, predictors_of, results_of
from leaderboard.results.verification import check_predictions, check_scores, check_zoo, too_much
from leaderboard.submissions.claims import check_claims
from leaderboard.submissions.folder import Contents, read_folder
from leaderboard.submissions.names import check_name

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet
    from leaderboard.fitting.fit_cost import FitLimit


def validate(
    folder: Path,
    zoos: "Sequence[NetworkSet]" = (),
    against: Path | None = None,
    limit: "FitLimit | None" = None,
) -> tuple[Contents, list[str]]:
    """Check a submission; no code of it is run.

    Args:
        folder: the submission.
        zoos: those that its results may be of, or some; none: splits and targets are not checked.
        against: folder of the results already there; None: those published with this package.
        limit: of what fitting one result again may take; None: it takes what it takes.

    Returns:
        What it holds, and what was checked, a line each.

    Raises:
        SubmissionError: the submission is refused; the message is the first fault found.
    """
    contents = read_folder(folder)
    checked = check_claims(contents)
    check_names(contents, PUBLISHED if against is None else against)
    for result in contents.results:
        try:
            check_scores(result)
            if limit is not None and (fault := too_much(result, contents.regressor, limit)):
                raise SubmissionError(f"{result.path} is not fitted again: {fault}")
            check_predictions(result, contents.regressor)
            if zoos:
                check_zoo(result, zoo_of(result, zoos))
        except ResultError as error:
            raise SubmissionError(str(error)) from error
    checked.append("the scores follow from the predictions, and these from the signatures")
    checked.append(
        f"splits, targets and folds are those of {', '.join(zoo.name for zoo in zoos)}"
        if zoos
        else "splits and targets are not checked: no zoo was given"
    )
    return contents, checked


def check_names(contents: Contents, folder: Path) -> None:
    """The name is free, or the submission adds to the results of the same predictor.

    It looks like no other name that is installed here or published (`check_name`). choice: the
    same predictor is one of the same measure (name, version, parameters), columns and regressor. A
    result that is there already, byte for byte, is no duplicate.

    Args:
        contents: of the submission.
        folder: of the results already there.

    Raises:
        SubmissionError: the name is another predictor's or looks like it, or a result is there
            with other content.
        ResultError: a result of the predictor that is there is not valid.
    """
    check_name(contents.submission.name, known_names(folder))
    names = {result.predictor for result in contents.results}
    published = results_of(folder, {"predictor": names})
    by_path: Mapping[str, Result] = {str(result.path): result for result in published}
    for new in contents.results:
        old = by_path.get(str(new.path))
        if old is not None and old != new:
            raise SubmissionError(
                f"{new.predictor} on {new.split} of {new.zoo} is there already with other content; "
                "choose another name for the predictor"
            )
        for old in published:
            if old.predictor == new.predictor and _facts(old) != _facts(new):
                raise SubmissionError(
                    f"another predictor is called {new.predictor!r} (its result on {old.split} of "
                    f"{old.zoo} has another measure, columns or regressor); choose another name"
                )


FEWEST = 19
"""Permutations below which no p can be 0.05 or less, so that none are made."""


def permutation_tests(
    contents: Contents, permutations: int = PERMUTATIONS, limit: "FitLimit | None" = None
) -> tuple[dict[str, PermutationTest], dict[str, str]]:
    """Permutation tests of the results on the split that ranks on each zoo.

    Args:
        contents: a submission that was validated.
        permutations: of each result.
        limit: of what those of one result may take, so that fewer are made; None: all are made.

    Returns:
        `Result.path` → test, and `Result.path` → why there is none, where it would take too long.

    Raises:
        PredictorError: the regressor fails.
        ResultError: no permutation is asked for.
    """
    by_table: dict[tuple[str, str], dict[str, Result]] = {}
    for result in contents.results:
        by_table.setdefault((result.zoo_digest, result.target), {})[result.split] = result
    tests, untested = {}, {}
    for by_split in by_table.values():
        result = by_split[preferred_split(by_split)]
        made = affordable(result, contents.regressor, permutations, limit)
        if made < min(permutations, FEWEST):
            untested[str(result.path)] = (
                f"no permutation test: there is time for {made} of {permutations:,}; --long-fits "
                "takes it"
            )
        elif test := permutation_test(result, contents.regressor, min(made, permutations)):
            tests[str(result.path)] = test
    return tests, untested


def known_names(folder: Path) -> list[str]:
    """Names of the predictors installed here, and of those that there are results of; sorted.

    Raises:
        ResultError: a file of the folder holds no results.
    """
    from demogen.measuring.predictor import list_predictors

    return sorted({*list_predictors(), *predictors_of(folder)})


def zoo_of(result: Result, zoos: "Sequence[NetworkSet]") -> "NetworkSet":
    """The zoo that a result is of, or the nearest, against which it will be refused."""
    for zoo in zoos:
        if zoo.digest == result.zoo_digest:
            return zoo
    return next((zoo for zoo in zoos if zoo.name == result.zoo), zoos[0])


def _facts(result: Result) -> tuple[object, ...]:
    return result.measure, result.columns, result.regressor
