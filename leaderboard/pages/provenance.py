"""How to make a result again, check it and cite it: commands and pins, from the result alone."""

import shlex

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


def pins(result: Result) -> str:
    """One line that names what the result is of, each with its digest or version."""
    revision = f" at revision {result.revision}" if result.revision else ""
    parts = [
        f"predictor {result.predictor}{f' ({result.paper})' if result.paper else ''}",
        f"measure {result.measure.name}, version {result.measure.version}",
        f"zoo {result.zoo}{revision}, sha256:{result.zoo_digest}",
        f"split {result.split}, sha256:{result.split_digest}",
        *(f"{name} {result.versions[name]}" for name in ("demogen",) if name in result.versions),
    ]
    return "; ".join(parts)


def _zoos(result: Result) -> list[str]:
    """The names of a pool's zoos, or the one name."""
    return result.zoo.split("+")
