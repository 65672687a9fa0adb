"""Run a submission's code on a sample of networks and compare what it gives with its claims."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np

from demogen._util.draws import Draws
from demogen.errors import SubmissionError
from leaderboard.results.origins import Again, Claim
from leaderboard.results.result import Result
from leaderboard.submissions.folder import Contents
from leaderboard.submissions.rerun_compare import ascii_line, check_output
from leaderboard.submissions.rerun_cost import COST_FACTOR, check_cost
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
    from leaderboard.submissions.rerun_messages import NetworkFiles

SHARES = (0.1, 0.5)
"""Of the signatures: the odds to find forgeries of so many are told."""


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


@final
@dataclass(frozen=True)
class Remeasured:
    """What measuring again confirmed of one zoo.

    Attributes:
        zoo_digest: of the zoo.
        again: how many of how many networks.
        costs: which claims of cost are within a factor of what was measured.
        report: what was found, what confined the code, and what the sample is worth, a line each.
    """

    zoo_digest: str
    again: Again
    costs: tuple[Claim, ...]
    report: tuple[str, ...]


def remeasure(contents: Contents, zoos: "Sequence[NetworkSet]", sample: Sample) -> list[Remeasured]:
    """Measure networks of each zoo again, in a child process with less than this one has.

    Args:
        contents: a submission that was validated.
        zoos: each that a result is of.
        sample: how much, how long.

    Returns:
        What was confirmed, zoo by zoo.

    Raises:
        SubmissionError: the code fails, or gives something else than was submitted.
        ZooError: a zoo cannot be read.
    """
    by_zoo = {result.zoo_digest: result for result in contents.results}
    return [
        _remeasure(contents, result, zoo_of(result, zoos), sample) for result in by_zoo.values()
    ]


def odds_of_finding(networks: int, forged: int, sample: int) -> float:
    """The probability that a sample holds a forged signature: 1 − C(N−F, n) / C(N, n).

    The sample is drawn without replacement (hypergeometric), by a seed that the forger cannot know.

    Args:
        networks: N, of the zoo.
        forged: F, how many of their signatures are forged.
        sample: n, how many are measured again.

    >>> round(odds_of_finding(96, 10, 5), 3)
    0.43
    """
    return 1 - math.comb(networks - forged, sample) / math.comb(networks, sample)


def worth_of_sample(networks: int, sample: int) -> str:
    """What a sample finds, in words.

    >>> worth_of_sample(96, 5)
    '5 of 96 networks: forging 10 % of them (10) is found with odds 43 %, 50 % of them (48) 97 %'
    """
    odds = []
    for share in SHARES:
        forged = max(1, math.floor(share * networks + 0.5))
        found = 100 * odds_of_finding(networks, forged, sample)
        # Certainty is said only where it is certain.
        percent = math.floor(found) if found > 99 else round(found)
        odds.append((f"{100 * share:.0f} % of them ({forged})", f"{percent} %"))
    (few, first), *others = odds
    rest = "".join(f", {more} {percent}" for more, percent in others)
    return f"{sample} of {networks} networks: forging {few} is found with odds {first}{rest}"


def _remeasure(contents: Contents, result: Result, zoo: "NetworkSet", sample: Sample) -> Remeasured:
    if zoo.digest != result.zoo_digest:
        raise SubmissionError(f"{result.path}: give the zoo {result.zoo} to measure it again")
    ids = sorted({*result.targets, *result.dropped})
    order = Draws(sample.seed).permutation(np.arange(len(ids)))
    drawn = [ids[place] for place in order[: sample.networks]]
    files, output, message = measure_by_code(contents, result, zoo, sorted(drawn), sample.limits)
    ids_in_output = {network: of_network.id for network, of_network in files.items()}
    check_output(result, contents.regressor, ids_in_output, output)
    costs = _check_cost(result, zoo, files, output)
    found = (
        f"{len(drawn)} networks of {zoo.name} (seed {sample.seed}) measured again give the "
        f"signatures submitted; {_confinement(message)}"
    )
    cost = (
        f"its {' and '.join(costs)} a network are within a factor of {COST_FACTOR:g} of what was "
        "measured"
        if costs
        else "its cost stays its author's word: too short to compare, not stated, or far more than "
        "measured"
    )
    return Remeasured(
        zoo.digest,
        Again(networks=len(drawn), of=len(ids)),
        costs,
        (found, cost, worth_of_sample(len(ids), len(drawn))),
    )


def _check_cost(
    result: Result, zoo: "NetworkSet", files: "Mapping[str, NetworkFiles]", output: RerunOutput
) -> tuple[Claim, ...]:
    seconds = {
        network: output.seconds[of.id] for network, of in files.items() if of.id in output.seconds
    }
    epochs = {}
    if result.epochs is not None:
        from demogen.measuring.measurements import seconds_of_epoch

        for network in zoo.networks(sorted(seconds)):
            if epoch := seconds_of_epoch(zoo, network):
                epochs[network.id] = seconds[network.id] / epoch
    return check_cost(result, seconds, epochs)


def measure_by_code(
    contents: Contents, result: Result, zoo: "NetworkSet", ids: Sequence[str], limits: Limits
) -> "tuple[Mapping[str, NetworkFiles], RerunOutput, str]":
    """Let the submitted code measure networks, in a child process that has nothing else of a zoo.

    Args:
        contents: the submission.
        result: of it; its access is what the code is given.
        zoo: that the networks are of.
        ids: of the networks.
        limits: of the child process.

    Returns:
        Network → its files, by whose ids the output names it; the output, of which nothing is
        trusted; and what the child wrote of how it is confined.

    Raises:
        SubmissionError: the code fails, or does not end within the limits.
        ZooError: a network or its images cannot be read.
    """
    from leaderboard.submissions.rerun_export import export_networks

    submission = contents.submission
    with tempfile.TemporaryDirectory(prefix="demogen-rerun-") as scratch:
        folder = Path(scratch)
        files = export_networks(zoo, ids, _access(result.access), folder)
        if submission.code is not None:
            (folder / submission.code).write_bytes(contents.files[submission.code])
        job = Job(
            predictor=submission.predictor,
            seconds=limits.seconds,
            memory=limits.memory,
            networks=tuple(files.values()),
        )
        who = f"{submission.name}: measured again on {zoo.name}, its code"
        output, message = run_job(job, folder, who)
    return files, output, message


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
