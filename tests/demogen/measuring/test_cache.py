import errno
import json
import os
import re
import warnings

import pytest

from demogen.measuring.cache import Outcome, SignatureCache

OUTCOMES = {
    "a": Outcome({"x": 0.1}, None, 0.25, epoch_seconds=2.5, share_seconds=0.125),
    "b": Outcome(None, "no positive margin", 0.5, epoch_seconds=0.125),
    "c": Outcome({}, None, 1e-9),
    "e": Outcome({"x": 0.1}, None, 0.25, share_seconds=0.5, errors={"x": 0.05}),
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


def test_entries_of_older_versions_are_read(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    lines = [json.loads(line[17:]) for line in file.read_text().splitlines() if line]
    older = [json.dumps(lines[0][:5]), json.dumps(lines[1][:4])]
    assert [len(line) for line in lines] == [6, 6, 6, 7]
    file.write_text("\n".join([*older, json.dumps(lines[2])]))
    again = SignatureCache(tmp_path, "margins-v1")
    # Lines of older versions get a checksum, once.
    grown = file.read_text()
    assert len(re.findall(r"^[0-9a-f]{16} \[", grown, re.MULTILINE)) == 3
    SignatureCache(tmp_path, "margins-v1")
    assert file.read_text() == grown
    assert again.get("a") == Outcome({"x": 0.1}, None, 0.25, epoch_seconds=2.5)
    assert again.get("b") == Outcome(None, "no positive margin", 0.5, epoch_seconds=None)
    assert again.get("c") == OUTCOMES["c"]


def test_lines_that_are_no_entries_are_passed_over_and_told_of_once(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text() + '["d", null, "cut')
    with pytest.warns(RuntimeWarning, match=r"margins-v1\.jsonl: a line is damaged; what was kept"):
        again = SignatureCache(tmp_path, "margins-v1")
    assert again.get("d") is None
    assert again.get("a") == OUTCOMES["a"]
    again.put("d", OUTCOMES["c"])
    again = SignatureCache(tmp_path, "margins-v1")
    assert again.get("d") == OUTCOMES["c"]


def test_no_flipped_bit_gives_another_outcome(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        )
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            again = SignatureCache(tmp_path, "margins-v1")
        found = {network: again.get(network) for network in OUTCOMES}
        assert all(found[network] in (OUTCOMES[network], None) for network in OUTCOMES)
        if found != OUTCOMES:
            assert ["damaged" in str(warning.message) for warning in told] == [True]


@pytest.mark.parametrize(
    "line",
    [
        '["d", {"x": "one"}, null, 1.0, null]',
        '["d", [1.0], null, 1.0, null]',
        '["d", {"x": NaN}, null, 1.0, null]',
        '["d", null, null, 1.0, null]',
        '["d", {"x": 1.0}, null, "long", null]',
        '[["d"], {"x": 1.0}, null, 1.0, null]',
        '["d", {"x": 1.0, "x": 2.0}, null, 1.0, null]',
        '{"d": 1}',
        "[" * 100_000,
        "7",
    ],
)
def test_what_is_no_outcome_is_no_line(tmp_path, line):
    (tmp_path / "margins-v1.jsonl").write_text(line)
    with pytest.warns(RuntimeWarning, match="a line is damaged"):
        assert SignatureCache(tmp_path, "margins-v1").get("d") is None


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


@pytest.mark.filterwarnings("ignore:.*a line is damaged")
def test_bytes_that_are_no_text_are_passed_over(cache, tmp_path):
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b"\n\xff\xfe\n")
    assert SignatureCache(tmp_path, "margins-v1").get("a") == OUTCOMES["a"]
