"""What the best of a table's predictors has by chance, as it is kept beside the results."""

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ResultError, os_fault
from demogen.schema.frozen import Frozen, Sha256
from leaderboard.results.permutation import reaches
from leaderboard.results.result import write_file
from leaderboard.scoring.inputs import Finite

FILE = "chance.jsonl"
"""Beside the results of a zoo, a line a target; no result file, whose names end in .json."""


class BestByChance(Frozen):
    """The best of a table's predictors, on gaps that have nothing to do with the networks."""

    format_version: Literal[1] = 1
    zoo_digest: Sha256
    split: str
    split_digest: Sha256
    target: str
    tried: dict[str, Finite | None]
    """Predictor that was fitted again → its R² of all in the table; None: it is not defined."""
    left_out: dict[str, str]
    """Predictor of the table that could not be fitted again → why."""
    best: Annotated[tuple[Finite, ...], Field(min_length=1)]
    """The highest R² of all of each deal, ascending."""

    @property
    def median(self) -> float:
        """What the best has by chance, half of the time."""
        return median(self.best)

    @property
    def p(self) -> float:
        """(1 + deals whose best is at least the table's) / (1 + deals)."""
        observed = max(defined(self.tried.values()), default=-math.inf)
        reached = sum(reaches(r2, observed) for r2 in self.best)
        return (1 + reached) / (1 + len(self.best))


def write_chances(folder: Path, zoo: str, chances: Iterable[BestByChance]) -> Path:
    """Write what was found of a zoo beside its results, a line a target; where it lies now.

    Args:
        folder: of all result files.
        zoo: the first part of the path of its results.
        chances: of the zoo, one a target.

    Raises:
        ResultError: the file cannot be written.
    """
    path = folder / zoo / FILE
    lines = (f"{one.model_dump_json()}\n" for one in sorted(chances, key=lambda one: one.target))
    write_file(path, "".join(lines).encode())
    return path


def read_chances(folder: Path) -> list[BestByChance]:
    """What was found of the zoos whose results are in a folder.

    Raises:
        ResultError: a file of it cannot be read.
    """
    return [one for path in sorted(folder.rglob(FILE)) for one in _read(path)]


def defined(scores: Iterable[float | None]) -> list[float]:
    """Those that are."""
    return [score for score in scores if score is not None]


def _read(path: Path) -> list[BestByChance]:
    try:
        lines = read_bounded(path).decode().splitlines()
        return [BestByChance.model_validate(json_data(line)) for line in lines]
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {os_fault(error)}") from error
    except (UnreadableError, UnicodeDecodeError, ValidationError) as error:
        raise ResultError(
            f"{path} is no file of chances; remove it: `demogen leaderboard chance` writes it again"
        ) from error
