import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from demogen.errors import DemogenError, ZooError
from demogen.parallel import AHEAD, _drain, cores, map_tasks
from tests.demogen.tasks import complain, die, mark, square, variable


def test_outcomes_come_with_their_position():
    for workers in (1, 2):
        assert dict(map_tasks(square, [3, 1, 2], workers=workers)) == {0: 9, 1: 1, 2: 4}


def test_a_fault_in_a_task_is_raised():
    with pytest.raises(TypeError):
        list(map_tasks(square, [1, "x", 2], workers=2))


def test_a_clear_line_from_a_worker_stays_one():
    with pytest.raises(ZooError, match="^no images here$"):
        list(map_tasks(complain, [1, 2, 3], workers=2))


def test_what_finished_comes_before_a_fault():
    tasks = map_tasks(die, [0, 1], workers=2)
    assert next(tasks) == (0, 0)
    with pytest.raises(DemogenError, match="a worker process died .* run the same command again"):
        next(tasks)


def test_what_finished_at_the_same_moment_comes_before_a_fault():
    tasks = _drain([1, 2, 3], {}, lambda: 3, lambda task: task, lambda begun: [2, 1, 3], complain)
    assert [next(tasks), next(tasks)] == [(0, 1), (2, 3)]
    with pytest.raises(ZooError, match="^no images here$"):
        next(tasks)


def test_tasks_start_only_as_outcomes_are_taken(tmp_path):
    paths = [tmp_path / str(number) for number in range(20)]
    with closing(map_tasks(mark, paths, workers=2)) as outcomes:
        next(outcomes)
        # However long the caller takes, no more are begun than wait for a worker.
        while len(list(tmp_path.iterdir())) < 2 * AHEAD:
            time.sleep(0.01)
        time.sleep(0.2)
        assert len(list(tmp_path.iterdir())) == 2 * AHEAD
    assert len(list(tmp_path.iterdir())) == 2 * AHEAD


def test_workers_have_the_environment_of_the_call(monkeypatch):
    for value in ("one", "two"):
        monkeypatch.setenv("DEMOGEN_TEST", value)
        found = dict(map_tasks(variable, ["DEMOGEN_TEST"] * 2, workers=2))
        assert found == {0: value, 1: value}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_workers_of_one_thread_end_with_their_parent_in_the_middle_of_a_task(tmp_path, signum):
    code = (
        "import signal\n"
        "from contextlib import closing\n"
        "from demogen.parallel import map_tasks\n"
        "from tests.demogen.tasks import say_and_wait\n"
        "if __name__ == '__main__':\n"
        # Python sets none in a process that a shell started in the background.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"    with closing(map_tasks(say_and_wait, [{str(tmp_path)!r}] * 2, workers=2)) as tasks:\n"
        "        list(tasks)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(children := list(tmp_path.glob("*.pid"))) < 2:
            assert time.monotonic() < deadline, "the workers did not start"
            time.sleep(0.05)
        assert {child.read_text() for child in children} == {"1"}
        if signum == signal.SIGINT:
            # As a terminal does: to the workers as well.
            os.killpg(parent.pid, signum)
        else:
            parent.send_signal(signum)
        _, errors = parent.communicate(timeout=60)
        assert errors.count("Traceback") == (signum == signal.SIGINT), errors
        for child in children:
            while is_alive(int(child.stem)):
                assert time.monotonic() < deadline, "a worker outlived its parent"
                time.sleep(0.05)
    finally:
        parent.kill()


def test_a_worker_that_is_still_starting_ends_with_its_parent():
    """Importing torch takes seconds, and minutes on a drive over the network."""
    reading, writing = os.pipe()
    code = (
        "import sys, time\n"
        "from multiprocessing.connection import Connection\n"
        "from demogen import parallel\n"
        "def forever():\n"
        "    print('starting', flush=True)\n"
        "    time.sleep(600)\n"
        "parallel._use_one_thread = forever\n"
        f"parallel._start_worker(Connection({reading}, writable=False), {{}})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        pass_fds=[reading],
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        os.close(reading)
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "starting\n"
            os.close(writing)
            assert worker.wait(timeout=60) == 1
        finally:
            worker.kill()


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


SCRIPT = """
from demogen.parallel import map_tasks


class Scale:
    def __init__(self, factor):
        self.factor = factor


def scaled(task):
    return task.factor * OFFSET


OFFSET = 5
print(sorted(map_tasks(scaled, [Scale(2), Scale(3)], workers=2)))
"""


def test_a_script_without_a_guard_sends_its_own_classes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("[(0, 10), (1, 15)]\n", "")


def test_cores_are_counted():
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_without_ray_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DemogenError, match=r"pip install 'demogen\[ray\]'"):
        list(map_tasks(square, [1], ray="local"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EROFS, "Read-only file system"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        NotImplementedError("no semaphores"),
    ],
)
def test_processes_that_cannot_be_started_are_explained(error, monkeypatch):
    """As with a read-only, full or missing /dev/shm, where locks between processes lie."""

    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", failing)
    with pytest.raises(
        DemogenError, match=r"2 processes cannot be started .*/dev/shm.*--workers 1"
    ):
        list(map_tasks(square, [1, 2], workers=2))
    assert dict(map_tasks(square, [1, 2], workers=1)) == {0: 1, 1: 4}
