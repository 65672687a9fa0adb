"""What an import needs beside the archive is tried before the archive is read."""

import pytest

from demogen.errors import DemogenError
from tests.zoo_recipes.importing import writers
from zoo_recipes.importing.cli import importing

pytest.importorskip("h5py")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "gpu"], "^no device 'gpu': give cpu"),
        (["--folder", "{archive}/zoos"], r"data.zip is no folder\): give another folder$"),
    ],
)
def test_the_device_and_the_folder(tmp_path, options, message):
    archive = writers.as_zip(writers.modelzoo_files(), tmp_path / "data.zip")
    arguments = ["modelzoo", str(archive), "--folder", str(tmp_path / "zoos")]
    given = [*arguments, *(option.format(archive=archive) for option in options)]
    with pytest.raises(DemogenError, match=message):
        importing.main(given, standalone_mode=False)
    assert list(tmp_path.iterdir()) == [archive]
