"""The process that measures again: it gives up what it can, then runs the submitted code."""

import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.submissions.rerun_isolation import Limits, leave_the_network, limit_resources

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor
    from demogen.networks.network import Network
    from leaderboard.submissions.rerun_messages import (
        Job,
        NetworkFiles,
        RerunFault,
        RerunOutput,
    )


SHORT = 1.0
"""Seconds below which a signature is computed twice, and the shorter time counts."""


def main(folder: Path, pipe: int) -> None:
    """Do the job in a folder, and leave the output or the fault there.

    Args:
        folder: with job.json and the files it names.
        pipe: where two digits are written before any code of others is loaded: whether there is no
            network, and whether memory is bounded.
    """
    # First of all: a process with more than one thread cannot, and libraries start some.
    without_network = leave_the_network()
    from leaderboard.submissions.rerun_messages import FAULT, JOB, OUTPUT, Job

    job = Job.model_validate_json((folder / JOB).read_bytes(), strict=True)
    if job.networks:
        _load_libraries()
    bounded = limit_resources(Limits(job.seconds, job.memory))
    os.write(pipe, f"{without_network:d}{bounded:d}".encode())
    os.close(pipe)
    try:
        name, message = OUTPUT, _output(job, folder).model_dump_json()
    except BaseException as error:
        name, message = FAULT, _fault(error).model_dump_json()
    (folder / name).write_text(message, encoding="utf-8")


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


def _output(job: "Job", folder: Path) -> "RerunOutput":
    from demogen.measuring.named_predictors import predictor_named
    from leaderboard.submissions.predictor_facts import PredictorFacts
    from leaderboard.submissions.rerun_messages import RerunOutput

    predictor = predictor_named(job.predictor, folder)
    signatures, dropped, seconds = _measure(predictor, job.networks, folder)
    return RerunOutput(
        facts=PredictorFacts.of(predictor),
        signatures=signatures,
        dropped=dropped,
        seconds=seconds,
    )


def _fault(error: BaseException) -> "RerunFault":
    from leaderboard.submissions.rerun_messages import LONGEST_FAULT, RerunFault

    text = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_FAULT]
    return RerunFault(message=text, out_of_memory=_ran_out_of_memory(error))


def _ran_out_of_memory(error: BaseException) -> bool:
    # Code that fails when it is loaded raises a PredictorError from the true one.
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in str(error)
        or (error.__cause__ is not None and _ran_out_of_memory(error.__cause__))
    )


def _measure(
    predictor: "Predictor", networks: "Sequence[NetworkFiles]", folder: Path
) -> tuple[dict[str, dict[str, float]], dict[str, str], dict[str, float]]:
    """Id → signature, id → why there is none, and id → seconds that a signature took."""
    from demogen.errors import NotMeasurable

    signatures, dropped, seconds = {}, {}, {}
    for files in networks:
        network = network_of(files, folder)
        try:
            signature, took = _timed(predictor, network)
            if took < SHORT:
                # The first call of a library is no part of the cost.
                took = min(took, _timed(predictor, network)[1])
            signatures[files.id], seconds[files.id] = signature, took
        except NotMeasurable as error:
            dropped[files.id] = str(error)
    return signatures, dropped, seconds


def _timed(predictor: "Predictor", network: "Network") -> tuple[dict[str, float], float]:
    """A signature, and the seconds that it took."""
    from sklearn.base import clone

    from demogen.measuring.together import compute_signature

    start = time.perf_counter()
    signature = dict(compute_signature(clone(predictor.measure), network))
    return signature, time.perf_counter() - start


def network_of(files: "NetworkFiles", folder: Path) -> "Network":
    """A network that has what its files hold, and nothing else."""
    import numpy as np
    import torch

    from demogen.networks import architectures
    from demogen.networks.network import Access, LabeledImages, Network, Sources
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
        siblings=(lambda: tuple(map(module, files.siblings))) if files.siblings else None,
        input_shape=spec.data.input_shape,
        classes=spec.data.class_count,
        missing={Access[name]: reason for name, reason in files.missing.items()},
    )
    return Network(module(files.weights), sources, id=files.id)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
