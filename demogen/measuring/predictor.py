"""Measure, Predictor, and finding predictors by name."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, final

from sklearn.base import BaseEstimator, RegressorMixin, clone

from demogen._util.lookup import lookup
from demogen.errors import PredictorError
from demogen.measuring.least_squares import LeastSquares
from demogen.measuring.passes import Passes
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule

if TYPE_CHECKING:
    import numpy as np

    from demogen.schema.records import NetworkSpec

__all__ = ["Access", "Measure", "Predictor", "get_predictor", "list_predictors"]

PREDICTORS = "demogen.predictors"
"""Entry-point group: name → Predictor; of the baselines as of any package."""

Signature = Mapping[str, float]
"""A measure's outcome for one network: feature name → finite number."""


class Measure(BaseEstimator, ABC):  # type: ignore[misc]
    """Numbers computed from one network without test labels.

    The constructor only stores its parameters (as in scikit-learn, which gives `get_params`,
    `clone` and the repr). Subclasses set `name`, `version` and `access`, and are final.

    Attributes:
        name: stands in cache keys and file names: lower-case words joined by hyphens.
        version: raised whenever the same network would get other numbers.
        access: what `compute` reads beyond the weights.
        cost: passes over the images it reads, counted (`demogen.measuring.Passes`) where their
            number is known beforehand, or in words; "": not said.
        applies_to: for people, the networks it is defined for; `applicable` decides.
        absent: what a feature is of a network that does not give it while others of the same zoo
            do; None: it is missing there.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    access: ClassVar[Access] = Access.NONE
    cost: ClassVar[Passes | str] = ""
    applies_to: ClassVar[str] = "every network"
    absent: ClassVar[float | None] = None

    @abstractmethod
    def compute(self, network: Network) -> Signature:
        """The signature of one network: the same feature names for all, all values finite.

        Raises:
            NotMeasurable: the measure has no value for this network; the message says why.
        """

    def applicable(self, module: TappedModule) -> str | None:
        """Why a network of this structure cannot be measured, or None where it can."""
        return None

    def passes(self, spec: "NetworkSpec", images: int) -> float | None:
        """Passes over all of so many images that measuring a network takes; None: not known.

        Args:
            spec: of the network.
            images: how many images of the kind it reads there are.
        """
        return self.cost.count(spec.data.class_count) if isinstance(self.cost, Passes) else None

    def details(self, network: Network) -> "dict[str, np.ndarray]":
        """Arrays behind the signature, for figures; none unless a measure says so."""
        return {}


@final
@dataclass(frozen=True)
class Predictor:
    """A measure, the columns taken from its signature, and the regressor that makes gaps of them.

    Attributes:
        name: unique among predictors.
        measure: shared freely: predictors with equal measures cause one computation.
        columns: features given to the regressor, in this order; None: all, in alphabetical order.
        regressor: an unfitted scikit-learn regressor; transforms such as log belong to it.
        paper: short name of the paper it comes from ("jiang2019"), or "".
        summary: one line for tables.

    Raises:
        PredictorError: a part of it could not be measured with or fitted, such as a class in place
            of its instance.
    """

    name: str
    measure: Measure
    columns: Sequence[str] | None = None
    regressor: RegressorMixin = field(default_factory=LeastSquares)
    paper: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        # Said where the predictor is written: else it shows when a zoo has been measured.
        if fault := _fault_of(self):
            raise PredictorError(f"predictor {self.name!r}: {fault}")

    @classmethod
    def from_measure(cls, measure: Measure) -> "Predictor":
        """A bare measure as a predictor: all its columns, by least squares."""
        return cls(getattr(measure, "name", ""), measure)

    def design(self, features: Sequence[str]) -> list[str]:
        """The columns the regressor gets, given the features that were measured.

        Raises:
            PredictorError: the predictor names a feature that its measure does not give.
        """
        if self.columns is None:
            return sorted(features)
        kind = f"feature of {self.measure.name}"
        for column in self.columns:
            lookup(column, dict.fromkeys(features), kind, PredictorError)
        return list(self.columns)

    def with_parameters(self, **parameters: Any) -> "Predictor":
        """The same predictor with other parameters of its measure, named after them.

        Raises:
            PredictorError: the measure has no such parameter; near names are listed.
        """
        known = self.measure.get_params()
        for parameter in parameters:
            lookup(parameter, known, f"parameter of {self.name}", PredictorError)
        changed = ",".join(f"{key}={value}" for key, value in sorted(parameters.items()))
        measure = clone(self.measure).set_params(**parameters)
        return replace(self, name=f"{self.name}({changed})", measure=measure)


def _fault_of(predictor: Predictor) -> str | None:
    measure: Any = predictor.measure
    columns: Any = predictor.columns
    regressor: Any = predictor.regressor
    if not isinstance(measure, Measure):
        return (
            f"its measure is {_described(measure)}; give an instance of a class of demogen.Measure"
        )
    if not isinstance(getattr(measure, "name", None), str) or not measure.name:
        return f"the class of its measure, {type(measure).__name__}, sets no `name`"
    if not isinstance(predictor.name, str) or not predictor.name:
        return "its name is no text, or empty"
    if not all(isinstance(text, str) for text in (predictor.paper, predictor.summary)):
        return 'its paper and its summary are texts, "" where there is none'
    if columns is not None and not _are_names(columns):
        return f"its columns are {columns!r:.60}; give a list of names of features, or None for all"
    # A StackingRegressor has `predict` once it is fitted; a FrozenEstimator's class never has it.
    places = () if isinstance(regressor, type) else (regressor, type(regressor))
    if not all(any(hasattr(place, method) for place in places) for method in ("fit", "predict")):
        return (
            f"its regressor is {_described(regressor)}; give an unfitted regressor of "
            "scikit-learn, such as sklearn.linear_model.Ridge()"
        )
    for part, estimator in (("measure", measure), ("regressor", regressor)):
        try:
            clone(estimator)
        except Exception as error:
            return (
                f"its {part} cannot be cloned ({' '.join(str(error).split())}); a constructor "
                "only stores its parameters, each under its own name"
            )
    return None


def _are_names(columns: Any) -> bool:
    # Sets have no order, and an iterator is used up by the first split.
    if isinstance(columns, str | Set) or not isinstance(columns, Collection):
        return False
    return all(isinstance(column, str) for column in columns)


def _described(part: object) -> str:
    if isinstance(part, type):
        return f"the class {part.__name__}"
    return f"of type {type(part).__name__}"


def list_predictors() -> list[str]:
    """Names of all predictors installed here, sorted."""
    return sorted(_entry_points())


def get_predictor(name: str, **parameters: Any) -> Predictor:
    """The predictor installed under `name`, with other parameters of its measure if given.

    Raises:
        PredictorError: there is no such predictor or parameter (near names are listed), what is
            installed under the name does not load or is another, or two packages use the name.
    """
    entry = lookup(name, _entry_points(), "predictor", PredictorError)
    try:
        predictor = entry.load()
    except Exception as error:
        raise PredictorError(
            f"predictor {name!r} ({entry.value}) does not load: {error!r}"
        ) from error
    if not isinstance(predictor, Predictor):
        raise PredictorError(f"predictor {name!r}: {entry.value} is no demogen.Predictor")
    if predictor.name != name:
        raise PredictorError(f"predictor {name!r}: {entry.value} calls itself {predictor.name!r}")
    return predictor.with_parameters(**parameters) if parameters else predictor


def _entry_points() -> dict[str, EntryPoint]:
    by_name: dict[str, EntryPoint] = {}
    for entry in entry_points(group=PREDICTORS):
        # The same distribution may be listed twice (an editable install beside its sources).
        other = by_name.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise PredictorError(
                f"two packages name a predictor {entry.name!r}: {other.value} and "
                f"{entry.value}; uninstall one"
            )
    return by_name
