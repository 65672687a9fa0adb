"""Two made-up zoos that transport tests push and pull, the second a later version of the first."""

from pathlib import Path

import pytest

from tests.hub.small_zoo import make_later_zoo, make_zoo


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    return make_zoo(tmp_path / "zoo")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return make_later_zoo(tmp_path / "other")
