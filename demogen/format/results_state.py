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

_RESULT = re.compile(r"([^/]+@[0-9a-f]{12})/[^/]+/[^/]+/([^/]+)\.json")
_PACKED = re.compile(r"([^/]+@[0-9a-f]{12})\.parquet")
_MERGES = re.compile(r"submissions/[^/]+\.jsonl")


@final
@dataclass(frozen=True)
class ResultsState:
    """What a folder of results holds, by digests of its files.

    Attributes:
        files: path below the folder → sha256, of result files and of the files that say which were
            submitted and what of these was checked.
        predictors: zoo with digest → predictor of each of its results.
    """

    files: Mapping[str, str]
    predictors: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, folder: Path) -> "ResultsState":
        """The state of a folder; of its files nothing is looked at but whose results are packed.

        Raises:
            ResultError: it holds no results, one zoo's both packed and not, a packed file that
                cannot be read, or a file of results that lies where none belongs.
        """
        files: dict[str, str] = {}
        predictors: dict[str, list[str]] = {}
        packed: dict[str, list[str]] = {}
        try:
            for path in sorted([*folder.rglob("*.json*"), *folder.rglob("*@*.parquet")]):
                below = path.relative_to(folder).as_posix()
                if match := _RESULT.fullmatch(below):
                    predictors.setdefault(match[1], []).append(unquote(match[2]))
                elif match := _PACKED.fullmatch(below):
                    packed[match[1]] = list(_packed_predictors(path))
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
        if twice := sorted(predictors.keys() & packed.keys()):
            raise ResultError(
                f"{folder} holds results of {twice[0]} both packed and not; keep one of them"
            )
        if not (predictors := predictors | packed):
            raise ResultError(
                f"no results in {folder}; `demogen evaluate … --results {folder}` writes some"
            )
        return cls(files, {zoo: tuple(names) for zoo, names in predictors.items()})

    @property
    def digest(self) -> str:
        """Hex sha256 of the lines "<sha256>  <path>", sorted by path, as sha256sum prints them."""
        lines = (f"{digest}  {path}\n" for path, digest in sorted(self.files.items()))
        return sha256("".join(lines).encode())

    def bibtex(self) -> str:
        """An entry that says how many results of how many predictors and zoos, and the digest."""
        predictors = {name for names in self.predictors.values() for name in names}
        title = (
            f"A leaderboard of predictors of the generalization gap: {self._count} results of "
            f"{len(predictors)} predictors on {len(self.predictors)} zoos"
        )
        note = f"demogen {__version__}, sha256:{self.digest} of the sha256 of all result files"
        key = f"leaderboard-{self.digest[:12]}"
        return f"@misc{{{key},\n  title = {{{title}}},\n  note = {{{note}}},\n}}"

    def pin(self) -> str:
        """The same in one line."""
        return f"leaderboard of {self._count} results, sha256:{self.digest}"

    @property
    def _count(self) -> int:
        return sum(map(len, self.predictors.values()))


def _packed_predictors(path: Path) -> Iterator[str]:
    """The predictor of each result that a file holds.

    Raises:
        ResultError: it cannot be read.
    """
    try:
        with Parquet(path) as file:
            names = values(file.read(["predictor"]).column("predictor"))
        yield from (str(name) for name in names)
    except (ParquetError, KeyError) as error:
        fault = error if isinstance(error, ParquetError) else "lacks the predictors"
        raise ResultError(f"{path} {fault}; pack its results again") from error
