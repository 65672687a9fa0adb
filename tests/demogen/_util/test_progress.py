"""Progress: a bar on a terminal, lines elsewhere, nothing where it is not wanted."""

import io
import sys

import pytest
import tqdm.std

from demogen._util.progress import EVERY, track


class Clock:
    """Seconds that pass only where a test lets them."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(tqdm.std, "time", clock)
    return clock


def shown(monkeypatch, clock, seconds, *, total=6, terminal=False, enabled=True):
    """What stands on standard error after six networks that take some seconds each."""
    error = io.StringIO()
    monkeypatch.setattr(error, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", error)
    for _ in track(range(6), "measure", total, enabled=enabled):
        clock.now += seconds
    return error.getvalue()


def test_elsewhere_it_is_a_line_every_ten_seconds(monkeypatch, clock):
    lines = shown(monkeypatch, clock, EVERY / 2).splitlines()
    assert lines[0] == "measure: 2 of 6 networks in 00:10, 00:20 left"
    assert [line.split(",")[0] for line in lines] == [
        "measure: 2 of 6 networks in 00:10",
        "measure: 4 of 6 networks in 00:20",
        "measure: 6 of 6 networks in 00:30",
    ]


def test_where_nobody_knows_how_many_there_are(monkeypatch, clock):
    lines = shown(monkeypatch, clock, EVERY, total=None).splitlines()
    assert lines[0] == "measure: 1 networks in 00:10"
    assert len(lines) == 6


def test_a_short_step_gives_no_line(monkeypatch, clock):
    assert shown(monkeypatch, clock, EVERY / 7) == ""


def test_a_terminal_has_a_bar_that_is_written_over(monkeypatch, clock):
    bar = shown(monkeypatch, clock, 1.0, terminal=True)
    assert "\n" not in bar.rstrip("\n")
    assert "| 6/6 [" in bar.rpartition("\r")[2]


@pytest.mark.parametrize("terminal", [True, False])
def test_it_may_be_left_out(monkeypatch, clock, terminal):
    assert shown(monkeypatch, clock, EVERY, terminal=terminal, enabled=False) == ""
