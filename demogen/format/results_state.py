"""The state of a leaderboard as a citation pins it: every file of its folder of results."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import unquote

from demogen import __version__
from demogen.errors import ResultError, os_fault
from demogen.format.integrity import file_sha256
from demogen.format.parquet import Parquet, ParquetError, values
from demogen.schema.parsing import sha256

_RESULT = re.compile(r"([^/]+@[0-9a-f]{12})/([^/]+)/([^/]+)/([^/]+)\.json")
_PACKED = re.compile(r"([^/]+@[0-9a-f]{12})\.parquet")
_NAMES = ("split", "target", "predictor")
"""Columns of a packed file that name a result."""

_MERGES = re.compile(r"submissions/[^/]+\.jsonl")


@final
@dataclass(frozen=True)
class ResultsState:
    """What a folder of results holds, by digests of its files.

    Attributes:
        files: path below the folder → sha256, of result files and of the files that say which were
            submitted and what of these was checked.
        results: zoo with digest, split, target and predictor of each.
    """

    files: Mapping[str, str]
    results: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, folder: Path) -> "ResultsState":
        """The state of a folder; of its files nothing is looked at but whose results are packed.

        Raises:
            ResultError: it holds no results, a packed file that cannot be read, or a file of
                results that lies where none belongs.
        """
        files: dict[str, str] = {}
        results: set[tuple[str, ...]] = set()
        try:
            for path in sorted([*folder.rglob("*.json*"), *folder.rglob("*@*.parquet")]):
                below = path.relative_to(folder).as_posix()
                if match := _RESULT.fullmatch(below):
                    results.add((match[1], *map(unquote, match.groups()[1:])))
                elif match := _PACKED.fullmatch(below):
                    results |= {(match[1], *names) for names in _packed_names(path)}
                elif path.suffix == ".json" or _PACKED.fullmatch(path.name):
                    raise ResultError(
                        f"{path} does not lie where results do, at "
                        "ZOO@DIGEST/SPLIT/TARGET/PREDICTOR.json or, packed, at ZOO@DIGEST.parquet; "
                        "name the folder above all of them"
                    )
                elif not _MERGES.fullmatch(below):
                    continue
                files[below] = file_sha256(path)
        except OSError as error:
            raise ResultError(f"{folder}: cannot be read: {os_fault(error)}") from error
        if not results:
            raise ResultError(
                f"no results in {folder}; `demogen evaluate … --results {folder}` writes some"
            )
        return cls(files, frozenset(results))

    @property
    def digest(self) -> str:
        """Hex sha256 of the lines "<sha256>  <path>", sorted by path, as sha256sum prints them."""
        lines = (f"{digest}  {path}\n" for path, digest in sorted(self.files.items()))
        return sha256("".join(lines).encode())

    def bibtex(self) -> str:
        """An entry that says how many results of how many predictors and zoos, and the digest."""
        zoos = {zoo for zoo, *_ in self.results}
        predictors = {predictor for *_, predictor in self.results}
        title = (
            "A leaderboard of predictors of the generalization gap: "
            f"{_count(len(self.results), 'result')} of {_count(len(predictors), 'predictor')} on "
            f"{_count(len(zoos), 'zoo')}"
        )
        note = f"demogen {__version__}, sha256:{self.digest} of the sha256 of all result files"
        key = f"leaderboard-{self.digest[:12]}"
        return f"@misc{{{key},\n  title = {{{title}}},\n  note = {{{note}}},\n}}"

    def pin(self) -> str:
        """The same in one line."""
        return f"leaderboard of {_count(len(self.results), 'result')}, sha256:{self.digest}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _packed_names(path: Path) -> Iterator[tuple[str, ...]]:
    """Split, target and predictor of each result that a file holds.

    Raises:
        ResultError: it cannot be read.
    """
    try:
        with Parquet(path) as file:
            if not set(_NAMES) <= set(file.schema.names):
                raise ParquetError("does not name its results")
            table = file.read(_NAMES)
        columns = [map(str, values(table.column(name))) for name in _NAMES]
    except ParquetError as error:
        raise ResultError(f"{path} {error}; pack its results again") from error
    yield from zip(*columns, strict=True)
