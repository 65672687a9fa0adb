"""How to make a result again, check it and cite it: commands and pins, from the result alone."""

import re
import shlex
from collections.abc import Sequence

from demogen._util.names import comma_separated
from leaderboard.results.columns import MARK
from leaderboard.results.origins import CHECKABLE
from leaderboard.results.result import Result
from leaderboard.results.targets import TABLE


def reproduce(result: Result) -> str:
    """The command that makes all results of this predictor, zoo and target again."""
    if result.access == TABLE:
        return _score(result)
    words = ["demogen", "evaluate", result.predictor]
    for zoo in _zoos(result):
        words += ["--zoo", zoo]
    part, unsaid = _part(result)
    words += part
    if result.target != "gap":
        words += ["--target", result.target]
    comment = f"  # on its part [{']['.join(unsaid)}], which is made in Python" if unsaid else ""
    return shlex.join(words) + comment


def _score(result: Result) -> str:
    """The command for a table, whose file bears the table's name."""
    words = ["demogen", "score", f"{result.zoo}.csv", "--target", result.target]
    if id := result.measure.parameters.get("id"):
        words += ["--id", str(id)]
    if result.factors:
        words += ["--factors", comma_separated(result.factors)]
    columns, name = "+".join(result.columns), result.predictor
    words += ["--measures", comma_separated([name if name == columns else f"{name}={columns}"])]
    if result.test_images is not None:
        words += ["--test-images", str(result.test_images)]
    return shlex.join(words)


def recheck(result: Result) -> str:
    """The command that computes the scores of this result again, from its file, without torch."""
    return shlex.join(["demogen", "leaderboard", "verify", f"results/{result.path}"])


def cite(result: Result) -> str:
    """The command that prints BibTeX of the zoo and of the split; "" for a table."""
    if result.access == TABLE:
        return ""
    # The splits of a part are not the zoo's.
    split = [] if "[" in result.zoo else ["--split", result.split]
    return shlex.join(["demogen", "cite", *_zoos(result), *split])


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
    """The names of a pool's zoos, or the one name; of a part, of what it is a part of."""
    return result.zoo.partition("[")[0].split("+")


def _part(result: Result) -> tuple[list[str], list[str]]:
    """Options that make the part of a zoo that a result is of, and what no option makes."""
    words, unsaid = [], []
    _, bracket, rest = result.zoo.partition("[")
    for what in rest[:-1].split("][") if bracket else ():
        if re.fullmatch(r":\d+", what):
            words += ["--limit", what[1:]]
        elif re.fullmatch(r"sample \d+, seed -?\d+|[-\d]*:[-\d:]*", what):
            unsaid.append(what)
        else:
            words += ["--where", what]
    return words, unsaid
