"""The gap of one's own network, predicted by what was fitted on a zoo, with an interval."""

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, final

import numpy as np
from pydantic import Field

from demogen._util.files import read_bounded
from demogen._util.lookup import lookup
from demogen._util.parsing import json_data
from demogen.errors import PredictorError, ZooError, naming
from demogen.measuring.fitting import Vector, fit_and_predict, predicted, regressor_to_text
from demogen.measuring.measure_identity import MeasureIdentity
from demogen.measuring.measurements import measure_all
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.predictor_names import as_predictor
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network
from demogen.schema.records import Frozen
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions

SPLITS = ("grouped-kfold-10", "leave-one-out", "kfold-10")
"""Splits by preference whose folds give the residuals. In the first, a network is predicted from
others of no such configuration, as one from outside the zoo is."""

LEVEL = 0.9
"""How many of the networks an interval is to hold, unless another share is asked for."""

_SAME_FIT = 1e-6


class FittedNetwork(Frozen):
    """One network of the zoo: what the predictor was fitted on, and what it said of it unseen."""

    signature: tuple[float, ...]
    gap: float
    fold: int = Field(ge=0)
    predicted: float
    """By the regressor fitted without this network's fold."""
    fit: float
    """By the regressor fitted on all networks."""


class FittedFile(Frozen):
    """The JSON file of a fitted predictor."""

    format: Literal[1] = 1
    predictor: str
    measure: MeasureIdentity
    columns: tuple[str, ...]
    regressor: str
    zoo: str
    zoo_digest: str
    revision: str
    split: str
    split_digest: str
    networks: dict[str, FittedNetwork] = Field(min_length=1)


@final
@dataclass(frozen=True)
class Prediction:
    """The predicted gap of one network.

    Attributes:
        gap: train accuracy − test accuracy.
        low: where the interval begins.
        high: where it ends.
        level: the share of networks whose gap such an interval is to hold.
        outside: columns whose value lies outside the zoo's range → what is to be known of it.
        signature: the values of the predictor's columns.
    """

    gap: float
    low: float
    high: float
    level: float
    outside: dict[str, str]
    signature: dict[str, float]

    def __str__(self) -> str:
        return (
            f"gap {self.gap:.4f}, {self.level:.0%} interval {self.low:.4f} to {self.high:.4f}"
            + "".join(f"; {column} {why}" for column, why in self.outside.items())
        )


@final
@dataclass(frozen=True)
class Coverage:
    """How many networks of the zoo lay in their interval, each unseen by fit and interval."""

    inside: int
    total: int
    level: float

    def __str__(self) -> str:
        return (
            f"of {self.total} networks left out, {self.inside} ({self.inside / self.total:.0%}) "
            f"lay in their {self.level:.0%} intervals"
        )


@final
class FittedPredictor:
    """A predictor fitted on all networks of a zoo; `demogen.fit` makes one.

    Its intervals are those of split conformal prediction with residuals from cross-validation
    (Lei et al. 2018, "Distribution-Free Predictive Inference for Regression", section 2.2; the
    residuals as in Barber et al. 2021, "Predictive Inference with the Jackknife+", CV+): the
    prediction ± the ⌈(n + 1)·level⌉-th smallest of n absolute out-of-fold residuals. They hold for
    networks that could have been the zoo's. `coverage` shows how they do on the zoo itself.

    Args:
        file: what is kept of it.
        predictor: the predictor it is of.

    Raises:
        PredictorError: the predictor is another one now, or its regressor fits otherwise.
    """

    def __init__(self, file: FittedFile, predictor: Predictor) -> None:
        found = MeasureIdentity.of(predictor.measure)
        if found != file.measure:
            raise PredictorError(
                f"{file.predictor} was fitted to {_of(file.measure)}, and is of {_of(found)} here; "
                f"fit it again on {file.zoo}"
            )
        self.file = file
        self.predictor = predictor
        networks = list(file.networks.values())
        self._X = np.array([network.signature for network in networks], np.float64)
        self._gaps = np.array([network.gap for network in networks], np.float64)
        self._folds = np.array([network.fold for network in networks])
        out_of_fold = np.array([network.predicted for network in networks], np.float64)
        self._errors: Vector = np.abs(self._gaps - out_of_fold)
        self._regressor, fit = fit_and_predict(
            predictor.regressor, self._X.copy(), self._gaps.copy(), self._X, "all networks"
        )
        before = np.array([network.fit for network in networks], np.float64)
        if not np.abs(fit - before).max() <= _SAME_FIT * max(1.0, float(np.abs(before).max())):
            raise PredictorError(
                f"{file.predictor} fits otherwise here than when it was fitted to {file.zoo} (its "
                "regressor, or a package, is another); fit it again"
            )

    def predict(self, network: Network, level: float = LEVEL) -> Prediction:
        """The gap of a network, and an interval around it.

        Args:
            network: one's own (`Network.of`), or a zoo's.
            level: the share of networks whose gap the interval is to hold, between 0 and 1.

        Warns:
            RuntimeWarning: the signature lies outside the zoo's range; the feature is named.

        Raises:
            NotMeasurable: the measure is not defined for the network.
            PredictorError: the zoo has too few networks for such an interval, or the regressor
                gives no finite number.
        """
        half = _half_width(self._errors, level, self.file.zoo)
        measured = compute_signature(self.predictor.measure, network)
        columns = self.predictor.design(sorted(measured))
        if tuple(columns) != self.file.columns:
            raise PredictorError(
                f"{self.file.predictor} was fitted to {', '.join(self.file.columns)}; its measure "
                f"gives {', '.join(columns)} for {network.id}"
            )
        signature = {column: measured[column] for column in columns}
        row = np.array([list(signature.values())], np.float64)
        gap = float(predicted(self._regressor, row, len(self._X), network.id)[0])
        outside = self._outside(signature)
        if outside:
            listed = "; ".join(f"{column} {why}" for column, why in outside.items())
            warnings.warn(
                f"{network.id} lies outside what {self.file.predictor} was fitted to on "
                f"{self.file.zoo}, so that its interval says little: {listed}",
                RuntimeWarning,
                stacklevel=2,
            )
        return Prediction(gap, gap - half, gap + half, level, outside, signature)

    def coverage(self, level: float = LEVEL) -> Coverage:
        """How many of the zoo's networks lie in intervals made without their fold's networks.

        Raises:
            PredictorError: too few networks are left for such an interval.
        """
        inside = 0
        for fold in np.unique(self._folds):
            errors = self._errors[self._folds == fold]
            half = _half_width(self._errors[self._folds != fold], level, self.file.zoo)
            inside += int((errors <= half).sum())
        return Coverage(inside, len(self._errors), level)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, from which `FittedPredictor.load` makes it again."""
        path = Path(path)
        with naming(path):
            path.write_text(self.file.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(
        cls, path: str | Path, predictor: "Predictor | Measure | None" = None
    ) -> "FittedPredictor":
        """Fit it again from the signatures and gaps in a file; nothing in the file is run.

        Args:
            path: the file.
            predictor: the one it is of; None: the one installed under its name.

        Raises:
            PredictorError: it is no such file, or not of this predictor.
        """
        path = Path(path)
        try:
            file = FittedFile.model_validate(json_data(read_bounded(path)))
        except FileNotFoundError as error:
            raise PredictorError(
                f"there is no file {path}; `demogen fit` writes a fitted predictor"
            ) from error
        except ValueError as error:
            raise PredictorError(f"{path} is no fitted predictor: {_fault(error)}") from error
        widths = {len(network.signature) for network in file.networks.values()}
        if widths != {len(file.columns)}:
            raise PredictorError(f"{path} is no fitted predictor: signatures are not its columns")
        chosen = as_predictor(file.predictor if predictor is None else predictor)
        return cls(file, chosen)

    def __str__(self) -> str:
        return (
            f"{self.file.predictor} on {self.file.zoo} ({len(self._X)} networks, "
            f"{self.file.split}): {self.coverage()}"
        )

    def _outside(self, signature: dict[str, float]) -> dict[str, str]:
        found = {}
        for number, (column, value) in enumerate(signature.items()):
            low, high = float(self._X[:, number].min()), float(self._X[:, number].max())
            if not low <= value <= high:
                found[column] = f"is {value:.4g}, and {low:.4g} to {high:.4g} in the zoo"
        return found


def fit(
    predictor: "str | Predictor | Measure",
    zoo: NetworkSet,
    *,
    split: str | None = None,
    **options: "Unpack[MeasuringOptions]",
) -> FittedPredictor:
    """Fit a predictor to the gaps of all networks of a zoo, to predict that of one's own network.

    Args:
        predictor: a name ("margin-quartiles-log"), a predictor, or a measure: then all its
            features, by least squares.
        zoo: or a pool of zoos; its networks are measured unless they are in the cache.
        split: of the zoo, whose folds give the residuals for intervals, each network being tested
            once; None: the first of `SPLITS` that the zoo has.
        options: see `demogen.measuring.MeasuringOptions`.

    Warns:
        RuntimeWarning: networks could not be measured, and are left out.

    Raises:
        ZooError: no such split, or no network could be measured, or a limit of images is given.
        PredictorError: no such predictor, or its regressor fails.
    """
    if options.get("image_limit") is not None:
        raise ZooError(
            "a fitted predictor measures all images of the networks it is asked of, so it is "
            "fitted to signatures of all images; fit it without an image limit"
        )
    chosen = as_predictor(predictor)
    name = split or next((name for name in SPLITS if name in zoo.splits), SPLITS[0])
    folds = lookup(name, zoo.splits, f"split of zoo {zoo.name}", ZooError)
    if folds.kind == "holdout":
        raise ZooError(f"split {name} tests networks more than once; choose one of {SPLITS}")
    measured = measure_all([chosen.measure], zoo, **options)[0]
    gaps = zoo.table["gap"].astype("float64")
    columns = chosen.design([str(feature) for feature in measured.table.columns])
    rows = measured.table[columns].astype("float64").dropna()
    ids = [id for id in map(str, rows.index) if math.isfinite(gaps[id])]
    if len(ids) < 2:
        reason = next(iter(measured.failures.values()), "none has a gap and all features")
        raise ZooError(f"{chosen.name} cannot be fitted to {zoo.name}: {reason}")
    if len(ids) < len(zoo):
        first = next(iter(measured.failures.values()), "no gap, or a feature without a value")
        warnings.warn(
            f"{chosen.name} is fitted to {len(ids)} of the {len(zoo)} networks of {zoo.name}; of "
            f"the others the first: {first}",
            RuntimeWarning,
            stacklevel=2,
        )
    X = rows.loc[ids].to_numpy(np.float64)
    y = np.asarray(gaps.loc[ids], np.float64)
    fold_of = {id: number for number, fold in enumerate(folds.folds) for id in fold.test}
    number = np.array([fold_of[id] for id in ids])
    out_of_fold = np.empty_like(y)
    for fold in np.unique(number):
        test = number == fold
        if test.all():
            raise ZooError(f"split {name} of {zoo.name} leaves no network to fit to")
        _, out_of_fold[test] = fit_and_predict(
            chosen.regressor, X[~test], y[~test], X[test], f"fold {fold} of {name}"
        )
    _, on_all = fit_and_predict(chosen.regressor, X.copy(), y.copy(), X, "all networks")
    file = FittedFile(
        predictor=chosen.name,
        measure=MeasureIdentity.of(chosen.measure),
        columns=tuple(columns),
        regressor=regressor_to_text(chosen.regressor),
        zoo=zoo.name,
        zoo_digest=zoo.digest,
        revision=zoo.revision,
        split=name,
        split_digest=folds.digest,
        networks={
            id: FittedNetwork(
                signature=tuple(X[row].tolist()),
                gap=float(y[row]),
                fold=int(number[row]),
                predicted=float(out_of_fold[row]),
                fit=float(on_all[row]),
            )
            for row, id in enumerate(ids)
        },
    )
    return FittedPredictor(file, chosen)


def _half_width(errors: Vector, level: float, zoo: str) -> float:
    """The ⌈(n + 1)·level⌉-th smallest of n absolute residuals.

    Raises:
        PredictorError: there are fewer.
    """
    if not 0 < level < 1:
        raise PredictorError(f"level is {level}; an interval's share lies between 0 and 1")
    # Rounded, so that 0.9 of 10 is 9.
    rank = math.ceil(round((len(errors) + 1) * level, 9))
    if rank > len(errors):
        needed = math.ceil(round(level / (1 - level), 9))
        raise PredictorError(
            f"{len(errors)} networks of {zoo} are too few for {level:.0%} intervals, which need "
            f"{needed}; ask for a lower level"
        )
    return float(np.sort(errors)[rank - 1])


def _of(measure: MeasureIdentity) -> str:
    return f"{measure.name} version {measure.version} with {json.dumps(measure.parameters)}"


def _fault(error: ValueError) -> str:
    return " ".join(str(error).split())[:200]
