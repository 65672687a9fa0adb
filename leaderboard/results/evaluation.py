"""Measure the networks of a zoo, fit and score on its splits: predictors → results."""

import platform
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Unpack

import numpy as np

from demogen._util.lookup import lookup
from demogen.errors import PredictorError, ZooError
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.fitting.cross_validation import CrossValidation, cross_validate
from leaderboard.fitting.regressor_text import regressor_to_text
from leaderboard.results.result import Result, Results
from leaderboard.scoring.inputs import JsonLevel
from leaderboard.scoring.metric import RANKING_SPLITS

if TYPE_CHECKING:
    from demogen.format.splits import Split
    from demogen.measuring.measurements import Measurements
    from demogen.measuring.options import MeasuringOptions
    from demogen.measuring.predictor import Measure, Predictor
    from demogen.zoo.base import NetworkSet

TARGETS = ("gap", "test_accuracy", "test_cross_entropy", "test_normalized_cross_entropy")
ACCURACIES = ("gap", "test_accuracy")
"""Targets whose noise the number of test images tells."""

VERSIONED = ("demogen", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def evaluate(
    predictor: "Predictor | Measure",
    zoo: "NetworkSet",
    split: str = RANKING_SPLITS[0],
    target: str = "gap",
    **options: "Unpack[MeasuringOptions]",
) -> Result:
    """Measure a zoo, and score a predictor on one of its splits.

    Args:
        predictor: or a bare measure: then all its features, by least squares.
        zoo: or a pool of zoos; its networks are measured unless they are in the cache.
        split: name of a split of the zoo.
        target: one of `TARGETS`.
        options: see `demogen.measuring.MeasuringOptions`.

    Raises:
        ZooError: no such split or target, or no network has the target.
        PredictorError: the predictor's regressor fails.
    """
    return benchmark([predictor], zoo, target, [split], **options)[0]


def benchmark(
    predictors: "Sequence[Predictor | Measure]",
    zoo: "NetworkSet",
    target: str = "gap",
    splits: Sequence[str] | None = None,
    **options: "Unpack[MeasuringOptions]",
) -> Results:
    """Measure a zoo for many predictors together, and score each on each split.

    Args:
        predictors: two with equal measures cause one computation; their names must differ.
        zoo: or a pool of zoos; its networks are measured unless they are in the cache.
        target: one of `TARGETS`.
        splits: names of splits; None: all the zoo has.
        options: see `demogen.measuring.MeasuringOptions`.

    Returns:
        One result for each predictor and split, predictors outermost.

    Raises:
        ZooError: no such split or target, or no network has the target.
        PredictorError: two predictors have one name, or a regressor fails.
    """
    from demogen.measuring.measurements import measure_all
    from demogen.measuring.predictor import Predictor

    named = [p if isinstance(p, Predictor) else Predictor.from_measure(p) for p in predictors]
    names = [predictor.name for predictor in named]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PredictorError(f"two predictors are called {twice[0]!r}; give one another name")
    lookup(target, dict.fromkeys(TARGETS), "target", ZooError)
    _targets(zoo, target)
    chosen = [_split(zoo, name) for name in (zoo.splits if splits is None else splits)]
    measured = measure_all([predictor.measure for predictor in named], zoo, **options)
    return Results(
        score_split(predictor, measurements, zoo, split, target)
        for predictor, measurements in zip(named, measured, strict=True)
        for split in chosen
    )


def score_split(
    predictor: "Predictor",
    measurements: "Measurements",
    zoo: "NetworkSet",
    split: "Split",
    target: str,
) -> Result:
    """Score a predictor on a split, its measure's signatures being there already.

    Networks without a signature or a target are dropped from every fold, and named with the reason.

    Raises:
        ZooError: the predictor names a feature that was not measured, or no network has the target.
        PredictorError: the regressor fails.
    """
    columns, signatures, dropped = _design(predictor, measurements, zoo)
    known = _targets(zoo, target)
    unknown = signatures.keys() - known.keys()
    dropped |= {id: f"no {target}: {_why_unknown(zoo, id)}" for id in sorted(unknown)}
    signatures = {id: values for id, values in signatures.items() if id in known}
    targets = {network: known[network] for network in signatures}
    try:
        fitted = cross_validate(signatures, targets, split.folds, predictor.regressor)
    except PredictorError as error:
        raise PredictorError(f"{predictor.name} on {split.name} of {zoo.name}: {error}") from error
    for doubt in _doubts(fitted, signatures):
        warnings.warn(f"{predictor.name} on {zoo.name}: {doubt}", RuntimeWarning, stacklevel=2)
    configuration = zoo.table["configuration"].astype(str).to_dict()
    return Result.scored(
        predictor=predictor.name,
        measure=MeasureIdentity.of(predictor.measure),
        columns=tuple(columns),
        regressor=regressor_to_text(predictor.regressor),
        paper=predictor.paper,
        summary=predictor.summary,
        access=str(predictor.measure.access),
        zoo=zoo.name,
        zoo_digest=zoo.digest,
        revision=zoo.revision,
        split=split.name,
        split_digest=split.digest,
        split_kind=split.kind,
        target=target,
        test_images=test_images(zoo, target),
        signatures=signatures,
        targets=targets,
        configurations={network: configuration[network] for network in signatures},
        factors=factors_of(zoo, signatures),
        folds=fitted.folds,
        skipped_folds=fitted.skipped,
        fit=fitted.fit,
        model=fitted.model,
        dropped=dropped,
        seconds=_median(measurements.seconds, signatures),
        epochs=_median(measurements.epochs, signatures),
        versions=versions(),
    )


def factors_of(zoo: "NetworkSet", ids: Iterable[str]) -> dict[str, dict[str, JsonLevel]]:
    """Factor in which networks of a zoo differ → id → level, for some of its networks."""
    from demogen.format.factors import level_text, varying

    factors: dict[str, dict[str, JsonLevel]] = {}
    networks = list(map(str, zoo.table.index))
    for factor, (codes, levels) in varying(zoo.table).items():
        plain_levels = [level_text(x) if isinstance(x, tuple) else x for x in levels]
        of = dict(zip(networks, (plain_levels[code] for code in codes.tolist()), strict=True))
        factors[factor] = {network: of[network] for network in ids}
    return factors


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that the numbers depend on."""
    installed = {package: _installed_version(package) for package in VERSIONED}
    found = {package: number for package, number in installed.items() if number is not None}
    return {"python": platform.python_version(), **found}


@cache
def _installed_version(package: str) -> str | None:
    # Kept: to find them on the disk takes longer than to score a predictor.
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _median(values: Mapping[str, float], ids: Iterable[str]) -> float | None:
    known = [values[network] for network in ids if network in values]
    return median(known) if known else None


def _doubts(fitted: CrossValidation, signatures: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """What makes the fit of these columns doubtful, in words."""
    networks = len(signatures)
    if fitted.model and fitted.model.lost:
        yield (
            f"{fitted.model.lost} of its varying columns cannot be told from the others (rank "
            f"{fitted.model.rank}): they depend on these, or differ by rounding only"
        )
    if fitted.exact and fitted.model:
        yield (
            f"columns of rank {fitted.model.rank} on {networks} networks: least squares goes "
            "through every network it is fitted on, whatever the columns are; take fewer columns"
        )


def _split(zoo: "NetworkSet", name: str) -> "Split":
    if name not in zoo.splits and list(zoo.splits) == ["leave-one-out"]:
        raise ZooError(
            f"zoo {zoo.name} of {len(zoo.table)} networks has only the split 'leave-one-out', "
            f"no {name!r}; ask for that"
        )
    if name == "grouped-kfold-10" and name not in zoo.splits:
        groups = zoo.table["configuration"].nunique()
        raise ZooError(
            f"zoo {zoo.name} has no split {name!r}: its networks are copies of {groups} "
            f"configurations, and ten folds need ten; it has {', '.join(sorted(zoo.splits))}"
        )
    return lookup(name, zoo.splits, f"split of zoo {zoo.name}", ZooError)


def test_images(zoo: "NetworkSet", target: str) -> int | None:
    """The fewest test images that an accuracy of a zoo is of; None for other targets.

    None, too, where an image set is not known by its name.
    """
    from demogen.schema.image_sets import IMAGE_SETS

    if target not in ACCURACIES:
        return None
    sizes = [IMAGE_SETS[name].test_size for name in zoo.image_sets if name in IMAGE_SETS]
    return min(sizes) if sizes and len(sizes) == len(zoo.image_sets) else None


def _targets(zoo: "NetworkSet", target: str) -> dict[str, float]:
    """Id → target, of the networks that have it."""
    column = zoo.table[target].astype("float64")
    if column.isna().all():
        raise ZooError(
            f"no network of zoo {zoo.name} has a {target}: "
            f"{_why_unknown(zoo, str(column.index[0]))}; ask for another target"
        )
    return {str(network): float(value) for network, value in column.dropna().items()}


def _why_unknown(zoo: "NetworkSet", id: str) -> str:
    """Why a network's record lacks a target: that of the normalized network, or all losses."""
    if zoo.table["test_cross_entropy"].isna()[id]:
        return "its source does not state it, and it was not measured here"
    return "the normalized network is not defined"


def _design(
    predictor: "Predictor", measurements: "Measurements", zoo: "NetworkSet"
) -> tuple[list[str], dict[str, tuple[float, ...]], dict[str, str]]:
    """Columns, id → their values, and the networks dropped with reasons."""
    table = measurements.table
    columns = predictor.design([str(name) for name in table.columns]) if len(table) else []
    values = table[columns].to_numpy(np.float64).tolist()
    rows = dict(zip(map(str, table.index), map(tuple, values), strict=True))
    signatures: dict[str, tuple[float, ...]] = {}
    dropped: dict[str, str] = {}
    for network in sorted(map(str, zoo.table.index)):
        row = rows.get(network)
        if row is None:
            dropped[network] = measurements.failures.get(network, "not measured")
        elif lacking := [name for name, x in zip(columns, row, strict=True) if not isfinite(x)]:
            dropped[network] = f"no value of {lacking[0]}"
        else:
            signatures[network] = row
    return columns, signatures, dropped
