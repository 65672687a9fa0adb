"""Write what a measure may read of some networks into a folder, and nothing else of a zoo."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.submissions.rerun_messages import NetworkFiles

if TYPE_CHECKING:
    from torch import Tensor

    from demogen.networks.network import Access, Network
    from demogen.networks.tapped_module import TappedModule
    from demogen.zoo.base import NetworkSet


def export_networks(
    zoo: "NetworkSet", ids: Sequence[str], access: "Access", folder: Path
) -> dict[str, NetworkFiles]:
    """Write networks, with what a measure of this access may read of them.

    Args:
        zoo: that the networks are of.
        ids: of the networks.
        access: what the measure reads beyond the weights.
        folder: where files are written; arrays that networks share are written once.

    Returns:
        Id in the zoo → names of that network's files.

    Raises:
        ZooError: a network or its images cannot be read.
    """
    return {
        network.id: _files(network, number, access, folder)
        for number, network in enumerate(zoo.networks(ids))
    }


def _files(network: "Network", number: int, access: "Access", folder: Path) -> NetworkFiles:
    from demogen.networks.network import Access

    view = network.view(access)
    whole = Access.SPEC in access
    given = [part for part in access if part not in network.missing]
    train = view.train if Access.TRAIN in given else None
    return NetworkFiles(
        id=f"network-{number}",
        spec=view.spec.model_dump_json() if whole else _skeleton(network),
        spec_is_whole=whole,
        weights=_weights(network.module, folder),
        initial=_weights(view.initial, folder) if Access.INITIAL in given else None,
        images=None if train is None else _array(train.images, folder),
        labels=None if train is None else _array(train.labels, folder),
        test_inputs=_array(view.test_inputs, folder) if Access.TEST_INPUTS in given else None,
        siblings=tuple(_weights(each, folder) for each in view.siblings)
        if Access.SIBLINGS in given
        else (),
        missing={str(part.name): reason for part, reason in network.missing.items()},
    )


def _skeleton(network: "Network") -> str:
    """A spec that builds a network of this shape and says nothing of how it was trained."""
    from demogen.schema.records import NetworkSpec, Training

    spec = network.spec
    data = spec.data.shape_only()
    shape = NetworkSpec(architecture=spec.architecture, data=data, training=Training())
    return shape.model_dump_json()


def _weights(module: "TappedModule", folder: Path) -> str:
    from demogen.zoo import weights

    content = weights.to_bytes(module.state_dict())
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    (folder / name).write_bytes(content)
    return name


def _array(tensor: "Tensor", folder: Path) -> str:
    values = np.ascontiguousarray(tensor.numpy())
    name = f"{hashlib.sha256(values.data).hexdigest()[:16]}.npy"
    if not (folder / name).is_file():
        np.save(folder / name, values, allow_pickle=False)
    return name
