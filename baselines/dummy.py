"""What any predictor has to beat: the mean, the size, the training loss, the settings."""

import zlib
from collections.abc import Mapping
from typing import Any, final

from sklearn.dummy import DummyRegressor

from baselines.functional.losses import LogitReduction, cross_entropy
from baselines.regressors import one_hot_least_squares
from demogen.format.columns import LATER, is_default
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.architectures import parameter_count
from demogen.networks.network import Access, Network
from demogen.schema.records import canonical_json, factor_types

BOOKKEEPING = frozenset({"seed", "copy_number", "subset_seed", "corruption_seed"})
"""Factors of a spec that tell draws apart, not settings."""


@final
class Nothing(Measure):
    """The empty signature."""

    name = "nothing"
    cost = Passes()

    def compute(self, network: Network) -> Mapping[str, float]:
        """No feature."""
        return {}


@final
class ParameterCount(Measure):
    """Number of trainable parameters."""

    name = "parameter-count"
    cost = Passes()

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `parameters`."""
        return {"parameters": float(parameter_count(network.module))}


@final
class TrainLoss(SharedMeasure[LogitReduction]):
    """Mean cross-entropy (nats) on the training images, against the labels trained on."""

    name = "train-loss"
    cost = Passes(1)
    access = Access.TRAIN

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images."""
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Feature `train_loss`."""
        return {"train_loss": cross_entropy(reduced.logits(), network.train.labels)}


@final
class Hyperparameters(Measure):
    """The settings a network was trained with, each as the number `level` gives it.

    Every factor that any family of networks knows is there, so that families can be pooled; one
    that a network's own family lacks counts as None. So does an option that came later, where it
    has its default, and a factor that only other networks' sources name.
    """

    name = "hyperparameters"
    cost = Passes()
    access = Access.SPEC
    absent = -1.0

    def compute(self, network: Network) -> Mapping[str, float]:
        """A feature for each factor of a spec or its source, without seeds and copies."""
        levels = dict.fromkeys(factor_types()) | network.spec.factors()
        return {
            name: level(value)
            for name, value in levels.items()
            if name not in BOOKKEEPING and not (name in LATER and is_default(name, value))
        }


def level(setting: Any) -> float:
    """A setting as a number: numbers and booleans as they are, None −1, else a code of its JSON.

    >>> level(0.5), level(True), level(None), level("sgd") == level("adam")
    (0.5, 1.0, -1.0, False)
    """
    if setting is None:
        return -1.0
    if isinstance(setting, int | float):
        return float(setting)
    return float(zlib.crc32(canonical_json(setting).encode()))


MEAN_GAP = Predictor(
    "mean-gap",
    Nothing(),
    columns=(),
    regressor=DummyRegressor(),
    summary="the mean of the fitted networks' gaps: chance level",
)
# No transform: this row asks what size alone tells, and any curve bent through it would be a guess.
PARAMETER_COUNT = Predictor(
    "parameter-count",
    ParameterCount(),
    summary="least squares on the number of trainable parameters",
)
TRAIN_LOSS = Predictor(
    "train-loss",
    TrainLoss(),
    summary="least squares on the training cross-entropy",
)
HYPERPARAMETERS = Predictor(
    "hyperparameters",
    Hyperparameters(),
    regressor=one_hot_least_squares(),
    summary="least squares on indicators of every setting the network was trained with",
)
