"""Measure the networks of a zoo, fit and score on its splits: predictors → results."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from demogen._util.lookup import lookup
from demogen.errors import PredictorError, ZooError
from demogen.format.factors import varying
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.results.result import Result, Results
from leaderboard.results.scored_split import (
    Described,
    Design,
    Networks,
    design_of,
    levels_by_id,
    score_design,
)
from leaderboard.results.side_by_side import score_designs
from leaderboard.results.targets import ACCURACIES, TARGETS
from leaderboard.scoring.inputs import JsonLevel
from leaderboard.scoring.metric import RANKING_SPLITS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from demogen.format.splits import Split
    from demogen.measuring.measurements import Measurements
    from demogen.measuring.options import MeasuringOptions
    from demogen.measuring.predictor import Measure, Predictor
    from demogen.zoo.base import NetworkSet
    from leaderboard.results.kept import KeptResults


def evaluate(
    predictor: "str | Predictor | Measure",
    zoo: "NetworkSet",
    split: str = RANKING_SPLITS[0],
    target: str = "gap",
    **options: "Unpack[MeasuringOptions]",
) -> Result:
    """Measure a zoo, and score a predictor on one of its splits.

    Args:
        predictor: or the name of an installed one, or a bare measure: then all its features, by
            least squares.
        zoo: or a pool of zoos; its networks are measured unless they are in the cache.
        split: name of a split of the zoo.
        target: one of `leaderboard.results.targets.TARGETS`.
        options: see `demogen.measuring.MeasuringOptions`.

    Raises:
        ZooError: no such split or target, or no network has the target.
        PredictorError: the predictor's regressor fails.
    """
    return benchmark([predictor], zoo, target, [split], **options)[0]


def benchmark(
    predictors: "str | Predictor | Measure | Sequence[str | Predictor | Measure]",
    zoo: "NetworkSet",
    target: str = "gap",
    splits: Sequence[str] | None = None,
    *,
    signatures: "pd.DataFrame | Path | str | None" = None,
    kept: "KeptResults | None" = None,
    **options: "Unpack[MeasuringOptions]",
) -> Results:
    """Measure a zoo for many predictors together, and score each on each split.

    Args:
        predictors: or names, or bare measures, or one of them; two with equal measures cause one
            computation; their names must differ.
        zoo: or a pool of zoos; its networks are measured unless they are in the cache.
        target: one of `leaderboard.results.targets.TARGETS`.
        splits: names of splits; None: all the zoo has.
        signatures: a table of what was measured, or its file, by network id (see
            `demogen.measuring.measurements_in`): it is taken, and nothing is measured.
        kept: results of an earlier run (`leaderboard.results.KeptResults`), which are not scored
            again where nothing has changed; `kept.write` then writes the others.
        options: see `demogen.measuring.MeasuringOptions`; `workers` also score side by side.

    Returns:
        One result for each predictor and split, predictors outermost. With `image_limit`, name and
        measure of a result say that a sample of the images was measured: "mean-gap" stays, and
        "unit-sparsity" becomes "unit-sparsity(image_limit=100)".

    Raises:
        ZooError: no such split or target, or no network has the target.
        PredictorError: two predictors have one name, or a regressor fails.
        TableError: the table of signatures lacks a measure, or all networks.
    """
    from demogen.measuring.measurements import measure_all
    from demogen.measuring.predictor_names import as_predictor
    from demogen.measuring.signature_tables import measurements_in

    one = isinstance(predictors, str | type) or not isinstance(predictors, Iterable)
    several: Any = [predictors] if one else predictors
    named = [as_predictor(predictor) for predictor in several]
    names = [predictor.name for predictor in named]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PredictorError(f"two predictors are called {twice[0]!r}; give one another name")
    lookup(target, dict.fromkeys(TARGETS), "target", ZooError)
    networks = _networks(zoo, target)
    chosen = [_split(zoo, name) for name in (zoo.splits if splits is None else splits)]
    if signatures is None:
        measured = measure_all([predictor.measure for predictor in named], zoo, **options)
    else:
        measured = measurements_in(signatures, named, zoo)
    designs = (
        _designed(predictor, measurements, networks)
        for predictor, measurements in zip(named, measured, strict=True)
    )
    return Results(score_designs(designs, networks, chosen, options.get("workers", 1), kept))


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
    networks = _networks(zoo, target)
    [result] = score_design(*_designed(predictor, measurements, networks), networks, [split])
    return result


def factors_of(zoo: "NetworkSet", ids: Iterable[str]) -> dict[str, dict[str, JsonLevel]]:
    """Factor in which networks of a zoo differ → id → level, for some of its networks."""
    chosen = list(ids)
    levels = levels_by_id(list(map(str, zoo.table.index)), varying(zoo.table))
    return {factor: {network: of[network] for network in chosen} for factor, of in levels.items()}


def _designed(
    predictor: "Predictor", measurements: "Measurements", networks: Networks
) -> tuple[Described, Design]:
    """What results say of a predictor, and the columns it is scored by."""
    design = _design(predictor, measurements, sorted(networks.configurations))
    measured = design.signatures
    name, measure = predictor.name, MeasureIdentity.of(predictor.measure)
    if measurements.image_limit is not None:
        # Another signature than that of all images, and nothing takes it for that.
        sample = {"image_limit": measurements.image_limit}
        name = f"{name}(image_limit={measurements.image_limit})"
        measure = measure.model_copy(update={"parameters": measure.parameters | sample})
    described = Described(
        name,
        measure,
        predictor.regressor,
        predictor.paper,
        predictor.summary,
        str(predictor.measure.access),
        _median(measurements.seconds, measured),
        _median(measurements.epochs, measured),
    )
    return described, design


def _networks(zoo: "NetworkSet", target: str) -> Networks:
    known = _targets(zoo, target)
    ids = list(map(str, zoo.table.index))
    return Networks(
        name=zoo.name,
        digest=zoo.digest,
        revision=zoo.revision,
        target=target,
        targets=known,
        without={id: f"no {target}: {_why_unknown(zoo, id)}" for id in ids if id not in known},
        configurations=dict(zip(ids, map(str, zoo.table["configuration"]), strict=True)),
        factors=factors_of(zoo, ids),
        test_images=test_images(zoo, target),
    )


def _median(values: Mapping[str, float], ids: Iterable[str]) -> float | None:
    known = [values[network] for network in ids if network in values]
    return median(known) if known else None


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
    predictor: "Predictor", measurements: "Measurements", networks: Sequence[str]
) -> Design:
    table = measurements.table
    columns = predictor.design([str(name) for name in table.columns]) if len(table) else []
    values = table[columns].to_numpy(np.float64).tolist()
    rows = dict(zip(map(str, table.index), map(tuple, values), strict=True))
    return design_of(
        columns,
        {network: rows[network] for network in networks if network in rows},
        {
            network: measurements.failures.get(network, "not measured")
            for network in networks
            if network not in rows
        },
    )
