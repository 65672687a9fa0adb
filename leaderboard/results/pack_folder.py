"""A folder of results written anew, small: one packed file a zoo, and what lies beside results."""

from collections.abc import Container, Sequence
from pathlib import Path

from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError
from demogen.errors import ResultError, os_fault
from leaderboard.results.chances import FILE as CHANCES
from leaderboard.results.folders import packed_name
from leaderboard.results.origins import SUBMISSIONS, SUFFIX, check_merged, ledger_of, read_origins
from leaderboard.results.packing import pack, unpack
from leaderboard.results.result import Result, Results, read_results, write_file


def pack_folder(folder: Path, into: Path) -> tuple[Results, list[Path]]:
    """Pack the results of a folder, zoo by zoo.

    What says who submitted results (`submissions`) and what the best of them has by chance comes
    along; where zoos lie on this machine does not. The same results give the same bytes.

    Args:
        folder: of results.
        into: another folder, outside of it. Packed results there of the same zoos are replaced.

    Returns:
        The results, and the files written.

    Raises:
        ResultError: a result cannot be read; `into` lies within `folder`; merges of results lie
            elsewhere than in `folder`, or `into` holds other merges, or other results in files of
            their own; a merged file is not written as results are, so that it could not be made
            again; there are more results than are read again; or a file cannot be written.
    """
    if into.resolve().is_relative_to(folder.resolve()):
        raise ResultError(
            f"{into} lies within {folder}, where each result would be twice; name another folder"
        )
    results = read_results(folder)
    _check_origins(results, folder)
    by_file: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda one: one.path):
        by_file.setdefault(packed_name(result), []).append(result)
    beside = [*folder.glob(f"{SUBMISSIONS}/*{SUFFIX}"), *folder.glob(f"*/{CHANCES}")]
    files = {path.relative_to(folder): _read(path) for path in sorted(beside)}
    _check_merges(files, into)
    _check_places(results, files, into)
    for name, of_zoo in by_file.items():
        files[Path(name)] = _packed(name, of_zoo)
    for path, content in files.items():
        write_file(into / path, content)
    return results, [into / path for path in files]


def _packed(name: str, results: Sequence[Result]) -> bytes:
    """The results of a zoo packed, as far as they can be read again."""
    content = pack([one.model_dump(mode="json") for one in results])
    try:
        for _ in unpack(content):
            pass
    except UnreadableError as error:
        raise ResultError(
            f"{len(results):,} results do not fit into one {name}: {error}; pack fewer of them, "
            "such as those of some splits, into a folder of their own"
        ) from error
    return content


def _check_origins(results: Results, folder: Path) -> None:
    """All that is known of merged results comes along, and holds for what is packed."""
    known = read_origins(folder)
    for result in results:
        if (origin := results.origin(result)) is None:
            continue
        if str(result.path) not in known:
            raise ResultError(
                f"who submitted {result.path} does not stand in {folder / SUBMISSIONS}; name the "
                f"folder above, which holds {SUBMISSIONS}"
            )
        check_merged(folder / result.path, result.to_json(), origin, folder)


def _check_merges(files: dict[Path, bytes], into: Path) -> None:
    """No merge is forgotten that the other folder knows of: it may hold more zoos."""
    for path, content in files.items():
        if path.parts[0] != SUBMISSIONS or not (into / path).exists():
            continue
        if not set(_read(into / path).splitlines()) <= set(content.splitlines()):
            raise ResultError(
                f"{into / path} knows of other merges than {SUBMISSIONS} of what is packed; "
                "remove it with the results it is of, or name another folder"
            )


def _check_places(results: Results, files: Container[Path], into: Path) -> None:
    """What the other folder holds beside packed results does not contradict them."""
    origins = read_origins(into)
    for result in results:
        own = into / result.path
        if own.exists() and _read(own) != result.to_json():
            raise ResultError(
                f"{own} is another result than the one in its place that is packed; remove it, or "
                "name another folder"
            )
        ledger = ledger_of(into, result.predictor)
        origin = origins.get(str(result.path))
        if origin is not None and ledger.relative_to(into) not in files:
            check_merged(into / packed_name(result), result.to_json(), origin, into)


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path)
    except UnreadableError as error:
        raise ResultError(f"{path}: {error}") from error
    except OSError as error:
        raise ResultError(f"{path}: cannot be read: {os_fault(error)}") from error
