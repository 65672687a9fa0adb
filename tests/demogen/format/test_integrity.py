"""Copying a zoo between folders, and writing files that are whole or absent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.format import integrity
from demogen.hub import download, publishing
from tests.hub.small_zoo import contents, one_line


def test_push_and_pull_between_folders(zoo: Path, tmp_path: Path) -> None:
    target = tmp_path / "published" / "tiny"
    assert publishing.push(zoo, str(target)).target == str(target)
    assert contents(target) == contents(zoo)
    assert download.pull(str(target)) == target
    assert download.pull(str(target), tmp_path / "back") == tmp_path / "back"
    assert contents(tmp_path / "back") == contents(zoo)


def written(path: Path) -> tuple[int, int]:
    """The same as long as a file is neither replaced nor changed."""
    # A number alone may be given again to the file that takes another's place.
    return path.stat().st_ino, path.stat().st_ctime_ns


def test_only_what_changed_is_written(zoo: Path, other: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    publishing.push(zoo, str(target))
    before = {path: written(target / path) for path in contents(target)}
    publishing.push(zoo, str(target))
    assert {path: written(target / path) for path in contents(target)} == before
    publishing.push(other, str(target))
    assert contents(target) == contents(other)
    after = {path: written(target / path) for path in contents(target)}
    assert {p for p in after if after[p] != before[p]} == {"shards/00000.tar", "zoo.json"}


def test_an_interrupted_copy_leaves_no_zoo_and_no_rubbish(
    zoo: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    publishing.push(zoo, str(target))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda number: 1 / 0)
        broken.setattr(integrity, "sync_folder", lambda folder: None)
        with pytest.raises(ZeroDivisionError):
            publishing.push(other, str(target))
    assert not (target / "zoo.json").exists()
    assert not list(target.rglob("*.part"))
    with pytest.raises(ZooError, match=r"has no zoo\.json"):
        download.pull(str(target))
    publishing.push(other, str(target))
    assert integrity.verify_folder(target).files.keys() == contents(target).keys() - {
        "zoo.json",
        "README.md",
        "runs.parquet",
        "shards/00001.tar",
    }


def test_a_zoo_pushed_onto_itself_stays(zoo: Path) -> None:
    before = contents(zoo)
    publishing.push(zoo, str(zoo))
    assert contents(zoo) == before


def test_folders_have_neither_tags_nor_revisions(zoo: Path) -> None:
    with pytest.raises(ZooError, match="takes no tag"):
        publishing.push(zoo, "./x", tag="v1")
    with pytest.raises(ZooError, match="has no revision"):
        download.pull(str(zoo), revision="v1")
    with pytest.raises(ZooError, match="no such folder"):
        download.pull("/nowhere/at/all")


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("/srv/zoo", True),
        ("./a/b", True),
        ("../a", True),
        ("~/zoos/a", True),
        ("C:\\zoos\\a", True),
        ("C:/zoos/a", True),
        ("owner/name", False),
        ("owner-1/na.me_2", False),
    ],
)
def test_addresses(target: str, folder: bool) -> None:
    assert download.is_folder(target) is folder


@pytest.mark.parametrize("target", ["", "name", "a/b/c", "a b/c", "hf://datasets/a/b", "-a/b"])
def test_anything_else_is_refused_with_the_remedy(target: str) -> None:
    with pytest.raises(ZooError, match="neither a folder") as error:
        download.is_folder(target)
    assert "owner/name" in one_line(error)


def test_write_atomically_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    integrity.write_atomically(path, b"first")
    integrity.write_atomically(path, b"second")
    assert contents(tmp_path) == {"deep/file": b"second"}
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode


def test_integrity_does_without_the_hub_client() -> None:
    code = "import sys, demogen.format.integrity; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
