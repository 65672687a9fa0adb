"""The whole story of a submission, with the package that CONTRIBUTING describes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi, snapshot_download

from tests.hub.state import READER, WRITER

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
BUILD = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "mypackage"
version = "1.0"
"""


@pytest.fixture
def installed(tmp_path):
    """Folder in which a package of somebody else is installed, with a predictor of its own."""
    code = re.search(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)[1]
    entry = re.search(r"```toml\n(\[project\.entry-points.*?)```", CONTRIBUTING, re.DOTALL)[1]
    package = tmp_path / "theirs"
    (package / "mypackage").mkdir(parents=True)
    (package / "mypackage" / "__init__.py").touch()
    (package / "mypackage" / "predictors.py").write_text(code)
    (package / "pyproject.toml").write_text(BUILD + entry)
    target = tmp_path / "site-packages"
    alone = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
    pip = [sys.executable, "-m", "pip", "install", *alone, "--target", str(target), str(package)]
    subprocess.run(pip, check=True)
    return target


@pytest.mark.timeout(300)
def test_a_new_predictor_comes_to_stand_on_the_page(hub, installed, tiny_zoo_folder, tmp_path):
    HfApi(hub.endpoint, WRITER).create_repo("owner/leaderboard", repo_type="dataset")

    def demogen(*words, token):
        environment = hub.environment(tmp_path / "home", token)
        paths = [str(installed), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        done = subprocess.run(
            [sys.executable, "-m", "demogen", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    zoo = ("--zoo", tiny_zoo_folder)
    splits = ("--split", "grouped-kfold-10", "--split", "holdout-100")
    table = demogen("evaluate", "mean-logit", *zoo, *splits, "--results", "tried", token=READER)
    assert "| mean-logit |" in table

    words = ("submit", "mean-logit", *zoo, *splits, "--authors", "A. Author", "--folder", "mine")
    told = demogen("leaderboard", *words, "--hub", "owner/leaderboard", token=READER)
    assert f"pull request: {hub.endpoint}/datasets/owner/leaderboard/discussions/1" in told

    proposed = snapshot_download(
        "owner/leaderboard",
        repo_type="dataset",
        revision="refs/pr/1",
        endpoint=hub.endpoint,
        local_dir=tmp_path / "proposed",
    )
    [submission] = [path.parent for path in Path(proposed).rglob("submission.toml")]
    there = tmp_path / "results"
    known = ("mean-gap", "parameter-count")
    demogen("evaluate", *known, *zoo, *splits, "--results", there, token=WRITER)
    against = ("--against", there, "--run-code", "--sample", "2")
    checked = demogen("leaderboard", "validate", submission, *zoo, *against, token=WRITER)
    assert "2 networks of tiny (seed 0) measured again give the signatures submitted" in checked
    merge = ("leaderboard", "merge", submission, "--into", there, *zoo)
    assert demogen(*merge, token=WRITER).count("\nwrote ") == 2
    assert "wrote" not in demogen(*merge, token=WRITER)

    demogen("leaderboard", "build", "--results", there, "--site", "page", token=WRITER)
    index = (tmp_path / "page" / "index.html").read_text()
    assert 'href="predictors/mean-logit.html"' in index
    page = (tmp_path / "page" / "predictors" / "mean-logit.html").read_text()
    assert "demogen evaluate mean-logit --zoo tiny" in page
