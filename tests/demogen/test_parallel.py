import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demogen.errors import DemogenError
from demogen.parallel import cores, map_tasks
from tests.demogen.tasks import die, square, threads


def test_outcomes_come_with_their_position():
    for workers in (1, 2):
        assert dict(map_tasks(square, [3, 1, 2], workers=workers)) == {0: 9, 1: 1, 2: 4}


def test_workers_use_one_thread():
    assert [count for _, count in map_tasks(threads, [0, 1, 2], workers=2)] == [1, 1, 1]


def test_a_fault_in_a_task_is_raised():
    with pytest.raises(TypeError):
        list(map_tasks(square, [1, "x", 2], workers=2))


def test_a_dead_worker_is_one_clear_line():
    with pytest.raises(DemogenError, match="a worker process died"):
        list(map_tasks(die, [1, 2, 3], workers=2))


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = (
        "from demogen.parallel import map_tasks\n"
        "from tests.demogen.tasks import say_and_wait\n"
        "if __name__ == '__main__':\n"
        f"    list(map_tasks(say_and_wait, [{str(tmp_path)!r}] * 2, workers=2))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": root})
    try:
        deadline = time.monotonic() + 60
        while len(children := list(tmp_path.glob("*.pid"))) < 2:
            assert time.monotonic() < deadline, "the workers did not start"
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        for child in children:
            while is_alive(int(child.stem)):
                assert time.monotonic() < deadline, "a worker outlived its parent"
                time.sleep(0.05)
    finally:
        parent.kill()


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_cores_are_counted():
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_remedy_is_said():
    with pytest.raises(DemogenError, match=r"pip install 'demogen\[ray\]'"):
        list(map_tasks(square, [1], ray="local"))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_real_ray_gives_the_same_outcomes():
    code = (
        "from demogen.parallel import map_tasks\n"
        "from tests.demogen.tasks import square\n"
        "print(sorted(map_tasks(square, [3, 1, 2], ray='local')))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root, "RAY_USAGE_STATS_ENABLED": "0"},
        timeout=120,
    )
    assert done.stdout.strip().endswith("[(0, 9), (1, 1), (2, 4)]"), done.stderr[-2000:]
