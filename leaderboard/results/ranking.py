"""Rows of the leaderboard: the results of a predictor merged over splits, and ranked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, make_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from demogen.errors import ResultError
from leaderboard.results.result import Result
from leaderboard.scoring.inputs import LinearModel
from leaderboard.scoring.metric import RANKING_SPLITS, Metric
from leaderboard.scoring.metric import decimals as decimals
from leaderboard.scoring.metric import digits as digits
from leaderboard.scoring.ranks import dense_ranks
from leaderboard.scoring.scores import METRICS, Scores

UNDEFINED = "\u2013"

RANKED_BY = "r2_pooled"
"""The score that ranks; its interval has columns, too."""


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
        """The cell of a row; a dash where undefined."""
        value = getattr(row, self.key)
        return UNDEFINED if value is None or value == "" else self.format(value)

    @property
    def numeric(self) -> bool:
        """Whether cells are aligned as numbers."""
        return self.key not in ("predictor", "paper", "access")


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
        if name == RANKED_BY:
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


def _where_undefined(metric: Metric) -> str:
    splits = metric.basis.splits
    without = f"no result on {' or '.join(splits)}" if splits else ""
    return "; or ".join(filter(None, (metric.undefined, without)))


COLUMNS = (
    Column("rank", "Rank", "By pooled R²; predictors without one are not ranked.", None, str),
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
        revision: its revision.
        target: what is predicted.
        ranking: the split that ranks; None where no result is on a partition.
        splits: name → digest of the splits there are results on.
        rows: by rank, undefined last.
        results: predictor → split → result.
    """

    zoo: str
    zoo_digest: str
    revision: str
    target: str
    ranking: str | None
    splits: dict[str, str]
    rows: tuple[Row, ...]
    results: dict[str, dict[str, Result]]

    def ranked(self) -> Iterator[Result]:
        """The results on the ranking split, by rank."""
        for row in self.rows:
            if self.ranking in self.results[row.predictor]:
                yield self.results[row.predictor][self.ranking]


def ranked_tables(results: Sequence[Result]) -> list[RankedTable]:
    """Results as ranked tables, one for each zoo and target, sorted by these.

    Raises:
        ResultError: two results are of the same predictor and split, or of different splits of
            one name.
    """
    by_table: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        key = (result.zoo, result.zoo_digest, result.target)
        by_table.setdefault(key, []).append(result)
    return [_ranked_table(by_table[key]) for key in sorted(by_table)]


def ranked_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows with their ranks, the best first.

    They are ranked by pooled R²; those that are equal but for rounding share a rank and stand by
    name. Rows without it are not ranked and come last, by their mean sum of squared residuals.
    """
    ordered = sorted(rows, key=_order)
    pooled = [row.r2_pooled for row in ordered if row.r2_pooled is not None]
    levels = dense_ranks(pooled).tolist()
    ranked = [
        replace(row, rank=1 + sum(other > level for other in levels))
        for row, level in zip(ordered, levels, strict=False)
    ]
    ranked.sort(key=lambda row: (row.rank, row.predictor))
    return [*ranked, *(replace(row, rank=None) for row in ordered[len(ranked) :])]


def row_on_one_split(row: Row, result: Result) -> Row:
    """A row, not ranked, with all scores from the result of its predictor on one split."""
    return replace(row, rank=None, **_cells(result.scores, SHOWN))


def preferred_split(names: Iterable[str]) -> str:
    """The split to take for what is the same on every split.

    Args:
        names: of the splits that there are results on, at least one.
    """
    known = sorted(names)
    return next((name for name in RANKING_SPLITS if name in known), known[0])


def _ranked_table(results: Sequence[Result]) -> RankedTable:
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
    return RankedTable(
        first.zoo,
        first.zoo_digest,
        first.revision,
        first.target,
        _first_of(RANKING_SPLITS, splits),
        dict(sorted(splits.items())),
        tuple(ranked_rows(_row(of_predictor, splits) for of_predictor in by_predictor.values())),
        by_predictor,
    )


def _row(of_predictor: Mapping[str, Result], splits: Iterable[str]) -> Row:
    """The row of a predictor, not ranked, in a table with results on these splits."""
    preferred = of_predictor[preferred_split(of_predictor)]
    scores: dict[str, Any] = {}
    for name, metric in SHOWN.items():
        split = _first_of(metric.basis.splits, splits) if metric.basis.splits else preferred.split
        result = of_predictor.get(split or "")
        scores |= _cells(result.scores if result else None, [name])
    return Row(
        rank=None,
        predictor=preferred.predictor,
        paper=preferred.paper,
        access=preferred.access,
        directions=_directions(preferred.model) if preferred.model else None,
        measured=len(preferred.targets),
        dropped=len(preferred.dropped),
        seconds=preferred.seconds,
        epochs=preferred.epochs,
        **scores,
    )


def _directions(model: LinearModel) -> str:
    return f"{model.rank} of {model.rank + model.lost}" if model.lost else str(model.rank)


def _cells(scores: Scores | None, names: Iterable[str]) -> dict[str, Any]:
    """Cells of a row, by column, from the scores on one split; None without scores."""
    cells: dict[str, Any] = {}
    for name in names:
        cells[name] = getattr(scores, name, None)
        if name == RANKED_BY:
            interval = ((scores and scores.intervals) or {}).get(name)
            cells["r2_low"] = interval and interval.low
            cells["r2_high"] = interval and interval.high
    return cells


def _first_of(preferred: Iterable[str], splits: Iterable[str]) -> str | None:
    known = set(splits)
    return next((name for name in preferred if name in known), None)


def _order(row: Row) -> tuple[bool, float, bool, float, str]:
    return (
        row.r2_pooled is None,
        -(row.r2_pooled or 0.0),
        row.ssr_mean is None,
        row.ssr_mean or 0.0,
        row.predictor,
    )
