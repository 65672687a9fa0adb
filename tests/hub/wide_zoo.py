"""A zoo of as many real networks as wanted, with their first weights: for reading, not science."""

import tempfile
from functools import lru_cache
from pathlib import Path

from demogen import load_images, write_zoo
from demogen.networks import architectures
from demogen.networks.architectures import parameter_count
from demogen.networks.golden_logits import probe_logits
from demogen.schema.records import (
    MLP,
    Data,
    NetworkRecord,
    NetworkSpec,
    Paper,
    RunFacts,
    Training,
    sha256,
)
from demogen.zoo.weights import to_bytes
from demogen.zoo.writing import Collection
from demogen.zoo.zoo import Zoo

WIDTH = 215
"""Three weight layers so wide on 8x8 images take 249 kB."""


def wide_zoo(folder: Path, networks: int, width: int = WIDTH) -> Zoo:
    """Write a zoo of untrained fully connected networks; accuracies are made up from the seed."""
    digits = load_images("digits")
    pairs, weights = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(networks):
            record, content = _network(seed, width)
            weights[record.id] = Path(scratch) / f"{seed}.safetensors"
            weights[record.id].write_bytes(content)
            facts = RunFacts(id=record.id, seconds=1.0, device="cpu", host="here", versions={})
            pairs.append((record, facts))
        collection = Collection(
            name="wide",
            paper=Paper(key="nobody2020", title="First weights", section="1"),
            recipe_digest="0" * 64,
            planned=networks,
            image_sets={"digits": digits.digest},
            printed_results={},
        )
        return write_zoo(folder, collection, pairs, weights, {}, {})


@lru_cache(maxsize=4096)
def _network(seed: int, width: int) -> tuple[NetworkRecord, bytes]:
    spec = NetworkSpec(
        architecture=MLP(family="mlp", width=width, depth=3),
        data=Data(images="digits"),
        training=Training(),
        seed=seed,
    )
    module = architectures.build(spec)
    content = to_bytes(module.state_dict())
    logits = probe_logits(module, spec.data.input_shape).double().tolist()
    record = NetworkRecord(
        spec=spec,
        parameters=parameter_count(module),
        train_accuracy=1.0,
        test_accuracy=1 - (seed % 50) / 100,
        train_cross_entropy=0.1,
        test_cross_entropy=0.2,
        epochs_run=0,
        steps_run=0,
        stopped="epochs",
        kept_epoch=0,
        weights_sha256=sha256(content),
        initial_sha256=sha256(content),
        probe_logits=tuple(map(tuple, logits)),
    )
    return record, content
