"""The workflow that serves the leaderboard as pages: who may write what, and what it runs."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PATH = ROOT / ".github/workflows/site.yml"


@pytest.fixture(scope="module")
def workflow():
    content = yaml.safe_load(PATH.read_text())
    # YAML 1.1 takes the key "on" for a truth value.
    return {("on" if key is True else key): value for key, value in content.items()}


def test_no_pull_request_starts_it_and_it_knows_no_secrets(workflow):
    assert set(workflow["on"]) == {"push", "workflow_dispatch"}
    assert workflow["on"]["push"]["branches"] == ["main"]
    for word in ("secrets.", "github.token", "GITHUB_TOKEN", "HF_TOKEN"):
        assert word not in PATH.read_text()


def test_our_code_runs_where_nothing_can_be_written(workflow):
    build, serve = workflow["jobs"]["build"], workflow["jobs"]["serve"]
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in build
    assert build["steps"][0]["with"]["persist-credentials"] is False
    assert serve["permissions"] == {"pages": "write", "id-token": "write"}
    assert not [step for step in serve["steps"] if "run" in step]


@pytest.mark.parametrize("published", [True, False])
def test_the_results_folder_is_built_where_there_is_one(workflow, tmp_path, published):
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin/demogen"
    tool.write_text('#!/bin/sh\nprintf "%s|" "$@" > asked\n')
    tool.chmod(0o755)
    if published:
        (tmp_path / "leaderboard/published").mkdir(parents=True)
    [script] = [s["run"] for s in workflow["jobs"]["build"]["steps"] if s.get("name") == "Build"]
    (tmp_path / "output").touch()
    environment = {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment)
    assert done.returncode == 0
    assert (tmp_path / "output").read_text() == ("built=yes\n" if published else "")
    asked = tmp_path / "asked"
    words = "leaderboard|build|--results|leaderboard/published|--site|leaderboard-site|"
    assert (asked.read_text() if asked.exists() else "") == (words if published else "")
