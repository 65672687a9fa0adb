"""The workflows: what they may not have, and what the script that validates submissions does."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PATH = ROOT / ".github/workflows/submission.yml"


@pytest.fixture(scope="module")
def workflow():
    content = yaml.safe_load(PATH.read_text())
    # YAML 1.1 takes the key "on" for a truth value.
    return {("on" if key is True else key): value for key, value in content.items()}


@pytest.fixture(scope="module")
def steps(workflow):
    [job] = workflow["jobs"].values()
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}
    return job["steps"]


def test_it_runs_on_pull_requests_with_a_token_that_only_reads(workflow):
    assert set(workflow["on"]) == {"pull_request"}
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow) == {"name", "on", "permissions", "jobs"}


def test_it_knows_no_secrets(steps):
    text = PATH.read_text()
    for word in ("pull_request_target", "secrets.", "github.token", "GITHUB_TOKEN", "HF_TOKEN"):
        assert word not in text
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout")]
    assert len(checkouts) == 2
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_of_the_pull_request_is_installed_or_put_into_a_script(steps):
    scripts = [step["run"] for step in steps if "run" in step]
    assert not [script for script in scripts if "${{" in script]
    installing = [script for script in scripts if "pip " in script]
    assert installing == ["pip install --constraint base/constraints.txt ./base"]
    assert steps[0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert steps[0]["with"]["path"] == "base"


def test_the_tests_run_as_on_anybodys_machine_and_with_a_token_that_only_reads():
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    content = yaml.safe_load(text)
    assert content["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    [job] = content["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
    versions = [step["with"]["python-version"] for step in job["steps"] if "python" in str(step)]
    assert versions == ["${{ matrix.python }}"]


@pytest.fixture
def checkout(tmp_path):
    """base/ and proposed/ as the workflow has them, and a demogen that notes what it is asked."""
    proposed = tmp_path / "proposed"
    (proposed / "submissions/old").mkdir(parents=True)
    (proposed / "submissions/gone").mkdir()
    for path in ("submissions/old/a", "submissions/gone/a", "README.md"):
        (proposed / path).write_text("first")
    git(proposed, "init", "-q")
    before = commit(proposed)
    for path in ("submissions/new one/results/a", "submissions/new one/b", "other/c"):
        (proposed / path).parent.mkdir(parents=True, exist_ok=True)
        (proposed / path).write_text("second")
    (proposed / "submissions/$(touch evil)").mkdir()
    (proposed / "submissions/$(touch evil)/a").write_text("third")
    (proposed / "submissions/gone/a").unlink()
    after = commit(proposed)
    (tmp_path / "base/.github").mkdir(parents=True)
    (tmp_path / "base/.github/zoos.txt").write_text("# none\n")
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin/demogen"
    tool.write_text(
        '#!/bin/sh\nprintf "%s|" "$@" >> asked\nprintf "\\n" >> asked\n'
        'case "$3" in *evil*) exit 2;; esac\n'
    )
    tool.chmod(0o755)
    return {
        "BASE": before,
        "HEAD": after,
        "SEED": "7",
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
    }


def git(folder, *words):
    person = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *person, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "commit")
    return git(folder, "rev-parse", "HEAD")


def run(steps, folder, environment):
    [script] = [step["run"] for step in steps if step.get("name") == "Validate"]
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    return done.returncode, (folder / "asked").read_text().splitlines()


def test_each_changed_folder_is_validated_once_and_one_refusal_fails_it(steps, checkout, tmp_path):
    code, asked = run(steps, tmp_path, checkout)
    assert code == 1
    assert asked == [
        "leaderboard|validate|proposed/submissions/$(touch evil)|",
        "leaderboard|validate|proposed/submissions/new one|",
    ]
    assert not list(tmp_path.rglob("evil"))


def test_zoos_and_results_of_the_base_are_held_against(steps, checkout, tmp_path):
    zoos = tmp_path / "base/.github/zoos.txt"
    zoos.write_text("# comment\n\nowner/one@v1\nowner/two@v2\n")
    (tmp_path / "base/leaderboard/published").mkdir(parents=True)
    _, asked = run(steps, tmp_path, checkout)
    assert asked[-1] == (
        "leaderboard|validate|proposed/submissions/new one|--zoo|owner/one@v1|--zoo|owner/two@v2|"
        "--run-code|--seed|7|--against|base/leaderboard/published|"
    )


def test_the_zoos_shipped_are_read_as_lines(steps):
    lines = (ROOT / ".github/zoos.txt").read_text().splitlines()
    assert all(line.startswith("#") or line.count("/") == 1 for line in lines if line)
