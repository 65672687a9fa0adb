"""Rows of the leaderboard: the results of a predictor merged over splits, and ranked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from demogen.errors import SubmissionError
from leaderboard.results.result import Result
from leaderboard.scoring.scores import Scores

UNDEFINED = "\u2013"

RANKING_SPLITS = ("grouped-kfold-10", "leave-one-out", "kfold-10")
"""The first of these that a table has results on ranks it."""


@dataclass(frozen=True)
class Row:
    """One predictor. Its fields are the columns of the table; None: undefined."""

    rank: int | None
    predictor: str
    paper: str
    access: str
    r2_pooled: float | None
    r2_low: float | None
    r2_high: float | None
    r2_fold_mean: float | None
    fit_adjusted_r2: float | None
    mse: float | None
    rmse_points: float | None
    pearson: float | None
    spearman: float | None
    kendall: float | None
    granulated_kendall: float | None
    information: float | None
    sign_error_worst: float | None
    ssr_mean: float | None
    ssr_max: float | None
    test_networks: float | None
    measured: int
    dropped: int
    seconds: float | None
    epochs: float | None


@dataclass(frozen=True)
class Column:
    """A column: which field of a row it shows, and how.

    Attributes:
        key: name of the field of `Row`.
        heading: short.
        explanation: one or two sentences, for tooltips, legends and the documentation.
        direction: which values are better; None for those that are not judged.
        format: defined value → text.
        brief: whether the Markdown table has it; CSV and page have all.
    """

    key: str
    heading: str
    explanation: str
    direction: Literal["up", "down"] | None
    format: Callable[[Any], str]
    brief: bool = True

    def text(self, row: Row) -> str:
        """The cell of a row; a dash where undefined."""
        value = getattr(row, self.key)
        return UNDEFINED if value is None or value == "" else self.format(value)

    @property
    def numeric(self) -> bool:
        """Whether cells are aligned as numbers."""
        return self.key not in ("predictor", "paper", "access")


def decimals(value: float) -> str:
    """Three decimals; far below zero, two digits: nobody compares such values.

    >>> decimals(0.12345), decimals(-0.0001), decimals(-123456.0)
    ('0.123', '0.000', '-1.2e+05')
    """
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.1e}"


def digits(value: float) -> str:
    """Three significant digits, without an exponent where that is short.

    >>> digits(0.1), digits(0.0000351), digits(12345.0), digits(8.0)
    ('0.100', '3.5e-05', '12345', '8.00')
    """
    if 1000 <= abs(value) < 1e6:
        return f"{value:.0f}"
    short = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:#.3g}".rstrip(".") if short else f"{value:.1e}"


COLUMNS = (
    Column("rank", "Rank", "By pooled R²; predictors without one are not ranked.", None, str),
    Column("predictor", "Predictor", "Name under which it is installed.", None, str),
    Column("paper", "Paper", "Where the predictor comes from.", None, str),
    Column("access", "Reads", "What the measure reads of a network.", None, str),
    Column(
        "r2_pooled",
        "R² pooled",
        "R² of all out-of-fold predictions together, on the ranking split: grouped-kfold-10, where "
        "copies of one configuration stay together (leave-one-out in small zoos). A constant "
        "predictor scores a little below 0.",
        "up",
        decimals,
    ),
    Column(
        "r2_low",
        "from",
        "Lower end of the 95 % bootstrap interval of pooled R²: configurations with all their "
        "copies are drawn from the out-of-fold predictions 1,000 times; nothing is fitted again.",
        None,
        decimals,
    ),
    Column("r2_high", "to", "Upper end of that interval.", None, decimals),
    Column(
        "r2_fold_mean",
        "R² k-fold",
        "Mean over folds of the held-out R² within each fold of kfold-10, as the papers report it.",
        "up",
        decimals,
    ),
    Column(
        "fit_adjusted_r2",
        "Adj. R²",
        "Adjusted R² of the fit on all measured networks, where nothing is held out; its number of "
        "parameters is the rank of what was fitted.",
        "up",
        decimals,
    ),
    Column("mse", "MSE", "Mean squared error out of fold, ranking split.", "down", digits, False),
    Column(
        "rmse_points",
        "RMSE, pp",
        "100 times the root mean squared error out of fold, ranking split: percentage points where "
        "the target is a gap or an accuracy.",
        "down",
        digits,
    ),
    Column(
        "pearson",
        "Pearson",
        "Correlation of out-of-fold predictions and targets, ranking split. A constant predictor "
        "is below 0: the mean of the other folds moves against the fold left out.",
        "up",
        decimals,
    ),
    Column(
        "spearman",
        "Spearman",
        "Rank correlation of out-of-fold predictions and targets, ranking split.",
        "up",
        decimals,
        False,
    ),
    Column(
        "kendall",
        "Kendall",
        "Kendall's rank correlation (b) of out-of-fold predictions and targets, ranking split: "
        "the share of pairs of networks ordered rightly less that ordered wrongly.",
        "up",
        decimals,
    ),
    Column(
        "granulated_kendall",
        "Granulated",
        "The same over pairs of networks that differ in one factor alone, mean over factors "
        "(Jiang et al. 2020), ranking split.",
        "up",
        decimals,
        False,
    ),
    Column(
        "information",
        "CMI",
        "Conditional mutual information of the signs of differences, normalized, the least over "
        "sets of at most two factors (PGDL), ranking split. It does not see direction: a reversed "
        "perfect predictor has 1, too.",
        "up",
        decimals,
    ),
    Column(
        "sign_error_worst",
        "Worst sign error",
        "Largest share of pairs ordered wrongly (ties count half) over environments that differ in "
        "one factor (Dziugaite et al. 2020), ranking split.",
        "down",
        decimals,
    ),
    Column(
        "ssr_mean",
        "SSR mean",
        "Sum of squared residuals over the test networks, mean over the 100 divisions of "
        "holdout-100.",
        "down",
        digits,
    ),
    Column("ssr_max", "SSR max", "The largest of the 100 sums.", "down", digits, False),
    Column(
        "test_networks",
        "SSR over",
        "Test networks in a division of holdout-100, which SSR sums over.",
        None,
        "{:.3g}".format,
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
    ),
)


POOLED = (
    "r2_pooled",
    "r2_low",
    "r2_high",
    "mse",
    "rmse_points",
    "pearson",
    "spearman",
    "kendall",
    "granulated_kendall",
    "information",
    "sign_error_worst",
)
"""Cells of the ranking split."""

DIVISIONS = ("ssr_mean", "ssr_max", "test_networks")
"""Cells of holdout-100."""

SCORED = (*POOLED, "r2_fold_mean", *DIVISIONS, "fit_adjusted_r2")
"""All cells that scores fill."""


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
        SubmissionError: two results are of the same predictor and split, or of different splits of
            one name.
    """
    together: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        key = (result.zoo, result.zoo_digest, result.target)
        together.setdefault(key, []).append(result)
    return [_ranked_table(together[key]) for key in sorted(together)]


def _ranked_table(results: Sequence[Result]) -> RankedTable:
    first = results[0]
    by_predictor: dict[str, dict[str, Result]] = {}
    splits: dict[str, str] = {}
    for result in sorted(results, key=lambda one: (one.predictor, one.split)):
        of_predictor = by_predictor.setdefault(result.predictor, {})
        if result.split in of_predictor:
            raise SubmissionError(
                f"two results of {result.predictor} on {result.split} of {result.zoo}; keep one"
            )
        of_predictor[result.split] = result
        if splits.setdefault(result.split, result.split_digest) != result.split_digest:
            raise SubmissionError(
                f"{result.predictor}: its split {result.split} of {result.zoo} is not that of "
                f"other results"
            )
    ranking = next((name for name in RANKING_SPLITS if name in splits), None)
    rows = [_row(of_predictor, ranking) for of_predictor in by_predictor.values()]
    rows.sort(key=lambda row: (row.r2_pooled is None, -(row.r2_pooled or 0), row.predictor))
    ranked = (row if row.r2_pooled is None else replace(row, rank=_rank(row, rows)) for row in rows)
    return RankedTable(
        first.zoo,
        first.zoo_digest,
        first.revision,
        first.target,
        ranking,
        dict(sorted(splits.items())),
        tuple(ranked),
        by_predictor,
    )


def _rank(row: Row, rows: Sequence[Row]) -> int:
    """1 and the number of better rows: equal scores share a rank."""
    own = row.r2_pooled
    return 1 + sum(
        other.r2_pooled is not None and own is not None and other.r2_pooled > own for other in rows
    )


def _row(of_predictor: dict[str, Result], ranking: str | None) -> Row:
    main = of_predictor.get(ranking or "")
    folds = of_predictor.get("kfold-10")
    divisions = of_predictor.get("holdout-100")
    any_result = main or next(iter(of_predictor.values()))
    return Row(
        rank=None,
        predictor=any_result.predictor,
        paper=any_result.paper,
        access=any_result.access,
        **cells(main.scores if main else None, POOLED),
        **cells(folds.scores if folds else None, ("r2_fold_mean",)),
        **cells(divisions.scores if divisions else None, DIVISIONS),
        fit_adjusted_r2=any_result.scores.fit_adjusted_r2,
        measured=len(any_result.targets),
        dropped=len(any_result.dropped),
        seconds=any_result.seconds,
        epochs=any_result.epochs,
    )


def cells(scores: Scores | None, names: Sequence[str]) -> dict[str, Any]:
    """Cells of a row, by name, from the scores on one split; None without scores."""
    if scores is None:
        return dict.fromkeys(names)
    interval = (scores.intervals or {}).get("r2_pooled")
    ends = {
        "r2_low": interval.low if interval else None,
        "r2_high": interval.high if interval else None,
    }
    return {name: ends[name] if name in ends else getattr(scores, name) for name in names}
