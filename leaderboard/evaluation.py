"""Measure the networks of a zoo, fit and judge on its splits: predictors → results."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen.errors import ZooError
from demogen.names import choose
from leaderboard import protocol
from leaderboard.results import MeasureIdentity, Result, plain
from leaderboard.scores import score

if TYPE_CHECKING:
    from demogen.measuring import Measurements
    from demogen.predictor import Measure, Predictor
    from demogen.splits import Split
    from demogen.zoo import Zoo

RANKING_SPLIT = "grouped-kfold-10"
TARGETS = ("gap", "test_accuracy", "test_cross_entropy")
VERSIONED = ("demogen", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def evaluate(
    predictor: "Predictor | Measure",
    zoo: "Zoo",
    split: str = RANKING_SPLIT,
    target: str = "gap",
    **measuring: Any,
) -> Result:
    """Measure a zoo, and judge a predictor on one of its splits.

    Args:
        predictor: or a bare measure: then all its features, by least squares.
        zoo: its networks are measured unless they are in the cache.
        split: name of a split of the zoo.
        target: "gap", "test_accuracy" or "test_cross_entropy".
        measuring: `workers`, `device`, `batch_size`, `cache` and `progress` of
            `demogen.measuring.measure_all`.

    Raises:
        ZooError: no such split or target, or the predictor's regressor fails.
    """
    return benchmark([predictor], zoo, target, [split], **measuring)[0]


def benchmark(
    predictors: "Sequence[Predictor | Measure]",
    zoo: "Zoo",
    target: str = "gap",
    splits: Sequence[str] | None = None,
    **measuring: Any,
) -> list[Result]:
    """Measure a zoo for many predictors together, and judge each on each split.

    Args:
        predictors: two with equal measures cause one computation; their names must differ.
        zoo: its networks are measured unless they are in the cache.
        target: "gap", "test_accuracy" or "test_cross_entropy".
        splits: names of splits; None: all the zoo has.
        measuring: as in `evaluate`.

    Returns:
        One result for each predictor and split, predictors outermost.

    Raises:
        ZooError: no such split or target, two predictors of one name, or a regressor fails.
    """
    from demogen.measuring import measure_all
    from demogen.predictor import Predictor

    named = [p if isinstance(p, Predictor) else Predictor.from_measure(p) for p in predictors]
    names = [predictor.name for predictor in named]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ZooError(f"two predictors are called {twice[0]!r}; give one another name")
    choose(target, dict.fromkeys(TARGETS), "target", ZooError)
    chosen = [_split(zoo, name) for name in (zoo.splits if splits is None else splits)]
    measured = measure_all([predictor.measure for predictor in named], zoo, **measuring)
    return [
        judge(predictor, measurements, zoo, split, target)
        for predictor, measurements in zip(named, measured, strict=True)
        for split in chosen
    ]


def judge(
    predictor: "Predictor", measurements: "Measurements", zoo: "Zoo", split: "Split", target: str
) -> Result:
    """Score a predictor on a split, its measure's signatures being there already.

    Networks without a signature are dropped from every fold, and named with the reason.

    Raises:
        ZooError: the predictor names a feature that was not measured, or its regressor fails.
    """
    columns, signatures, dropped = _design(predictor, measurements, zoo)
    column = zoo.table[target].astype("float64").to_dict()
    targets = {network: column[network] for network in signatures}
    try:
        outcome = protocol.run(signatures, targets, split.folds, predictor.regressor)
    except ZooError as error:
        raise ZooError(f"{predictor.name} on {split.name} of {zoo.name}: {error}") from error
    parameters = outcome.model.rank if outcome.model else len(columns)
    seconds = [measurements.seconds[id] for id in signatures if id in measurements.seconds]
    return Result(
        predictor=predictor.name,
        measure=MeasureIdentity(
            name=predictor.measure.name,
            version=predictor.measure.version,
            parameters={k: plain(v) for k, v in predictor.measure.get_params().items()},
        ),
        columns=tuple(columns),
        regressor=protocol.regressor_text(predictor.regressor),
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
        signatures=signatures,
        targets=targets,
        folds=outcome.folds,
        skipped_folds=outcome.skipped,
        fit=outcome.fit,
        model=outcome.model,
        dropped=dropped,
        scores=score(split.kind, outcome.folds, outcome.fit, targets, parameters),
        seconds=median(seconds) if seconds else None,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that the numbers depend on."""
    found = {"python": platform.python_version()}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _split(zoo: "Zoo", name: str) -> "Split":
    if name not in zoo.splits and list(zoo.splits) == ["leave-one-out"]:
        raise ZooError(
            f"zoo {zoo.name} of {len(zoo.table)} networks has only the split 'leave-one-out', "
            f"no {name!r}; ask for that"
        )
    return choose(name, zoo.splits, f"split of zoo {zoo.name}", ZooError)


def _design(
    predictor: "Predictor", measurements: "Measurements", zoo: "Zoo"
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
