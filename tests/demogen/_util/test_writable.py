import os

import pytest

from demogen._util.writable import check_can_write
from demogen.errors import DemogenError


def test_places_that_can_be_written_are_left_as_they_are(tmp_path):
    (tmp_path / "file").write_text("kept")
    check_can_write(tmp_path / "file")
    check_can_write(tmp_path / "a" / "b" / "new.csv")
    check_can_write(tmp_path / "a" / "b", folder=True)
    check_can_write(tmp_path, folder=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [
        ("file", True, "is no folder"),
        ("", False, "is no file"),
        ("file/below.csv", False, r"\(.*file is no folder\): give another"),
        ("file/below", True, r"\(.*file is no folder\): give another"),
    ],
)
def test_what_is_of_the_other_kind_is_named(tmp_path, name, folder, said):
    (tmp_path / "file").touch()
    with pytest.raises(DemogenError, match=said):
        check_can_write(tmp_path / name, folder=folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_rights_are_tried(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DemogenError, match=r"cannot be written \(Permission denied\)"):
        check_can_write(tmp_path / "new")


def test_what_the_system_refuses_is_said(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(DemogenError, match=r"new.csv cannot be written \(Read-only file system\)"):
        check_can_write(tmp_path / "new.csv")
