"""Silence and drips have limits."""

import pytest

from demogen import load_zoo
from demogen.errors import ZooError
from demogen.hub import waiting
from demogen.hub.publishing import push
from tests.hub.faults import ALWAYS
from tests.hub.state import WRITER

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

SHARD = "^GET .*/shards/00000.tar"


@pytest.fixture
def zoo(hub, tiny_zoo_folder):
    push(tiny_zoo_folder, "owner/tiny", endpoint=hub.endpoint, token=WRITER, progress=False)
    hub.faults.clear()
    return load_zoo("owner/tiny", endpoint=hub.endpoint)


def test_a_silent_range_is_given_up_after_two_waits_as_long_as_the_setting(hub, zoo, monkeypatch):
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.2")
    hub.faults.add("slow", SHARD, times=ALWAYS, seconds=600)
    with pytest.raises(ZooError, match=r"is silent; run it again later, or set HF_HUB_DOWNLOAD"):
        zoo[zoo.ids[0]]
    assert hub.faults.count(SHARD) == waiting.SILENT_TRIES


def test_a_silence_that_passes_is_got_over(hub, zoo, monkeypatch):
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3")
    hub.faults.add("stall", SHARD, seconds=600)
    assert zoo[zoo.ids[0]].id == zoo.ids[0]


@pytest.mark.parametrize("cache", [False, True])
def test_a_drip_is_given_up(hub, zoo, monkeypatch, cache):
    monkeypatch.setattr(waiting, "WINDOW", 0.5)
    hub.faults.add("drip", SHARD, times=ALWAYS, seconds=0.05)
    with pytest.raises(ZooError, match=r"fewer than 1,024 bytes a second arrived for") as error:
        load_zoo("owner/tiny", endpoint=hub.endpoint, cache=cache)[zoo.ids[0]]
    assert "\n" not in str(error.value)
    assert hub.faults.count(SHARD) == 1


def test_the_pace_is_held_over_each_window():
    now = [0.0]
    pace = waiting.Pace(lambda: now[0])
    for second in range(1, 60):
        now[0] = float(second)
        pace.add(1500)
    now[0] += waiting.WINDOW + 1
    with pytest.raises(waiting.TooSlowError):
        pace.add(200 * int(waiting.WINDOW))


@pytest.mark.parametrize("said", ["soon", "0", "-1", "inf", "nan"])
def test_a_setting_that_is_no_number_of_seconds_is_named(said, monkeypatch):
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", said)
    with pytest.raises(ZooError, match="HF_HUB_DOWNLOAD_TIMEOUT is .*number of seconds"):
        waiting.silence()
