"""Hundreds of files with a flipped bit, a cut or a wrong value: found out, or without consequence.

What is read must be what was written, or the reader says in one line that it is not.
"""

import random
import shutil
import signal
import time
import warnings
from collections import Counter

import pytest

from demogen import load_zoo
from demogen.errors import DemogenError
from demogen.measuring.cache import Outcome, SignatureCache
from leaderboard.results.result import Result
from leaderboard.submissions.folder import read_folder
from leaderboard.submissions.manifest import Submission
from tests.conftest import RECIPES
from tests.leaderboard.conftest import results_of, zoo_of
from zoo_recipes import build_zoo, load_recipe
from zoo_recipes.build_folder import BuildFolder, FinishedNetwork
from zoo_recipes.recipe import Recipe

FAULTS_EACH = 130
SECONDS = 60
"""That a run may take."""


def flipped(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def cut(rng, content):
    return content[: rng.randrange(len(content))]


def cut_out(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + content[place + rng.randrange(1, 50) :]


def doubled(rng, content):
    place, length = rng.randrange(len(content)), rng.randrange(1, 50)
    return content[: place + length] + content[place:]


def zeroed(rng, content):
    place = rng.randrange(len(content))
    length = min(rng.randrange(1, 50), len(content) - place)
    return content[:place] + bytes(length) + content[place + length :]


def retyped(rng, content):
    """Another value in the place of a number or a word, where the file has any."""
    signs = [place for place, byte in enumerate(content) if chr(byte) in "0123456789"]
    if not signs:
        return flipped(rng, content)
    place = rng.choice(signs)
    other = rng.choice([b"[]", b"{}", b"null", b"true", b"NaN", b"-1", b'"a"', b"[" * 3_000])
    return content[:place] + other + content[place + 1 :]


FAULTS = {
    "flip": flipped,
    "cut": cut,
    "cut out": cut_out,
    "doubled": doubled,
    "zeros": zeroed,
    "wrong type": retyped,
}


class ZooFile:
    """A file of a zoo: everything that is read of it, by what zoo.json says of the file."""

    def __init__(self, folder, zoo, path):
        shutil.copytree(zoo, folder)
        self.path = folder / path
        self._folder = folder

    def read(self):
        zoo = load_zoo(self._folder)
        splits = {name: split.digest for name, split in zoo.splits.items()}
        records = {id: zoo.record(id) for id in zoo.ids}
        # The file of runs is outside of the digest: nothing but initial weights is checked by it.
        return zoo.digest, zoo.table.to_csv(), splits, records


class Signatures:
    """Kept signatures: those that are lost are measured again, which is no fault."""

    def __init__(self, folder):
        self._wanted = {
            f"n{number}": Outcome({"x": number / 7}, None, 0.5, epoch_seconds=0.1)
            for number in range(12)
        } | {"none": Outcome(None, "no positive margin", 0.5)}
        cache = SignatureCache(folder, "m")
        for network, outcome in self._wanted.items():
            cache.put(network, outcome)
        (self.path,) = folder.iterdir()

    def read(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            cache = SignatureCache(self.path.parent, "m")
        found = {network: cache.get(network) for network in self._wanted}
        lost = [network for network, outcome in found.items() if outcome is None]
        damaged = [one for one in told if "damaged" in str(one.message)]
        assert len(told) == len(damaged) <= 1
        # A file that was cut between two lines is whole, and shorter: nobody can tell.
        rest_is_right = all(found[name] == self._wanted[name] for name in found.keys() - lost)
        if (damaged or lost) and rest_is_right:
            raise DemogenError("what is lost is measured again")
        return found


class BuiltRecord:
    """The files of a finished network in the folder of a build."""

    def __init__(self, folder, zoo, name):
        opened = load_zoo(zoo)
        self._build = BuildFolder(folder / "zoo")
        self._build.path.mkdir(parents=True)
        record = opened.record(opened.ids[0])
        self._spec = record.spec
        from demogen.schema.records import RunFacts
        from demogen.zoo.weights import to_bytes
        from zoo_recipes.training import TrainedNetwork

        weights = to_bytes(next(opened.weights([record.id]))[1])
        run = RunFacts(id=record.id, seconds=1.0, device="cpu", host="h", versions={})
        self._build.put(self._spec, TrainedNetwork(record, run, weights))
        self.path = self._build.path / record.id / name

    def read(self):
        found = self._build.get(self._spec)
        return isinstance(found, FinishedNetwork) and (found.record, found.run)


class SubmittedResult:
    """A result of a submission, or its manifest."""

    def __init__(self, folder, manifest):
        import hashlib

        result = results_of(zoo_of(6, copies=2))[0]
        text = result.to_json()
        place = folder / "results" / result.path
        place.parent.mkdir(parents=True)
        place.write_bytes(text)
        submission = Submission(
            name=result.predictor,
            authors=("A",),
            paper=result.paper,
            predictor="toy:Toy",
            zoos=("toy@5a5a5a5a5a5a",),
            splits=(result.split,),
            files={f"results/{result.path}": hashlib.sha256(text).hexdigest()},
        )
        (folder / "submission.toml").write_bytes(submission.to_toml())
        self.path = folder / "submission.toml" if manifest else place
        self._folder = folder
        self._manifest = manifest

    def read(self):
        contents = read_folder(self._folder)
        if self._manifest:
            # What is claimed there is compared with the results when it is validated.
            return tuple(contents.submission.files.items())
        return contents.results


class RecipeFile:
    """A recipe: a person wrote it, and no checksum says what; only tracebacks are faults."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "r.toml"
        self.path.write_bytes((RECIPES / "tiny.toml").read_bytes())

    def read(self):
        assert isinstance(load_recipe(self.path), Recipe)


class PlainResult:
    """A result by itself: no checksum either."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "r.json"
        self.path.write_bytes(results_of(zoo_of(6, copies=2))[0].to_json())

    def read(self):
        assert isinstance(Result.from_json(self.path.read_bytes(), "r.json"), Result)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    tiny_zoo_folder = folder / "tiny"
    build_zoo(load_recipe(RECIPES / "tiny.toml"), tiny_zoo_folder)
    (folder / "signatures").mkdir()
    files = {"table": "networks.parquet", "split": "splits/kfold-10.json", "zoo.json": "zoo.json"}
    return {
        **{name: ZooFile(folder / name, tiny_zoo_folder, path) for name, path in files.items()},
        "kept signatures": Signatures(folder / "signatures"),
        "record": BuiltRecord(folder / "record", tiny_zoo_folder, "record.json"),
        "run": BuiltRecord(folder / "run", tiny_zoo_folder, "run.json"),
        "submitted result": SubmittedResult(folder / "result", False),
        "submission.toml": SubmittedResult(folder / "manifest", True),
        "recipe": RecipeFile(folder / "recipe"),
        "plain result": PlainResult(folder / "plain"),
    }


def outcome_of(target, wanted):
    def too_long(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        found = target.read()
    except DemogenError as error:
        return "several lines" if "\n" in str(error) else "refused"
    except TimeoutError:
        return "too long"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {str(error)[:80]}"
    finally:
        signal.alarm(0)
    return "as written" if found == wanted else "silent"


@pytest.mark.timeout(3600)
def test_every_fault_is_found_out_or_without_consequence(targets, capsys):
    counts = Counter()
    longest = 0.0
    for name, target in targets.items():
        whole, wanted = target.path.read_bytes(), target.read()
        for seed in range(FAULTS_EACH):
            rng = random.Random(f"{name}:{seed}")
            fault = sorted(FAULTS)[seed % len(FAULTS)]
            damaged = FAULTS[fault](rng, whole)
            target.path.write_bytes(damaged)
            start = time.monotonic()
            outcome = outcome_of(target, wanted) if damaged != whole else "as written"
            longest = max(longest, time.monotonic() - start)
            if outcome == "silent" and name == "zoo.json":
                # It is the digest itself: whoever compares digests, as citations do, finds out.
                outcome = "another digest"
            counts[name, fault, outcome] += 1
        target.path.write_bytes(whole)
    total = sum(counts.values())
    with capsys.disabled():
        print(f"\n{total} faults in files, the longest reading took {longest:.1f} s:")
        for name in targets:
            ends = Counter()
            for (of, _, outcome), count in counts.items():
                ends[outcome] += count if of == name else 0
            print(f"  {name}: " + ", ".join(f"{n} {end}" for end, n in ends.items() if n))
        for fault in FAULTS:
            print(f"  {fault}: {sum(n for (_, of, _), n in counts.items() if of == fault)}")
    allowed = {"refused", "as written", "another digest"}
    assert {key: n for key, n in counts.items() if key[2] not in allowed} == {}
