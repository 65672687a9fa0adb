"""The state of a leaderboard as a citation pins it: every file of its folder of results."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from demogen import __version__
from demogen.errors import ResultError, os_fault
from demogen.format.integrity import file_sha256
from demogen.schema.parsing import sha256

_RESULT = re.compile(r"([^/]+@[0-9a-f]{12})/[^/]+/[^/]+/([^/]+)\.json")
_MERGES = re.compile(r"submissions/[^/]+\.jsonl")


@final
@dataclass(frozen=True)
class ResultsState:
    """What a folder of results holds, by digests of its files.

    Attributes:
        files: path below the folder → sha256, of result files and of the files that say which were
            submitted and what of these was checked.
    """

    files: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> "ResultsState":
        """The state of a folder; nothing in its files is looked at.

        Raises:
            ResultError: it holds no results, or a .json file that lies where no result belongs.
        """
        files = {}
        try:
            for path in sorted(folder.rglob("*.json*")):
                below = path.relative_to(folder).as_posix()
                if _RESULT.fullmatch(below) or _MERGES.fullmatch(below):
                    files[below] = file_sha256(path)
                elif path.suffix == ".json":
                    raise ResultError(
                        f"{path} does not lie where results do, at "
                        "ZOO@DIGEST/SPLIT/TARGET/PREDICTOR.json; name the folder above all of them"
                    )
        except OSError as error:
            raise ResultError(f"{folder}: cannot be read: {os_fault(error)}") from error
        if not any(map(_RESULT.fullmatch, files)):
            raise ResultError(
                f"no results in {folder}; `demogen evaluate … --results {folder}` writes some"
            )
        return cls(files)

    @property
    def digest(self) -> str:
        """Hex sha256 of the lines "<sha256>  <path>", sorted by path, as sha256sum prints them."""
        lines = (f"{digest}  {path}\n" for path, digest in sorted(self.files.items()))
        return sha256("".join(lines).encode())

    def bibtex(self) -> str:
        """An entry that says how many results of how many predictors and zoos, and the digest."""
        zoos, predictors = self._zoos, self._predictors
        title = (
            f"A leaderboard of predictors of the generalization gap: {self._count} results of "
            f"{len(predictors)} predictors on {len(zoos)} zoos"
        )
        note = f"demogen {__version__}, sha256:{self.digest} of the sha256 of all result files"
        key = f"leaderboard-{self.digest[:12]}"
        return f"@misc{{{key},\n  title = {{{title}}},\n  note = {{{note}}},\n}}"

    def pin(self) -> str:
        """The same in one line."""
        return f"leaderboard of {self._count} results, sha256:{self.digest}"

    @property
    def _parts(self) -> list[re.Match[str]]:
        return [match for match in map(_RESULT.fullmatch, self.files) if match]

    @property
    def _count(self) -> int:
        return len(self._parts)

    @property
    def _zoos(self) -> set[str]:
        return {match[1] for match in self._parts}

    @property
    def _predictors(self) -> set[str]:
        return {match[2] for match in self._parts}
