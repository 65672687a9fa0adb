"""From a network that was found to its record and files: built, checked, measured."""

import copy
import platform
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache

import torch
from pydantic import ValidationError
from torch import Tensor

from demogen import __version__
from demogen.errors import ArchiveError, ZooError
from demogen.images.image_set import ImageSet
from demogen.networks import architectures
from demogen.networks.golden_logits import probe_logits
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import (
    NetworkRecord,
    NetworkSpec,
    Origin,
    RunFacts,
    first_fault,
    sha256,
)
from demogen.zoo.in_place import InPlace
from zoo_recipes.evaluation import EVALUATION_BATCH, Evaluation, evaluate
from zoo_recipes.importing.found import Found
from zoo_recipes.importing.keeping import Read
from zoo_recipes.importing.memory import Copies

SKELETONS = 16
"""Architectures whose modules each thread keeps: most networks of a zoo share one."""


class _Skeletons(threading.local):
    """Modules; a thread fills one network after the other in."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, InPlace] = OrderedDict()


_skeletons = _Skeletons()

copies = Copies()
"""Of networks' files, to be given back when they are kept."""


def record(
    found: Found, archive: str, image_sets: Mapping[str, ImageSet], device: str = "cpu"
) -> Read:
    """The record and the files of a network.

    Args:
        found: the network.
        archive: name of its archive.
        image_sets: those at hand, by name; on them accuracies and cross-entropies are measured.
        device: where they are measured.

    Raises:
        ArchiveError: its tensors are not those of its architecture, or nobody knows its accuracies.
    """
    start = time.perf_counter()
    spec = _spec(found, archive)
    try:
        place = _place(spec)
        module = place.module
        initial = None
        if found.initial is not None:
            initial = _filled(place, found.initial, "its initial weights")
        weights = _filled(place, found.weights, "its weights")
    except ZooError as error:
        raise ArchiveError(str(error)) from error
    logits = probe_logits(module, spec.data.input_shape)
    if not logits.isfinite().all():
        raise ArchiveError("its logits are not finite")
    outcome = _outcome(found, module, spec, image_sets.get(spec.data.images), device)
    recorded = NetworkRecord(
        spec=spec,
        parameters=architectures.parameter_count(module),
        epochs_run=found.epochs_run,
        steps_run=found.steps_run,
        weights_sha256=sha256(weights),
        initial_sha256=None if initial is None else sha256(initial),
        probe_logits=tuple(tuple(row) for row in logits.double().tolist()),
        **outcome,
    )
    run = RunFacts(
        id=recorded.id,
        seconds=time.perf_counter() - start,
        device=device,
        host=platform.node(),
        versions=_versions(),
    )
    return Read(found.name, recorded, run, found.read, weights, initial)


def _spec(found: Found, archive: str) -> NetworkSpec:
    try:
        origin = Origin(archive=archive, network=found.name, factors=dict(found.factors))
        return NetworkSpec(
            architecture=found.architecture,
            data=found.data,
            training=found.training,
            copy_number=found.copy_number,
            origin=origin,
        )
    except ValidationError as error:
        raise ArchiveError(first_fault(error)) from error
    except ZooError as error:
        raise ArchiveError(str(error)) from error


def _filled(place: InPlace, tensors: Mapping[str, Tensor], what: str) -> memoryview:
    """Fill tensors in; a copy of the safetensors file with them.

    How many batches its norms have seen no source says, and nothing here depends on it.
    """
    counts = {
        name: torch.zeros((), dtype=torch.int64)
        for name in place.names
        if name.endswith(".num_batches_tracked")
    }
    return copies.copy(place.fill({**counts, **tensors}, what))


def _place(spec: NetworkSpec) -> InPlace:
    key = spec.model_dump_json(include={"architecture", "data"})
    kept = _skeletons.kept
    if key not in kept:
        kept[key] = InPlace(architectures.skeleton(spec))
        if len(kept) > SKELETONS:
            kept.popitem(last=False)
    return kept[key]


def _outcome(
    found: Found, module: TappedModule, spec: NetworkSpec, images: ImageSet | None, device: str
) -> dict[str, float | None]:
    """Accuracies and cross-entropies: measured where images are at hand, and as they are stated."""
    stated = {
        "train": (found.stated.train_accuracy, found.stated.train_cross_entropy),
        "test": (found.stated.test_accuracy, found.stated.test_cross_entropy),
    }
    outcome: dict[str, float | None] = {}
    for part, (accuracy, loss) in stated.items():
        measured = _measured(module, spec, images, part, device)
        outcome[f"stated_{part}_accuracy"] = accuracy
        if measured is None and accuracy is None:
            raise ArchiveError(
                f"its {part} accuracy is not stated, and its images are not at hand to measure it: "
                "give --images with the published sets"
            )
        if measured is None:
            outcome |= {f"{part}_accuracy": accuracy, f"{part}_cross_entropy": loss}
            continue
        outcome |= {
            f"{part}_accuracy": measured.accuracy,
            f"measured_{part}_accuracy": measured.accuracy,
            f"{part}_cross_entropy": measured.cross_entropy,
            f"{part}_normalized_cross_entropy": measured.normalized_cross_entropy,
        }
    return outcome


def _measured(
    module: TappedModule, spec: NetworkSpec, images: ImageSet | None, part: str, device: str
) -> Evaluation | None:
    data = spec.data
    if images is None or (part == "train" and not data.subset_known):
        return None
    stored = images.training_part(data) if part == "train" else images.test
    # The module itself stays in its place; the next network is filled in there.
    on_device = module if device == "cpu" else copy.deepcopy(module).to(device)

    def batches() -> Iterator[Tensor]:
        for chunk in stored.images.split(EVALUATION_BATCH):
            yield images.inputs(chunk.to(device), data)

    return evaluate(on_device, batches(), [stored.labels])[0]


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {"demogen": __version__, "torch": torch.__version__}
