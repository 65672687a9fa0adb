import json
import os
import re
import subprocess
import sys

import pytest

import demogen
from demogen.cli import main

COMMANDS = (
    *("recipes", "train", "import", "push", "pull", "info", "predictors", "measure", "score"),
    *("evaluate", "leaderboard", "figures", "figure", "cite", "demo"),
)


def run(*arguments, capsys):
    """Exit code, standard output and standard error of a command in this process."""
    code = 0
    try:
        main(list(map(str, arguments)))
    except SystemExit as end:
        code = end.code
    return (code, *capsys.readouterr())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    code, out, _ = run(command, "--help", capsys=capsys)
    assert code in (0, None)
    assert "Example:" in out
    assert f"demogen {command}" in out


def test_help_lists_every_command_and_the_version_is_told(capsys):
    _, out, _ = run("--help", capsys=capsys)
    assert all(f"  {command} " in out for command in COMMANDS)
    _, out, _ = run("--version", capsys=capsys)
    assert out.startswith("demogen, version 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'?"),
        (["train"], "Missing argument 'RECIPE'."),
        (["train", "digits", "--limit", "0"], "0 is not in the range x>=1"),
        (["train", "digitz"], "no recipe 'digitz'; did you mean 'digits'?"),
        (["train", "nowhere.toml"], "no recipe file 'nowhere.toml'; there are: "),
        (["train", "digits", "--colour"], "No such option"),
        (["info", "nowhere"], "no zoo 'nowhere'"),
        (["measure", "unit-sparsty"], "did you mean 'unit-sparsity'"),
        (["predictors", "unit-sparsty"], "did you mean 'unit-sparsity'"),
        (["measure", "--zoo", "a", "--zoo", "b", "--revision", "v1"], "--revision v1 is for one"),
        (["measure"], "which zoo? give --zoo"),
        (["measure", "--zoo", "a", "--limit", "0"], "0 is not in the range x>=1"),
        (["score", "/nowhere.csv", "--measures", "VR"], "/nowhere.csv: cannot be read: No such"),
        (["score", "/nowhere.csv"], "Missing option '--measures'"),
        (["evaluate", "--zoo", "/nowhere"], "there is no folder /nowhere"),
        (["push", "/nowhere", "./there"], "/nowhere"),
        (["push", "/nowhere", "a/b/c"], "a/b/c"),
        (["pull", "./nowhere"], "nowhere"),
        (["cite", "nowhere"], "no zoo 'nowhere'"),
        (["leaderboard", "build", "--results", "/nowhere"], "/nowhere"),
        (["leaderboard", "verify", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_wrong_arguments_are_one_clear_line_and_exit_code_2(arguments, message, capsys):
    code, out, err = run(*arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("demogen: ")
    assert err.count("\n") == 1


def test_no_traceback_from_the_real_command():
    done = subprocess.run(
        [sys.executable, "-m", "demogen", "recipes", "show", "digitz"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "demogen: no recipe 'digitz'; did you mean 'digits'?\n"


def test_recipes_are_listed_and_shown(capsys):
    _, out, _ = run("recipes", capsys=capsys)
    assert "| nin-cifar10 | 216 | jiang2019 | networks in networks on CIFAR-10" in out
    _, out, _ = run("recipes", "show", "nin-cifar10", capsys=capsys)
    assert "216 networks: all 108 configurations (3 x 2 x 3 x 3 x 2), 2 copies each" in out
    assert "  dropout       0, 0.2, 0.5            72\n" in out


def test_a_dry_run_says_what_would_be_trained(capsys, tmp_path):
    folder = tmp_path / "zoo"
    arguments = ["train", "nin-cifar10", "--limit", "2", "--epochs", "1", "--folder", folder]
    _, out, _ = run(*arguments, "--dry-run", capsys=capsys)
    assert "2 of 216 networks wanted, 0 trained, 2 to train" in out
    assert not folder.exists()


@pytest.mark.parametrize("command", [["predictors"], ["measure", "--list"]])
def test_predictors_are_listed_with_paper_and_access(command, capsys):
    _, out, _ = run(*command, capsys=capsys)
    heading, _, *rows = out.splitlines()
    assert heading == "| predictor | paper | reads | cost | applies\\_to | summary |"
    cells = {row.split(" | ")[0].strip("| "): row.split(" | ")[1:5] for row in rows}
    assert sorted(cells) == demogen.list_predictors()
    cost = "1 forward + (classes − 1) backward"
    assert cells["jacobian-norm"] == ["novak2018", "test inputs", cost, "every network"]
    _, out, _ = run(*command, "mean-gap", "--format", "json", capsys=capsys)
    assert [row["predictor"] for row in json.loads(out)] == ["mean-gap"]


LISTINGS = (["predictors"], ["recipes"], ["figures"])


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", LISTINGS)
def test_a_list_is_no_wider_than_the_terminal(command, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = run(*command, "--format", "text", capsys=capsys)
    heading, *rows = out.splitlines()
    assert max(map(len, [heading, *rows])) <= columns
    assert heading.startswith(command[0].rstrip("s"))
    assert len(rows) > 20


@pytest.mark.parametrize("command", [["predictors"], ["measure", "--list"]])
def test_a_single_predictor_is_described(command, capsys):
    _, out, _ = run(*command, "unit-sparsity", capsys=capsys)
    assert "UnitSparsity(): " in out
    assert demogen.get_predictor("unit-sparsity").summary in out


def test_a_pool_is_measured_and_a_batch_size_is_taken(tiny_zoo_folder, mlp_zoo_folder, capsys):
    zoos = ("--zoo", tiny_zoo_folder, "--zoo", mlp_zoo_folder)
    _, out, _ = run("measure", "parameter-count", *zoos, "--batch-size", 8, capsys=capsys)
    assert out == "parameter-count: 36 networks (parameters)\n"


def test_a_predictor_is_measured_with_parameters_of_its_measure(tiny_zoo_folder, capsys):
    zoo = ("--zoo", tiny_zoo_folder)
    _, out, _ = run("measure", "product-norm(p=1.0)", *zoo, capsys=capsys)
    assert out == "product-norm(p=1.0): 24 networks (log_product_norm)\n"
    code, _, fault = run("measure", "product-norm(q=1)", *zoo, capsys=capsys)
    assert (code, "no parameter of product-norm 'q'" in fault) == (2, True)


def test_the_whole_way_on_a_tiny_zoo(tiny_zoo_folder, tmp_path, capsys):
    published, cache, results = (tmp_path / name for name in ("published", "cache", "results"))
    code, out, _ = run("push", tiny_zoo_folder, published, capsys=capsys)
    assert (code, f"published {tiny_zoo_folder} to {published}" in out) == (0, True)
    code, out, _ = run("info", published, "--verify", capsys=capsys)
    assert "all 24 networks are as the zoo says" in out
    names = ("margin-quartiles-log", "parameter-count", "mean-gap", "normalized-loss")
    on = ("--zoo", published, "--cache", cache)
    csv = tmp_path / "signatures.csv"
    code, out, _ = run("measure", *names, *on, "--csv", csv, capsys=capsys)
    assert code == 0
    assert "parameter-count: 24 networks (parameters)" in out
    heads, *rows = csv.read_text().splitlines()
    assert (heads.split(",")[:2], len(rows)) == (["id", "gap"], 24)
    assert "parameter-count.parameters" in heads
    part = (*on, "--where", "copy_number == 1", "--limit", 3, "--format", "json")
    code, out, err = run("measure", "parameter-count", *part, capsys=capsys)
    assert [row["parameter-count.parameters"] > 0 for row in json.loads(out)] == [True] * 3
    assert "parameter-count: 3 networks" in err
    code, out, err = run("evaluate", *names, *on, "--results", results, capsys=capsys)
    assert code == 0, err
    assert "| margin-quartiles-log | jiang2019 |" in out
    taken = ("--zoo", published, "--signatures", csv, "--results", tmp_path / "taken")
    code, again, err = run("evaluate", *names, *taken, capsys=capsys)
    assert code == 0, err
    first, second = (
        re.findall(r"\| (\d) \| ([a-z-]+) \|.*?\| (-?\d\.\d+)", t) for t in (out, again)
    )
    assert first == second != []
    site, figure = tmp_path / "site", tmp_path / "figure.png"
    arguments = ("--results", results, "--site", site, "--figure", figure)
    code, out, err = run("leaderboard", "build", *arguments, capsys=capsys)
    assert code == 0, err
    assert "margin-quartiles-log" in (site / "index.html").read_text()
    assert figure.read_bytes().startswith(b"\x89PNG")
    files = sorted(results.rglob("*.json"))
    code, out, err = run("leaderboard", "verify", *files, "--zoo", published, capsys=capsys)
    assert code == 0, err
    packed = tmp_path / "packed"
    code, _, err = run("leaderboard", "pack", "--results", results, "--into", packed, capsys=capsys)
    assert code == 0, err
    # Signatures from a file come without their seconds, so that these are other results.
    code, _, err = run("evaluate", *names, *taken[:-1], packed, capsys=capsys)
    assert code == 2
    assert ".parquet holds another result of" in err
    assert not list(packed.rglob("*.json"))
    code, out, _ = run("cite", published, "--split", "kfold-10", capsys=capsys)
    assert "split kfold-10 of zoo tiny@" in out


def test_an_error_of_the_system_names_place_and_remedy(tiny_zoo_folder, tmp_path, capsys):
    csv = ("parameter-count", "--zoo", tiny_zoo_folder, "--csv")
    code, _, fault = run("measure", *csv, "/dev/full", capsys=capsys)
    assert code == 2
    assert "demogen: /dev/full: No space left on device; free some space" in fault
    code, _, fault = run("push", tiny_zoo_folder, tiny_zoo_folder / "zoo.json", capsys=capsys)
    assert code == 2
    assert "zoo.json" in fault
    assert "; " in fault


def test_full_standard_output_is_named():
    """In a process of its own, which has descriptors of its own."""
    command = [sys.executable, "-m", "demogen", "--help"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr == (
        "demogen: standard output: No space left on device; free some space, or choose another "
        "place, and run the same command again\n"
    )
    assert done.returncode == 2


def test_a_terminal_of_another_encoding_shows_tables():
    """In a process of its own, by a command that needs no torch."""
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "COLUMNS": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "demogen", "figures"], capture_output=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"| zeta and kappa of every class" in done.stdout


def test_pull_takes_folders_and_revisions_as_every_command_does(
    tiny_zoo_folder, tmp_path, capsys, monkeypatch
):
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "small").symlink_to(tiny_zoo_folder)
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("pull", "zoos/small", "--json", capsys=capsys)
    assert (code, json.loads(out)) == (0, {"folder": "zoos/small"})
    code, _, err = run("pull", "zoos/smal", capsys=capsys)
    assert (code, "there is no folder zoos/smal; did you mean 'zoos/small'?" in err) == (2, True)
    asked = []
    monkeypatch.setattr(
        "demogen.hub.download.pull", lambda *a, revision, **_: asked.append((*a, revision))
    )
    run("pull", "zoos/smal@v1", capsys=capsys)
    assert asked == [("zoos/smal", None, "v1")]
