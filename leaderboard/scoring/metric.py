"""One entry of the table of scores: what it computes, of which predictions, and how it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from leaderboard.scoring.bootstrap import Statistic
from leaderboard.scoring.inputs import Pooled, ScoreInputs, finite
from leaderboard.scoring.metrics import Vector
from leaderboard.scoring.resampled import Counts

RANKING_SPLITS = ("grouped-kfold-10", "leave-one-out", "kfold-10")
"""Splits by preference: the first of these that a table has results on ranks it, and the first that
a predictor has a result on tells what is the same on every split."""


@dataclass(frozen=True)
class Basis:
    """Which predictions a score is computed from.

    Attributes:
        arguments: inputs → arguments of the score's function; None where the inputs have none, as
            those of a holdout have no pooled predictions.
        values: which values of `Pooled` the arguments are, beside the targets; empty: other ones.
        splits: whose score a row of the leaderboard shows, the first of them that its table has
            results on; empty: any, for what is the same on every split.
    """

    arguments: Callable[[ScoreInputs], tuple[Any, ...] | None]
    splits: tuple[str, ...] = ()
    values: str = ""


@dataclass(frozen=True)
class Metric:
    """How one score is computed, checked and shown.

    Attributes:
        basis: which predictions it is computed from.
        function: arguments of the basis → score; None, NaN or infinity where not defined.
        explanation: one or two sentences, for tooltips, legends and the documents.
        undefined: where the score is not defined, in words.
        heading: of its column, short; empty: it has none.
        direction: which values are better; None where neither are.
        text: defined value → text of a cell.
        brief: whether the Markdown table has the column; CSV and page have all.
        resampled: the function for many bootstrap samples at once; None: no interval.
        compares_pairs: whether `resampled` takes quadratic time, and is left out of large zoos.
        sums_squares: whether nothing cancels in the score, so that it is known to a relative
            precision however small it is.
    """

    basis: Basis
    function: Callable[..., Any]
    explanation: str
    undefined: str = ""
    heading: str = ""
    direction: Literal["up", "down"] | None = None
    text: Callable[[Any], str] = str
    brief: bool = True
    resampled: Callable[[Vector, Vector, Counts], Vector] | None = None
    compares_pairs: bool = False
    sums_squares: bool = False

    def value(self, inputs: ScoreInputs) -> Any:
        """The score of some inputs; None where it is not defined."""
        arguments = self.basis.arguments(inputs)
        if arguments is None:
            return None
        value = self.function(*arguments)
        return finite(value) if isinstance(value, float) else value

    @property
    def statistic(self) -> Statistic | None:
        """The score as the bootstrap takes it."""
        if self.resampled is None:
            return None
        return Statistic(self.function, self.resampled, self.direction == "up", self.basis.values)


def decimals(value: float) -> str:
    """Three decimals; far below zero, two digits: nobody compares such values.

    >>> decimals(0.12345), decimals(-0.0001), decimals(-123456.0)
    ('0.123', '0.000', '-1.2e+05')
    """
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.1e}"


def count(value: float) -> str:
    """A number of things, or a mean of such numbers: whole, or with one decimal.

    >>> count(1250.0), count(9.6)
    ('1250', '9.6')
    """
    return f"{value:.1f}".removesuffix(".0")


def digits(value: float) -> str:
    """Three significant digits, without an exponent where that is short.

    >>> digits(0.1), digits(0.0000351), digits(12345.0), digits(8.0)
    ('0.100', '3.5e-05', '12345', '8.00')
    """
    if 1000 <= abs(value) < 1e6:
        return f"{value:.0f}"
    short = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:#.3g}".rstrip(".") if short else f"{value:.1e}"


def _pooled(values: str) -> Basis:
    """Targets and values of `Pooled`."""

    def arguments(inputs: ScoreInputs) -> tuple[Any, ...] | None:
        pooled = inputs.pooled
        return None if pooled is None else (pooled.targets, getattr(pooled, values))

    return Basis(arguments, RANKING_SPLITS, values)


def _agreement(pooled: Pooled | None) -> tuple[Any, ...] | None:
    return (pooled.agreement,) if pooled and pooled.targets else None


def _given(whole: Any) -> tuple[Any, ...] | None:
    return None if whole is None else (whole,)


def _divisions(inputs: ScoreInputs) -> tuple[Any, ...] | None:
    return (inputs.by_fold,) if inputs.kind == "holdout" else None


def _averaged(inputs: ScoreInputs) -> tuple[Any, ...] | None:
    # R² within a level is against the variance of that level alone, and levels differ by design.
    return (inputs.defined_r2s,) if inputs.defined_r2s and inputs.kind != "levels" else None


POOLED = _pooled("predictions")
"""Targets and all out-of-fold predictions together, of splits that test each network once."""

STANDARDIZED = _pooled("standardized")
"""The same, predictions in units of their fold's regressor (`Pooled.standardized`)."""

PLACED = _pooled("places")
"""The same, places in place of predictions (`Pooled.places`): what only the folds' means produce is
no order of the networks."""

COMPARED = Basis(lambda inputs: _agreement(inputs.pooled), RANKING_SPLITS)
"""The `Agreement` of the same, whose comparisons by factors several scores share."""

MEASURED = Basis(lambda inputs: _given(inputs.measured))
"""The `Agreement` of a measure of one column itself, on all measured networks, nothing fitted."""

ROBUST = Basis(lambda inputs: _given(inputs.robust_sign_errors))
"""Its sign errors over pairs of configurations."""

RESAMPLED = Basis(lambda inputs: _given(inputs.pooled), RANKING_SPLITS)
"""The `Pooled` of all out-of-fold predictions."""

AVERAGED = Basis(_averaged, ("kfold-10",))
"""Held-out R² of the folds where it is defined; not of splits whose folds are levels."""

DIVISIONS = Basis(_divisions, ("holdout-100",))
"""Targets and predictions of each division of a holdout."""

FIT = Basis(lambda inputs: inputs.of_fit)
"""Targets and predictions of the fit on all measured networks, where nothing is held out."""

EVERYTHING = Basis(lambda inputs: (inputs,))
"""The inputs as they are."""
