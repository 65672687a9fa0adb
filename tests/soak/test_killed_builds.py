"""Kill -9 at random moments, then start again: nothing lost, nothing twice, the same zoo."""

import random
from collections import Counter

import pytest

from demogen import load_zoo
from tests.zoo_recipes.builders import (
    build,
    build_and_kill,
    finished,
    packing,
    phase,
    saving,
    seconds_to_build,
    start_server,
    tiny,
)
from zoo_recipes import plan_zoo

KILLS = 20


@pytest.fixture(autouse=True)
def server():
    start_server()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_killed_twenty_times_gives_the_undisturbed_zoo(tmp_path, capsys, workers):
    draw = random.Random(workers)
    build(tmp_path / "undisturbed")
    undisturbed = load_zoo(tmp_path / "undisturbed").digest
    seconds = seconds_to_build(tmp_path / "timed", workers)
    found = Counter()
    folders = [tmp_path / "zoo-0"]
    while found.total() < KILLS:
        folder = folders[-1]
        begun = {place.name for place in finished(folder)}
        awaited = {
            "the start": lambda: True,
            "a network finished": lambda folder=folder, begun=begun: (
                {place.name for place in finished(folder)} > begun
            ),
            "a network being saved": lambda folder=folder: saving(folder),
            "the zoo being packed": lambda folder=folder: packing(folder),
        }
        moment = draw.choice(sorted(awaited))
        delay = draw.random() * (seconds if moment == "the start" else 0.01)
        kept = {place: (place / "record.json").stat().st_mtime_ns for place in finished(folder)}
        if build_and_kill(folder, awaited[moment], workers, delay):
            found[phase(folder) or "loading, or the end"] += 1
            if not folder.exists():
                assert begun <= {place.name for place in finished(folder)}
                assert {place: (place / "record.json").stat().st_mtime_ns for place in kept} == kept
        if plan_zoo(tiny(), folder).packed:
            folders.append(tmp_path / f"zoo-{len(folders)}")
    for folder in folders:
        build(folder)
        zoo = load_zoo(folder)
        zoo.verify()
        assert len(zoo) == len(set(zoo.ids)) == 12
        assert zoo.digest == undisturbed
    names = {folder.name for folder in (*folders, tmp_path / "undisturbed", tmp_path / "timed")}
    left = {path.name for path in tmp_path.iterdir()}
    assert left == names | {f".{name}.locks" for name in names}
    with capsys.disabled():
        told = ", ".join(f"{count} in {where}" for where, count in sorted(found.items()))
        print(f"\n{workers} workers, {found.total()} kills, {len(folders)} zoos: {told}")
    assert {"training", "saving", "packing"} <= set(found)
