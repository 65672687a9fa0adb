"""The whole story of a submission, with the package that CONTRIBUTING describes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import HfApi, snapshot_download

from demogen.cli import commands
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
def installed(tmp_path, monkeypatch):
    """A package of somebody else, installed by pip, with a predictor of its own."""
    code = re.search(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)[1]
    entry = re.search(r"```toml\n(\[project\.entry-points.*?)```", CONTRIBUTING, re.DOTALL)[1]
    package = tmp_path / "theirs"
    (package / "mypackage").mkdir(parents=True)
    (package / "mypackage" / "__init__.py").touch()
    (package / "mypackage" / "predictors.py").write_text(code)
    (package / "pyproject.toml").write_text(BUILD + entry)
    target = str(tmp_path / "site-packages")
    alone = ("--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--quiet")
    pip = [sys.executable, "-m", "pip", "install", *alone, "--target", target, str(package)]
    subprocess.run(pip, check=True)
    monkeypatch.syspath_prepend(target)
    # Networks are measured again in a child, which finds packages by this.
    monkeypatch.setenv("PYTHONPATH", target, prepend=os.pathsep)
    yield
    for name in ("mypackage", "mypackage.predictors"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
def test_a_new_predictor_comes_to_stand_on_the_page(
    standard_hub, tiny_zoo_folder, tmp_path, monkeypatch
):
    HfApi(standard_hub.endpoint, WRITER).create_repo("owner/leaderboard", repo_type="dataset")
    monkeypatch.chdir(tmp_path)

    def demogen(*words, token):
        monkeypatch.setenv("HF_TOKEN", token)
        done = CliRunner().invoke(commands, list(map(str, words)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    zoo = ("--zoo", tiny_zoo_folder)
    splits = ("--split", "grouped-kfold-10", "--split", "holdout-100")
    table = demogen("evaluate", "mean-logit", *zoo, *splits, "--results", "tried", token=READER)
    assert "| mean-logit |" in table

    words = ("submit", "mean-logit", *zoo, *splits, "--authors", "A. Author", "--folder", "mine")
    report = demogen("leaderboard", *words, "--hub", "owner/leaderboard", token=READER)
    pull_request = f"{standard_hub.endpoint}/datasets/owner/leaderboard/discussions/1"
    assert f"pull request: {pull_request}" in report

    proposed = snapshot_download(
        "owner/leaderboard",
        repo_type="dataset",
        revision="refs/pr/1",
        local_dir=tmp_path / "proposed",
    )
    [submission] = [path.parent for path in Path(proposed).rglob("submission.toml")]
    published = tmp_path / "results"
    known = ("mean-gap", "parameter-count")
    demogen("evaluate", *known, *zoo, *splits, "--results", published, token=WRITER)
    against = ("--against", published, "--run-code", "--sample", "2")
    checked = demogen("leaderboard", "validate", submission, *zoo, *against, token=WRITER)
    assert "2 networks of tiny (seed 0) measured again give the signatures submitted" in checked
    merge = ("leaderboard", "merge", submission, "--into", published, *zoo)
    # Two results, and what is known of the submission.
    assert demogen(*merge, token=WRITER).count("\nwrote ") == 3
    assert "wrote" not in demogen(*merge, token=WRITER)

    demogen("leaderboard", "build", "--results", published, "--site", "page", token=WRITER)
    index = (tmp_path / "page" / "index.html").read_text()
    assert 'href="predictors/mean-logit.html"' in index
    page = (tmp_path / "page" / "predictors" / "mean-logit.html").read_text()
    assert f"demogen evaluate mean-logit --zoo {tiny_zoo_folder}\n" in page
