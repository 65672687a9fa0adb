"""The Model Zoos of Schürholt et al. 2022: small networks by their state dicts, trial by trial.

`<experiment>/<trial>/checkpoint_<epoch>/checkpoints` is a state dict, read without unpickling
anything but tensors; `dataset.pt` and the zoos' own .pt files are pickles of classes, and never
opened.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, final

from pydantic import ValidationError
from torch import Tensor

from demogen._util.lookup import lookup
from demogen.errors import ArchiveError
from demogen.schema.architectures import Layers
from demogen.schema.records import Data, Paper, first_fault
from zoo_recipes.importing.arrays import digest, fraction, json_of
from zoo_recipes.importing.factors import level, names_of
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.formats.state_dict import read_state_dict
from zoo_recipes.importing.found import About, Found, OwnImages, Source, Stated
from zoo_recipes.importing.modelzoo_images import ImagesOfZoo, images_of, make

PAPER = Paper(
    key="schuerholt2022",
    title="Model Zoos: A Dataset of Diverse Populations of Neural Network Models",
    section="NeurIPS 2022, datasets and benchmarks",
    bibtex="""
@inproceedings{schuerholt2022,
  title = {Model Zoos: A Dataset of Diverse Populations of Neural Network Models},
  author = {Sch{\\"u}rholt, Konstantin and Taskiran, Diyar and Knyazev, Boris
            and Gir{\\'o}-i-Nieto, Xavier and Borth, Damian},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022}
}
""",
)

_CHECKPOINT = re.compile(
    r"(?:(?P<place>.+)/)?(?P<trial>[^/]+)/checkpoint_(?P<epoch>\d+)/checkpoints"
)
_FUNCTIONS = {
    **{name: name for name in ("tanh", "relu", "sigmoid", "gelu", "silu", "elu")},
    "leakyrelu": "leaky_relu",
}
_SIDES = (28, 32, *range(1, 225))
"""Sides of images that are tried, the authors' own first."""

_UNSTATED = -999
"""What the authors' code writes where nothing was measured."""

_LEFT_OUT = (
    "dataset::",
    "training::checkpoint_dir",
    "training::data_path",
    "cuda",
    "ray",
    "resources",
)
JSON_LIMIT = 64 << 20
STATE_LIMIT = 1 << 30


@final
class ModelZoo(Source):
    """One experiment.

    Args:
        archive: the archive.
        place: folder of the experiment's trials in it; "": its root.
        epoch: the checkpoint of each trial; None: its last.
    """

    def __init__(self, archive: Archive, place: str, epoch: int | None) -> None:
        self._archive = archive
        self._place = place
        self._epoch = epoch
        self._name = (place or archive.path.name.split(".")[0]).rsplit("/", 1)[-1]

    @cached_property
    def about(self) -> About:
        """The paper."""
        at = "" if self._epoch is None else f"-epoch{self._epoch}"
        return About(
            zoo=re.sub(r"[^A-Za-z0-9._-]+", "-", f"modelzoo-{self._name}{at}"),
            archive=f"modelzoo/{self._name}",
            paper=PAPER,
            license="CC BY 4.0 (the published zoos)",
            notes=(
                "stated training accuracies are running ones in training mode, of one epoch",
                "training images are the first part of random_split with seed 42; they lie beside "
                "the zoo where the published images were at hand in their published order",
                "o_dim and use_bias are no settings of these networks: the authors' code ignores "
                "them",
            ),
        )

    def networks(self, done: Container[str]) -> Iterator[tuple[str, Callable[[], Found]]]:
        """Each trial's checkpoint."""
        for trial in sorted(self._trials):
            if trial not in done:
                yield trial, partial(self._read, trial)

    def own_images(self, images: Path | None) -> Iterator[OwnImages]:
        """The images as the authors made them, from the published ones."""
        kind = images_of(self._name)
        if kind is not None and (made := make(kind, images)) is not None:
            yield made

    @cached_property
    def _trials(self) -> Mapping[str, Mapping[int, str]]:
        """Trial → epoch → its state dict."""
        found: dict[str, dict[int, str]] = {}
        for path in self._archive.sizes:
            match = _CHECKPOINT.fullmatch(path)
            if match and (match["place"] or "") == self._place:
                found.setdefault(match["trial"], {})[int(match["epoch"])] = path
        return found

    def _read(self, trial: str) -> Found:
        checkpoints = self._trials[trial]
        epoch = max(checkpoints) if self._epoch is None else self._epoch
        if epoch not in checkpoints:
            raise ArchiveError(f"there is no checkpoint of epoch {epoch}")
        folder = f"{self._place}/{trial}" if self._place else trial
        content = self._archive.read(checkpoints[epoch], STATE_LIMIT)
        text = self._archive.read(f"{folder}/params.json", JSON_LIMIT)
        parameters = json_of(text, "params.json")
        if not isinstance(parameters, dict):
            raise ArchiveError("params.json is no table of settings")
        read = [("checkpoints", content), ("params.json", text)]
        figures: Mapping[str, Any] = {}
        if f"{folder}/result.json" in self._archive.sizes:
            line = _line(
                self._archive.read(f"{folder}/result.json", JSON_LIMIT), epoch, 0 in checkpoints
            )
            figures = json_of(line, f"line {epoch} of result.json")
            read.append(("result.json", line))
        state = read_state_dict(content)
        architecture, weights = network(parameters, state)
        shape = architecture.input_shape
        kind = images_of(self._name)
        return Found(
            name=trial,
            architecture=architecture,
            data=_data(kind, self._name, shape, architecture.classes),
            weights=weights,
            read=digest(read),
            stated=_stated(figures),
            factors=names_of(_settings(parameters), "params."),
            epochs_run=epoch,
        )


def experiments_in(archive: Archive) -> list[str]:
    """Folders of experiments: those that hold trials with checkpoints.

    Raises:
        ArchiveError: there is none.
    """
    matches = (_CHECKPOINT.fullmatch(path) for path in archive.sizes)
    found = sorted({match["place"] or "" for match in matches if match})
    if not found:
        raise ArchiveError(
            f"{archive.path} holds no trial: no <trial>/checkpoint_<epoch>/checkpoints, as the "
            "Model Zoos have them"
        )
    return found


def network(
    parameters: Mapping[str, Any], state: Mapping[str, Tensor]
) -> tuple[Layers, dict[str, Tensor]]:
    """The layers of one of the authors' classes, and its tensors by their names here.

    What the settings ignore stands in the shapes: outputs, kernels and channels are those of the
    tensors. Dropout moves the numbers of the layers, not their order.

    Args:
        parameters: of params.json.
        state: "module_list.<N>.weight" and ".bias".

    Raises:
        ArchiveError: it is another kind of network.
    """
    kind = str(parameters.get("model::type", "CNN"))
    if kind not in ("CNN", "CNN2", "CNN3", "MLP"):
        raise ArchiveError(f"networks of type {kind!r} are not read here")
    function = lookup(
        str(parameters.get("model::nlin")), _FUNCTIONS, "activation known here:", ArchiveError
    )
    rate = parameters.get("model::dropout", 0) or 0
    pairs = _pairs(state)
    convolutions = [weight for weight, _ in pairs if weight.ndim == 4]
    if (kind == "MLP") != (not convolutions) or any(w.ndim not in (2, 4) for w, _ in pairs):
        raise ArchiveError(f"its tensors are not those of a network of type {kind}")
    layers: list[dict[str, Any]] = []
    for number, (weight, bias) in enumerate(pairs):
        layer: dict[str, Any] = {"out": len(weight), "bias": bias is not None}
        if weight.ndim == 4:
            layers.append({"kind": "conv", "kernel": tuple(weight.shape[2:]), **layer})
            # The last convolution of CNN and CNN2 has no pooling, that of CNN3 has.
            if kind == "CNN3" or number < len(convolutions) - 1:
                layers.append({"kind": "max_pool", "kernel": 2})
        else:
            if number == len(convolutions) and convolutions:
                layers.append({"kind": "flatten"})
            layers.append({"kind": "dense", **layer})
        if number == len(pairs) - 1:
            continue
        layers.append({"kind": "activation", "function": function})
        drops = number != len(convolutions) - 1 or kind == "CNN3"
        if rate and drops:
            layers.append({"kind": "dropout", "rate": rate})
    architecture = _fitted(layers, pairs[0][0], next(w for w, _ in pairs if w.ndim == 2))
    names = [
        name
        for name, layer in zip(architecture.names, architecture.layers, strict=True)
        if layer.kind in ("conv", "dense")
    ]
    tensors = {}
    for name, (weight, bias) in zip(names, pairs, strict=True):
        tensors[f"{name}.weight"] = weight
        if bias is not None:
            tensors[f"{name}.bias"] = bias
    return architecture, tensors


def _fitted(layers: list[dict[str, Any]], first: Tensor, dense: Tensor) -> Layers:
    """The layers for images of the side that makes as many features as the dense layer takes."""
    fault = "no side of images fits its dense layer"
    content = {"family": "layers", "layers": layers}
    if first.ndim == 2:
        shapes: list[Any] = [first.shape[1]]
    else:
        shapes = [(first.shape[1], side, side) for side in _SIDES]
    for shape in shapes:
        try:
            architecture = Layers.model_validate({**content, "input_shape": shape})
        except ValidationError as error:
            fault = first_fault(error) if shape == shapes[0] else fault
            continue
        place = next(i for i, layer in enumerate(architecture.layers) if layer.kind == "dense")
        if architecture.shapes[place] == (dense.shape[1],):
            return architecture
    raise ArchiveError(f"its layers cannot be put together: {fault}")


def _pairs(state: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor | None]]:
    """Weights with their biases, in order."""
    numbered: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        match = re.fullmatch(r"(?:model\.)?module_list\.(\d{1,4})\.(weight|bias)", key)
        if match is None:
            raise ArchiveError(f"its state dict has {key!r}, which no network of these zoos has")
        numbered.setdefault(int(match[1]), {})[match[2]] = value
    if not numbered or any("weight" not in layer for layer in numbered.values()):
        raise ArchiveError("its state dict lacks weights")
    return [(numbered[n]["weight"], numbered[n].get("bias")) for n in sorted(numbered)]


def _line(content: bytes, epoch: int, has_initial: bool) -> bytes:
    """The line of an epoch: the first is of epoch 1, or of 0 where that has a checkpoint."""
    lines = content.splitlines()
    number = epoch if has_initial else epoch - 1
    if not 0 <= number < len(lines):
        raise ArchiveError(f"result.json has {len(lines)} lines, and none of epoch {epoch}")
    return lines[number]


def _stated(figures: Any) -> Stated:
    if not isinstance(figures, dict):
        raise ArchiveError("a line of result.json is no table of figures")
    known = {name: _or_none(figures.get(name)) for name in ("train_acc", "test_acc")}
    return Stated(
        fraction(known["train_acc"], "train_acc"),
        fraction(known["test_acc"], "test_acc"),
        test_cross_entropy=_or_none(figures.get("test_loss")),
    )


def _or_none(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and (value == _UNSTATED or value != value) else value


def _settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    settings = {
        name: level(value)
        for name, value in parameters.items()
        if not name.startswith(_LEFT_OUT) and not isinstance(value, dict)
    }
    return {name: value for name, value in settings.items() if value is not None}


def _data(kind: ImagesOfZoo | None, experiment: str, shape: Any, classes: int) -> Data:
    image = (shape, 1, 1) if isinstance(shape, int) else shape
    if kind is not None and (kind.shape == image or image == (kind.size, 1, 1)):
        return Data(
            images=kind.name,
            shape=kind.shape,
            classes=classes,
            standardization="constants",
            pixel_mean=(kind.mean,) * kind.shape[0],
            pixel_std=(kind.std,) * kind.shape[0],
        )
    # Such images the experiment's name does not speak of: nobody says which they are.
    sides = "x".join(map(str, image))
    name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', experiment)}-{sides}"
    return Data(images=name, shape=image, classes=classes, standardization="none")
