"""Score measures that stand in a table of one's own, as a benchmark scores those of a zoo."""

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, SupportsIndex

from demogen._util.lookup import lookup
from demogen.errors import TableError
from demogen.format.factors import varying
from demogen.format.splits import factors_to_leave_out, splits_of
from demogen.measuring.least_squares import LeastSquares
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.results.own_table import OwnTable, read_frame
from leaderboard.results.result import Results
from leaderboard.results.scored_split import (
    Described,
    Design,
    Networks,
    design_of,
    levels_by_id,
    score_design,
)
from leaderboard.results.targets import TABLE

if TYPE_CHECKING:
    import pandas as pd

    from demogen.format.splits import Split

Measures = Mapping[str, str | Sequence[str]] | Sequence[str]
"""Name of a predictor → its columns, or the names of columns that are each one by itself."""


def score_table(
    frame: "pd.DataFrame",
    *,
    measures: Measures,
    id: str | None = None,
    target: str = "gap",
    factors: Sequence[str] = (),
    configuration: str | Sequence[str] | None = None,
    test_images: int | None = None,
    splits: Sequence[str] | None = None,
    name: str = "table",
) -> Results:
    """Score columns of a table, each measure itself and its fit by least squares on splits.

    Splits come about as those of a zoo: see `demogen.make_splits`. A network without a value of a
    measure is dropped from that measure's results, with the reason in `Result.dropped`; where
    predictors are ranked, the mean target stands in for its prediction. No torch is imported.

    Args:
        frame: one row a network.
        measures: name → columns that are fitted together; or columns that are each scored alone.
        id: column that tells networks apart; None: "id" where there is such a one, else rows are
            numbered.
        target: column of what is predicted.
        factors: columns of the settings in which networks differ, whatever they are called.
        configuration: columns in which the copies of one configuration agree, and which no two
            configurations share; None: all factors. Copies stay together in grouped-kfold-10, and
            are drawn together for intervals.
        test_images: how many images each test accuracy in the target is of; None: not known, or the
            target is no accuracy: then robust sign errors are not defined.
        splits: names of splits; None: all there are.
        name: of the table, in results.

    Returns:
        One result for each measure and split, measures outermost.

    Raises:
        TableError: the table lacks what is asked for; the message names column or network.
        PredictorError: a fit fails.

    Example:
        frame = pandas.read_csv("networks.csv")
        results = leaderboard.score_table(
            frame, id="model", factors=["bs"], measures={"VR": ["VR"], "both": ["VR", "WCV"]}
        )
        print(leaderboard.render(results))
    """
    named = columns_of(measures)
    images = None if test_images is None else _count(test_images)
    table = read_frame(
        frame,
        id=id,
        target=target,
        factors=list(map(str, _several(factors))),
        configuration=None if configuration is None else list(map(str, _several(configuration))),
        measures=list(dict.fromkeys(column for columns in named.values() for column in columns)),
        name=name,
    )
    if images is not None:
        _check_fractions(table)
    networks = _networks(table, images)
    chosen = _splits(table, splits)
    return Results(
        score_design(_described(predictor, columns, id), design, networks, split)
        for predictor, columns in named.items()
        for design in [_design(table, columns)]
        for split in chosen
    )


def columns_of(measures: Measures) -> dict[str, list[str]]:
    """Name of each predictor → its columns.

    Raises:
        TableError: there is none, one has no name or no columns, or a name or a column stands
            twice.
    """
    if isinstance(measures, Mapping):
        pairs = [(str(name), list(map(str, _several(of)))) for name, of in measures.items()]
    else:
        pairs = [(str(column), [str(column)]) for column in _several(measures)]
    if not pairs:
        raise TableError("no measure is named; name the columns to score")
    names = [name for name, _ in pairs]
    for name, columns in pairs:
        if not name or not columns or not all(columns):
            raise TableError(f"measure {name!r} lacks its name or its columns")
        if names.count(name) > 1:
            raise TableError(f"two measures are called {name!r}; give one another name")
        if len(set(columns)) < len(columns):
            raise TableError(f"measure {name!r} names a column twice")
    return dict(pairs)


def _count(test_images: SupportsIndex) -> int:
    try:
        count = operator.index(test_images)
    except TypeError:
        count = 0
    if count < 1:
        raise TableError(f"test_images is {test_images!r}; give how many images were tested on")
    return count


def _check_fractions(table: OwnTable) -> None:
    """How surely two accuracies differ is told by how many images, and by fractions of them."""
    network, largest = max(
        zip(table.ids, table.targets, strict=True), key=lambda pair: abs(pair[1])
    )
    if abs(largest) > 1:
        raise TableError(
            f"{table.name}: target {table.target!r} of {network} is {largest}, no accuracy or "
            "difference of two as a fraction; divide percentages by 100, or leave test_images out"
        )


def _several(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _networks(table: OwnTable, test_images: int | None) -> Networks:
    return Networks(
        name=table.name,
        digest=table.digest,
        revision="",
        target=table.target,
        targets=dict(zip(table.ids, table.targets, strict=True)),
        without={},
        configurations=dict(zip(table.ids, table.configurations, strict=True)),
        factors=levels_by_id(table.ids, varying(table.factors, table.factor_names)),
        test_images=test_images,
    )


def _splits(table: OwnTable, names: Sequence[str] | None) -> "list[Split]":
    levels = varying(table.factors, factors_to_leave_out(table.factors, table.factor_names))
    splits = splits_of(
        table.ids,
        table.configurations,
        {factor: codes.tolist() for factor, (codes, _) in levels.items()},
    )
    return [
        lookup(name, splits, f"split of {table.name}", TableError)
        for name in (sorted(splits) if names is None else _several(names))
    ]


def _design(table: OwnTable, columns: Sequence[str]) -> Design:
    values = zip(*(table.measures[column] for column in columns), strict=True)
    return design_of(columns, dict(zip(table.ids, values, strict=True)), {})


def _described(name: str, columns: Sequence[str], id: str | None) -> Described:
    what = "column" if len(columns) == 1 else "columns"
    return Described(
        name=name,
        measure=MeasureIdentity(name=name, version=1, parameters={"id": id}),
        regressor=LeastSquares(),
        paper="",
        summary=f"{what} {', '.join(columns)} of a table",
        access=TABLE,
    )
