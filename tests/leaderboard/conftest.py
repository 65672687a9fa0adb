"""Small zoos and predictors that need no network and no torch, judged as the real ones are."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from demogen.format.splits import make_splits
from demogen.measuring.least_squares import LeastSquares
from leaderboard.results.evaluation import score_split
from leaderboard.scoring.inputs import ScoreInputs
from leaderboard.scoring.scores import score


@dataclass
class FakePredictor:
    name: str
    regressor: object = field(default_factory=LeastSquares)
    columns: tuple | None = None
    paper: str = "jiang2019"
    summary: str = "made up for a test"

    @property
    def measure(self):
        parameters = {"epsilon": 1e-6, "norms": (1, 2)}
        return SimpleNamespace(
            name="made-up", version=3, access="train", get_params=lambda: parameters
        )

    def design(self, features):
        return sorted(features) if self.columns is None else list(self.columns)


def zoo_of(configurations, copies=3, seed=0, factors=None):
    draw = np.random.default_rng(seed)
    networks = configurations * copies
    gap = np.repeat(draw.beta(2, 5, configurations) / 2, copies) + draw.normal(0, 0.01, networks)
    table = pd.DataFrame(
        {
            "configuration": [f"c{number // copies}" for number in range(networks)],
            "gap": gap,
            "test_accuracy": 1 - gap,
            "test_cross_entropy": 3 * gap,
            "test_normalized_cross_entropy": 2.3 - gap / 10,
        },
        index=pd.Index([f"net-{number:03d}" for number in range(networks)], name="id"),
    )
    for name, level in (factors or {}).items():
        table[name] = [level(number // copies) for number in range(networks)]
    table = table.sample(frac=1, random_state=seed)
    return SimpleNamespace(
        name="toy",
        digest="5a" * 32,
        revision="",
        table=table,
        splits=make_splits(table),
        image_sets={"digits": "3f" * 32},
    )


def features_of(zoo, noise=0.05, columns=3, seed=1):
    draw = np.random.default_rng(seed)
    gap = zoo.table["gap"].sort_index()
    values = gap.to_numpy()[:, None] * [1.0] * columns
    values = values + draw.normal(0, noise, (len(gap), columns))
    return pd.DataFrame(values, index=gap.index, columns=list("abcdefgh")[:columns])


def measured(table, failures=(), seconds=0.5):
    return SimpleNamespace(
        name="made-up",
        measure=None,
        table=table,
        failures=dict(failures),
        seconds=dict.fromkeys(table.index, seconds) | {network: 99.0 for network, _ in failures},
        epochs=dict.fromkeys(table.index, seconds / 4),
        image_limit=None,
    )


def score_of(kind, folds, fit, targets, parameters):
    """Scores of networks without features, each a configuration of its own."""
    own = {network: network for network in targets}
    return score(ScoreInputs(kind, folds, fit, targets, parameters, (), {}, own, {}))


def results_of(zoo, name="toy-predictor", splits=None, target="gap", **how):
    regressor = how.pop("regressor", LeastSquares())
    failures = how.pop("failures", {})
    table = how.pop("table", None)
    measurements = measured(features_of(zoo, **how) if table is None else table, failures.items())
    predictor = FakePredictor(name, regressor)
    return [
        score_split(predictor, measurements, zoo, zoo.splits[split], target)
        for split in splits or zoo.splits
    ]


@pytest.fixture(scope="session")
def zoo():
    return zoo_of(20)


@pytest.fixture(scope="session")
def small_zoo():
    return zoo_of(6, copies=2)


@pytest.fixture(scope="session")
def results(zoo):
    return results_of(zoo)


@pytest.fixture(scope="session")
def make():
    """The helpers above, for tests that need others than the fixtures."""
    return SimpleNamespace(
        zoo=zoo_of,
        features=features_of,
        measured=measured,
        results=results_of,
        score=score_of,
        Predictor=FakePredictor,
    )
