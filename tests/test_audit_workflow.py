"""The workflow that measures published results again: what it may not have, and what it runs."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PATH = ROOT / ".github/workflows/audit.yml"


@pytest.fixture(scope="module")
def workflow():
    content = yaml.safe_load(PATH.read_text())
    # YAML 1.1 takes the key "on" for a truth value.
    return {("on" if key is True else key): value for key, value in content.items()}


def test_it_runs_by_the_clock_with_a_token_that_only_reads(workflow):
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {"contents": "read"}
    for word in ("secrets.", "github.token", "GITHUB_TOKEN", "HF_TOKEN"):
        assert word not in PATH.read_text()
    [job] = workflow["jobs"].values()
    checkout, *_ = job["steps"]
    assert checkout["with"]["persist-credentials"] is False
    assert not [step for step in job["steps"] if "${{" in step.get("run", "")]


@pytest.fixture
def run(workflow, tmp_path):
    """Runs its script beside a demogen that notes what it is asked, and fails."""
    (tmp_path / ".github").mkdir()
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin/demogen"
    tool.write_text('#!/bin/sh\nprintf "%s|" "$@" > asked\nexit 2\n')
    tool.chmod(0o755)
    [job] = workflow["jobs"].values()
    [script] = [step["run"] for step in job["steps"] if step.get("name") == "Audit"]

    def run(zoos, published):
        (tmp_path / ".github/zoos.txt").write_text(zoos)
        if published:
            (tmp_path / "leaderboard/published").mkdir(parents=True)
        environment = {"SEED": "7", "PATH": f"{tool.parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment)
        asked = tmp_path / "asked"
        return done.returncode, asked.read_text() if asked.exists() else ""

    return run


def test_it_fails_where_the_audit_does(run):
    code, asked = run("# comment\n\nowner/one@v1\nowner/two@v2\n", published=True)
    assert code == 2
    assert asked == (
        "leaderboard|audit|--results|leaderboard/published|--sample|20|--seed|7|"
        "--zoo|owner/one@v1|--zoo|owner/two@v2|"
    )


@pytest.mark.parametrize(("zoos", "published"), [("# none\n", True), ("owner/one@v1\n", False)])
def test_without_zoos_or_results_there_is_nothing_to_do(run, zoos, published):
    assert run(zoos, published) == (0, "")
