"""A wheel, installed into an environment with nothing else of ours, runs the demo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of a new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    [wheel] = folder.glob("demogen-*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    programs = folder / "environment" / "bin"
    pip = [programs / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "-c", ROOT / "constraints.txt", wheel], check=True, cwd=folder)
    yield programs
    # A gigabyte, which pytest would keep.
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def run(installed, tmp_path_factory):
    """Runs a program in an empty folder, with a home of its own; gives what it prints."""
    here, home = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "HOME": str(home), "OMP_NUM_THREADS": "1"}

    def run(program, *words):
        done = subprocess.run(
            [installed / program, *words],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.here, run.home = here, home
    return run


def test_nothing_of_the_repository_is_imported(run, installed):
    code = "import demogen, baselines, leaderboard, zoo_recipes; print(demogen.__file__)"
    assert Path(run("python", "-c", code).strip()).is_relative_to(installed.parent)


def test_it_runs_the_demo(run):
    printed = run("demogen", "demo", "--folder", "demo")
    assert "all 96 networks are as the zoo says" in printed
    page = run.here / "demo" / "leaderboard" / "index.html"
    assert 'href="predictors/jacobian-norm.html"' in page.read_text()
    # Signatures are there, and are not measured again.
    [home] = run.home.rglob("measurements")
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert before
    table = run("demogen", "evaluate", "jacobian-norm", "mean-gap", "--zoo", "demo/published")
    assert "| jacobian-norm | novak2018 |" in table
    assert {path: path.stat().st_mtime_ns for path in before} == before
