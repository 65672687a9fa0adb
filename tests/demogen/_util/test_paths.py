from pathlib import Path

import pytest

from demogen._util import paths
from demogen.errors import DemogenError


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home: no HOME, and no entry in the list of users, as in some containers."""
    for name in ("HOME", "DEMOGEN_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    import pwd

    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch, tmp_path):
    with pytest.raises(DemogenError, match="no home folder .*: set DEMOGEN_HOME to a folder"):
        paths.measurements()
    with pytest.raises(DemogenError, match="~/zoo: no home folder is known of that user"):
        paths.expanded("~/zoo")
    monkeypatch.setenv("DEMOGEN_HOME", str(tmp_path))
    assert paths.measurements() == tmp_path / "measurements"


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_reads_folders(tiny_zoo_folder):
    from demogen import load_zoo

    assert len(load_zoo(tiny_zoo_folder)) == 24
    with pytest.raises(DemogenError, match="set DEMOGEN_HOME"):
        load_zoo("digits")


def test_homes_are_filled_in(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert paths.expanded("~/zoo") == Path("/somewhere/zoo")
    with pytest.raises(DemogenError, match="~nobody-of-that-name/zoo: no home folder"):
        paths.expanded("~nobody-of-that-name/zoo")


def test_what_is_replaced_has_a_name_of_its_own(monkeypatch, tmp_path):
    (there := tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(there)
    monkeypatch.chdir(there)
    assert paths.replaceable("zoo") == Path("zoo")
    assert paths.replaceable(tmp_path / "link") == there
    assert paths.replaceable(".") == there
    assert paths.replaceable("..") == tmp_path
    with pytest.raises(DemogenError, match="/ cannot be replaced; choose a folder below it"):
        paths.replaceable("/")
