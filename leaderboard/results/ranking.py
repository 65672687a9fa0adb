"""Rows of the leaderboard: the results of a predictor merged over splits, and ranked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from demogen.errors import ResultError
from leaderboard.results.columns import (
    CLAIMED,
    HERE,
    MARK,
    RANKED_BY,
    SHOWN,
    UNSEEN,
    WITH_INTERVAL,
    Row,
)
from leaderboard.results.filling import Compared, compared, filled
from leaderboard.results.origins import CHECKABLE, Origin
from leaderboard.results.result import Result, Results
from leaderboard.scoring.inputs import LinearModel
from leaderboard.scoring.metric import RANKING_SPLITS
from leaderboard.scoring.ranks import dense_ranks
from leaderboard.scoring.scores import Scores

if TYPE_CHECKING:
    from leaderboard.results.chances import BestByChance


@dataclass(frozen=True)
class RankedTable:
    """All rows on one zoo and target.

    Attributes:
        zoo: name of the zoo.
        zoo_digest: its digest.
        revision: its revision, as somebody knows it who checked it; else with a mark behind it.
        target: what is predicted.
        ranking: the split that ranks; None where no result is on a partition.
        splits: name → digest of the splits there are results on.
        rows: by rank, undefined last.
        results: predictor → split → result.
        origins: predictor → split → where the result comes from, of those that were merged.
        held_out: digest of the zoo that was held out from most predictors; None: none was.
        chance: what the best of its predictors has by chance; None: not known of these results.
    """

    zoo: str
    zoo_digest: str
    revision: str
    target: str
    ranking: str | None
    splits: dict[str, str]
    rows: tuple[Row, ...]
    results: dict[str, dict[str, Result]]
    origins: dict[str, dict[str, Origin]]
    held_out: str | None
    chance: "BestByChance | None" = None

    @property
    def ranked_by(self) -> str:
        """Key of the column that ranks."""
        return UNSEEN if self.held_out else RANKED_BY

    def claims(self, predictor: str) -> tuple[str, ...]:
        """What nobody checked of a predictor's results here, in the order of `CHECKABLE`."""
        return _claims(self.origins.get(predictor, {}).values())

    def networks(self, split: str) -> Compared:
        """The networks that any predictor here predicts on a split."""
        return compared(of[split] for of in self.results.values() if split in of)

    def ranked(self) -> Iterator[Result]:
        """The results on the ranking split, by rank."""
        for row in self.rows:
            if self.ranking in self.results[row.predictor]:
                yield self.results[row.predictor][self.ranking]


def ranked_tables(results: Sequence[Result]) -> list[RankedTable]:
    """Results as ranked tables, one for each zoo and target, sorted by these.

    Args:
        results: `Results` know which of them were merged, and what of these nobody checked; of
            other sequences all are taken as made here.

    Raises:
        ResultError: two results are of the same predictor and split, of different splits of one
            name, or give a network different targets.
    """
    by_table: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        key = (result.zoo, result.zoo_digest, result.target)
        by_table.setdefault(key, []).append(result)
    origin = results.origin if isinstance(results, Results) else lambda result: None
    return [_ranked_table(by_table[key], origin) for key in sorted(by_table)]


def ranked_rows(rows: Iterable[Row], by: str = RANKED_BY) -> list[Row]:
    """Rows with their ranks, the best first.

    They are ranked by one R²; those that are equal but for rounding share a rank and stand by
    name. Rows without it are not ranked and come last, by their mean sum of squared residuals.
    """
    ordered = sorted(rows, key=lambda row: _order(row, getattr(row, by)))
    ranking = [value for row in ordered if (value := getattr(row, by)) is not None]
    levels = dense_ranks(ranking).tolist()
    ranked = [
        replace(row, rank=1 + sum(other > level for other in levels))
        for row, level in zip(ordered, levels, strict=False)
    ]
    ranked.sort(key=lambda row: (row.rank, row.predictor))
    return [*ranked, *(replace(row, rank=None) for row in ordered[len(ranked) :])]


def row_on_one_split(row: Row, result: Result, networks: Compared) -> Row:
    """A row, not ranked, with all scores from the result of its predictor on one split.

    Args:
        row: of the table.
        result: of its predictor on the split.
        networks: that any predictor of the table predicts on the split.
    """
    on_all = filled(result, networks)
    return replace(
        row,
        rank=None,
        r2_filled=on_all.r2,
        missing=on_all.missing,
        # Of the table as a whole.
        r2_unseen=None,
        chance=None,
        **_cells(result.scores, SHOWN),
    )


def preferred_split(names: Iterable[str]) -> str:
    """The split to take for what is the same on every split.

    Args:
        names: of the splits that there are results on, at least one.
    """
    known = sorted(names)
    return next((name for name in RANKING_SPLITS if name in known), known[0])


def zoo_labels(tables: Sequence[RankedTable]) -> list[str]:
    """The zoo of each table: its name, with its digest too where zoos share a name."""
    digests: dict[str, set[str]] = {}
    for table in tables:
        digests.setdefault(table.zoo, set()).add(table.zoo_digest)
    return [
        table.zoo if len(digests[table.zoo]) == 1 else f"{table.zoo}@{table.zoo_digest[:12]}"
        for table in tables
    ]


def _ranked_table(
    results: Sequence[Result], origin: Callable[[Result], Origin | None]
) -> RankedTable:
    first = results[0]
    by_predictor: dict[str, dict[str, Result]] = {}
    splits: dict[str, str] = {}
    for result in sorted(results, key=lambda one: (one.predictor, one.split)):
        of_predictor = by_predictor.setdefault(result.predictor, {})
        if result.split in of_predictor:
            raise ResultError(
                f"two results of {result.predictor} on {result.split} of {result.zoo}; keep one"
            )
        of_predictor[result.split] = result
        if splits.setdefault(result.split, result.split_digest) != result.split_digest:
            raise ResultError(
                f"{result.predictor}: its split {result.split} of {result.zoo} is not that of "
                f"other results"
            )
    origins = {
        name: {split: known for split, result in of.items() if (known := origin(result))}
        for name, of in by_predictor.items()
    }
    table = RankedTable(
        first.zoo,
        first.zoo_digest,
        _revision(by_predictor, origins),
        first.target,
        _first_of(RANKING_SPLITS, splits),
        dict(sorted(splits.items())),
        (),
        by_predictor,
        origins,
        _held_out(origins),
    )
    networks = table.networks(table.ranking) if table.ranking else None
    rows = (_row(table, name, networks) for name in by_predictor)
    return replace(table, rows=tuple(ranked_rows(rows, table.ranked_by)))


def _held_out(origins: Mapping[str, Mapping[str, Origin]]) -> str | None:
    """The zoo that most predictors were scored on without having it."""
    counts = Counter(
        digest
        for of in origins.values()
        for digest in {origin.unseen.zoo_digest for origin in of.values() if origin.unseen}
    )
    return min(counts, key=lambda digest: (-counts[digest], digest), default=None)


def _revision(
    by_predictor: Mapping[str, Mapping[str, Result]], origins: Mapping[str, Mapping[str, Origin]]
) -> str:
    """The revision that a result names and whose word is not its author's alone."""
    named = [
        (result.revision, name in origins and "revision" in _claims(origins[name].values()))
        for name, of in by_predictor.items()
        for result in of.values()
        if result.revision
    ]
    checked = (revision for revision, claimed in named if not claimed)
    return next(checked, "") or next((revision + MARK for revision, _ in named), "")


def _row(table: RankedTable, name: str, networks: Compared | None) -> Row:
    """The row of a predictor, not ranked.

    Args:
        table: without rows.
        name: of the predictor.
        networks: that any predictor predicts on the ranking split.
    """
    of_predictor = table.results[name]
    preferred = of_predictor[preferred_split(of_predictor)]
    scores: dict[str, Any] = {}
    for score, metric in SHOWN.items():
        splits = metric.basis.splits
        split = _first_of(splits, table.splits) if splits else preferred.split
        result = of_predictor.get(split or "")
        scores |= _cells(result.scores if result else None, [score])
    ranking = of_predictor.get(table.ranking or "")
    on_all = filled(ranking, networks) if ranking and networks else None
    claims = table.claims(name)
    return Row(
        rank=None,
        predictor=preferred.predictor,
        paper=preferred.paper + MARK * bool("paper" in claims and preferred.paper),
        access=preferred.access + MARK * ("access" in claims),
        r2_filled=on_all and on_all.r2,
        missing=on_all and on_all.missing,
        directions=_directions(preferred.model) if preferred.model else None,
        measured=len(preferred.targets),
        dropped=len(preferred.dropped),
        seconds=preferred.seconds,
        epochs=preferred.epochs,
        **_standing(table, name),
        **scores,
    )


def _standing(table: RankedTable, name: str) -> dict[str, Any]:
    """Cells of a row that say where its results come from: the worst of them counts."""
    origins = table.origins[name]
    chances = [origins[split].chance for split in (table.ranking,) if split in origins]
    unseen = [
        origin.unseen.r2
        for origin in origins.values()
        if origin.unseen and origin.unseen.zoo_digest == table.held_out
    ]
    claimed = table.claims(name)
    return {
        "chance": chances[0] if chances else None,
        UNSEEN: unseen[0] if unseen else None,
        "checked": _checked(list(origins.values()), claimed),
        "claimed": ", ".join(claimed),
        "since": min((one.first for one in origins.values()), default=""),
        "submissions": max((one.submissions for one in origins.values()), default=None),
    }


def _checked(origins: Sequence[Origin], claimed: Sequence[str]) -> str:
    """How many networks were measured again for the result with the fewest, in words."""
    if not origins:
        return HERE
    again = [origin.again for origin in origins if origin.again]
    if len(again) < len(origins) or {"signatures", "zoo"} & set(claimed):
        return CLAIMED
    least = min(again, key=lambda one: one.networks)
    return f"{least.networks} of {least.of}"


def _claims(origins: Iterable[Origin]) -> tuple[str, ...]:
    claimed = {claim for origin in origins for claim in origin.claimed}
    return tuple(claim for claim in CHECKABLE if claim in claimed)


def _directions(model: LinearModel) -> str:
    return f"{model.rank} of {model.rank + model.lost}" if model.lost else str(model.rank)


def _cells(scores: Scores | None, names: Iterable[str]) -> dict[str, Any]:
    """Cells of a row, by column, from the scores on one split; None without scores."""
    cells: dict[str, Any] = {}
    for name in names:
        cells[name] = getattr(scores, name, None)
        if name == WITH_INTERVAL:
            interval = ((scores and scores.intervals) or {}).get(name)
            cells["r2_low"] = interval and interval.low
            cells["r2_high"] = interval and interval.high
    return cells


def _first_of(preferred: Iterable[str], splits: Iterable[str]) -> str | None:
    known = set(splits)
    return next((name for name in preferred if name in known), None)


def _order(row: Row, ranking: float | None) -> tuple[bool, float, bool, float, str]:
    return (
        ranking is None,
        -(ranking or 0.0),
        row.ssr_mean is None,
        row.ssr_mean or 0.0,
        row.predictor,
    )
