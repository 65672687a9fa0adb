"""Networks of a zoo or of a table, a design of signatures, a split and a regressor → a result."""

import platform
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import TYPE_CHECKING, Any

from demogen.errors import PredictorError
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.fitting.cross_validation import CrossValidation, cross_validate
from leaderboard.fitting.regressor_text import regressor_to_text
from leaderboard.results.result import Result
from leaderboard.scoring.inputs import JsonLevel

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

    from demogen.format.factors import Coded
    from demogen.format.splits import Split

VERSIONED = ("demogen", "numpy", "pandas", "scikit-learn", "scipy", "torch")


@dataclass(frozen=True)
class Networks:
    """Networks that are scored together, and what is known of them without a measure.

    Attributes:
        name: of the zoo or the table.
        digest: hex sha256 that pins it.
        revision: commit on the Hub, or "".
        target: what is predicted.
        targets: id → target, of the networks that have one.
        without: id → why the others have none.
        configurations: id → name shared by the copies of one configuration, of all networks.
        factors: factor in which networks differ → id → level, of all networks.
        test_images: how many images each test accuracy is of; None: not known, or no accuracy.
    """

    name: str
    digest: str
    revision: str
    target: str
    targets: Mapping[str, float]
    without: Mapping[str, str]
    configurations: Mapping[str, str]
    factors: Mapping[str, Mapping[str, JsonLevel]]
    test_images: int | None


@dataclass(frozen=True)
class Described:
    """What a result says of its predictor.

    Attributes:
        name: of the predictor.
        measure: that gave the signatures.
        regressor: unfitted.
        paper: short name of the paper, or "".
        summary: one line.
        access: what the measure reads.
        seconds: median time to measure one network; None: not known.
        epochs: that time in training epochs; None: not known.
    """

    name: str
    measure: MeasureIdentity
    regressor: "RegressorMixin"
    paper: str
    summary: str
    access: str
    seconds: float | None = None
    epochs: float | None = None


@dataclass(frozen=True)
class Design:
    """Signatures of the networks that have all columns of a predictor.

    Attributes:
        columns: features given to the regressor, in this order.
        signatures: id → their values, all finite.
        dropped: id → why a network has none.
    """

    columns: tuple[str, ...]
    signatures: Mapping[str, tuple[float, ...]]
    dropped: Mapping[str, str]


def design_of(
    columns: Sequence[str], rows: Mapping[str, tuple[float, ...]], lacking: Mapping[str, str]
) -> Design:
    """The design of some rows: a network without the value of a column is dropped, with the reason.

    Args:
        columns: of the rows.
        rows: id → values, which may be NaN or infinite.
        lacking: id → why a network has no row.
    """
    signatures: dict[str, tuple[float, ...]] = {}
    dropped = dict(lacking)
    for network, row in rows.items():
        missing = [name for name, x in zip(columns, row, strict=True) if not isfinite(x)]
        if missing:
            dropped[network] = f"no value of {missing[0]}"
        else:
            signatures[network] = row
    return Design(tuple(columns), signatures, dropped)


def score_design(
    predictor: Described, design: Design, networks: Networks, splits: "Iterable[Split]"
) -> Iterator[Result]:
    """Fit and score a design on splits; the results share what is the same on each.

    Networks without a signature or a target are dropped from every fold, and named with the reason.

    Raises:
        PredictorError: the regressor fails.
    """
    same = same_on_splits(design, networks)
    for split in splits:
        yield score_split_of(predictor, design, networks, split, same)


def same_on_splits(design: Design, networks: Networks) -> dict[str, Any]:
    """The parts of a design's results that are the same on all splits, by field."""
    known = networks.targets
    unknown = sorted(design.signatures.keys() - known.keys())
    signatures = {id: values for id, values in design.signatures.items() if id in known}
    return {
        "signatures": signatures,
        "targets": _of(signatures, known),
        "configurations": _of(signatures, networks.configurations),
        "factors": {factor: _of(signatures, of) for factor, of in networks.factors.items()},
        "dropped": {**design.dropped, **{id: networks.without[id] for id in unknown}},
    }


def score_split_of(
    predictor: Described,
    design: Design,
    networks: Networks,
    split: "Split",
    same: Mapping[str, Any],
) -> Result:
    """Fit and score a design on one split.

    Args:
        predictor: what the result says of it.
        design: its columns.
        networks: that are scored.
        split: of them.
        same: what `same_on_splits` gives of the design; the result holds these very objects.

    Raises:
        PredictorError: the regressor fails.
    """
    signatures = same["signatures"]
    try:
        fitted = cross_validate(signatures, networks.targets, split.tests, predictor.regressor)
    except PredictorError as error:
        where = f"{predictor.name} on {split.name} of {networks.name}"
        raise PredictorError(f"{where}: {error}") from error
    for doubt in _doubts(fitted, signatures):
        message = f"{predictor.name} on {networks.name}: {doubt}"
        warnings.warn(message, RuntimeWarning, stacklevel=4)
    result = Result.scored(
        **inputs_of(predictor, design, networks, split, same),
        folds=fitted.folds,
        skipped_folds=fitted.skipped,
        fit=fitted.fit,
        model=fitted.model,
    )
    # Checking made copies, which take most of the memory where networks are many.
    return result.model_copy(update=same)


def inputs_of(
    predictor: Described,
    design: Design,
    networks: Networks,
    split: "Split",
    same: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of a result that scoring is given, by name: all but predictions and scores."""
    return {
        "predictor": predictor.name,
        "measure": predictor.measure,
        "columns": design.columns,
        "regressor": regressor_to_text(predictor.regressor),
        "paper": predictor.paper,
        "summary": predictor.summary,
        "access": predictor.access,
        "zoo": networks.name,
        "zoo_digest": networks.digest,
        "revision": networks.revision,
        "split": split.name,
        "split_digest": split.digest,
        "split_kind": split.kind,
        "target": networks.target,
        "test_images": networks.test_images,
        "seconds": predictor.seconds,
        "epochs": predictor.epochs,
        "versions": versions(),
        **same,
    }


def _of(ids: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these ids, of which there may be others."""
    if isinstance(values, dict) and len(values) == len(ids):
        return values
    return {network: values[network] for network in ids}


def levels_by_id(
    networks: Sequence[str], factors: "Mapping[str, Coded]"
) -> dict[str, dict[str, JsonLevel]]:
    """Factor → id → level as results hold it: tuples of words are one text.

    Args:
        networks: ids in the order of the codes.
        factors: as `demogen.format.factors.varying` gives them.
    """
    from demogen.format.factors import level_text

    by_factor = {}
    for factor, (codes, levels) in factors.items():
        plain = [level_text(level) if isinstance(level, tuple) else level for level in levels]
        of_networks = (plain[code] for code in codes.tolist())
        by_factor[factor] = dict(zip(networks, of_networks, strict=True))
    return by_factor


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
