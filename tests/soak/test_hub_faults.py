"""Hundreds of pushes, pulls and readings over a connection on which anything may go wrong.

Every one must end in the right bytes or in one clear line, and what it leaves behind must not
deceive the next one.
"""

import random
import re
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest
import torch

from demogen import load_zoo
from demogen.errors import ZooError
from demogen.hub.download import pull
from demogen.hub.publishing import push
from tests.hub.faults import ALWAYS, rate_limited, retry_after
from tests.hub.small_zoo import contents
from tests.hub.state import WRITER
from tests.hub.wide_zoo import wide_zoo

pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
    pytest.mark.usefixtures("no_waiting"),
]

FAULTS_AT_LEAST = 1_000
"""Requests that meet a fault, over all runs."""

SECONDS = 60
"""No run takes longer."""

MADE = ("README.md", "croissant.json")
"""Files that a push writes for the repository's name."""

FAULTS = {
    "drop": lambda rng: ("drop", {"at": rng.randrange(200_000)}),
    "truncate": lambda rng: ("truncate", {}),
    "flip": lambda rng: ("flip", {"at": rng.randrange(200_000)}),
    "429": lambda rng: (429, {"headers": rng.choice([retry_after, rate_limited])(3)}),
    "500": lambda rng: (500, {}),
    "503": lambda rng: (503, {}),
    "latency": lambda rng: ("slow", {"seconds": rng.uniform(0.01, 0.3)}),
    "stall": lambda rng: ("stall", {"seconds": rng.uniform(0.01, 0.3)}),
    "stale": lambda rng: ("stale", {}),
    "drip": lambda rng: ("drip", {"seconds": 0.05}),
    "loop": lambda rng: ("loop", {}),
    "strange commit": lambda rng: ("alter", {"headers": {"X-Repo-Commit": rng.choice(STRANGE)}}),
    "strange digest": lambda rng: ("alter", {"headers": {"ETag": rng.choice(STRANGE)}}),
    "another answer": lambda rng: (
        "alter",
        {"body": rng.choice([b"{}", b"[]", b"", b"[[[", b"7"])},
    ),
}
STRANGE = ("../../../escaped", "0" * 40, "main", "")
SETTINGS = ("private", "gated", "wrong token")
PLACES = (
    "",
    "^GET",
    "^HEAD",
    "shards",
    "zoo.json",
    "networks.parquet",
    "/tree/",
    "/commit/",
    "lfs",
)


@dataclass
class World:
    """A Hub with a zoo on it, the zoo's files and tensors, and a folder for one run."""

    hub: object
    zoo: object
    files: dict
    tensors: dict
    scratch: object

    @property
    def name(self):
        return "owner/wide"

    def check(self, tensors):
        assert tensors.keys() == self.tensors.keys()
        for id, each in tensors.items():
            assert all(torch.equal(each[name], self.tensors[id][name]) for name in each)

    def sweep(self):
        self.check(dict(load_zoo(self.name, endpoint=self.hub.endpoint).weights()))

    def keep(self):
        self.check(dict(load_zoo(self.name, endpoint=self.hub.endpoint, cache=True).weights()))

    def backwards(self):
        zoo = load_zoo(self.name, endpoint=self.hub.endpoint)
        self.check({id: next(zoo.weights([id]))[1] for id in reversed(zoo.ids)})

    def pull(self):
        target = self.scratch / "pulled"
        pull(self.name, target, endpoint=self.hub.endpoint)
        assert contents(target) == self.files

    def push(self):
        place = self.zoo.storage.place
        push(place, "owner/again", endpoint=self.hub.endpoint, token=WRITER, progress=False)
        repository = self.hub.repository("owner/again")
        sent = repository.files(repository.resolve("main"))
        assert {path: repository.content(sent[path].etag).read_bytes() for path in self.data} == {
            path: self.files[path] for path in self.data
        }

    @property
    def data(self):
        return [path for path in self.files if path not in (*MADE, ".gitattributes")]


@pytest.fixture
def world(hub, tmp_path, monkeypatch):
    from demogen.zoo import weights

    monkeypatch.setattr(weights.write_shards, "__defaults__", (150_000,))
    zoo = wide_zoo(tmp_path / "zoo", 30, width=48)
    place = zoo.storage.place
    push(place, "owner/wide", endpoint=hub.endpoint, token=WRITER, progress=False)
    hub.faults.clear()
    files = contents(place)
    pulled = contents(pull("owner/wide", tmp_path / "first", endpoint=hub.endpoint))
    return World(hub, zoo, files | {path: pulled[path] for path in MADE}, dict(zoo.weights()), None)


def run(work):
    """What became of it: "right", or the error's class."""
    outcome = []

    def guarded():
        try:
            work()
            outcome.append("right")
        except ZooError as error:
            message = str(error)
            assert "\n" not in message
            assert len(message) > 20
            assert not re.search("hf_[a-z]", message)
            outcome.append(type(error).__name__)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert outcome, "it hangs"
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


@pytest.mark.timeout(3600)
def test_every_run_ends_in_the_right_bytes_or_in_one_clear_line(
    world, tmp_path, monkeypatch, capsys
):
    # Windows as long as ever would take hours.
    monkeypatch.setattr("demogen.hub.waiting.WINDOW", 1.0)
    counts, met, seed, longest = Counter(), Counter(), -1, 0.0
    kinds_wanted = {*FAULTS, *SETTINGS}
    while met.total() < FAULTS_AT_LEAST or {what for what, _ in counts} != kinds_wanted:
        seed += 1
        rng = random.Random(seed)
        operation = rng.choice(["sweep", "keep", "backwards", "pull", "push"])
        what = rng.choice([*FAULTS, *SETTINGS])
        world.scratch = tmp_path / f"run-{seed}"
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(world.scratch / "cache"))
        world.hub.faults.clear()
        if what in FAULTS:
            kind, more = FAULTS[what](rng)
            times = rng.choice([1, 1, 2, 5, ALWAYS])
            world.hub.faults.add(kind, rng.choice(PLACES), times, **more)
        elif what == "wrong token":
            monkeypatch.setenv("HF_TOKEN", "hf_mistyped")
        else:
            world.hub.repository(world.name).configure(**{what: True})
        begun = time.monotonic()
        outcome = run(getattr(world, operation))
        longest = max(longest, time.monotonic() - begun)
        counts[what, outcome] += 1
        met[what] += sum(each.fault is not None for each in world.hub.faults.exchanges)
        world.hub.faults.clear()
        world.hub.repository(world.name).configure(private=False, gated=False)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        # Whatever was left behind, an undisturbed run with the same cache gets everything.
        assert run(getattr(world, operation)) == "right", (seed, operation, what)
        if operation == "push":
            world.hub.state.store.delete("owner/again")
        shutil.rmtree(world.scratch, ignore_errors=True)
    kinds = {what for what, _ in counts}
    assert kinds == {*FAULTS, *SETTINGS}
    assert {outcome for _, outcome in counts} <= {"right", "ZooError", "CorruptZooError"}
    with capsys.disabled():
        print(
            f"\n{counts.total()} runs met {met.total()} faults; 0 silent, 0 tracebacks, the "
            f"longest {longest:.0f} s:"
        )
        for what in sorted(kinds):
            ends = {outcome: n for (each, outcome), n in sorted(counts.items()) if each == what}
            print(
                f"  {what}, met {met[what]} times: "
                + ", ".join(f"{n} {end}" for end, n in ends.items())
            )
