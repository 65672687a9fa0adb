"""Submissions of made-up results that need no torch, and ways to spoil them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaderboard.results.result import Result
from leaderboard.scoring.scores import score
from leaderboard.submissions.manifest import MANIFEST, Submission
from leaderboard.submissions.submitting import make_manifest

SPLITS = ["grouped-kfold-10", "kfold-10"]


@dataclass
class Made:
    """A submission's folder; every change leaves digests and listing as a forger would."""

    folder: Path

    def write(self, results, predictor="my_package:MINE", **extra):
        files = {f"results/{result.path}": result.to_json() for result in results} | extra
        listed = make_manifest(predictor, ["A. Author", "B. Author"], results, files)
        for path, content in {MANIFEST: listed.to_toml(), **files}.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)
        return self

    @property
    def listed(self):
        return Submission.from_toml((self.folder / MANIFEST).read_bytes(), MANIFEST)

    def result(self, split="kfold-10"):
        [path] = (self.folder / "results").glob(f"*/{split}/*/*.json")
        return path

    def say(self, **changes):
        """Other claims in submission.toml."""
        changed = Submission.model_construct(**{**dict(self.listed), **changes})
        (self.folder / MANIFEST).write_bytes(changed.to_toml())

    def seal(self):
        """List every file as it is now."""
        there = (path for path in self.folder.rglob("*") if path.is_file())
        files = {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in there
            if path.name != MANIFEST
        }
        self.say(files=files)

    def forge(self, change, split="kfold-10", rescore=False):
        """Change a result's content, with scores that follow from it if wanted."""
        path = self.result(split)
        content = json.loads(path.read_bytes())
        change(content)
        if rescore:
            loose = Result.model_validate_json(json.dumps(content), strict=True)
            content["scores"] = score(loose.score_inputs()).model_dump(mode="json")
        path.write_text(json.dumps(content))
        self.seal()


@pytest.fixture
def made(results, tmp_path):
    """An honest submission of a predictor that is not installed, on two splits."""
    chosen = [result for result in results if result.split in SPLITS]
    return Made(tmp_path / "mine").write(chosen)


@pytest.fixture
def make_submission(tmp_path):
    """Other submissions, by the name of their folder."""
    return lambda name: Made(tmp_path / name)
