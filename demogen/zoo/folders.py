"""Zoos that lie on this machine, by path or by name, and what to say where there is none."""

import difflib
import glob
import logging
from pathlib import Path

from demogen._util import paths
from demogen._util.text import one_line
from demogen.errors import DemogenError, ZooError
from demogen.format.integrity import MANIFEST
from demogen.schema.collections import published_collections

_LOGGER = logging.getLogger("demogen.hub")


def folder_of(name: str) -> Path | None:
    """The folder of a zoo on this machine, by path or name; None: there is none."""
    if ((folder := paths.expanded(name)) / MANIFEST).is_file():
        return folder
    # Only names of zoos built here need the user's home, which some users have not.
    if "/" in name or not ((folder := paths.zoos() / name) / MANIFEST).is_file():
        return None
    return folder


def check_may_be_on_hub(name: str, *, revision: bool = False) -> None:
    """Refuse what can be no repository on the Hub, and what is rather a folder, mistyped.

    choice: "zoos/dgits" is one where a folder `zoos` here holds a zoo `digits`; "zoos/dgits@main"
    is sought on the Hub in any case.

    Args:
        name: of which `folder_of` finds no folder, without a revision.
        revision: whether one is given, so that it is no folder that is meant.

    Raises:
        ZooError: it says that there is no such folder or zoo, and names near ones.
    """
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        if revision:
            return
        if near := near_zoos(name):
            raise ZooError(f"{no_folder(name, near)} On the Hub it is {name}@main")
        if Path(name).parent.is_dir():
            _LOGGER.warning("%s; looking for it on the Hub", one_line(no_folder(name, [])))
        return
    near = near_zoos(name)
    if "/" in name or name.startswith((".", "~")):
        raise ZooError(no_folder(name, near))
    if near:
        raise ZooError(f"no zoo {name!r} here; did you mean {_alternatives(near)}?")
    built = ", ".join(_built()) or "none yet"
    train = f"'demogen train {name}' builds it, " if _is_recipe(name) else ""
    raise ZooError(
        f"no zoo {name!r}: neither a folder with a zoo.json nor a zoo built here ({built}); "
        f"{train}'owner/name' reads one from the Hub"
    )


def no_folder(name: str, near: list[str]) -> str:
    """That there is no folder of a zoo of this name, and which ones there are."""
    there = paths.expanded(name).is_dir()
    what = f"{name} holds no zoo.json" if there else f"there is no folder {name}"
    return f"{what}; did you mean {_alternatives(near)}?" if near else what


def near_zoos(name: str) -> list[str]:
    """Zoos of a similar name, as they are to be written.

    In the same folder; of a bare name also zoos built here, and those of this very name a folder
    below.
    """
    before, slash, last = name.rpartition("/")
    beside = _zoos_in(paths.expanded(before + slash) if slash else Path())
    near = difflib.get_close_matches(last, beside, n=3)
    found = [f"{before}{slash}{one}" for one in near]
    if not slash:
        found += difflib.get_close_matches(last, _built(), n=3)
        found += sorted(
            str(path.parent) for path in Path().glob(f"*/{glob.escape(name)}/{MANIFEST}")
        )
    return list(dict.fromkeys(found))


def _alternatives(names: list[str]) -> str:
    return " or ".join(repr(one_line(name)) for name in names)


def _built() -> list[str]:
    try:
        return _zoos_in(paths.zoos())
    except DemogenError:
        return []


def _zoos_in(folder: Path) -> list[str]:
    try:
        return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    except OSError:
        return []


def _is_recipe(name: str) -> bool:
    return any(collection.name == name for collection in published_collections({name}))
