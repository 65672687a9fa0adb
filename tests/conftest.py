"""What all tests share: a Hub on loopback, a home of their own, and one tiny zoo."""

import os
import tempfile

# Before anything of ours is imported: caches of the tests stay out of the user's home.
os.environ["DEMOGEN_HOME"] = tempfile.mkdtemp(prefix="demogen-tests-")
os.environ.pop("DEMOGEN_IMAGES", None)
# Workers with a thread for every core each wait for one another: ten times slower. torch reads it
# when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import atexit
import gc
import logging
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.hub.fixtures import *  # noqa: F403 - also sets the environment the Hub's clients read

atexit.register(shutil.rmtree, os.environ["DEMOGEN_HOME"], ignore_errors=True)

RECIPES = Path(__file__).parent / "data"


def pytest_collection_finish() -> None:
    """What pytest and Python would do again for each of thousands of tests."""
    # The libraries and the tests themselves are left out of every search for garbage to come.
    gc.collect()
    gc.freeze()
    # Six times a test pytest attaches a handler to each logger that keeps its lines to itself.
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("torch") and isinstance(logger, logging.Logger):
            logger.propagate = True


def built_once(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zoo of a recipe under data/, trained once for all processes."""
    from zoo_recipes import build_zoo, load_recipe

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / f"{name}.lock"):
        build_zoo(load_recipe(RECIPES / f"{name}.toml"), shared / name)
    return shared / name


@pytest.fixture(scope="session")
def tiny_zoo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real zoo of 24 very small networks; not to be changed."""
    return built_once("tiny", tmp_path_factory)


@pytest.fixture(scope="session")
def mlp_zoo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real zoo of 12 very small networks of another family; not to be changed."""
    return built_once("tiny-mlp", tmp_path_factory)


@pytest.fixture
def tiny_zoo(tiny_zoo_folder):
    """The tiny zoo, opened."""
    from demogen import load_zoo

    return load_zoo(tiny_zoo_folder)


@pytest.fixture
def copied_zoo_folder(tiny_zoo_folder, tmp_path):
    """A copy of the tiny zoo that a test may change."""
    return Path(shutil.copytree(tiny_zoo_folder, tmp_path / "copied"))
