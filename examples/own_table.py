"""Measures that stand in a table of your own, scored as a benchmark scores those of a zoo."""

import numpy as np
import pandas as pd

import leaderboard

# 72 networks: width and dropout, three copies of each; a measure that follows the gap, one that
# does not. Yours comes from pandas.read_csv.
draw = np.random.RandomState(0)
rows = [(w, p, copy) for w in (64, 128, 256, 512) for p in range(6) for copy in range(3)]
table = pd.DataFrame(rows, columns=["width", "dropout", "copy"])
table["model"] = [f"w{w}-p{p}-{copy}" for w, p, copy in rows]
table["gap"] = 0.3 - 0.02 * np.log2(table["width"]) - 0.01 * table["dropout"]
table["gap"] += draw.normal(0, 0.005, len(table))
table["sharpness"] = table["gap"] + draw.normal(0, 0.02, len(table))
table["norm"] = np.sqrt(table["width"]) + draw.normal(0, 2, len(table))

results = leaderboard.score_table(
    table,
    id="model",
    factors=["width", "dropout"],
    measures={"sharpness": ["sharpness"], "norm": ["norm"], "both": ["sharpness", "norm"]},
    test_images=10_000,
)
for result in results.select(split="grouped-kfold-10"):
    scores = result.scores
    measured = "–" if scores.measure_kendall is None else f"{scores.measure_kendall:.2f}"
    print(f"{result.predictor:9} R² {scores.r2_pooled:.2f}, τ of the measure itself {measured}")
