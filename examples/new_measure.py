"""A new measure, from the formula to its place in a ranking.

Needs a zoo: `demogen train examples/mlp-digits.toml --folder zoos/mlp-digits` makes one in seconds.
The same measure from the command line:

    demogen evaluate examples/new_measure.py:LogitEntropy mean-gap --zoo zoos/mlp-digits
"""

import demogen
import leaderboard


class LogitEntropy(demogen.Measure):
    """Mean entropy of the softmax on the training images, in nats."""

    name, version = "logit-entropy", 1
    # What it reads beyond the weights; without TRAIN, `network.train` would be refused.
    access = demogen.Access.TRAIN

    def __init__(self, temperature: float = 1.0) -> None:
        # Only stored: parameters are part of what a signature is kept under.
        self.temperature = temperature

    def compute(self, network: demogen.Network) -> dict[str, float]:
        """One number of a network; several would be several columns of a regressor."""
        logits = network.module(network.train.images).double() / self.temperature
        shares = logits.log_softmax(dim=1)
        return {"entropy": float(-(shares.exp() * shares).sum(dim=1).mean())}


if __name__ == "__main__":
    # The checks that every predictor of the leaderboard passes; they name what fails.
    demogen.check_predictor(LogitEntropy())
    zoo = demogen.load_zoo("zoos/mlp-digits")
    table = demogen.measure(LogitEntropy(), zoo)
    print(f"{len(table)} networks measured: {', '.join(table.columns)}")
    # Beside what it has to beat: the mean gap, and what is known without a look at the weights.
    results = leaderboard.benchmark([LogitEntropy(), "mean-gap", "hyperparameters"], zoo)
    for result in results.select(split="kfold-10"):
        print(f"{result.predictor:16} R² {result.scores.r2_pooled:5.2f}")
