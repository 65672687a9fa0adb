"""Folders of results: which files hold some, and where each belongs.

A result lies in a JSON file of its own at its `Result.path`, or with all results on its zoo in
<zoo>@<digest>.parquet above them (`leaderboard.results.packing`). What a result is, is not known
here: whoever reads says how a text becomes one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError
from demogen.errors import ResultError, os_fault
from leaderboard.results.origins import Origin, check_merged, read_origins
from leaderboard.results.packing import Only, names_in, unpack

PACKED = ".parquet"
"""How the names of packed files end."""

_PACKED = re.compile(rf"[^/]+@[0-9a-f]{{12}}{re.escape(PACKED)}")


class Placed(Protocol):
    """A result, as far as folders are concerned."""

    @property
    def predictor(self) -> str:
        """Name of the predictor."""

    @property
    def path(self) -> PurePosixPath:
        """Where its own file belongs below the folder."""

    def to_json(self) -> bytes:
        """What its own file holds."""


Kept = TypeVar("Kept", bound=Placed)
Parse = Callable[[bytes, str, Any], Kept]
"""The text of a result, what to call it in errors, and what the text holds, or None where that is
not known → the result."""


def result_files(folder: Path) -> list[Path]:
    """The files under a folder that hold results, sorted."""
    packed = (path for path in folder.rglob(f"*{PACKED}") if _PACKED.fullmatch(path.name))
    return sorted([*folder.rglob("*.json"), *packed])


def packed_name(result: Placed) -> str:
    """Name of the Parquet file with the results on the zoo of one."""
    return f"{result.path.parts[0]}{PACKED}"


def read_file(path: Path, parse: Parse[Kept]) -> Kept:
    """The result in a JSON file.

    Raises:
        ResultError: it cannot be read, or is not a valid result.
    """
    return parse(_content(path), str(path), None)


def packed_texts(path: Path, only: Only | None = None) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """The texts of the results in a Parquet file, not checked, and what these hold.

    Raises:
        ResultError: it cannot be read.
    """
    try:
        yield from unpack(_content(path), only)
    except UnreadableError as error:
        raise ResultError(f"{path}: no results: {error}") from error


def read_packed(path: Path, parse: Parse[Kept], only: Only | None = None) -> Iterator[Kept]:
    """The results in a Parquet file, one after the other.

    Raises:
        ResultError: it cannot be read, or one is not valid or of another zoo.
    """
    for text, content in packed_texts(path, only):
        result = parse(text, str(path), content)
        if packed_name(result) != path.name:
            raise ResultError(
                f"{path} holds a result of another zoo; name a file of its results "
                f"{packed_name(result)}"
            )
        yield result


def read_any(path: Path, parse: Parse[Kept], only: Only | None = None) -> Iterator[Kept]:
    """The results in a file of either kind, or some of them.

    Raises:
        ResultError: it cannot be read, or one is not valid.
    """
    if path.suffix == PACKED:
        yield from read_packed(path, parse, only)
        return
    result = read_file(path, parse)
    if all(getattr(result, name) in among for name, among in (only or {}).items()):
        yield result


def results_under(
    folder: Path, parse: Parse[Kept], origins: dict[str, Origin], only: Only | None = None
) -> Iterator[Kept]:
    """All results under a folder, or some of them, in the order of their files.

    Args:
        folder: a folder of results, or of several such, or a part of one.
        parse: makes results of texts.
        origins: gets the origin of each that was merged, from where it lies.
        only: which results; of packed ones the others are not looked at.

    Raises:
        ResultError: one cannot be read or is not valid, lies where another belongs, is not what was
            merged, or is packed and differs from one that belongs in the same place.
    """
    by_root: dict[Path, dict[str, Origin]] = {}
    known: dict[PurePosixPath, Kept] = {}
    packed_ones: set[PurePosixPath] = set()
    for path in result_files(folder):
        packed = path.suffix == PACKED
        for result in read_any(path, parse, only):
            if packed:
                packed_ones.add(result.path)
            before = known.setdefault(result.path, result)
            if before is not result and result.path in packed_ones:
                if before.to_json() != result.to_json():
                    raise ResultError(
                        f"{path}: another result than this lies in the place of {result.path}; "
                        "keep one of them"
                    )
                continue
            root = _root(path, result.path, packed)
            if root not in by_root:
                by_root[root] = read_origins(root)
            if origin := by_root[root].get(str(result.path)):
                check_merged(path, result.to_json() if packed else path.read_bytes(), origin, root)
                origins[str(result.path)] = origin
            yield result


def predictors_under(folder: Path, parse: Parse[Placed]) -> set[str]:
    """Names of the predictors that there are results of under a folder.

    Raises:
        ResultError: a file cannot be read, or holds no results.
    """
    found: set[str] = set()
    for path in result_files(folder):
        if path.suffix == PACKED:
            try:
                found |= names_in(_content(path), "predictor")
            except UnreadableError as error:
                raise ResultError(f"{path}: no results: {error}") from error
        else:
            found.add(read_file(path, parse).predictor)
    return found


def _root(path: Path, belongs: PurePosixPath, packed: bool) -> Path:
    """The folder of results that a file is of."""
    place, parts = path.resolve(), belongs.parts
    if packed:
        return place.parent
    if place.parts[-len(parts) :] != parts:
        raise ResultError(f"{path} does not lie where it belongs: move it to {belongs}")
    return place.parents[len(parts) - 1]


def _content(path: Path) -> bytes:
    try:
        return read_bounded(path)
    except UnreadableError as error:
        raise ResultError(f"{path}: no result: {error}") from error
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {os_fault(error)}") from error
