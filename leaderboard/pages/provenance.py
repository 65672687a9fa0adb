"""How to make a result again, check it and cite it: commands and pins, from the result alone."""

import shlex
from collections.abc import Sequence

from leaderboard.results.columns import MARK
from leaderboard.results.origins import CHECKABLE
from leaderboard.results.result import Result


def reproduce(result: Result) -> str:
    """The command that makes all results of this predictor, zoo and target again."""
    words = ["demogen", "evaluate", result.predictor]
    for zoo in _zoos(result):
        words += ["--zoo", zoo]
    if result.target != "gap":
        words += ["--target", result.target]
    return shlex.join(words)


def recheck(result: Result) -> str:
    """The command that computes the scores of this result again, from its file, without torch."""
    return shlex.join(["demogen", "leaderboard", "verify", f"results/{result.path}"])


def cite(result: Result) -> str:
    """The command that prints BibTeX of the zoo and of the split."""
    return shlex.join(["demogen", "cite", *_zoos(result), "--split", result.split])


def pins(result: Result, claims: Sequence[str] = ()) -> str:
    """One line that names what the result is of, each with its digest or version.

    Args:
        result: whose.
        claims: fields of it that nobody checked; they have a mark behind them.
    """
    mark = {name: MARK if name in claims else "" for name in CHECKABLE}
    revision = f" at revision {result.revision}{mark['revision']}" if result.revision else ""
    paper = f" ({result.paper}{mark['paper']})" if result.paper else ""
    parts = [
        f"predictor {result.predictor}{paper}",
        f"measure {result.measure.name}, version {result.measure.version}{mark['measure']}",
        f"zoo {result.zoo}{revision}, sha256:{result.zoo_digest}",
        f"split {result.split}, sha256:{result.split_digest}",
        *(f"{name} {version}{mark['versions']}" for name, version in _ours(result)),
    ]
    return "; ".join(parts)


def _ours(result: Result) -> list[tuple[str, str]]:
    return [(name, result.versions[name]) for name in ("demogen",) if name in result.versions]


def _zoos(result: Result) -> list[str]:
    """The names of a pool's zoos, or the one name."""
    return result.zoo.split("+")
