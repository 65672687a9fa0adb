"""How to make a result again, check it and cite it: commands for this machine, and pins."""

import re
import shlex
from collections.abc import Sequence

from demogen._util.names import comma_separated
from leaderboard.results.columns import MARK
from leaderboard.results.origins import CHECKABLE
from leaderboard.results.places import NOWHERE, Places
from leaderboard.results.result import Result
from leaderboard.results.targets import TABLE


def reproduce(result: Result, places: Places = NOWHERE) -> str:
    """The command that makes all results of this predictor, zoo and target again.

    Args:
        result: one of them.
        places: where the zoo lies; it bears its name where that is not known.
    """
    if result.access == TABLE:
        return _score(result, places)
    predictor = places.predictors.get(result.predictor, result.predictor)
    words = ["demogen", "evaluate", predictor]
    for zoo in _zoos(result, places):
        words += ["--zoo", zoo]
    part, unsaid = _part(result)
    words += part
    if result.target != "gap":
        words += ["--target", result.target]
    comment = f"  # on its part [{']['.join(unsaid)}], which is made in Python" if unsaid else ""
    return shlex.join(words) + comment


def _score(result: Result, places: Places) -> str:
    """The command for a table, whose file bears the table's name if nothing else is known."""
    [file] = places.zoos.get(result.zoo_digest, [f"{result.zoo}.csv"])
    words = ["demogen", "score", file, "--target", result.target]
    if id := result.measure.parameters.get("id"):
        words += ["--id", str(id)]
    if result.factors:
        words += ["--factors", comma_separated(result.factors)]
    columns, name = "+".join(result.columns), result.predictor
    words += ["--measures", comma_separated([name if name == columns else f"{name}={columns}"])]
    if result.test_images is not None:
        words += ["--test-images", str(result.test_images)]
    return shlex.join(words)


def recheck(result: Result, places: Places = NOWHERE) -> str:
    """The command that computes the scores of this result again, from its file, without torch.

    Where results are packed, it does so for all that the predictor has in that file.
    """
    words = [f"{places.results}/{result.path}"]
    if packed := places.packed.get(result.path.parts[0]):
        words = [packed, "--predictor", result.predictor]
    return shlex.join(["demogen", "leaderboard", "verify", *words])


def cite(result: Result, places: Places = NOWHERE) -> str:
    """The command that prints BibTeX of the zoo and of the split; "" for a table."""
    if result.access == TABLE:
        return ""
    # The splits of a part are not the zoo's.
    split = [] if "[" in result.zoo else ["--split", result.split]
    return shlex.join(["demogen", "cite", *_zoos(result, places), *split])


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


def _zoos(result: Result, places: Places) -> Sequence[str]:
    """Where the zoos of a pool lie, or the one zoo; of a part, what it is a part of."""
    if noted := places.zoos.get(result.zoo_digest):
        return noted
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
