"""What is shown of a push while it goes on, on a terminal and elsewhere."""

import io
import sys
from pathlib import Path

import pytest

from demogen.hub.progress import CountedFile, UploadBar, upload_bar
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import FILES, contents, make_zoo, publish, pull

# The Hub's client hands an open file to its HTTP library in a way that library is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

LARGE = 4 << 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def large_zoo(tmp_path: Path) -> Path:
    return make_zoo(tmp_path / "large", {**FILES, "shards/00000.tar": b"wide" * (LARGE // 4)})


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error from now on; not as a fixture, for pytest sets its own after those."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


@pytest.fixture
def moves(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int | None]]:
    """(bytes done, all bytes, status of the newest upload) whenever the bar moves."""
    seen: list[tuple[int, int, int | None]] = []
    sent = UploadBar.sent

    def watched(self: UploadBar, size: int) -> None:
        sent(self, size)
        uploads = hub.faults.matching("^PUT")
        seen.append((self._bar.n, self._bar.total, uploads[-1].status if uploads else None))

    monkeypatch.setattr(UploadBar, "sent", watched)
    return seen


def test_the_bar_moves_while_a_large_file_is_sent(
    hub: LoopbackHub, large_zoo: Path, moves: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch)
    publish(hub, large_zoo, progress=True)
    during = [done for done, _, status in moves if status is None]
    assert len(during) > 10
    assert max(during) - min(during) > LARGE // 2
    done = [done for done, _, _ in moves]
    assert done == sorted(done)


def test_it_ends_at_all_bytes_with_rate_and_time(
    hub: LoopbackHub, large_zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)
    publish(hub, large_zoo, progress=True)
    last = terminal.getvalue().strip().rpartition("\r")[2]
    assert "push: 100%" in last
    assert "4.23M/4.23M" in last
    assert "B/s]" in last
    assert terminal.getvalue().count("Upload") == 0


@pytest.mark.usefixtures("no_waiting")
def test_what_is_sent_again_is_not_counted_twice(
    hub: LoopbackHub, large_zoo: Path, moves: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch)
    hub.faults.add(503, "^PUT", times=3)
    publish(hub, large_zoo, progress=True)
    assert max(done for done, _, _ in moves) <= moves[0][1]
    assert moves[-1][0] < moves[0][1]
    assert contents(pull(hub)) == contents(large_zoo)


def test_what_is_there_already_is_done_and_does_not_count_for_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal, here = on_terminal(monkeypatch), Path(__file__)
    with upload_bar(here.stat().st_size, enabled=True) as bar:
        with bar.following(here):
            pass
        assert bar._bar.n == bar._bar.initial
    assert "100%" in terminal.getvalue()


@pytest.mark.parametrize("progress", [True, False])
def test_nothing_is_shown_where_nobody_looks(
    hub: LoopbackHub,
    large_zoo: Path,
    progress: bool,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not progress:
        shown = on_terminal(monkeypatch)
    publish(hub, large_zoo, progress=progress)
    assert capfd.readouterr() == ("", "")
    assert progress or shown.getvalue() == ""


def test_a_counted_file_tells_each_byte_once(tmp_path: Path) -> None:
    path, told = tmp_path / "file", []
    path.write_bytes(bytes(100))
    with CountedFile(io.FileIO(path)) as file:
        assert file.read() == bytes(100)
        file.seek(0)
        file.on_progress = told.append
        pieces = [
            file.read(30),
            file.read(30),
            file.seek(0),
            file.read(50),
            file.read(),
            file.read(9),
        ]
    assert told == [30, 30, 40]
    assert [len(piece) for piece in pieces if isinstance(piece, bytes)] == [30, 30, 50, 50, 0]
