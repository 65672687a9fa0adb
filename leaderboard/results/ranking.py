"""Rows of the leaderboard: the results of a predictor merged over splits, and ranked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, make_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from demogen.errors import ResultError
from leaderboard.results.filling import Compared, compared, filled
from leaderboard.results.origins import CHECKABLE, Origin
from leaderboard.results.result import Result, Results
from leaderboard.scoring.inputs import LinearModel
from leaderboard.scoring.metric import RANKING_SPLITS, Metric
from leaderboard.scoring.metric import decimals as decimals
from leaderboard.scoring.metric import digits as digits
from leaderboard.scoring.ranks import dense_ranks
from leaderboard.scoring.scores import METRICS, Scores

UNDEFINED = "\u2013"

WITH_INTERVAL = "r2_pooled"
"""The score whose interval has columns, too."""

RANKED_BY = "r2_filled"
"""The column that ranks."""

HERE = "here"
CLAIMED = "claimed"
MARK = f" ({CLAIMED})"
"""Stands behind what nobody checked."""


@dataclass(frozen=True)
class Column:
    """A column: which field of a row it shows, and how.

    Attributes:
        key: name of the field of `Row`.
        heading: short.
        explanation: one or two sentences, for tooltips, legends and the documentation.
        direction: which values are better; None where neither are.
        format: defined value → text.
        brief: whether the Markdown table has it; CSV and page have all.
        undefined: where there is no value, in words; "" where there always is one.
    """

    key: str
    heading: str
    explanation: str
    direction: Literal["up", "down"] | None
    format: Callable[[Any], str]
    brief: bool = True
    undefined: str = ""

    def why_undefined(self, row: "Row") -> str:
        """Why the cell of a row is a dash; "" where it is none, or where that speaks for itself."""
        return self.undefined if self.text(row) == UNDEFINED else ""

    def text(self, row: "Row") -> str:
        """The cell of a row; a dash where undefined, and a mark behind what is only claimed."""
        value = getattr(row, self.key)
        if value is None or value == "":
            return UNDEFINED
        claimed = isinstance(value, float) and self.key in row.claimed.split(", ")
        return self.format(value) + MARK * claimed

    @property
    def numeric(self) -> bool:
        """Whether cells are aligned as numbers."""
        return self.key not in ("predictor", "paper", "access", "checked", "claimed", "since")


SHOWN: Mapping[str, Metric] = {name: metric for name, metric in METRICS.items() if metric.heading}
"""Scores that have a column."""


def _score_columns() -> Iterator[Column]:
    for name, metric in SHOWN.items():
        yield Column(
            name,
            metric.heading,
            metric.explanation,
            metric.direction,
            metric.text,
            metric.brief,
            _where_undefined(metric),
        )
        if name == WITH_INTERVAL:
            yield Column(
                "r2_low",
                "from",
                "Lower end of the 95 % bootstrap interval of pooled R²: configurations with all "
                "their copies are drawn from the out-of-fold predictions 1,000 times; nothing is "
                "fitted again.",
                None,
                metric.text,
            )
            yield Column("r2_high", "to", "Upper end of that interval.", None, metric.text)
            yield Column(
                RANKED_BY,
                "R² of all",
                "What ranks: pooled R² over all networks that any predictor of the table predicts. "
                "Where this one has no prediction, the mean target of the networks outside of the "
                "fold stands in, so that nobody gains by leaving hard networks out.",
                "up",
                metric.text,
                undefined="nothing predicted; constant target",
            )
            yield Column(
                "missing",
                "Missing",
                "How many of those networks this predictor does not predict.",
                None,
                str,
            )
            yield Column(
                "chance",
                "p",
                "Permutation test: the share of fits to gaps dealt out among configurations at "
                "random that score at least this pooled R². It does not know how many predictors "
                "were tried before this one.",
                "down",
                digits,
                brief=False,
                undefined="no merged submission, or merged without the test",
            )


def _where_undefined(metric: Metric) -> str:
    splits = metric.basis.splits
    without = f"no result on {' or '.join(splits)}" if splits else ""
    return "; or ".join(filter(None, (metric.undefined, without)))


COLUMNS = (
    Column("rank", "Rank", "By R² of all; predictors without one are not ranked.", None, str),
    Column("predictor", "Predictor", "Name under which it is installed.", None, str),
    Column("paper", "Paper", "Where the predictor comes from.", None, str),
    Column("access", "Reads", "What the measure reads of a network.", None, str),
    *_score_columns(),
    Column(
        "directions",
        "Fitted",
        "Independent columns that the fit on all networks uses; 'k of n' where n columns vary and "
        "plain least squares cannot tell n − k of them from the others.",
        None,
        str,
        brief=False,
        undefined="a regressor that is not linear",
    ),
    Column("measured", "Measured", "Networks with a signature.", None, str),
    Column(
        "dropped",
        "Dropped",
        "Networks without a signature or without the target; they are left out of every fold.",
        None,
        str,
    ),
    Column("seconds", "s/network", "Median seconds to measure one network.", "down", digits),
    Column(
        "epochs",
        "Epochs",
        "That time as a part of one training epoch of the same network on the same machine, "
        "median over networks.",
        "down",
        digits,
        undefined="measures that read no images, and networks measured before epochs were timed",
    ),
    Column(
        "checked",
        "Checked",
        "How many networks of a submission whoever merged it measured again; 'here': the row was "
        "made where the table is; 'claimed': nothing was measured again, or without a zoo to "
        "compare with, and the whole row is its author's word.",
        None,
        str,
    ),
    Column(
        CLAIMED,
        "Claimed",
        "What nobody checked of a submission: its author's word.",
        None,
        str,
        brief=False,
        undefined="nothing: made where the table is, or all of it checked",
    ),
    Column(
        "since",
        "Since",
        "Day of the predictor's first submission.",
        None,
        str,
        brief=False,
        undefined="no submission",
    ),
    Column(
        "submissions",
        "Submissions",
        "How many submissions on this leaderboard share an author or the measure with it: the more "
        "were tried, the less the best of them says.",
        None,
        str,
        brief=False,
        undefined="no submission",
    ),
)

if TYPE_CHECKING:

    @dataclass(frozen=True)
    class Row:
        """What the type checker knows of a row: `__getattr__` stands for the scores."""

        rank: int | None
        predictor: str
        paper: str
        access: str
        directions: str | None
        measured: int
        dropped: int
        seconds: float | None
        epochs: float | None
        checked: str
        claimed: str
        since: str
        submissions: int | None

        def __getattr__(self, score: str) -> float | None: ...
else:
    Row = make_dataclass(
        "Row",
        [column.key for column in COLUMNS],
        frozen=True,
        namespace={"__doc__": "One predictor: a field for each column; None where undefined."},
    )


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


def ranked_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows with their ranks, the best first.

    They are ranked by R² of all; those that are equal but for rounding share a rank and stand by
    name. Rows without it are not ranked and come last, by their mean sum of squared residuals.
    """
    ordered = sorted(rows, key=_order)
    ranking = [row.r2_filled for row in ordered if row.r2_filled is not None]
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
        **_cells(result.scores, SHOWN),
    )


def preferred_split(names: Iterable[str]) -> str:
    """The split to take for what is the same on every split.

    Args:
        names: of the splits that there are results on, at least one.
    """
    known = sorted(names)
    return next((name for name in RANKING_SPLITS if name in known), known[0])


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
    )
    networks = table.networks(table.ranking) if table.ranking else None
    rows = (_row(table, name, networks) for name in by_predictor)
    return replace(table, rows=tuple(ranked_rows(rows)))


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
    claimed = table.claims(name)
    again = [origin.again for origin in origins.values()]
    least = min((one for one in again if one), key=lambda one: one.networks, default=None)
    known = None not in again and least and not {"signatures", "zoo"} & set(claimed)
    return {
        "chance": chances[0] if chances else None,
        "checked": HERE if not origins else f"{least.networks} of {least.of}" if known else CLAIMED,
        "claimed": ", ".join(claimed),
        "since": min((one.first for one in origins.values()), default=""),
        "submissions": max((one.submissions for one in origins.values()), default=None),
    }


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


def _order(row: Row) -> tuple[bool, float, bool, float, str]:
    return (
        row.r2_filled is None,
        -(row.r2_filled or 0.0),
        row.ssr_mean is None,
        row.ssr_mean or 0.0,
        row.predictor,
    )
