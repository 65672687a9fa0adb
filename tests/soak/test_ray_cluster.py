"""A Ray cluster of several nodes on this machine, of which one dies while a zoo is built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zoo_recipes.builders import partly_diverging
from zoo_recipes import build_zoo

pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]

# In a process of its own: Ray leaves warnings and threads behind.
SESSION = """
import json, sys, threading, time
from pathlib import Path
from ray.cluster_utils import Cluster
from demogen.errors import DemogenError
from demogen.parallel import map_tasks
from tests.demogen.tasks import die
from tests.zoo_recipes.builders import finished, partly_diverging
from zoo_recipes import build_zoo

folder = Path(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
found = {}

def kill_a_node():
    while len(finished(folder)) < 3:
        time.sleep(0.01)
    cluster.remove_node(nodes[0], allow_graceful=False)
    found["finished at the kill"] = len(finished(folder))

killer = threading.Thread(target=kill_a_node)
killer.start()
zoo = build_zoo(partly_diverging(), folder, ray=cluster.address)
killer.join()
found["digest"] = zoo.digest
try:
    list(map_tasks(die, [1], ray=cluster.address))
except DemogenError as error:
    found["given up"] = str(error)

def kill_all_nodes():
    time.sleep(5)
    for node in nodes[1:]:
        cluster.remove_node(node, allow_graceful=False)

killer = threading.Thread(target=kill_all_nodes)
killer.start()
try:
    list(map_tasks(time.sleep, [600, 600], ray=cluster.address))
except DemogenError as error:
    found["no node left"] = str(error)
killer.join()
(folder.parent / "found.json").write_text(json.dumps(found))
cluster.shutdown()
"""


def test_a_dead_node_costs_no_network(tmp_path, capsys):
    alone = build_zoo(partly_diverging(), tmp_path / "alone")
    done = subprocess.run(
        [sys.executable, "-c", SESSION, tmp_path / "zoo"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text())
    with capsys.disabled():
        print(f"\na node killed after {found['finished at the kill']} of 13 networks")
    assert 3 <= found["finished at the kill"] < 13
    assert found["digest"] == alone.digest
    assert len(alone.manifest.failed) == 1
    assert "Ray gave a task up after 3 retries" in found["given up"]
    assert "no node of the Ray cluster" in found["no node left"]
