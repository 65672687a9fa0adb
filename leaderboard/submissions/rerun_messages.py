"""What the process that measures again is given and leaves, as JSON files in one folder."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import SubmissionError
from demogen.schema.records import Frozen, first_fault
from leaderboard.scoring.inputs import Finite
from leaderboard.submissions.predictor_facts import PredictorFacts

JOB = "job.json"
OUTPUT = "output.json"
FAULT = "fault.json"

MESSAGE_BYTES = 16 << 20
LONGEST_FAULT = 300

Message = TypeVar("Message", bound=Frozen)


class NetworkFiles(Frozen):
    """One network: names of files in the job's folder."""

    id: str
    """Made up for the job: the true one is the key to what a measure must not know."""
    spec: str
    """JSON: the whole spec if the measure reads it, else architecture and image shape alone."""
    spec_is_whole: bool
    weights: str
    initial: str | None = None
    images: str | None = None
    labels: str | None = None
    test_inputs: str | None = None
    siblings: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    """Name of an access → why nobody has what it reads, of a network from elsewhere."""


class Job(Frozen):
    """What to measure, and the limits to set before."""

    predictor: str
    seconds: float
    memory: int
    networks: tuple[NetworkFiles, ...]


class RerunOutput(Frozen):
    """What the code is, and what it measures."""

    facts: PredictorFacts
    signatures: Annotated[dict[str, dict[str, Finite]], Field(max_length=10_000)] = {}
    """Id made up for the job → feature → value."""
    dropped: dict[str, str] = {}
    """Id made up for the job → why the network cannot be measured."""
    seconds: dict[str, Annotated[Finite, Field(ge=0)]] = {}
    """Id made up for the job → how long computing its signature took."""


class RerunFault(Frozen):
    """Why the code came to no output."""

    message: str
    out_of_memory: bool = False


def read_output(folder: Path) -> RerunOutput | None:
    """The output that a job left in its folder; None: there is none.

    Raises:
        SubmissionError: it is no output of a job; the code that was run may have written it.
    """
    return _read(folder / OUTPUT, RerunOutput)


def read_fault(folder: Path) -> RerunFault | None:
    """The fault that a job left in its folder; None: there is none.

    Raises:
        SubmissionError: it is no fault of a job; the code that was run may have written it.
    """
    return _read(folder / FAULT, RerunFault)


def _read(path: Path, message: type[Message]) -> Message | None:
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(MESSAGE_BYTES + 1)
    if len(text) > MESSAGE_BYTES:
        raise SubmissionError("the answer of the code is larger than any real one")
    try:
        json_data(text, finite=False)
        return message.model_validate_json(text, strict=True)
    except (UnreadableError, ValidationError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else error
        raise SubmissionError(f"the answer of the code is none: {fault}") from error
