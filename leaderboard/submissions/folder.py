"""Read a submission's folder, which holds only files of known names and sizes. No code is run."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, final

from demogen.errors import PredictorError, ResultError, SubmissionError, os_fault
from leaderboard.fitting.regressor_text import regressor_from_text
from leaderboard.results.result import Result
from leaderboard.submissions.manifest import MANIFEST, Submission

RESULTS = "results"
"""Result files lie at their `Result.path` below this."""

NOTES = "README.md"
"""A file that may lie beside them, for people."""

RESULT_BYTES = 64 << 20
"""Some twenty times the result of 756 networks on 100 divisions."""
OTHER_BYTES = 1 << 20
ALL_BYTES = 1 << 30
MOST_FILES = 2_000
DEEPEST = 5
"""Parts of a result's path with `RESULTS`."""


@final
@dataclass(frozen=True)
class Contents:
    """A folder that was read once; what follows looks at this alone.

    Attributes:
        submission: its submission.toml.
        results: in the order of their paths.
        files: path → content of every file, submission.toml included.
    """

    submission: Submission
    results: tuple[Result, ...]
    files: Mapping[str, bytes]

    @cached_property
    def regressor(self) -> Any:
        """The unfitted regressor that the results describe, all in the same words.

        Raises:
            SubmissionError: it is not made of known classes, functions and parameters.
        """
        first = self.results[0]
        try:
            return regressor_from_text(first.regressor)
        except PredictorError as error:
            raise SubmissionError(f"{first.path}: {error}") from error


def read_folder(folder: Path) -> Contents:
    """Read a submission: sizes and paths before contents, digests before anything is parsed.

    Raises:
        SubmissionError: it is no submission, or holds what does not belong; the first fault.
    """
    sizes = _scan(folder)
    if MANIFEST not in sizes:
        raise SubmissionError(
            f"{folder} has no {MANIFEST}: it is no submission; `demogen leaderboard submit` "
            "makes one"
        )
    text = _read(folder, MANIFEST)
    submission = Submission.from_toml(text, f"{folder}/{MANIFEST}")
    _check_listing(folder, submission, set(sizes) - {MANIFEST})
    files = {MANIFEST: text} | {path: _read(folder, path) for path in sorted(submission.files)}
    for path, digest in sorted(submission.files.items()):
        if hashlib.sha256(files[path]).hexdigest() != digest:
            raise SubmissionError(
                f"{folder}: {path} is not the file that {MANIFEST} lists (sha256 "
                f"{digest[:12]}); submit again instead of editing files"
            )
    results = [
        _result(folder, path, files[path]) for path in files if path.startswith(f"{RESULTS}/")
    ]
    if not results:
        raise SubmissionError(f"{folder} holds no results; submit again with a split of the zoo")
    return Contents(submission, tuple(results), files)


def _scan(folder: Path) -> dict[str, int]:
    """Path → size of every file, from what the file system says of it; none is opened."""
    if folder.is_symlink() or not folder.is_dir():
        raise SubmissionError(f"{folder} is no folder")
    sizes: dict[str, int] = {}
    waiting = [(folder, "")]
    while waiting:
        directory, prefix = waiting.pop()
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
            path, state = prefix + entry.name, entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode):
                _refuse(folder, path, "is a symbolic link; put the file itself there")
            if stat.S_ISDIR(state.st_mode):
                if path.count("/") >= DEEPEST:
                    _refuse(folder, path, "lies deeper than any result; take it out")
                waiting.append((Path(entry.path), f"{path}/"))
                continue
            if not stat.S_ISREG(state.st_mode):
                _refuse(folder, path, "is no regular file; take it out")
            sizes[path] = state.st_size
            if state.st_size > _limit(path):
                _refuse(
                    folder,
                    path,
                    f"is {state.st_size:,} bytes long, more than the {_limit(path):,} that such "
                    "a file may have; it was not read",
                )
            if len(sizes) > MOST_FILES or sum(sizes.values()) > ALL_BYTES:
                raise SubmissionError(
                    f"{folder} holds more than {MOST_FILES:,} files or {ALL_BYTES:,} bytes; split "
                    "it into several submissions"
                )
    return sizes


def _limit(path: str) -> int:
    return RESULT_BYTES if path.startswith(f"{RESULTS}/") else OTHER_BYTES


def _check_listing(folder: Path, submission: Submission, present: set[str]) -> None:
    listed = set(submission.files)
    for path in sorted(listed):
        parts = path.split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or set(path) & set("\\:\0"):
            _refuse(folder, path, f"is listed in {MANIFEST}, and leads out of the folder")
    for path in sorted(present | listed):
        below = path.startswith(f"{RESULTS}/") and path.endswith(".json")
        if not below and path not in {NOTES, submission.code}:
            _refuse(
                folder,
                path,
                f"does not belong to a submission, which has {MANIFEST}, result files below "
                f"{RESULTS}/, the predictor's file if {MANIFEST} names one, and {NOTES}; "
                "take it out",
            )
        if path not in present:
            _refuse(folder, path, f"is listed in {MANIFEST}, but is missing")
        if path not in listed:
            _refuse(folder, path, f"is not listed in {MANIFEST}; submit again")
    if submission.code is not None and submission.code not in listed:
        _refuse(folder, submission.code, "is the predictor's file, but is missing")


def _read(folder: Path, path: str) -> bytes:
    limit = _limit(path)
    try:
        with (folder / path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise SubmissionError(f"{folder / path} cannot be read: {os_fault(error)}") from error
    if len(content) > limit:
        _refuse(folder, path, "grew while it was read")
    return content


def _result(folder: Path, path: str, text: bytes) -> Result:
    source = f"{folder}/{path}"
    try:
        result = Result.from_json(text, source)
    except ResultError as error:
        raise SubmissionError(str(error)) from error
    if path != f"{RESULTS}/{result.path}":
        _refuse(folder, path, f"does not lie where it belongs: {RESULTS}/{result.path}")
    return result


def _refuse(folder: Path, path: str, reason: str) -> NoReturn:
    # As ASCII: a name may hold what ends a line or turns its direction.
    raise SubmissionError(f"{folder}: {path!a} {reason}")
