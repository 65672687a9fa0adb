"""Which result is compared with which: by name among results, or with the best of them."""

from collections.abc import Iterable, Sequence

from demogen._util.lookup import lookup
from demogen.errors import ResultError
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import Result


def results_named(name: str, results: Iterable[Result], target: str) -> list[Result]:
    """The results of a predictor that are compared: of each zoo that on the split which ranks.

    Args:
        name: of the predictor.
        results: of any predictors and zoos.
        target: what is predicted.

    Raises:
        ResultError: there are none; near names are listed.
    """
    of_target = [result for result in results if result.target == target]
    lookup(name, {one.predictor: one for one in of_target}, f"result on {target} of", ResultError)
    by_zoo: dict[str, dict[str, Result]] = {}
    for result in of_target:
        if result.predictor == name:
            by_zoo.setdefault(result.zoo_digest, {})[result.split] = result
    return [of_zoo[preferred_split(of_zoo)] for of_zoo in by_zoo.values()]


def opponents(result: Result, results: Iterable[Result]) -> dict[str, Result]:
    """Predictor → its result on the same zoo, split and target, of all others."""
    return {
        other.predictor: other
        for other in results
        if other.predictor != result.predictor and _same(other) == _same(result)
    }


def to_beat(result: Result, results: Iterable[Result]) -> Result | None:
    """The best of the other predictors on the same zoo, split and target; None: there is none.

    choice: by pooled R² of what each predicts, the first by name of equals; one whose R² is not
    defined is beaten.
    """
    scored = [
        (-other.scores.r2_pooled, name, other)
        for name, other in opponents(result, results).items()
        if other.scores.r2_pooled is not None
    ]
    return min(scored, default=(0.0, "", None))[-1]


def pairs(
    first: Result | str, second: Result | str | None, results: Sequence[Result], target: str
) -> list[tuple[Result, Result]]:
    """The results to compare with each other, a pair for each zoo.

    Args:
        first: a result, or the name of a predictor among the results.
        second: likewise; None: the best of the others.
        results: of any predictors and zoos.
        target: of the results that names stand for, where no result says it.

    Raises:
        ResultError: there are none; near names are listed.
    """
    if isinstance(second, Result):
        if isinstance(first, Result):
            return [(first, second)]
        return [(one, other) for other, one in pairs(second, first, results, target)]
    firsts = [first] if isinstance(first, Result) else results_named(first, results, target)
    if second == firsts[0].predictor:
        raise ResultError(f"{second} is both; name another predictor, or two result files")
    found = []
    for one in firsts:
        other = to_beat(one, results) if second is None else opponents(one, results).get(second)
        if other is not None:
            found.append((one, other))
    if not found:
        one = firsts[0]
        where = f"{one.split} of {one.zoo}, {one.target}"
        if isinstance(second, str):
            lookup(second, opponents(one, results), f"result on {where} of", ResultError)
        raise ResultError(
            f"there is no other result on {where} to compare {one.predictor} with; name a folder "
            "that has some with --results"
        )
    return found


def _same(result: Result) -> tuple[str, str, str]:
    return result.zoo_digest, result.split_digest, result.target
