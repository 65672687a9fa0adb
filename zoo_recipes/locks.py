"""What may work on a zoo at the same time: one build, or shards of one division into shards.

The locks are the operating system's: a dead process holds none. Their files stay, empty, in
`.<zoo>.locks` beside the zoo.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from demogen.errors import RecipeError
from zoo_recipes.parts import Shard

START_SECONDS = 60.0
"""How long to wait for the start lock; each process holds it for far less than a second."""

_BUILD = "build"
_SHARD = "shard-"


@contextmanager
def working_on(folder: Path, shard: Shard | None) -> Iterator[None]:
    """Work on a zoo's networks: alone, or, with a shard, beside other shards of the same count.

    Raises:
        RecipeError: another process works on the same networks.
    """
    lock = FileLock(_locks(folder) / (_BUILD if shard is None else _name(shard)))
    with start_lock(folder):
        _refuse_beside_others(folder, shard)
        lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def start_lock(folder: Path) -> Iterator[None]:
    """Hold the lock without which no other build or shard of this zoo starts.

    Raises:
        RecipeError: another process has held it for too long.
    """
    _locks(folder).mkdir(parents=True, exist_ok=True)
    _check_has_locks(_locks(folder))
    lock = FileLock(_locks(folder) / "gate")
    try:
        lock.acquire(timeout=START_SECONDS)
    except Timeout as error:
        raise RecipeError(
            f"{folder} is locked: {lock.lock_file} has been held for {START_SECONDS:g} seconds; "
            "end the process that hangs there"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _check_has_locks(folder: Path) -> None:
    """Refuse a file system without locks, where a lock seems free, or held, for ever.

    Raises:
        RecipeError: it has none.
    """
    try:
        import fcntl
    except ImportError:
        return
    with (folder / "probe").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise RecipeError(
                f"the file system of {folder.parent} has no locks ({error.strerror}): choose a "
                "folder on a local disk, and copy the zoo when it is whole (`demogen push`)"
            ) from error


def _refuse_beside_others(folder: Path, shard: Shard | None) -> None:
    if _is_held(folder, _BUILD):
        raise RecipeError(f"another build works on {folder}; wait for it, or choose another folder")
    names = sorted(path.name for path in _locks(folder).glob(f"{_SHARD}*"))
    for name in names:
        other = Shard(*map(int, name.removeprefix(_SHARD).split("-of-")))
        if shard is not None and shard.count == other.count and shard != other:
            continue
        if _is_held(folder, name):
            raise RecipeError(_refusal(folder, shard, other))


def _refusal(folder: Path, shard: Shard | None, other: Shard) -> str:
    works = f"another build works on shard {other} of {folder}"
    if shard is None:
        return f"{works}; wait for it, then run without a shard to train the rest and pack"
    if shard == other:
        return f"{works}; give it another shard, or wait"
    return (
        f"{works}, which shares networks with shard {shard}; give shards of {other.count}, or wait"
    )


def _is_held(folder: Path, name: str) -> bool:
    lock = FileLock(_locks(folder) / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _locks(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.locks")


def _name(shard: Shard) -> str:
    return f"{_SHARD}{shard.number}-of-{shard.count}"
