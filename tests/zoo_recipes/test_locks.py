import errno
import os
import time
from contextlib import ExitStack
from multiprocessing import get_context

import pytest

from demogen.errors import RecipeError
from zoo_recipes import locks
from zoo_recipes.locks import start_lock, working_on
from zoo_recipes.parts import Shard


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [
        (None, None, "another build works on .*zoo; wait for it"),
        (None, "1/3", "another build works on .*zoo; wait for it"),
        ("2/3", None, "works on shard 2/3 of .*zoo; wait for it, then run without a shard"),
        ("2/3", "2/3", "works on shard 2/3 of .*zoo; give it another shard"),
        ("2/3", "1/10", "shard 2/3 .* shares networks with shard 1/10; give shards of 3"),
    ],
)
def test_what_would_meet_is_refused(tmp_path, first, second, refusal):
    first, second = (text and Shard.parse(text) for text in (first, second))
    with (
        working_on(tmp_path / "zoo", first),
        pytest.raises(RecipeError, match=refusal),
        working_on(tmp_path / "zoo", second),
    ):
        pass
    with working_on(tmp_path / "zoo", second):
        pass


def test_shards_of_one_count_work_side_by_side(tmp_path):
    with ExitStack() as stack:
        for number in range(1, 11):
            stack.enter_context(working_on(tmp_path / "zoo", Shard(number, 10)))
        with working_on(tmp_path / "other", None):
            pass


def test_a_lock_is_dropped_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), working_on(tmp_path / "zoo", None):
        _ = 1 / 0
    with working_on(tmp_path / "zoo", None):
        pass


def hold(folder, shard):
    with working_on(folder, shard):
        folder.touch()
        time.sleep(120)


@pytest.mark.parametrize("shard", [None, Shard(1, 2)])
def test_a_dead_process_holds_no_lock(tmp_path, shard):
    folder = tmp_path / "zoo"
    holder = get_context("spawn").Process(target=hold, args=(folder, shard))
    holder.start()
    try:
        while not folder.exists():
            assert holder.is_alive()
            time.sleep(0.001)
        with pytest.raises(RecipeError, match="another build"), working_on(folder, None):
            pass
    finally:
        holder.kill()
        holder.join()
    with working_on(folder, None):
        pass


def test_a_gate_that_stays_shut_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "START_SECONDS", 0.01)
    with (
        start_lock(tmp_path / "zoo"),
        pytest.raises(RecipeError, match="zoo is locked: .*gate has been held for 0.01 seconds"),
        working_on(tmp_path / "zoo", None),
    ):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_refused(number, tmp_path, monkeypatch):
    def without(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", without)
    refusal = rf"file system of {tmp_path} has no locks \({os.strerror(number)}\): choose a folder"
    with pytest.raises(RecipeError, match=refusal), working_on(tmp_path / "zoo", None):
        pass
