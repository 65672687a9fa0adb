"""Where this machine keeps what was built or computed."""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """$DEMOGEN_HOME, or demogen's folder in the user's cache."""
    folder = os.environ.get("DEMOGEN_HOME")
    return Path(folder).expanduser() if folder else Path(platformdirs.user_cache_dir("demogen"))


def zoos() -> Path:
    """Zoos built here, a folder each, found by name."""
    return home() / "zoos"


def measurements() -> Path:
    """Cached signatures, a file a measure."""
    return home() / "measurements"


def decoded_images() -> Path:
    """Image sets decoded once, a file a set."""
    return home() / "images"
