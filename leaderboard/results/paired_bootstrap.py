"""Is one predictor better than another, or lucky? A paired bootstrap of two results."""

import math

from demogen._util.lookup import lookup
from demogen.errors import ResultError
from leaderboard.results.result import Result
from leaderboard.scoring import bootstrap
from leaderboard.scoring.bootstrap import Comparison, Statistic
from leaderboard.scoring.scores import STATISTICS


def pair(first: Result, second: Result, statistic: str = "r2") -> Comparison:
    """Compare the out-of-fold predictions of two results for the networks that both predict.

    Both have the same bootstrap draws of whole configurations; nothing is fitted again.

    Args:
        first: on any split that tests each network once.
        second: on the same split of the same zoo, for the same target.
        statistic: a name of `leaderboard.scoring.STATISTICS`.

    Raises:
        ResultError: the two are not of one zoo, split and target; the split is a holdout; they
            have no two configurations in common; or there is no such statistic.
    """
    chosen = lookup(statistic, STATISTICS, "statistic", ResultError)
    for what, here, there in (
        ("zoos", first.zoo_digest, second.zoo_digest),
        ("splits", first.split_digest, second.split_digest),
        ("targets", first.target, second.target),
    ):
        if here != there:
            raise ResultError(
                f"{first.predictor} and {second.predictor} are on different {what} "
                f"({here[:12]} and {there[:12]}); compare results of one"
            )
    if first.split_kind == "holdout":
        raise ResultError(
            f"{first.split} tests networks several times; compare on a split that tests each once"
        )
    one, other = (_values(result, chosen) for result in (first, second))
    ids = sorted(one.keys() & other.keys())
    groups = [first.configurations[network] for network in ids]
    if len(set(groups)) < 2:
        raise ResultError(
            f"{first.predictor} and {second.predictor} have fewer than two configurations in "
            "common; there is nothing to draw"
        )
    return bootstrap.compare(
        [first.targets[network] for network in ids],
        [one[network] for network in ids],
        [other[network] for network in ids],
        groups,
        chosen,
    )


def in_words(first: Result, second: Result, statistic: str, pairing: Comparison) -> str:
    """What a comparison of two results says, in a line."""
    difference = pairing.difference
    if math.isnan(difference.estimate) or math.isnan(pairing.first_better):
        return (
            f"{statistic} of {first.predictor} or of {second.predictor} is not defined, "
            f"{first.split} of {first.zoo}: there is nothing to compare"
        )
    return (
        f"{statistic} of {first.predictor} less that of {second.predictor}, {first.split} of "
        f"{first.zoo}: {difference.estimate:.3f}, 95 % interval {difference.low:.3f} to "
        f"{difference.high:.3f}; {first.predictor} is better in {pairing.first_better:.1%} of the "
        "draws"
    )


def _values(result: Result, statistic: Statistic) -> dict[str, float]:
    """Id → what the statistic takes: predictions, or their places where it is of their order."""
    pooled = result.score_inputs().pooled
    if pooled is None:
        return {}
    return dict(zip(pooled.ids, getattr(pooled, statistic.values), strict=True))
