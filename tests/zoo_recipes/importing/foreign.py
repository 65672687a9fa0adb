"""Files in the formats of other people's zoos, which other people's programs wrote."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("DEMOGEN_FOREIGN", Path(__file__).parents[4] / "shared/data/foreign"))
at_hand = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="other people's files are not at hand: set DEMOGEN_FOREIGN"
)
