"""Is one predictor better than another, or was it lucky? A paired bootstrap.

Needs the zoo of `demogen train examples/mlp-digits.toml --folder zoos/mlp-digits`. The same from
the command line, with the files of the results that `demogen evaluate` writes:

    demogen leaderboard compare results/…/margin-h1-log.json results/…/product-norm.json
"""

import demogen
import leaderboard
from leaderboard.results import pair

zoo = demogen.load_zoo("zoos/mlp-digits")
first, second = leaderboard.benchmark(["margin-h1-log", "product-norm"], zoo, splits=["kfold-10"])

# Both on the same draws of whole configurations: copies of one are no independent evidence.
pairing = pair(first, second, "r2")
difference = pairing.difference
print(f"R² of {first.predictor} less that of {second.predictor}: {difference.estimate:.2f}")
print(f"95 % interval {difference.low:.2f} to {difference.high:.2f}")
print(f"{first.predictor} is better in {pairing.first_better:.0%} of the draws")
