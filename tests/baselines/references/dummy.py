import math
import zlib

from baselines.dummy import Hyperparameters, Nothing, ParameterCount, TrainLoss
from demogen.schema.records import MLP, VGG, ConvNet, Data, MobileNet, NiN, ResNet, Training
from tests.baselines.reference import reference_for


@reference_for(Nothing)
def nothing(measure, network):
    return {}


@reference_for(ParameterCount)
def parameter_count(measure, network):
    return {"parameters": float(sum(math.prod(p.shape) for p in network.module.parameters()))}


@reference_for(TrainLoss)
def train_loss(measure, network):
    total = 0.0
    for image, label in zip(network.train.images, network.train.labels, strict=True):
        scores = network.module(image[None])[0].tolist()
        top = max(scores)
        total += top + math.log(sum(math.exp(s - top) for s in scores)) - scores[label]
    return {"train_loss": total / len(network.train)}


@reference_for(Hyperparameters)
def hyperparameters(measure, network):
    spec = network.spec
    ignored = {"seed", "copy_number", "subset_seed", "corruption_seed"}
    found = {}
    for kind in (NiN, ConvNet, MLP, ResNet, VGG, MobileNet, Data, Training):
        for name in kind.model_fields:
            found.setdefault(name, None)
    for part in (spec.architecture, spec.data, spec.training):
        found.update(part.model_dump(mode="json"))
    later = {"shape": None, "classes": None, "gray": False, "subset_known": True}
    later |= {"dropout_is": "dropped", "dropout_after": "first_two", "same_padding": "symmetric"}
    later |= {"norm_eps": None, "dense_start": "fan_in"}
    for name, default in later.items():
        if found[name] in (None, default):
            del found[name]
    for name in ("input_shape", "layers", "taps", "units"):
        found.pop(name, None)
    return {name: _number(value) for name, value in found.items() if name not in ignored}


def _number(value):
    if value is None:
        return -1.0
    if isinstance(value, bool | int | float):
        return float(value)
    text = f'"{value}"' if isinstance(value, str) else str(value).replace(" ", "").replace("'", '"')
    return float(zlib.crc32(text.encode()))
