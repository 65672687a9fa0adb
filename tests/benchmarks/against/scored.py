"""Times scoring in the tree that it is run in; a program of its own, for commits old and new.

It uses what earlier commits have too, and prints one JSON object: CPU seconds, megabytes at the
peak beyond what importing takes, and the scores that both trees define alike.
"""

import json
import resource
import sys
import time
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

import demogen
from demogen.measuring import Measurements

try:
    from leaderboard.results.evaluation import benchmark

    MEASURED = "demogen.measuring.measurements"
except ImportError:
    from leaderboard.evaluation import benchmark

    MEASURED = "demogen.measuring"

LEVELS = {"width": 4, "dropout": 3, "l2": 4, "learning_rate": 4, "depth": 3}
SPLITS = ("grouped-kfold-10", "holdout-100", "kfold-10")
SCORES = ("r2_pooled", "rmse_points", "fit_r2", "ssr_mean", "ssr_max")
COPIES = 2
COLUMNS = 5
"""Features of every other predictor; the others have one."""


class Made(demogen.Measure):
    """Stands for a measure whose signatures are there already."""

    name, version = "made", 1

    def __init__(self, n=0):
        self.n = n

    def compute(self, network):
        """Is not called."""
        raise NotImplementedError


def main(networks: int, predictors: int) -> None:
    """Score made-up signatures, and print what it took and what came out."""
    zoo = made_up_zoo(networks)
    draw = np.random.RandomState(1)
    named, signatures = [], {}
    for number in range(predictors):
        columns = [f"c{column}" for column in range(1 if number % 2 else COLUMNS)]
        noise = draw.standard_normal((networks, len(columns))) / 10
        table = pd.DataFrame(zoo.table[["gap"]].to_numpy() + noise, zoo.table.index, columns)
        signatures[number] = measurements(table)
        named.append(demogen.Predictor(f"p{number}", Made(number), regressor=LinearRegression()))
    imported, start = peak(), time.process_time()
    # Nothing is measured: what would be is there.
    with patch(f"{MEASURED}.measure_all", lambda made, *_, **__: [signatures[m.n] for m in made]):
        results = benchmark(named, zoo, "gap", SPLITS)
    seconds = time.process_time() - start
    scores = {
        f"{result.predictor} {result.split} {score}": getattr(result.scores, score)
        for result in results
        for score in SCORES
        if getattr(result.scores, score) is not None
    }
    print(json.dumps([seconds, peak() - imported, scores]))


def measurements(table):
    """Signatures as a measurement gives them."""
    times = dict.fromkeys(table.index, 1.0)
    given = {"seconds": times, "shares": times, "epochs": times, "failures": {}}
    fields = Measurements.__dataclass_fields__
    known = {name: value for name, value in given.items() if name in fields}
    return Measurements(name="made", measure=Made(), table=table, **known)


def made_up_zoo(networks: int):
    """A zoo's table and splits without its weights: networks of a grid, each with a copy."""
    draw = np.random.RandomState(0)
    configurations = networks // COPIES
    levels = {
        name: np.tile(draw.randint(count, size=configurations), COPIES)
        for name, count in LEVELS.items()
    }
    gap = sum(levels[name] / count for name, count in LEVELS.items()) / 20
    gap = np.round(gap + draw.standard_normal(len(gap)) / 100, 4)
    copied = [f"configuration-{number:05}" for number in range(configurations)] * COPIES
    table = pd.DataFrame(
        {"gap": gap, "configuration": copied, "test_cross_entropy": 1.0, **levels},
        pd.Index([f"network-{number:05}" for number in range(len(gap))], name="id"),
    )
    return SimpleNamespace(
        name="made-up",
        digest="0" * 64,
        revision="",
        table=table,
        splits=demogen.make_splits(table),
        image_sets={"cifar10": None},
    )


def peak() -> float:
    """Most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
