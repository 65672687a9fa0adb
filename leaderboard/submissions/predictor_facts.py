"""What a predictor is: stated by results, by submitted code, and by an installed package."""

from typing import TYPE_CHECKING, Any, Self

from demogen.measuring.measure_identity import MeasureIdentity
from demogen.schema.records import Frozen
from leaderboard.fitting.regressor_text import regressor_to_text

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor
    from leaderboard.results.result import Result


class PredictorFacts(Frozen):
    """Two predictors with the same facts give the same results."""

    predictor: str
    """Its name."""
    measure: MeasureIdentity
    access: str
    """What its measure reads beyond the weights."""
    columns: tuple[str, ...] | None
    """Features given to the regressor, in this order; None: all of the measure."""
    regressor: str
    """Text of the unfitted regressor."""

    @classmethod
    def of(cls, predictor: "Predictor") -> Self:
        """The facts of a predictor whose code is at hand."""
        return cls(
            predictor=predictor.name,
            measure=MeasureIdentity.of(predictor.measure),
            access=str(predictor.measure.access),
            columns=None if predictor.columns is None else tuple(predictor.columns),
            regressor=regressor_to_text(predictor.regressor),
        )

    @classmethod
    def claimed(cls, result: "Result", regressor: Any) -> Self:
        """The facts that a result claims.

        Args:
            result: of the predictor.
            regressor: what the result's text of the regressor describes. Its text as written here
                is compared, for another scikit-learn may have other defaults.
        """
        return cls(
            predictor=result.predictor,
            measure=result.measure,
            access=result.access,
            columns=result.columns,
            regressor=regressor_to_text(regressor),
        )

    def first_difference(self, other: "PredictorFacts") -> tuple[str, object, object] | None:
        """Name of the first fact in which two predictors differ, its value here and there.

        Columns do not differ where only one of the two states them.
        """
        for name in type(self).model_fields:
            here, there = getattr(self, name), getattr(other, name)
            if here != there and not (name == "columns" and None in (here, there)):
                return name, here, there
        return None
