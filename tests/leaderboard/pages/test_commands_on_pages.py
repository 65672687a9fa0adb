"""The commands on a predictor's page run exactly as printed, from where it was evaluated."""

import html
import re
import shlex

import pytest
from click.testing import CliRunner

from demogen.cli import commands

MINE = '''
import demogen


class Spread(demogen.Measure):
    """Standard deviation of the logits."""

    name = "spread-on-a-page"
    access = demogen.Access.TRAIN

    def compute(self, network):
        return {"spread": float(network.module(network.train.images).double().std())}
'''


def run(line):
    program, *words = shlex.split(line)
    assert program == "demogen"
    done = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def here(tiny_zoo_folder, tmp_path, monkeypatch):
    """A folder with a zoo below it, a predictor in a file, and a table."""
    (tmp_path / "my zoos").mkdir()
    (tmp_path / "my zoos" / "small").symlink_to(tiny_zoo_folder)
    (tmp_path / "mine_on_a_page.py").write_text(MINE)
    rows = [f"{place},{place % 2},{place / 20},{(place * 7) % 12}" for place in range(12)]
    (tmp_path / "networks.csv").write_text("\n".join(["id,width,gap,norm", *rows, ""]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_reproduce_recheck_and_cite_run_as_printed(here):
    zoo = "--zoo 'my zoos/small' --where 'copy_number > 0' --split kfold-10"
    run(f"demogen evaluate mine_on_a_page.py:Spread {zoo} --results out/results")
    run("demogen score networks.csv --factors width --measures norm --results out/results")
    run("demogen leaderboard build --results out/results --site page")
    before = {path: path.read_bytes() for path in (here / "out" / "results").rglob("*.json")}
    lines = set()
    for name in ("spread-on-a-page", "norm"):
        page = (here / "page" / "predictors" / f"{name}.html").read_text()
        for block in re.findall(r"<pre[^>]*><code>(demogen .*?)</code>", page, re.DOTALL):
            lines |= set(filter(None, html.unescape(block).splitlines()))
    assert {line.split()[1] for line in lines} == {"evaluate", "score", "leaderboard", "cite"}
    for line in sorted(lines):
        printed = run(line)
        assert not line.startswith("demogen cite") or "zoo tiny of 24 networks" in printed
    # Written anew: to the folder that the commands write to by themselves.
    run("demogen score networks.csv --factors width --measures norm --results results")
    again = {path for path in (here / "results").rglob("*.json") if "kfold-10" in path.parts}
    for path in again:
        same = here / "out" / "results" / path.relative_to(here / "results")
        assert path.read_bytes() == before[same]
    assert any("spread" in path.name for path in again)
