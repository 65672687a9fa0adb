"""Where results and zoos lie on this machine: noted beside results, for the commands on a page.

A result itself says nothing of places: it is for everybody, and a folder is of one machine.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from pydantic import ValidationError

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ResultError, os_fault
from demogen.schema.frozen import Frozen
from leaderboard.results.folders import PACKED, result_files
from leaderboard.results.result import Result, write_file

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet

FILE = "places.jsonl"
"""Beside the results of a zoo; no result file, whose names end in .json."""


class _Noted(Frozen):
    zoo_digest: str
    zoos: tuple[str, ...]
    predictors: dict[str, str] = {}


@final
@dataclass(frozen=True)
class Places:
    """How commands of this machine name what results are of.

    Attributes:
        results: the folder of result files.
        zoos: digest of a zoo → as `--zoo` takes it, several for a pool; of a table, its file.
        predictors: name of a predictor that is not installed → `file.py:NAME` or `module:NAME`.
        packed: zoo with digest, as paths of results begin → the file that these are packed in.
    """

    results: str = "results"
    zoos: Mapping[str, Sequence[str]] = field(default_factory=dict)
    predictors: Mapping[str, str] = field(default_factory=dict)
    packed: Mapping[str, str] = field(default_factory=dict)


NOWHERE = Places()
"""Nothing is known: zoos bear their names, and results lie where `demogen evaluate` writes them."""


def places_of(zoo: "NetworkSet", sources: Sequence[str]) -> tuple[str, ...]:
    """How to name a zoo or pool again: folders as they were given, of the Hub the commit.

    Args:
        zoo: what was opened.
        sources: what it was opened from.
    """
    from demogen.zoo.zoo import Zoo

    if len(sources) == 1 and isinstance(zoo, Zoo) and zoo.revision:
        return (f"{zoo.storage.published}@{zoo.revision}",)
    return tuple(sources)


def note_places(
    folder: Path,
    results: Iterable[Result],
    zoos: Sequence[str],
    predictors: Mapping[str, str] | None = None,
) -> None:
    """Note beside results where what they are of lies.

    Args:
        folder: of all result files.
        results: of one zoo, written below the folder.
        zoos: as `Places.zoos` has them.
        predictors: those of `Places.predictors`; what was noted before stays.

    Raises:
        ResultError: the file cannot be written.
    """
    for digest, path in {result.zoo_digest: result.path for result in results}.items():
        place = folder / path.parts[0] / FILE
        before = _read(place).predictors if place.exists() else {}
        noted = _Noted(
            zoo_digest=digest, zoos=tuple(zoos), predictors={**before, **(predictors or {})}
        )
        write_file(place, f"{json.dumps(noted.model_dump(), sort_keys=True)}\n".encode())


def read_places(folder: Path) -> Places:
    """What was noted beside the results in a folder, and which of its files are packed.

    Raises:
        ResultError: a note cannot be read.
    """
    noted = [_read(path) for path in sorted(folder.rglob(FILE))]
    return Places(
        str(folder),
        {one.zoo_digest: one.zoos for one in noted},
        {name: called for one in noted for name, called in one.predictors.items()},
        {path.stem: str(path) for path in result_files(folder) if path.suffix == PACKED},
    )


def _read(path: Path) -> _Noted:
    try:
        return _Noted.model_validate(json_data(read_bounded(path)))
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {os_fault(error)}") from error
    except (UnreadableError, ValidationError) as error:
        raise ResultError(
            f"{path} is no note of places; remove it: `demogen evaluate` writes it again"
        ) from error
