import sys

import pytest

from demogen._util.attributes import attribute
from demogen.errors import ZooError


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path / "code_of_my_own.py"
    sys.modules.pop("code_of_my_own", None)


def test_a_file_is_loaded_though_python_looks_in_its_folder(file, monkeypatch):
    """As `python -m demogen` does in the current folder, and whoever sets PYTHONPATH."""
    file.write_text("NUMBER = 7")
    monkeypatch.syspath_prepend(file.parent)
    for _ in range(2):
        assert attribute(f"{file}:NUMBER", "number", ZooError) == 7


def test_a_file_that_another_of_its_name_stands_before_is_refused(file, tmp_path, monkeypatch):
    file.write_text("NUMBER = 7")
    other = tmp_path / "other"
    other.mkdir()
    (other / file.name).write_text("NUMBER = 8")
    monkeypatch.syspath_prepend(other)
    with pytest.raises(ZooError, match="is called as an installed module; rename it"):
        attribute(f"{file}:NUMBER", "number", ZooError)
