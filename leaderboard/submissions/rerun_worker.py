"""The process that measures again: it gives up what it can, then runs the submitted code."""

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.submissions.rerun_isolation import Limits, leave_the_network, limit_resources

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor
    from demogen.networks.network import Network
    from leaderboard.submissions.rerun_messages import Answer, Job, NetworkFiles


def main(folder: Path, pipe: int) -> None:
    """Do the job in a folder, and leave the answer there.

    Args:
        folder: with job.json and the files it names.
        pipe: to say what is confined, before any code of others is loaded.
    """
    # First of all: a process with more than one thread cannot, and libraries start some.
    alone = leave_the_network()
    from leaderboard.submissions.rerun_messages import ANSWER, JOB, Job

    _load_libraries()
    job = Job.model_validate_json((folder / JOB).read_bytes(), strict=True)
    bounded = limit_resources(Limits(job.seconds, job.memory))
    os.write(pipe, f"{alone:d}{bounded:d}".encode())
    os.close(pipe)
    answer = _attempt(job, folder)
    (folder / ANSWER).write_text(answer.model_dump_json(), encoding="utf-8")


def _load_libraries() -> None:
    """What every measure needs, so that the memory it takes does not count."""
    for module in (
        "demogen.networks.architectures",
        "demogen.measuring.measurements",
        "sklearn.pipeline",
    ):
        importlib.import_module(module)
    import torch

    # The first gradient starts a thread.
    torch.ones(1, requires_grad=True).sum().backward()


def _attempt(job: "Job", folder: Path) -> "Answer":
    from leaderboard.submissions.rerun_messages import LONGEST_FAULT, Answer

    try:
        return _measure(job, folder)
    except BaseException as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_FAULT]
        memory = isinstance(error, MemoryError) or "can't allocate memory" in str(error)
        return Answer(fault=text, out_of_memory=memory)


def _measure(job: "Job", folder: Path) -> "Answer":
    from sklearn.base import clone

    from demogen.errors import NotMeasurable
    from demogen.measuring.measurements import compute_signature
    from leaderboard.submissions.load_predictor import resolve

    predictor = resolve(job.predictor, folder)
    signatures, dropped = {}, {}
    for files in job.networks:
        try:
            found = compute_signature(clone(predictor.measure), network_of(files, folder))
            signatures[files.id] = dict(found)
        except NotMeasurable as error:
            dropped[files.id] = str(error)
    return _answer(predictor, signatures, dropped)


def _answer(
    predictor: "Predictor", signatures: dict[str, dict[str, float]], dropped: dict[str, str]
) -> "Answer":
    from leaderboard.fitting.regressor_text import regressor_to_text
    from leaderboard.results.measure_identity import MeasureIdentity
    from leaderboard.submissions.rerun_messages import Answer

    return Answer(
        predictor=predictor.name,
        measure=MeasureIdentity.of(predictor.measure),
        access=str(predictor.measure.access),
        columns=None if predictor.columns is None else tuple(predictor.columns),
        regressor=regressor_to_text(predictor.regressor),
        signatures=signatures,
        dropped=dropped,
    )


def network_of(files: "NetworkFiles", folder: Path) -> "Network":
    """A network of the files handed over, which has what they hold and nothing else."""
    import numpy as np
    import torch

    from demogen.networks import architectures
    from demogen.networks.network import LabeledImages, Network, Sources
    from demogen.networks.tapped_module import TappedModule
    from demogen.schema.records import NetworkSpec
    from demogen.zoo import weights

    spec = NetworkSpec.model_validate_json(files.spec)

    def module(name: str) -> TappedModule:
        tensors = weights.from_bytes((folder / name).read_bytes(), name)
        return weights.load_into(architectures.skeleton(spec), tensors, name).eval()

    def array(name: str) -> torch.Tensor:
        # A private copy page by page: what is not read takes no memory.
        return torch.from_numpy(np.load(folder / name, mmap_mode="c", allow_pickle=False))

    initial, images, labels = files.initial, files.images, files.labels
    test_inputs = files.test_inputs
    sources = Sources(
        initial=None if initial is None else lambda: module(initial).requires_grad_(False),
        train=None
        if images is None or labels is None
        else lambda: LabeledImages(array(images), array(labels)),
        test_inputs=None if test_inputs is None else lambda: array(test_inputs),
        spec=spec if files.spec_is_whole else None,
    )
    return Network(module(files.weights), sources, id=files.id)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
