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
from leaderboard.submissions.rerun_compare import ascii_line, check_output
from leaderboard.submissions.rerun_isolation import Limits, run_confined
from leaderboard.submissions.rerun_messages import (
    JOB,
    Job,
    RerunOutput,
    read_fault,
    read_output,
)
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
    from leaderboard.submissions.rerun_export import export_networks

    if zoo.digest != result.zoo_digest:
        raise SubmissionError(f"{result.path}: give the zoo {result.zoo} to measure it again")
    submission = contents.submission
    ids = sorted({*result.targets, *result.dropped})
    drawn = random.Random(sample.seed).sample(ids, min(sample.networks, len(ids)))
    with tempfile.TemporaryDirectory(prefix="demogen-rerun-") as scratch:
        folder = Path(scratch)
        files = export_networks(zoo, sorted(drawn), _access(result.access), folder)
        if submission.code is not None:
            (folder / submission.code).write_bytes(contents.files[submission.code])
        job = Job(
            predictor=submission.predictor,
            seconds=sample.limits.seconds,
            memory=sample.limits.memory,
            networks=tuple(files.values()),
        )
        who = f"{submission.name}: measured again on {result.zoo}, its code"
        output, message = run_job(job, folder, who)
    ids_in_output = {network: of_network.id for network, of_network in files.items()}
    check_output(result, contents.regressor, ids_in_output, output)
    return (
        f"{len(drawn)} networks of {zoo.name} (seed {sample.seed}) measured again give the "
        f"signatures submitted; {_confinement(message)}"
    )


def run_job(job: Job, folder: Path, who: str) -> tuple[RerunOutput, str]:
    """Do a job in a child process.

    Args:
        job: whose files lie in the folder.
        folder: of this job alone.
        who: ran the code, for messages.

    Returns:
        The output, and what the child wrote of how it is confined.

    Raises:
        SubmissionError: the code fails, or does not end within the limits of the job.
    """
    (folder / JOB).write_text(job.model_dump_json(), encoding="utf-8")
    process = run_confined(
        ["-m", "leaderboard.submissions.rerun_worker", str(folder)],
        folder,
        Limits(job.seconds, job.memory),
    )
    if process.code is None:
        raise SubmissionError(
            f"{who} did not end within {job.seconds:g} seconds and was killed; give it more "
            "time, or refuse it"
        )
    if fault := read_fault(folder):
        if fault.out_of_memory:
            raise SubmissionError(
                f"{who} took more than {job.memory} MB of memory; give it more, or refuse it"
            )
        raise SubmissionError(f"{who} failed: {ascii_line(fault.message)}")
    output = read_output(folder)
    if output is None:
        how = f"signal {-process.code}" if process.code < 0 else f"exit code {process.code}"
        raise SubmissionError(f"{who} ended with {how} and no answer{_last_words(folder)}")
    return output, process.message


def _access(text: str) -> "Access":
    from demogen.networks.network import Access

    return next(a for a in map(Access, range(1 << len(Access))) if str(a) == text)


def _last_words(folder: Path) -> str:
    with (folder / "errors.txt").open("rb") as file:
        lines = file.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
    return f": {ascii_line(lines[-1])[:300]}" if lines else ""


def _confinement(message: str) -> str:
    """What confined the code, from the two digits that the child wrote."""
    network = (
        "without a network"
        if message[:1] == "1"
        else "the system did not let it take away the network"
    )
    memory = "with bounded memory" if message[1:2] == "1" else "memory could not be bounded"
    return f"{network}, {memory}"
