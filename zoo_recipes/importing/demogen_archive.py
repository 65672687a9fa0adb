"""The DEMOGEN archive of Jiang et al. 2019: three collections of TensorFlow checkpoints.

Everything that is known of a network's settings stands in the name of its folder. What the paper
and the released code say of all of them is taken from the recipe's variant "released".
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from typing import Any, final

from pydantic import ValidationError
from torch import Tensor

from demogen.errors import ArchiveError, RecipeError
from demogen.schema.records import NetworkSpec, first_fault
from zoo_recipes.importing.arrays import (
    conv_kernel,
    dense_kernel,
    digest,
    fraction,
    json_of,
    loss,
    tensor,
)
from zoo_recipes.importing.formats import tf_checkpoint
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.found import About, Found, Source, Stated
from zoo_recipes.importing.memory import Memory
from zoo_recipes.recipe import Recipe, load_recipe

COLLECTIONS = {
    "NIN_CIFAR10": "nin-cifar10",
    "RESNET_CIFAR10": "resnet32-cifar10",
    "RESNET_CIFAR100": "resnet32-cifar100",
}
"""Folder of the archive → recipe."""

_NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"
_NIN = re.compile(
    rf"nin_wide_(?P<wide>{_NUMBER})x_(?P<bn>bn|)_dropout_(?P<dropout>{_NUMBER})_(?P<aug>aug|)"
    rf"_decay_(?P<decay>{_NUMBER})_(?P<copy>\d+)"
)
_RESNET = re.compile(
    rf"resnet_wide_(?P<wide>{_NUMBER})x_(?P<norm>batch|group)norm_(?P<aug>aug|)"
    rf"_decay_(?P<decay>{_NUMBER})(?:_lr_(?P<lr>{_NUMBER}))?_(?P<copy>\d+)"
)
_UNSTATED_RATE = 0.01
"""Learning rate of a ResNet whose name states none."""

_CHECKPOINT = re.compile(r"model\.ckpt-(\d+)\.index")
JSON_LIMIT = 1 << 20


@final
class DemogenCollection(Source):
    """One of the three collections.

    Args:
        archive: the archive.
        collection: a key of `COLLECTIONS`.
    """

    def __init__(self, archive: Archive, collection: str) -> None:
        self._archive = archive
        self._collection = collection
        self._recipe = load_recipe(COLLECTIONS[collection]).variant("released")
        self._memory = Memory()

    @cached_property
    def about(self) -> About:
        """The paper, and what departs from it."""
        recipe = self._recipe
        return About(
            zoo=recipe.name,
            archive=f"demogen/{recipe.name}",
            paper=recipe.paper,
            license="Apache-2.0 (the code that was released with it)",
            notes=(
                *recipe.choices,
                "no initial weights and no seeds were published; corrupted labels do not occur",
                "stated accuracies and cross-entropies are those of train.json and eval.json",
            ),
            planned=recipe.count,
            printed_results=recipe.printed_results,
        )

    def networks(self, done: Container[str]) -> Iterator[tuple[str, Callable[[], Found]]]:
        """Each folder of the collection."""
        for name, files in sorted(self._folders.items()):
            if name not in done:
                yield name, partial(self._read, name, files)

    @cached_property
    def _folders(self) -> Mapping[str, Mapping[str, str]]:
        """Network → its files: name in its folder → name in the archive."""
        found: dict[str, dict[str, str]] = {}
        for path in self._archive.sizes:
            parts = path.split("/")
            if self._collection in parts[:-2]:
                place = parts.index(self._collection)
                if len(parts) == place + 3:
                    found.setdefault(parts[place + 1], {})[parts[-1]] = path
        return found

    def _read(self, name: str, files: Mapping[str, str]) -> Found:
        spec = network_spec(self._recipe, name)
        steps = [int(match[1]) for file in files if (match := _CHECKPOINT.fullmatch(file))]
        if not steps:
            raise ArchiveError("there is no model.ckpt-….index in its folder")
        prefix = files[f"model.ckpt-{max(steps)}.index"].removesuffix(".index")
        content = self._archive.read(f"{prefix}.index", tf_checkpoint.INDEX_LIMIT)
        index = tf_checkpoint.read_index(content)
        scope = "nin/" if spec.architecture.family == "nin" else "resnet/"
        names = [
            variable
            for variable in index.entries
            if variable.startswith(scope) and not variable.endswith("/Momentum")
        ]
        variables = tf_checkpoint.read_variables(self._archive, prefix, index, names, self._memory)
        figures, read = {}, [("index", content)]
        for file in ("train.json", "eval.json"):
            if file not in files:
                continue
            text = self._archive.read(files[file], JSON_LIMIT)
            figures[file] = json_of(text, file)
            read.append((file, text))
        weights = (nin_weights if scope == "nin/" else resnet_weights)(
            {variable.removeprefix(scope): array for variable, array in variables.items()}
        )
        read += [(variable, variables[variable]) for variable in sorted(names)]
        return Found(
            name=name,
            architecture=spec.architecture,
            data=spec.data,
            weights=weights,
            read=digest(read),
            stated=_stated(figures),
            training=spec.training,
            copy_number=spec.copy_number,
            steps_run=max(steps),
        )


def collections_in(archive: Archive) -> list[str]:
    """The collections of which the archive holds networks.

    Raises:
        ArchiveError: there is none.
    """
    parts = {part for path in archive.sizes for part in path.split("/")[:-2]}
    found = [collection for collection in COLLECTIONS if collection in parts]
    if not found:
        raise ArchiveError(
            f"{archive.path} holds none of the folders {', '.join(COLLECTIONS)}: it is no DEMOGEN "
            "archive, or a part of one"
        )
    return found


def network_spec(recipe: Recipe, name: str) -> NetworkSpec:
    """What the name of a network's folder says, in the terms of its recipe; seed and all.

    Args:
        recipe: the collection's, as its code was released.
        name: of the folder.

    Raises:
        ArchiveError: it is no such name, or it asks for what is impossible.

    >>> spec = network_spec(load_recipe("nin-cifar10").variant("released"),
    ...                     "nin_wide_1.5x_bn_dropout_0.2_aug_decay_0.001_2")
    >>> spec.architecture.width, spec.training.l2, spec.copy_number
    (288, 0.001, 2)
    """
    is_nin = str(recipe.architecture["family"]) == "nin"
    match = (_NIN if is_nin else _RESNET).fullmatch(name)
    if match is None:
        form = "nin_wide_…" if is_nin else "resnet_wide_…"
        raise ArchiveError(f"{name!r} is no name of a network of this collection ({form})")
    width = float(match["wide"]) * (192 if is_nin else 16)
    if width != int(width):
        raise ArchiveError(f"{name!r} asks for {width} channels")
    levels: dict[str, Any] = {"width": int(width)}
    if is_nin:
        levels |= {"batch_norm": bool(match["bn"]), "dropout": float(match["dropout"])}
    else:
        rate = match["lr"]
        levels |= {"norm": match["norm"]}
        levels |= {"learning_rate": _UNSTATED_RATE if rate is None else float(rate)}
    levels["l2"] = float(match["decay"])
    augmented = next(level for level in recipe.grid["augmentation"] if level)
    levels["augmentation"] = augmented if match["aug"] else []
    try:
        spec = recipe.spec(levels)
        return NetworkSpec.model_validate({**spec.model_dump(), "copy_number": int(match["copy"])})
    except ValidationError as error:
        raise ArchiveError(f"{name!r}: {first_fault(error)}") from error
    except RecipeError as error:
        raise ArchiveError(f"{name!r}: {error}") from error


def nin_weights(variables: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of family nin from the variables below "nin/".

    Raises:
        ArchiveError: there is a variable that such a network does not have.
    """
    places = [f"block{block}.{{}}{index}" for block in (1, 2, 3) for index in (1, 2, 3)]
    tensors: dict[str, Tensor] = {}
    for variable, array in variables.items():
        layer, number, name = _parts(variable)
        if layer == "conv2d" and number < len(places):
            place = places[number].format("conv")
        elif layer == "conv2d" and number == len(places):
            place = "classifier.conv"
        elif layer == "batch_normalization" and number < len(places):
            tensors |= _norm(places[number].format("norm"), name, array)
            continue
        else:
            raise ArchiveError(f"variable nin/{variable} has no place in a network in network")
        tensors |= _linear(place, name, array, conv_kernel)
    return tensors


def resnet_weights(variables: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of family resnet from the variables below "resnet/".

    Raises:
        ArchiveError: there is a variable that such a network does not have.
    """
    convolutions, norms = ["stem"], []
    for stage in (1, 2, 3):
        for block in (1, 2, 3, 4, 5):
            place = f"stage{stage}.block{block}"
            shortcut = [f"{place}.shortcut"] if block == 1 else []
            convolutions += [*shortcut, f"{place}.conv1", f"{place}.conv2"]
            norms += [f"{place}.norm1", f"{place}.norm2"]
    norms.append("end.norm")
    tensors: dict[str, Tensor] = {}
    for variable, array in variables.items():
        layer, number, name = _parts(variable)
        if layer == "conv2d" and number < len(convolutions):
            tensors |= _linear(convolutions[number], name, array, conv_kernel)
        elif layer in ("batch_normalization", "group_norm") and number < len(norms):
            tensors |= _norm(norms[number], name, array)
        elif layer == "dense" and number == 0:
            tensors |= _linear("classifier.dense", name, array, dense_kernel)
        else:
            raise ArchiveError(f"variable resnet/{variable} has no place in a ResNet-32")
    return tensors


@lru_cache(maxsize=1024)
def _parts(variable: str) -> tuple[str, int, str]:
    """Kind of layer, its number (0 where none is written), and what of it the variable is."""
    layer, _, name = variable.rpartition("/")
    match = re.fullmatch(r"(.+?)(?:_(\d{1,4}))?", layer)
    return (match[1], int(match[2] or 0), name) if match else ("", 0, name)


def _linear(
    place: str, name: str, array: Any, kernel: Callable[[Any], Tensor]
) -> dict[str, Tensor]:
    if name == "kernel":
        return {f"{place}.weight": kernel(array)}
    return {f"{place}.{name}": tensor(array)}


_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _norm(place: str, name: str, array: Any) -> dict[str, Tensor]:
    """Group norm's numbers come as (c) or as (1, c, 1, 1)."""
    return {f"{place}.{_NORM.get(name, name)}": tensor(array.reshape(-1))}


def _stated(figures: Mapping[str, Any]) -> Stated:
    known = {}
    for part, file in (("train", "train.json"), ("test", "eval.json")):
        content = figures.get(file, {})
        if not isinstance(content, dict):
            raise ArchiveError(f"{file} holds no figures")
        known[f"{part}_accuracy"] = fraction(content.get("Accuracy"), f"Accuracy in {file}")
        known[f"{part}_cross_entropy"] = loss(
            content.get("CrossEntropy"), f"CrossEntropy in {file}"
        )
    return Stated(**known)
