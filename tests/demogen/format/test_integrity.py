"""Copying a zoo between folders, and writing files that are whole or absent."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.format import integrity
from demogen.hub import download, publishing
from tests.hub.small_zoo import contents, make_zoo, one_line


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
        "croissant.json",
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


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_fsync_is_written_to(number, tmp_path, monkeypatch):
    def without(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", without)
    integrity.write_atomically(tmp_path / "file", b"content")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"content"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_does_not_keep_what_is_written_is_named(number, tmp_path, monkeypatch):
    def failing(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match=f"{os.strerror(number)}: '{tmp_path}/"):
        integrity.write_atomically(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named_and_not_the_one_that_is_written(tmp_path, monkeypatch):
    zoo = make_zoo(tmp_path / "zoo")

    def broken(file):
        raise OSError(errno.EIO, "Input/output error", file.name)

    monkeypatch.setattr(integrity, "_block", broken)
    with pytest.raises(OSError, match=f"Input/output error: '{zoo}"):
        integrity.copy_zoo(zoo, tmp_path / "copy")


def test_scratch_folders_are_open_to_whom_the_umask_admits(tmp_path):
    (plain := tmp_path / "plain").mkdir()
    scratch = integrity.scratch_folder(tmp_path / "deep" / "zoo", "packing")
    assert scratch.name.startswith(".zoo-packing-")
    assert scratch.stat().st_mode == plain.stat().st_mode
