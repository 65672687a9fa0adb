import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from demogen._util.text import for_markdown
from demogen.errors import ResultError, ZooError
from demogen.format.printing import frame_bytes
from leaderboard.cli.commands import figure, figures
from leaderboard.figures.catalog import FIGURES, figure_table, find_figure
from leaderboard.figures.sources import Sources
from leaderboard.results.result import write_result

PAGE = Path(__file__).parents[3] / "docs" / "figures.md"
PAPERS = ("jiang2019", "zhao2021", "puzzles2019", "novak2018")


def run(*words, command=figure):
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)


def test_names_are_unique_and_start_with_their_paper():
    names = [entry.name for entry in FIGURES]
    assert len(set(names)) == len(names)
    for entry in FIGURES:
        assert entry.paper in PAPERS
        assert re.fullmatch(rf"{entry.paper}-[a-z]+(-[a-z]+)*", entry.name)
        assert entry.number
        assert entry.title
        assert ("results of" in entry.needs) == entry.from_results


def test_the_page_names_every_figure_and_no_other():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((entry.name, entry.number) for entry in FIGURES)
    commands = re.findall(r"^demogen figure ([a-z0-9-]+)", PAGE.read_text(), re.MULTILINE)
    assert {find_figure(name).name for name in commands}


def test_an_unknown_name_lists_near_ones():
    assert find_figure("zhao2021-ssr").number == "3D"
    with pytest.raises(ResultError, match="no figure 'zhao2021-srr'; did you mean 'zhao2021-ssr"):
        find_figure("zhao2021-srr")


@pytest.mark.parametrize(("command", "words"), [(figures, []), (figure, []), (figure, ["--list"])])
def test_the_commands_list_all_figures(command, words):
    output = run(*words, command=command).output
    assert output == frame_bytes(figure_table(), "markdown").decode()
    for entry in FIGURES:
        row = (entry.name, entry.title, entry.paper, entry.number, entry.needs)
        assert f"| {' | '.join(map(for_markdown, row))} |\n" in output


def test_the_list_is_printed_in_the_format_asked_for():
    rows = json.loads(run("--format", "json", command=figures).stdout)
    assert [row["figure"] for row in rows] == [entry.name for entry in FIGURES]


@pytest.mark.usefixtures("without_layout")
def test_the_command_draws_from_a_zoo(tiny_zoo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = tmp_path / "one.svg", tmp_path / "new" / "other.svg"
    for path in (one, other):
        done = run("puzzles2019-losses", "--zoo", tiny_zoo_folder, "--output", path)
        assert done.output == f"wrote {path}\n"
    assert one.read_bytes() == other.read_bytes()
    run("puzzles2019-losses", "--zoo", tiny_zoo_folder)
    assert (tmp_path / "puzzles2019-losses.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("without_layout")
def test_the_command_measures_the_networks_it_is_told_to(tiny_zoo, tiny_zoo_folder, tmp_path):
    path = tmp_path / "outputs.svg"
    chosen = tiny_zoo.ids[3:5]
    words = [word for network in chosen for word in ("--network", network)]
    run("puzzles2019-outputs", "--zoo", tiny_zoo_folder, "--output", path, *words)
    expected = find_figure("puzzles2019-outputs").draw(
        Sources(tiny_zoo, networks=tuple(chosen)), "svg"
    )
    assert path.read_bytes() == expected
    with pytest.raises(ZooError, match="no network in tiny 'nin'; there are: "):
        run("puzzles2019-outputs", "--zoo", tiny_zoo_folder, "--network", "nin")


@pytest.mark.usefixtures("without_layout")
def test_the_command_draws_from_results(zoo, make, tmp_path):
    for result in make.results(zoo, name="unit-sparsity", splits=["holdout-100"]):
        write_result(result, tmp_path / "results")
    path = tmp_path / "ssr.pdf"
    run("zhao2021-ssr", "--results", tmp_path / "results", "--output", path)
    assert path.read_bytes().startswith(b"%PDF")
    with pytest.raises(ResultError, match="no results in .*none"):
        run("zhao2021-ssr", "--results", tmp_path / "none")


def test_a_wrong_ending_is_refused_before_anything_is_measured(tiny_zoo_folder):
    with pytest.raises(ResultError, match="no figure format 'gif'"):
        run("jiang2019-margins", "--zoo", tiny_zoo_folder, "--output", "x.gif", "--network", "?")
