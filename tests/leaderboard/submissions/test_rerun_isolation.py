"""Processes that are confined, with small scripts instead of a measure."""

import os
import subprocess
import sys
import time

import pytest

from leaderboard.submissions.rerun_isolation import Limits, environment, run_confined

LIMITS = Limits(seconds=60)

HEAD = """
import os, sys
from leaderboard.submissions.rerun_isolation import Limits, leave_the_network, limit_resources
pipe = int(sys.argv[-1])
"""


def run(folder, code, limits=LIMITS):
    return run_confined(["-c", HEAD + code], folder, limits)


def test_the_environment_is_built_from_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["here", "", "/there"]))
    found = environment(tmp_path)
    assert not any("secret" in value for value in found.values())
    assert found["HF_HUB_OFFLINE"] == "1"
    homes = ("HOME", "HF_HOME", "TMPDIR", "XDG_CACHE_HOME", "DEMOGEN_HOME")
    assert {found[name] for name in homes} == {str(tmp_path / "home")}
    assert found["PYTHONPATH"] == os.pathsep.join([os.path.abspath("here"), "/there"])
    assert not [name for name in found if "TOKEN" in name or name.startswith("GITHUB")]


def test_what_a_child_said_before_and_how_it_ended(tmp_path):
    process = run(tmp_path, "os.write(pipe, b'11'); os.close(pipe); sys.exit(7)")
    assert (process.code, process.message) == (7, "11")


def test_its_homes_are_empty_and_no_other_file_is_open(tmp_path):
    code = """
assert os.listdir(os.environ["HOME"]) == [] and os.getcwd() == os.path.dirname(os.environ["HOME"])
found = set(os.listdir("/proc/self/fd")) - {"0", "1", "2", str(pipe)}
assert len(found) == 1, found  # the listing itself
"""
    assert run(tmp_path, code).code == 0, (tmp_path / "errors.txt").read_text()


def test_a_file_that_is_called_as_a_library_is_not_taken_for_it(tmp_path):
    (tmp_path / "colorsys.py").write_text("raise SystemExit(9)")
    assert run(tmp_path, "import colorsys").code == 0


def test_one_that_does_not_end_is_killed_with_its_children(tmp_path):
    code = """
import subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
os.write(pipe, str(child.pid).encode())
time.sleep(600)
"""
    process = run(tmp_path, code, Limits(seconds=2))
    assert process.code is None
    # Killed, it may still wait to be reaped by whoever adopted it.
    for _ in range(200):
        if not alive(int(process.message)):
            return
        time.sleep(0.05)
    pytest.fail("a child outlived it")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_memory_beyond_what_was_there_is_bounded(tmp_path):
    code = """
assert limit_resources(Limits(memory=200))
kept = bytearray(100 << 20)
try:
    more = bytearray(200 << 20)
except MemoryError:
    sys.exit(5)
"""
    assert run(tmp_path, code).code == 5


def test_large_files_are_bounded(tmp_path):
    code = """
limit_resources(Limits())
try:
    with open("large", "wb") as file:
        file.truncate(1 << 30)
except OSError as error:
    sys.exit(5)
"""
    assert run(tmp_path, code).code == 5


def can_leave():
    tried = [
        sys.executable,
        "-c",
        "import sys; from leaderboard.submissions.rerun_isolation import *\n"
        "sys.exit(not leave_the_network())",
    ]
    return subprocess.run(tried).returncode == 0


def test_it_leaves_the_network_where_the_system_lets_it(tmp_path):
    code = """
import socket
left = leave_the_network()
devices = [name for _, name in socket.if_nameindex()]
sys.exit({True: 5, False: 6}[left] if not left or devices == ["lo"] else 7)
"""
    assert run(tmp_path, code).code == (5 if can_leave() else 6)


def test_the_environment_of_the_parent_cannot_be_read_once_it_left(tmp_path, monkeypatch):
    if not can_leave():
        pytest.skip("the system does not let a process leave the network")
    code = """
leave_the_network()
try:
    open(f"/proc/{os.getppid()}/environ", "rb").read()
except PermissionError:
    sys.exit(5)
"""
    assert run(tmp_path, code).code == 5
