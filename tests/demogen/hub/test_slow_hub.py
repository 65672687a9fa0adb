"""Silence and drips have an end, whole files and parts of them alike."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demogen.errors import ZooError
from demogen.hub import download, waiting
from demogen.hub.client import connect, explained
from demogen.hub.ranges import stream_range
from demogen.hub.storage import HubStorage
from tests.hub.faults import ALWAYS
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import FILES, REPOSITORY, one_line, pull, push

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
    pytest.mark.usefixtures("no_waiting"),
]

SHARD = "shards/00000.tar"


@pytest.fixture
def storage(hub: LoopbackHub, zoo: Path) -> HubStorage:
    storage = HubStorage(REPOSITORY, push(hub, zoo), hub.endpoint)
    hub.faults.clear()
    return storage


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.2")


class TestPace:
    def pace(self) -> tuple[waiting.Pace, list[float]]:
        now = [0.0]
        return waiting.Pace(lambda: now[0]), now

    def test_a_drip_is_given_up_after_a_window(self) -> None:
        pace, now = self.pace()
        while now[0] < waiting.WINDOW - 1:
            now[0] += 1
            pace.add(200)
        now[0] += 1
        with pytest.raises(waiting.TooSlowError, match="fewer than 1,024 bytes a second"):
            pace.add(200)

    def test_what_comes_fast_enough_goes_on_for_ever(self) -> None:
        pace, now = self.pace()
        for _ in range(10_000):
            now[0] += 1
            pace.add(1100)

    def test_a_fast_start_does_not_pay_for_a_later_drip(self) -> None:
        pace, now = self.pace()
        pace.add(10**9)
        now[0] = waiting.WINDOW
        pace.add(1)
        now[0] *= 2
        with pytest.raises(waiting.TooSlowError):
            pace.add(200)

    def test_time_that_the_reader_takes_does_not_count(self) -> None:
        pace, now = self.pace()
        for _ in range(5):
            pace.add(1)
            now[0] += 10 * waiting.WINDOW
            pace.pause()


class TestSilence:
    def test_is_set_by_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_HUB_DOWNLOAD_TIMEOUT", raising=False)
        assert waiting.silence() == waiting.SILENCE
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "3.5")
        assert waiting.silence() == 3.5

    @pytest.mark.parametrize("said", ["soon", "0", "-1", "nan", "inf"])
    def test_of_no_seconds_is_refused(self, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", said)
        with pytest.raises(ZooError, match=f"HF_HUB_DOWNLOAD_TIMEOUT is '{said}'; give it a numb"):
            waiting.silence()

    @pytest.mark.usefixtures("hub")
    def test_a_setting_that_is_none_is_one_line(self, zoo, hub, monkeypatch) -> None:
        push(hub, zoo)
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "soon")
        with pytest.raises(ZooError, match="HF_HUB_DOWNLOAD_TIMEOUT is 'soon'"):
            pull(hub)

    @pytest.mark.usefixtures("short")
    @pytest.mark.parametrize("kind", ["slow", "stall"])
    def test_of_a_part_is_waited_for_twice_as_long_as_is_set(
        self, hub: LoopbackHub, storage: HubStorage, kind: str
    ) -> None:
        hub.faults.add(kind, SHARD, ALWAYS, seconds=60)
        with pytest.raises(ZooError, match=r"is silent; .*HF_HUB_DOWNLOAD_TIMEOUT") as error:
            list(storage.stream(SHARD, 0, 1_000))
        one_line(error)
        assert hub.faults.count(SHARD) == waiting.SILENT_TRIES

    @pytest.mark.usefixtures("short")
    def test_once_is_got_over(self, hub: LoopbackHub, storage: HubStorage) -> None:
        hub.faults.add("stall", SHARD, seconds=60)
        assert b"".join(storage.stream(SHARD, 0, 1_000)) == FILES[SHARD][:1_000]
        assert hub.faults.ranges == ["bytes=0-999", "bytes=500-999"]

    @pytest.mark.usefixtures("short", "storage")
    @pytest.mark.parametrize("pattern", ["^HEAD", "^GET", "/tree/", "."])
    def test_of_a_whole_file_is_not_waited_for_again_and_again(
        self, hub: LoopbackHub, pattern: str
    ) -> None:
        hub.faults.add("slow", pattern, ALWAYS, seconds=60)
        with pytest.raises(ZooError, match="is silent") as error:
            pull(hub)
        one_line(error)
        assert hub.faults.count(pattern) == waiting.SILENT_TRIES


class TestDrip:
    @pytest.fixture(autouse=True)
    def narrow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waiting, "WINDOW", 0.3)

    def test_of_a_part_ends(self, hub: LoopbackHub, storage: HubStorage) -> None:
        hub.faults.add("drip", SHARD, ALWAYS, seconds=0.05)
        with pytest.raises(ZooError, match=r"fewer than 1,024 bytes a second arrived") as error:
            list(storage.stream(SHARD, 0, 20_000))
        assert REPOSITORY in one_line(error)
        assert hub.faults.count(SHARD) == 1

    @pytest.mark.usefixtures("storage")
    @pytest.mark.parametrize("path", ["zoo.json", "networks.parquet", SHARD, "/tree/"])
    def test_of_a_whole_file_ends(self, hub: LoopbackHub, path: str) -> None:
        hub.faults.add("drip", f"^GET .*{path}", ALWAYS, seconds=0.05)
        with pytest.raises(ZooError, match=r"fewer than 1,024 bytes a second arrived") as error:
            pull(hub)
        one_line(error)


class TestWords:
    @pytest.mark.usefixtures("storage")
    def test_for_a_loop(self, hub: LoopbackHub) -> None:
        hub.faults.add("loop", "resolve", ALWAYS)
        with pytest.raises(ZooError, match="from one address to the next without end") as error:
            pull(hub)
        one_line(error)

    def test_for_a_loop_of_parts(self, hub: LoopbackHub, storage: HubStorage) -> None:
        hub.faults.add("loop", SHARD, ALWAYS)
        with pytest.raises(ZooError, match="from one address to the next without end"):
            list(storage.stream(SHARD, 0, 1_000))

    def test_for_a_lost_object(self, hub: LoopbackHub, storage: HubStorage) -> None:
        hub.state.redirect = True
        hub.faults.add(404, "^GET /cdn/", ALWAYS)
        lost = "has lost the content of a file"
        with pytest.raises(ZooError, match=lost) as error:
            list(storage.stream(SHARD, 0, 1_000))
        assert "?" not in one_line(error)
        with pytest.raises(ZooError, match=lost):
            download.pull(REPOSITORY, endpoint=hub.endpoint)

    def test_for_a_reset(self) -> None:
        with resetting() as endpoint:
            api = connect(endpoint, None)
            with (
                pytest.raises(ZooError, match="the connection to .* broke off") as error,
                explained("cannot read a file", api),
            ):
                list(stream_range(api, f"{endpoint}/datasets/a/b/resolve/main/c", 0, 10))
            one_line(error)
            with pytest.raises(ZooError, match="the connection to .* broke off"):
                download.pull("a/b", endpoint=endpoint)


@contextmanager
def resetting() -> Iterator[str]:
    """A server that resets every connection once it has read something; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    if connection.recv(1) == b"!":
                        return
                    # Closing with nothing to wait for sends a reset.
                    none = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, none)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(b"!")
            thread.join(10)
