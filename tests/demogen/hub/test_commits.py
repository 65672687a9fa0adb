"""A push that is cut off anywhere: killed, refused or overtaken."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demogen.errors import ZooError
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.pushed import changes, is_whole, make_listed, put, uploads
from tests.hub.server import WRITER
from tests.hub.small_zoo import (
    REPOSITORY,
    contents,
    make_wide_zoo,
    one_line,
    pull,
    push,
)
from tests.hub.store import Repository, Store

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def at(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, when: int, act: Callable) -> None:
    """Do something when the Hub comes to a step for the `when`-th time, before it takes it."""
    step, times = getattr(kind, name), iter(range(1, 10_000))

    def watched(self: object, *arguments: object) -> object:
        if next(times) == when:
            act()
        return step(self, *arguments)

    monkeypatch.setattr(kind, name, watched)


# Every request of a push that also makes the repository and a tag.
STEPS = (
    *("^GET .*/revision/main", "^POST /api/repos/create", "^GET .*/tree/", "^GET .*/refs"),
    *("^POST .*/preupload/", "^POST .*/objects/batch", "^PUT /lfs/", "^POST /lfs/.*/verify"),
    *("^POST /api/validate-yaml", "^POST .*/commit/", "^POST .*/tag/"),
)


class TestInterrupted:
    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("step", STEPS)
    def test_after_a_fault_at_any_step_nothing_is_sent_twice(
        self, hub: LoopbackHub, zoo: Path, step: str
    ) -> None:
        hub.faults.add(500, step, times=ALWAYS)
        with pytest.raises(ZooError, match=r"cannot push to ours/tiny: .*HTTP 500") as error:
            push(hub, zoo, tag="v1")
        one_line(error)
        assert hub.faults.count(step) > 0
        hub.faults.waiting.clear()
        commit = push(hub, zoo, tag="v1")
        assert hub.repository(REPOSITORY).resolve("v1") == commit
        assert contents(pull(hub)) == contents(zoo)
        assert set(uploads(hub).values()) == {1}
        sent = [path for each in changes(hub.repository(REPOSITORY)) for path in each]
        assert len(sent) == len(set(sent)) == len(contents(zoo))

    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("step", ["/repos/create", "/verify", "/commit/", "/tag/"])
    def test_nor_after_an_answer_that_was_lost(
        self, hub: LoopbackHub, zoo: Path, step: str
    ) -> None:
        hub.faults.add("drop", f"^POST .*{step}", times=ALWAYS)
        with pytest.raises(ZooError, match=f"the connection to {hub.endpoint} broke off") as error:
            push(hub, zoo, tag="v1")
        one_line(error)
        hub.faults.waiting.clear()
        commit = push(hub, zoo, tag="v1")
        assert hub.repository(REPOSITORY).resolve("v1") == commit
        assert set(uploads(hub).values()) == {1}
        sent = [path for each in changes(hub.repository(REPOSITORY)) for path in each]
        assert len(sent) == len(set(sent)) == len(contents(zoo))

    def test_readers_see_no_zoo_until_the_last_commit(self, hub: LoopbackHub, zoo: Path) -> None:
        hub.faults.add(500, "^POST /api/validate-yaml", times=ALWAYS)
        with pytest.raises(ZooError):
            push(hub, zoo)
        assert len(changes(hub.repository(REPOSITORY))) == 1
        with pytest.raises(ZooError, match=r"has no zoo\.json"):
            pull(hub)

    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("step", ["^POST .*/commit/", "^PUT /lfs/", "/preupload/"])
    def test_readers_keep_the_old_zoo(
        self, hub: LoopbackHub, zoo: Path, other: Path, step: str
    ) -> None:
        push(hub, zoo)
        hub.faults.add(503, step, times=ALWAYS)
        with pytest.raises(ZooError, match="HTTP 503"):
            push(hub, other)
        assert contents(pull(hub)) == contents(zoo)
        hub.faults.clear()
        push(hub, other)
        assert contents(pull(hub)) == contents(other)

    @pytest.mark.usefixtures("no_waiting")
    @pytest.mark.parametrize("status", [429, 503])
    def test_a_hub_that_is_busy_for_a_moment_is_asked_again(
        self, hub: LoopbackHub, zoo: Path, status: int
    ) -> None:
        for step in STEPS:
            hub.faults.add(status, step, times=2, headers={"Retry-After": "1"})
        push(hub, zoo, tag="v1")
        assert [fault.times for fault in hub.faults.waiting] == [0] * len(STEPS)
        assert contents(pull(hub, revision="v1")) == contents(zoo)

    @pytest.mark.parametrize(
        ("step", "when"),
        [((Store, "receive"), 3), ((Repository, "commit"), 3), ((Repository, "commit"), 4)],
        ids=["uploading", "before-the-second-commit", "before-the-last-commit"],
    )
    def test_a_killed_process_is_finished_by_running_it_again(
        self,
        hub: LoopbackHub,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        step: tuple[type, str],
        when: int,
    ) -> None:
        folder = make_wide_zoo(tmp_path / "wide", splits=60)
        sending = "import sys, pathlib; from demogen.hub import push; "
        sending += "push(pathlib.Path(sys.argv[1]), sys.argv[2], endpoint=sys.argv[3])"
        arguments = [sys.executable, "-c", sending, str(folder), REPOSITORY, hub.endpoint]
        running: list[subprocess.Popen[bytes]] = []

        def kill() -> None:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()

        environment = {**os.environ, "HF_TOKEN": WRITER, "HF_HOME": str(tmp_path / "home")}
        with monkeypatch.context() as patch:
            at(patch, *step, when, kill)
            running.append(subprocess.Popen(arguments, env=environment))
            assert running[0].wait(timeout=60) == -signal.SIGKILL
        assert len(uploads(hub)) >= 2
        commit = push(hub, folder)
        assert set(uploads(hub).values()) == {1}
        sent = [path for each in changes(hub.repository(REPOSITORY)) for path in each]
        assert len(sent) == len(set(sent))
        assert is_whole(hub.repository(REPOSITORY), commit)

    @pytest.mark.parametrize("when", [1, 2])
    def test_a_push_beside_another_one_is_refused(
        self,
        hub: LoopbackHub,
        zoo: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        when: int,
    ) -> None:
        push(hub, zoo)
        wide = make_wide_zoo(tmp_path / "wide", splits=60)
        (wide / "labels.safetensors").write_bytes(b"changed")
        (wide / "runs.parquet").write_bytes(b"changed too")
        make_listed(wide, "labels.safetensors")

        def somebody_pushes() -> None:
            put(hub, "notes.txt")

        at(monkeypatch, Store, "receive", when, somebody_pushes)
        with pytest.raises(ZooError, match="changed at the same time") as error:
            push(hub, wide)
        one_line(error)
        assert contents(pull(hub)) == contents(zoo)
