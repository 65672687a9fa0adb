"""Run a submission's code on a sample of networks and compare what it gives with its claims."""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from demogen.errors import SubmissionError
from leaderboard.results.result import Result
from leaderboard.submissions.folder import Contents
from leaderboard.submissions.rerun_compare import ascii_line, check_answer
from leaderboard.submissions.rerun_isolation import Limits, run_confined
from leaderboard.submissions.rerun_messages import JOB, Answer, Job, NetworkFiles, read_answer
from leaderboard.submissions.validation import zoo_of

if TYPE_CHECKING:
    from demogen.networks.network import Access
    from demogen.zoo.base import NetworkSet


@final
@dataclass(frozen=True)
class Sample:
    """How much is measured again.

    Attributes:
        networks: of each zoo; all, if there are fewer.
        seed: the same seed draws the same networks. Whoever submits must not know it.
        limits: of the child process for one zoo.
    """

    networks: int = 5
    seed: int = 0
    limits: Limits = field(default_factory=Limits)


def remeasure(contents: Contents, zoos: "Sequence[NetworkSet]", sample: Sample) -> list[str]:
    """Measure networks of each zoo again, in a child process with less than this one has.

    Args:
        contents: a submission that was validated.
        zoos: each that a result is of.
        sample: how much, how long.

    Returns:
        What was found and what confined the code, a line for each zoo.

    Raises:
        SubmissionError: the code fails, or gives something else than was submitted.
        ZooError: a zoo cannot be read.
    """
    by_zoo = {result.zoo_digest: result for result in contents.results}
    return [
        _remeasure(contents, result, zoo_of(result, zoos), sample) for result in by_zoo.values()
    ]


def _remeasure(contents: Contents, result: Result, zoo: "NetworkSet", sample: Sample) -> str:
    if zoo.digest != result.zoo_digest:
        raise SubmissionError(f"{result.path}: give the zoo {result.zoo} to measure it again")
    ids = sorted({*result.targets, *result.dropped})
    drawn = random.Random(sample.seed).sample(ids, min(sample.networks, len(ids)))
    with tempfile.TemporaryDirectory(prefix="demogen-again-") as scratch:
        answer, files, told = _ask(contents, result, zoo, sorted(drawn), sample, Path(scratch))
    check_answer(result, {network: handed.id for network, handed in files.items()}, answer)
    return (
        f"{len(drawn)} networks of {zoo.name} (seed {sample.seed}) measured again give the "
        f"signatures submitted; {_confined(told)}"
    )


def _ask(
    contents: Contents,
    result: Result,
    zoo: "NetworkSet",
    ids: Sequence[str],
    sample: Sample,
    folder: Path,
) -> tuple[Answer, dict[str, NetworkFiles], str]:
    from leaderboard.submissions.rerun_export import hand_over

    limits, submission = sample.limits, contents.submission
    files = hand_over(zoo, ids, _access(result.access), folder)
    job = Job(
        predictor=submission.predictor,
        seconds=limits.seconds,
        memory=limits.memory,
        networks=tuple(files.values()),
    )
    (folder / JOB).write_text(job.model_dump_json(), encoding="utf-8")
    if submission.code is not None:
        (folder / submission.code).write_bytes(contents.files[submission.code])
    ended = run_confined(
        ["-m", "leaderboard.submissions.rerun_worker", str(folder)], folder, limits
    )
    who = f"{submission.name}: measured again on {result.zoo}, its code"
    if ended.code is None:
        raise SubmissionError(
            f"{who} did not end within {limits.seconds:g} seconds and was killed; give it more "
            "time, or refuse it"
        )
    answer = read_answer(folder)
    if answer is None:
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        raise SubmissionError(f"{who} ended with {how} and no answer{_last_words(folder)}")
    if answer.out_of_memory:
        raise SubmissionError(
            f"{who} took more than {limits.memory} MB of memory; give it more, or refuse it"
        )
    if answer.fault is not None:
        raise SubmissionError(f"{who} failed: {ascii_line(answer.fault)}")
    return answer, files, ended.told


def _access(text: str) -> "Access":
    from demogen.networks.network import Access

    return next(a for a in map(Access, range(1 << len(Access))) if str(a) == text)


def _last_words(folder: Path) -> str:
    with (folder / "errors.txt").open("rb") as file:
        lines = file.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
    return f": {ascii_line(lines[-1])[:300]}" if lines else ""


def _confined(told: str) -> str:
    network = (
        "without a network"
        if told[:1] == "1"
        else "the system did not let it take away the network"
    )
    memory = "with bounded memory" if told[1:2] == "1" else "memory could not be bounded"
    return f"{network}, {memory}"
