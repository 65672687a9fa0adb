import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import demogen
from demogen.errors import DemogenError
from tests.zoo_recipes.builders import partly_diverging
from zoo_recipes import build_zoo

pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """What a real Ray of this machine, started once, did with tasks and a zoo."""
    folder = tmp_path_factory.mktemp("ray")
    done = subprocess.run(
        [sys.executable, "-m", "tests.zoo_recipes.ray_session", folder],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"},
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((folder / "found.json").read_text())
    return {**found, "said": done.stderr, "folder": folder}


def test_outcomes_come_with_their_position(session):
    assert session["squares"] == [[0, 9], [1, 1], [2, 4]]


def test_tasks_use_one_thread(session):
    assert session["threads"] == {"0": 1, "1": 1}


def test_a_task_whose_worker_dies_is_started_again(session):
    assert session["retried"] == {"0": "died"}


def test_a_clear_line_from_a_node_stays_one_and_names_it(session):
    assert session["complaint"] == f"ZooError: on Ray node {platform.node()}: no images here"


def test_what_no_node_has_is_refused_at_once(session):
    assert "can run a task of 1 CPUs and 1000 GPUs (the most that one has: " in session["too much"]


def test_what_cannot_be_sent_is_one_line(session):
    assert session["lock"].startswith("DemogenError: what is to be done cannot be sent")
    assert "\n" not in session["lock"]


# On standard output Ray tells of the worker that died.
def test_it_is_quiet_and_sends_no_statistics(session):
    assert session["said"] == ""
    assert session["statistics"] == "0"


def test_settings_of_the_environment_go_along(session):
    assert session["environment"] == ["http://127.0.0.1:1", str(ROOT / "images")]


def test_it_builds_and_measures_the_zoo_as_one_process_does(session, tmp_path):
    alone = build_zoo(partly_diverging(), tmp_path / "zoo")
    table = demogen.measure(demogen.get_predictor("train-loss"), alone, cache=False)
    assert session["measured"] == pytest.approx(table["train_loss"].to_dict(), rel=1e-6)
    assert (len(alone), len(alone.manifest.failed)) == (12, 1)
    assert session["digest"] == alone.digest
    assert not (session["folder"] / "zoo.building").exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "refused"), ("ray://127.0.0.1:1", "refused"), ("nonsense", "Invalid address")],
)
def test_no_cluster_at_an_address_is_one_clear_line(tmp_path, address, reason):
    with pytest.raises(DemogenError, match=rf"^no Ray cluster .*{address}.*{reason}.*ray start"):
        build_zoo(partly_diverging(), tmp_path / "zoo", ray=address)
