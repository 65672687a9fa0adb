"""What is handed to the process that measures again, and what it hands back: two JSON files."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from demogen.errors import SubmissionError
from demogen.schema.records import Frozen, first_fault
from leaderboard.results.measure_identity import MeasureIdentity
from leaderboard.scoring.inputs import Finite

JOB = "job.json"
ANSWER = "answer.json"

ANSWER_BYTES = 16 << 20
LONGEST_FAULT = 300


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


class Job(Frozen):
    """What to measure, and the limits to set before."""

    predictor: str
    seconds: float
    memory: int
    networks: tuple[NetworkFiles, ...]


class Answer(Frozen):
    """What came out; `fault` alone where it came to none."""

    fault: str | None = None
    out_of_memory: bool = False
    predictor: str = ""
    measure: MeasureIdentity | None = None
    access: str = ""
    columns: tuple[str, ...] | None = None
    regressor: str = ""
    signatures: Annotated[dict[str, dict[str, Finite]], Field(max_length=10_000)] = {}
    dropped: dict[str, str] = {}


def read_answer(folder: Path) -> Answer | None:
    """The answer in a folder; None: there is none.

    Raises:
        SubmissionError: it is no answer; the code that was run may have written it.
    """
    path = folder / ANSWER
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(ANSWER_BYTES + 1)
    if len(text) > ANSWER_BYTES:
        raise SubmissionError("the answer of the code is larger than any real one")
    try:
        return Answer.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise SubmissionError(f"the answer of the code is none: {first_fault(error)}") from error
