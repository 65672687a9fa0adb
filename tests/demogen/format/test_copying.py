"""What a copy of a zoo may write over and remove, and that it follows no links."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.format import integrity, parts
from demogen.hub import download, publishing
from tests.hub.small_zoo import contents, make_later_zoo, make_zoo, one_line


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    return make_zoo(tmp_path / "zoo")


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("held", ["conftest.py", "README.md", "zoo.json", "networks.parquet"])
def test_a_folder_that_is_neither_empty_nor_a_zoo_is_refused(zoo, tmp_path, held):
    target = tmp_path / "project"
    target.mkdir()
    (target / held).write_text("mine")
    refused = pytest.raises(ZooError, match=r"and no zoo: a zoo goes|zoo\.json is no manifest")
    with refused as error:
        download.pull(str(zoo), target)
    with refused:
        publishing.push(zoo, str(target))
    assert str(target) in one_line(error)
    assert contents(target) == {held: b"mine"}


def test_an_empty_folder_and_another_zoo_are_taken_and_files_beside_a_zoo_stay(zoo, tmp_path):
    (target := tmp_path / "target").mkdir()
    download.pull(str(zoo), target)
    (target / "notes.txt").write_text("mine")
    (target / "shards/notes.txt").write_text("mine")
    later = make_later_zoo(tmp_path / "later")
    download.pull(str(later), target)
    assert contents(target) == contents(later) | {
        "notes.txt": b"mine",
        "shards/notes.txt": b"mine",
    }


def test_what_an_older_manifest_lists_is_removed_only_where_a_zoo_may_hold_it(zoo, tmp_path):
    target = make_zoo(tmp_path / "target")
    (target / "thesis.tex").write_text("mine")
    manifest = json.loads((target / "zoo.json").read_bytes())
    manifest["files"]["thesis.tex"] = manifest["files"]["shards/00000.tar"]
    (target / "zoo.json").write_text(json.dumps(manifest))
    before = contents(target)
    with pytest.raises(ZooError, match=r"'thesis\.tex' is no file that a zoo may list"):
        download.pull(str(zoo), target)
    assert contents(target) == before


def test_a_copy_that_was_killed_is_taken_up(zoo, tmp_path, monkeypatch):
    target = tmp_path / "target"
    with monkeypatch.context() as broken:
        broken.setattr(integrity, "_copy_if_changed", lambda *_: os.kill)
        broken.setattr(integrity, "write_atomically", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            download.pull(str(zoo), target)
    assert (target / "shards").exists()
    assert not (target / "zoo.json").exists()
    download.pull(str(zoo), target)
    assert state(target) == state(zoo)


LINKED = ["networks.parquet", "shards/00000.tar", "README.md", "runs.parquet", "zoo.json"]


class TestLinks:
    @pytest.mark.parametrize("path", LINKED)
    def test_of_the_source_are_not_followed(self, zoo, tmp_path, path):
        outside = tmp_path / "outside"
        (zoo / path).rename(outside)
        (zoo / path).symlink_to(outside)
        for go in (
            lambda: download.pull(str(zoo), tmp_path / "target"),
            lambda: download.pull(str(zoo)),
            lambda: publishing.push(zoo, str(tmp_path / "target")),
        ):
            with pytest.raises(ZooError, match="is a symbolic link") as error:
                go()
            assert str(zoo / path) in one_line(error)
        assert not (tmp_path / "target").exists()

    @pytest.mark.parametrize("path", ["shards", "splits"])
    def test_folders_of_the_source_are_no_links(self, zoo, tmp_path, path):
        (zoo / path).rename(tmp_path / "outside")
        (zoo / path).symlink_to(tmp_path / "outside")
        with pytest.raises(ZooError, match="is a symbolic link"):
            download.pull(str(zoo), tmp_path / "target")

    @pytest.mark.parametrize("path", [*LINKED, "splits", "shards", integrity.COPYING])
    def test_of_the_target_are_not_followed(self, zoo, tmp_path, path):
        target = make_zoo(tmp_path / "target", name="other")
        outside = tmp_path / "outside"
        if (target / path).exists():
            (target / path).rename(outside)
        else:
            outside.write_bytes(b"mine")
        (target / path).symlink_to(outside)
        before = outside.read_bytes() if outside.is_file() else state(outside)
        with pytest.raises(ZooError, match="is a symbolic link"):
            download.pull(str(zoo), target)
        assert (outside.read_bytes() if outside.is_file() else state(outside)) == before
        assert (target / path).is_symlink()

    def test_of_files_that_are_not_there_are_none_either(self, zoo, tmp_path):
        (target := tmp_path / "target").mkdir()
        (target / "shards").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ZooError, match="no zoo: a zoo goes"):
            download.pull(str(zoo), target)

    def test_the_folder_itself_may_be_one(self, zoo, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "disk")
        download.pull(str(zoo), tmp_path / "link")
        assert contents(tmp_path / "disk") == contents(zoo)


KILLED = """
import os, signal, sys
from pathlib import Path
from demogen.format import integrity
folder = Path(sys.argv[1])
integrity.scratch_folder(folder / "zoo", "packing")
with integrity.replacing(folder / "file") as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


class TestLeftParts:
    @pytest.fixture
    def left(self, tmp_path: Path) -> Path:
        """A folder in which a process died while it wrote."""
        (place := tmp_path / "place").mkdir()
        done = subprocess.run([sys.executable, "-c", KILLED, str(place)], check=False)
        assert done.returncode == -9
        assert len(list(place.iterdir())) == 2
        return place

    def test_those_of_the_dead_are_removed_by_the_next_who_writes(self, left):
        integrity.write_atomically(left / "other", b"whole")
        integrity.scratch_folder(left / "zoo", "making").rmdir()
        assert contents(left) == {"other": b"whole"}
        assert [path.name for path in left.iterdir()] == ["other"]

    def test_those_of_the_living_stay(self, tmp_path):
        with integrity.replacing(tmp_path / "file") as file:
            scratch = integrity.scratch_folder(tmp_path / "zoo", "packing")
            parts.remove_parts([tmp_path])
            parts.remove_scratch(tmp_path / "zoo")
            assert scratch.is_dir()
            file.write(b"whole")
        assert (tmp_path / "file").read_bytes() == b"whole"

    @pytest.mark.parametrize("name", [".a.0123abcd.part", ".a.ffffff_1_0123abcd.part"])
    def test_those_of_other_machines_stay_for_a_week(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"half")
        parts.remove_parts([tmp_path])
        assert (tmp_path / name).exists()
        then = (tmp_path / name).stat().st_mtime - parts.FORGOTTEN_SECONDS - 60
        os.utime(tmp_path / name, (then, then))
        parts.remove_parts([tmp_path])
        assert not (tmp_path / name).exists()

    def test_what_has_another_name_stays(self, left, tmp_path):
        (left / "report.part").write_bytes(b"mine")
        (left / ".zoo-packing-list").mkdir()
        integrity.write_atomically(left / "other", b"whole")
        integrity.scratch_folder(left / "zoo", "making")
        assert (left / "report.part").exists()
        assert (left / ".zoo-packing-list").exists()

    def test_an_old_zoo_stays_until_the_new_one_is_there(self, left):
        packed = next(path for path in left.iterdir() if path.is_dir())
        old = packed.rename(left / packed.name.replace("packing", "old"))
        (old / "zoo").mkdir()
        integrity.scratch_folder(left / "zoo", "packing").rmdir()
        assert (old / "zoo").exists()
        (left / "zoo").mkdir()
        integrity.scratch_folder(left / "zoo", "packing").rmdir()
        assert not old.exists()

    def test_of_a_copy_are_removed_by_the_next(self, left, tmp_path):
        zoo, target = make_zoo(tmp_path / "zoo"), tmp_path / "target"
        download.pull(str(zoo), target)
        (part,) = (path for path in left.iterdir() if path.is_file())
        shutil.copy(part, target / "shards" / part.name)
        download.pull(str(zoo), target)
        assert contents(target) == contents(zoo)
