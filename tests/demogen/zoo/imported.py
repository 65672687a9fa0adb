"""Zoos of networks from elsewhere: lists of layers with an origin, written as an importer would."""

import torch

from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.networks.golden_logits import probe_logits
from demogen.networks.homogeneity import why_not_homogeneous
from demogen.schema.records import (
    Archive,
    Data,
    Layers,
    NetworkRecord,
    NetworkSpec,
    Origin,
    Paper,
    RunFacts,
    Training,
    sha256,
)
from demogen.zoo.weights import to_bytes
from demogen.zoo.writing import Collection, write_zoo

DIGITS = Data(images="digits")
ARCHIVE = Archive(
    name="elsewhere/task1",
    sha256="a" * 64,
    license="CC BY 4.0",
    citation="@misc{elsewhere, title = {Networks}}",
    notes=("training accuracies are running means",),
)


def layers_of(width, data=DIGITS):
    return Layers.model_validate(
        {
            "family": "layers",
            "input_shape": data.input_shape,
            "layers": [
                {"kind": "conv", "out": width, "kernel": 3, "stride": 2, "padding": "same"},
                {"kind": "activation", "function": "relu"},
                {"kind": "flatten", "order": "hwc"},
                {"kind": "dense", "out": data.class_count},
            ],
        }
    )


def spec_of(number, data=DIGITS, factors=None, width=4):
    levels = {"width": 64 * (number % 3), "config.activation": ["relu", "tanh"][number % 2]}
    return NetworkSpec(
        architecture=layers_of(width, data),
        data=data,
        training=None,
        seed=None,
        origin=Origin(
            archive=ARCHIVE.name,
            network=f"model_{number}",
            factors=levels if factors is None else factors(number),
        ),
    )


def weights_of(spec, seed):
    twin = NetworkSpec(
        architecture=spec.architecture, data=spec.data, training=Training(), seed=seed
    )
    return architectures.build(twin)


def imported_zoo(folder, count=24, *, data=DIGITS, stored=(), images=True, **facts):
    """Networks model_0, model_1, …; those whose numbers are in `stored` with initial weights."""
    files = folder.parent / "weights"
    files.mkdir()
    records, weights, initial = [], {}, {}
    for number in range(count):
        spec = spec_of(number, data, **facts)
        module = weights_of(spec, seed=number)
        assert why_not_homogeneous(module) is None
        content = to_bytes(module.state_dict())
        first = to_bytes(weights_of(spec, seed=1000 + number).state_dict())
        weights[spec.id] = files / f"{number}.safetensors"
        weights[spec.id].write_bytes(content)
        if number in stored:
            initial[spec.id] = files / f"{number}.initial.safetensors"
            initial[spec.id].write_bytes(first)
        stated, measured = 0.5 + number / 100, 0.501 + number / 100
        record = NetworkRecord(
            spec=spec,
            parameters=architectures.parameter_count(module),
            train_accuracy=measured if number % 2 else stated,
            stated_train_accuracy=stated,
            measured_train_accuracy=measured if number % 2 else None,
            test_accuracy=0.25,
            stated_test_accuracy=0.25,
            weights_sha256=sha256(content),
            initial_sha256=sha256(first) if number in stored else None,
            probe_logits=probe_logits(module, data.input_shape).tolist(),
        )
        run = RunFacts(
            id=spec.id, seconds=0.0, device="cpu", host="", versions={"torch": torch.__version__}
        )
        records.append((record, run))
    collection = Collection(
        name="elsewhere-task1",
        paper=Paper(key="elsewhere", title="Networks", section="all of it"),
        recipe_digest=None,
        planned=count,
        image_sets={"digits": load_images("digits").digest} if images else {},
        printed_results={},
        archive=ARCHIVE,
    )
    return write_zoo(folder, collection, records, weights, {}, {}, initial)
