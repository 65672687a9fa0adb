"""Columns of the leaderboard's tables, and the row that has a field for each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, Literal

from leaderboard.scoring.metric import Metric, digits
from leaderboard.scoring.scores import METRICS

UNDEFINED = "\u2013"

WITH_INTERVAL = "r2_pooled"
"""The score whose interval has columns, too."""

RANKED_BY = "r2_filled"
"""The column that ranks, where no zoo was held out."""

UNSEEN = "r2_unseen"
"""The column that ranks where one was."""

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
                "fold stands in: to leave a network out is to predict the mean.",
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
                UNSEEN,
                "R² unseen",
                "R² on a zoo that whoever submitted did not have: the submitted code measured it, "
                "and the regressor was fitted to the signatures of the table's zoo. Where any row "
                "has it, it ranks.",
                "up",
                metric.text,
                brief=False,
                undefined="no zoo was held out, or another one than for most rows",
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
    Column(
        "rank",
        "Rank",
        "By R² unseen where a zoo was held out, else by R² of all; predictors without it are not "
        "ranked.",
        None,
        str,
    ),
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
        r2_filled: float | None
        missing: int | None
        r2_unseen: float | None
        chance: float | None
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
