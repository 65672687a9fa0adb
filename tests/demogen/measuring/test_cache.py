import errno
import json
import os

import pytest

from demogen.measuring.cache import Outcome, SignatureCache

OUTCOMES = {
    "a": Outcome({"x": 0.1}, None, 0.25, epoch_seconds=2.5),
    "b": Outcome(None, "no positive margin", 0.5, epoch_seconds=0.125),
    "c": Outcome({}, None, 1e-9),
}


@pytest.fixture
def cache(tmp_path):
    made = SignatureCache(tmp_path, "margins-v1")
    for network, outcome in OUTCOMES.items():
        made.put(network, outcome)
    return made


def test_outcomes_are_read_back_as_they_were(cache, tmp_path):
    again = SignatureCache(tmp_path, "margins-v1")
    assert {network: again.get(network) for network in OUTCOMES} == OUTCOMES
    assert again.get("d") is None


def test_entries_without_the_seconds_of_an_epoch_are_read(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines() if line]
    older = [json.dumps(entry[:4]) for entry in lines[:2]]
    file.write_text("\n".join([*older, json.dumps(lines[2])]))
    again = SignatureCache(tmp_path, "margins-v1")
    assert again.get("a") == Outcome({"x": 0.1}, None, 0.25, epoch_seconds=None)
    assert again.get("b") == Outcome(None, "no positive margin", 0.5, epoch_seconds=None)
    assert again.get("c") == OUTCOMES["c"]


def test_lines_that_are_no_entries_are_passed_over(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text() + '["d", null, "cut')
    again = SignatureCache(tmp_path, "margins-v1")
    assert again.get("d") is None
    assert again.get("a") == OUTCOMES["a"]


def test_without_a_folder_nothing_is_kept():
    cache = SignatureCache(None, "margins-v1")
    cache.put("a", OUTCOMES["a"])
    assert cache.get("a") is None


def test_a_cache_that_cannot_be_written_is_told_of_once(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    cache = SignatureCache(tmp_path, "margins-v1")
    fault = r"measurements are not kept: .*margins-v1\.jsonl: No space left on device; free some"
    with pytest.warns(RuntimeWarning, match=fault):
        cache.put("a", OUTCOMES["a"])
    cache.put("b", OUTCOMES["b"])
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="not kept: .*file.*; check the name; a part of it is"):
        SignatureCache(tmp_path / "file" / "below", "margins-v1").put("a", OUTCOMES["a"])


def test_a_cache_on_a_drive_without_fsync_is_kept(tmp_path, monkeypatch):
    def without(descriptor):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", without)
    SignatureCache(tmp_path, "margins-v1").put("a", OUTCOMES["a"])
    assert SignatureCache(tmp_path, "margins-v1").get("a") == OUTCOMES["a"]


def test_bytes_that_are_no_text_are_passed_over(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b"\n\xff\xfe\n")
    assert SignatureCache(tmp_path, "margins-v1").get("a") == OUTCOMES["a"]
