"""Does a result hold what it claims? Its scores, its zoo, and the fits behind its predictions."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen.errors import DemogenError, PredictorError, ResultError
from demogen.format.splits import Fold
from leaderboard.results.result import Result
from leaderboard.results.targets import TABLE, TARGETS
from leaderboard.scoring.inputs import FoldPredictions, LinearModel
from leaderboard.scoring.places import Bounds
from leaderboard.scoring.scores import METRICS, score

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

    from demogen.measuring.predictor import Predictor
    from demogen.zoo.base import NetworkSet
    from leaderboard.fitting.fit_cost import FitLimit

SCORE_TOLERANCE = 1e-9
"""Relative. Scores follow from stored numbers; only the order of summation may differ."""

FIT_TOLERANCE = 1e-6
"""Relative to the range of the targets, or to a prediction's distance from their mean where that is
more. A fit differs a little from one BLAS to another."""

FITTING = ("scikit-learn", "numpy", "scipy")
"""Packages whose versions may decide what a regressor gives."""

ROUNDING = 1e-12
"""What rounding leaves where numbers cancel: absolute for scores, relative to the mean target for
predictions."""


def verify(
    result: Result,
    zoo: "NetworkSet | None" = None,
    *,
    refit: bool = True,
    limit: "FitLimit | None" = None,
) -> list[str]:
    """Check that a result holds what it claims; reading it has checked that it is well formed.

    Args:
        result: as `leaderboard.results.result.read_result` gives it.
        zoo: the zoo it names, to hold its split, targets and folds against; None: not checked.
        refit: fit again, where the predictor is installed here. This imports torch.
        limit: of what fitting again may take; None: it takes what it takes.

    Returns:
        What was checked, and what could not be, a line each.

    Raises:
        ResultError: the result is refused; the message names the fault.
    """
    check_scores(result)
    checked = ["the scores follow from the predictions"]
    if zoo is not None:
        check_zoo(result, zoo)
        checked.append(f"split, targets and folds are those of zoo {zoo.name}")
    if refit:
        checked.append(check_fit(result, limit))
    return checked


def check_scores(result: Result) -> None:
    """Scores follow from predictions and targets.

    Raises:
        ResultError: one does not.
    """
    recomputed = score(result.score_inputs()).model_dump()
    for name, claimed in result.scores.model_dump().items():
        if not _agree(name, claimed, recomputed[name]):
            raise ResultError(
                f"{_label(result)}: it claims {name} {claimed}, but its predictions give "
                f"{recomputed[name]}"
            )


def check_zoo(result: Result, zoo: "NetworkSet") -> None:
    """Zoo, split, targets and folds are the zoo's, and every network is accounted for.

    Raises:
        ResultError: something is not.
    """
    if fault := next(_zoo_faults(result, zoo), None):
        raise ResultError(f"{_label(result)}: {fault}")


def check_fit(result: Result, limit: "FitLimit | None" = None) -> str:
    """Predictions follow from the signatures, by the installed predictor's regressor.

    Args:
        result: to be checked.
        limit: of what fitting again may take; None: it takes what it takes.

    Returns:
        What was done: fitted again, or why not.

    Raises:
        ResultError: the predictions are not what that regressor gives.
    """
    predictor = installed_predictor(result)
    if isinstance(predictor, str):
        return f"not fitted again: {predictor}"
    if limit is not None and (fault := too_much(result, predictor.regressor, limit)):
        return f"not fitted again: {fault}"
    check_predictions(result, predictor.regressor)
    return f"the predictions follow from the signatures by the regressor of {predictor.name}"


def too_much(result: Result, regressor: "RegressorMixin", limit: "FitLimit") -> str | None:
    """Why fitting a result's folds again is more than a limit allows; None: it is not.

    Raises:
        ResultError: the regressor has a parameter that it cannot take.
    """
    rows = [result.signatures[network] for network in sorted(result.signatures)]
    X = np.array(rows, np.float64).reshape(len(rows), len(result.columns))
    try:
        return limit.fault(regressor, X, len(result.folds) + 1)
    except PredictorError as error:
        raise ResultError(f"{_label(result)}: {error}") from error


def check_predictions(result: Result, regressor: "RegressorMixin") -> None:
    """Predictions and the linear model follow from the signatures, by this regressor.

    Raises:
        ResultError: they are not what it gives.
    """
    from leaderboard.fitting.cross_validation import cross_validate

    try:
        refitted = cross_validate(
            result.signatures, result.targets, tests_of(result), regressor, _slack_of(result)
        )
    except PredictorError as error:
        raise ResultError(f"{_label(result)}: {error}") from error
    for claimed, fold, bounds in zip(result.folds, refitted.folds, refitted.bounds, strict=True):
        _compare(result, f"fold {claimed.fold}", _by_id(claimed), _by_id(fold))
        _compare_places(result, claimed, fold, bounds)
    _compare(result, "the fit on all networks", result.fit, refitted.fit)
    if not _same_model(result.model, refitted.model):
        raise ResultError(
            f"{_label(result)}: the linear model is not the one fitted again"
            f"{_other_versions(result)}"
        )


def _zoo_faults(result: Result, zoo: "NetworkSet") -> Iterator[str]:
    from leaderboard.results.evaluation import test_images

    if result.zoo_digest != zoo.digest:
        yield (
            f"made on zoo {result.zoo} with digest {result.zoo_digest[:12]}, but this is "
            f"{zoo.name} with digest {zoo.digest[:12]}; evaluate again on this one"
        )
    if result.zoo != zoo.name:
        yield f"its zoo is called {zoo.name}, not {result.zoo}"
    if result.split not in zoo.splits:
        yield f"zoo {zoo.name} has no split {result.split!r}; evaluate on one of its own"
        return
    split = zoo.splits[result.split]
    if (result.split_digest, result.split_kind) != (split.digest, split.kind):
        yield (
            f"split {result.split} has digest {result.split_digest[:12]}, but the zoo's has "
            f"{split.digest[:12]}"
        )
    ids = set(map(str, zoo.table.index))
    if differing := ids ^ {*result.targets, *result.dropped}:
        yield f"network {min(differing)} is not both in the zoo and measured or dropped in it"
        return
    if result.target not in TARGETS:
        yield f"a zoo has no target {result.target!r}"
        return
    targets = zoo.table[result.target].astype("float64").to_dict()
    for network, claimed in sorted(result.targets.items()):
        if claimed != targets[network]:
            yield f"the {result.target} of {network} is not {claimed}"
    if result.test_images != (images := test_images(zoo, result.target)):
        yield f"its test accuracies are of {images} images, not {result.test_images}"
    yield from _factor_faults(result, zoo)
    yield from _fold_faults(result, split.folds)


def _factor_faults(result: Result, zoo: "NetworkSet") -> Iterator[str]:
    from leaderboard.results.evaluation import factors_of

    configuration = zoo.table["configuration"].astype(str).to_dict()
    for network, claimed in sorted(result.configurations.items()):
        if claimed != configuration[network]:
            yield f"the configuration of {network} is {configuration[network]}, not {claimed}"
    if result.factors != (factors := factors_of(zoo, result.targets)):
        names = sorted(set(factors) ^ set(result.factors)) or [
            name for name in sorted(factors) if factors[name] != result.factors[name]
        ]
        yield f"the factor {names[0]} is not as in the zoo"


def _fold_faults(result: Result, folds: Sequence[Fold]) -> Iterator[str]:
    claimed = {fold.fold: fold for fold in result.folds}
    for number, fold in enumerate(folds):
        test = [network for network in fold.test if network in result.targets]
        lost = not test or len(test) == len(result.targets)
        if lost != (number in result.skipped_folds) or lost == (number in claimed):
            yield f"fold {number} is {'missing' if not lost else 'there but not to be scored'}"
        elif not lost and sorted(claimed[number].ids) != sorted(test):
            yield f"fold {number} tests other networks than the zoo's"
    if unknown := {*claimed, *result.skipped_folds} - set(range(len(folds))):
        yield f"fold {min(unknown)} is not one of the split's {len(folds)} folds"


def installed_predictor(result: Result) -> "Predictor | str":
    """The installed predictor of this name and these columns, or why there is none."""
    from demogen.measuring.predictor import get_predictor

    if result.access == TABLE:
        return "its signatures are columns of a table"
    name = result.predictor.split("(")[0]
    try:
        predictor = get_predictor(name)
    except DemogenError as error:
        return str(error)
    if predictor.columns is not None and tuple(predictor.columns) != result.columns:
        return f"the installed {name} takes other columns"
    return predictor


def tests_of(result: Result) -> list[tuple[str, ...]]:
    """Ids that each fold tests; it is fitted on the other networks measured."""
    return [fold.ids for fold in result.folds]


def _by_id(fold: FoldPredictions) -> dict[str, float]:
    of_networks = dict(zip(fold.ids, fold.predictions, strict=True))
    return {
        **of_networks,
        "the median network": fold.center,
        "the standard deviation over all networks": fold.spread,
    }


def _compare(
    result: Result, what: str, claimed: Mapping[str, float], recomputed: Mapping[str, float]
) -> None:
    slack = _slack_of(result)
    for network, value in claimed.items():
        if not abs(value - recomputed[network]) <= slack(np.float64(value)):
            raise ResultError(
                f"{_label(result)}: {what} predicts {value} for {network}, but the regressor "
                f"fitted again predicts {recomputed[network]}{_other_versions(result)}"
            )


def _slack_of(result: Result) -> Callable[[Any], Any]:
    """Predictions → by how much they may differ from those fitted on another machine."""
    values = list(result.targets.values()) or [0.0]
    center, spread = fmean(values), max(values) - min(values)
    # About the mean target: all targets may lie far from zero and close together.
    return lambda predictions: (
        FIT_TOLERANCE * np.maximum(spread, np.abs(predictions - center)) + ROUNDING * abs(center)
    )


def _compare_places(
    result: Result, claimed: FoldPredictions, fold: FoldPredictions, bounds: Bounds
) -> None:
    """Each place is one that its prediction may have, whatever way near ones were rounded.

    Where the regressor says the same of all networks, rounding has no part in it.
    """
    if fold.spread == 0 and (claimed.spread != 0 or set(claimed.places) != set(fold.places)):
        raise ResultError(
            f"{_label(result)}: fold {claimed.fold} orders networks of which the regressor fitted "
            f"again says the same{_other_versions(result)}"
        )
    # By id: a submission may list the networks of a fold in any order.
    of = dict(zip(claimed.ids, claimed.places, strict=True))
    for network, least, greatest in zip(fold.ids, *bounds, strict=True):
        place = of[network]
        if not least <= place <= greatest:
            raise ResultError(
                f"{_label(result)}: fold {claimed.fold} puts {network} at place {place:g}, but the "
                f"regressor fitted again puts it at {least:g} to {greatest:g}"
                f"{_other_versions(result)}"
            )


def _other_versions(result: Result) -> str:
    """Which packages of other versions fitted the result, in words; empty where none did."""
    from leaderboard.results.scored_split import versions

    here = versions()
    other = [
        f"{package} {result.versions.get(package, 'unknown')} where {here[package]} is installed"
        for package in FITTING
        if package in here and result.versions.get(package) != here[package]
    ]
    return f"; it was scored with {' and '.join(other)}: evaluate again with these" * bool(other)


def _same_model(claimed: LinearModel | None, recomputed: LinearModel | None) -> bool:
    if claimed is None or recomputed is None or claimed.rank != recomputed.rank:
        return claimed is recomputed
    one, other = ([model.intercept, *model.coefficients] for model in (claimed, recomputed))
    # Looser than predictions: coefficients of nearly collinear columns are known less well.
    slack = 1e-3 * max(map(abs, other))
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=slack) for a, b in zip(one, other, strict=True)
    )


def _agree(name: str, claimed: Any, recomputed: Any) -> bool:
    if isinstance(claimed, tuple) and isinstance(recomputed, tuple):
        return len(claimed) == len(recomputed) and all(
            _agree(name, one, other) for one, other in zip(claimed, recomputed, strict=True)
        )
    if isinstance(claimed, dict) and isinstance(recomputed, dict):
        return claimed.keys() == recomputed.keys() and all(
            _agree(name if key in ("low", "high") else key, claimed[key], recomputed[key])
            for key in claimed
        )
    if isinstance(claimed, float | int) and isinstance(recomputed, float | int):
        near_zero = 0.0 if name in METRICS and METRICS[name].sums_squares else ROUNDING
        return math.isclose(claimed, recomputed, rel_tol=SCORE_TOLERANCE, abs_tol=near_zero)
    return bool(claimed == recomputed)


def _label(result: Result) -> str:
    return f"{result.predictor} on {result.split} of {result.zoo}"
