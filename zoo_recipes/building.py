"""A whole zoo: plan, train what is missing, pack. Safe to kill at any moment and start again."""

import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final, overload

import torch

from demogen._util.paths import expanded, replaceable
from demogen._util.progress import track
from demogen._util.writable import check_can_write
from demogen.errors import RecipeError, ZooError
from demogen.format.integrity import scratch_folder
from demogen.format.storage import Folder
from demogen.images.image_set import load_images
from demogen.networks import architectures
from demogen.networks.devices import find_device
from demogen.networks.size import longest_first
from demogen.parallel import map_tasks
from demogen.schema.records import NetworkSpec, ZooManifest
from demogen.zoo.zoo import Zoo
from zoo_recipes.build_folder import BuildFolder
from zoo_recipes.locks import start_lock, working_on
from zoo_recipes.optimization import Diverged
from zoo_recipes.packing import pack
from zoo_recipes.parts import Shard
from zoo_recipes.recipe import Recipe
from zoo_recipes.training import TrainedNetwork, train_network


@final
@dataclass(frozen=True)
class Plan:
    """What building a zoo will do, or has done: the networks to have, and those still to train.

    Attributes:
        recipe: the collection.
        folder: where the zoo will lie; finished networks wait in `build_folder` until it is whole.
        wanted: the networks to have in the end; with a shard, those of them that are its part.
        missing: those of them neither trained nor known to fail.
        packed: the zoo in the folder already holds what is wanted.
        failed: id → reason, of the wanted networks known to fail.
        shard: the part to train without packing; None: everything.
    """

    recipe: Recipe
    folder: Path
    wanted: tuple[NetworkSpec, ...]
    missing: tuple[NetworkSpec, ...]
    packed: bool
    failed: Mapping[str, str]
    shard: Shard | None = None

    @property
    def build_folder(self) -> BuildFolder:
        """Where networks lie while the zoo is not whole."""
        return BuildFolder(self.folder)

    def __str__(self) -> str:
        part = f", shard {self.shard}" if self.shard else ""
        done = len(self.wanted) - len(self.missing)
        return (
            f"{self.recipe.name}{part}: {len(self.wanted)} of {self.recipe.count} networks "
            f"wanted, {done} trained, {len(self.missing)} to train, into {self.folder}"
        )


def plan_zoo(
    recipe: Recipe, folder: Path | str, limit: int | None = None, shard: Shard | None = None
) -> Plan:
    """What `build_zoo` would do.

    Raises:
        RecipeError: the folder holds the zoo of another recipe.
    """
    folder = replaceable(folder)
    networks = recipe.first(limit)
    _check_can_be_built(networks)
    wanted = tuple(networks) if shard is None else shard.of(networks)
    if (manifest := _packed_zoo(recipe, folder, limit)) is not None:
        failed = {spec.id: reason for spec in wanted if (reason := manifest.failed.get(spec.id))}
        return Plan(recipe, folder, wanted, (), True, failed, shard)
    build_folder = BuildFolder(folder)
    missing = tuple(spec for spec in wanted if not build_folder.has(spec))
    failed = {spec.id: reason for spec in wanted if (reason := build_folder.failure(spec))}
    return Plan(recipe, folder, wanted, missing, False, failed, shard)


@overload
def build_zoo(
    recipe: Recipe,
    folder: Path | str,
    *,
    limit: int | None = None,
    shard: None = None,
    workers: int = 1,
    device: str = "cpu",
    images: Path | str | None = None,
    ray: str | None = None,
    cpus_per_network: float = 1,
    gpus_per_network: float = 0,
    progress: bool = False,
) -> Zoo: ...
@overload
def build_zoo(
    recipe: Recipe,
    folder: Path | str,
    *,
    limit: int | None = None,
    shard: Shard,
    workers: int = 1,
    device: str = "cpu",
    images: Path | str | None = None,
    ray: str | None = None,
    cpus_per_network: float = 1,
    gpus_per_network: float = 0,
    progress: bool = False,
) -> Plan: ...
def build_zoo(
    recipe: Recipe,
    folder: Path | str,
    *,
    limit: int | None = None,
    shard: Shard | None = None,
    workers: int = 1,
    device: str = "cpu",
    images: Path | str | None = None,
    ray: str | None = None,
    cpus_per_network: float = 1,
    gpus_per_network: float = 0,
    progress: bool = False,
) -> Zoo | Plan:
    """Train what is missing of a recipe and pack it as a zoo.

    Args:
        recipe: the collection.
        folder: the zoo's folder. What is trained stays in `<folder>.building` until every network
            of the recipe is in the zoo, so that a larger `limit` later trains only what it adds.
        limit: only that many networks, spread over the grid.
        shard: train only this part of them, beside builds of the other parts, and do not pack.
        workers: local processes, one thread each on a CPU; they share a GPU.
        device: "cpu", "cuda" (the first GPU), "cuda:1" ….
        images: folder with the image sets (see `demogen.load_images`).
        ray: address of a Ray cluster to train on instead ("auto", or "local").
        cpus_per_network: of the cluster.
        gpus_per_network: of the cluster; above 0, networks are trained on the GPU that Ray gives.
        progress: show a progress bar.

    Returns:
        The zoo; with a shard the plan, none of its networks missing any more.

    Raises:
        RecipeError: another build works on these networks; the folder holds another recipe's zoo,
            or networks trained on other images; the device is not there; or the disk is full.
        DemogenError: a worker died, Ray cannot do it, or nothing can be written beside the folder.
    """
    folder = replaceable(folder)
    images_folder = images or os.environ.get("DEMOGEN_IMAGES")
    resources = _checked(
        _Resources(
            workers,
            device,
            # Absolute: a worker elsewhere has another environment and another current folder.
            expanded(images_folder).resolve() if images_folder else None,
            ray,
            cpus_per_network,
            gpus_per_network,
            progress,
        )
    )
    if _packed_zoo(recipe, folder, limit) is None or BuildFolder(folder).is_left():
        # What is written first lies beside it.
        check_can_write(folder.parent, folder=True)
        with working_on(folder, shard):
            # Planned under the lock, for others may have worked here until it was free.
            plan = plan_zoo(recipe, folder, limit, shard)
            if not plan.packed:
                plan = _train_missing(plan, resources)
            if shard is not None:
                return plan
            _pack(plan, resources)
    elif shard is not None:
        return plan_zoo(recipe, folder, limit, shard)
    return Zoo(Folder(folder), images=resources.images)


@dataclass(frozen=True)
class _Resources:
    """What networks are trained with."""

    workers: int
    device: str
    images: Path | None
    ray: str | None
    cpus: float
    gpus: float
    progress: bool


def _checked(resources: _Resources) -> _Resources:
    if resources.ray is None:
        if resources.gpus:
            raise RecipeError(
                "--gpus-per-network is for a Ray cluster (--ray); on this machine workers share a "
                "GPU: --device cuda --workers 4"
            )
        find_device(resources.device)
        return resources
    if resources.device != "cpu" and not resources.gpus:
        raise RecipeError(
            f"Ray gives networks no GPU unless asked: instead of --device {resources.device} give "
            "--gpus-per-network 1, or 0.25 for four networks on a GPU"
        )
    return replace(resources, device="cuda" if resources.gpus else "cpu")


def _check_can_be_built(specs: Iterable[NetworkSpec]) -> None:
    """Refuse, before any is trained, networks that do not fit their images.

    Raises:
        RecipeError: one does not.
    """
    shapes = {(spec.architecture, spec.data.images, spec.data.center_crop): spec for spec in specs}
    for spec in shapes.values():
        try:
            architectures.skeleton(spec)
        except ZooError as error:
            raise RecipeError(f"network {spec.id} cannot be built: {error}") from error


def _check_can_be_packed(folder: Path) -> None:
    """Find out before training whether a zoo can be written there: its name, and rights.

    Raises:
        OSError: it cannot.
    """
    scratch_folder(folder, "writing").rmdir()


def _train_missing(plan: Plan, resources: _Resources) -> Plan:
    """The plan without missing networks: each is trained, or known to fail."""
    build_folder = plan.build_folder
    build_folder.clear_unfinished(plan.wanted)
    _check_can_be_packed(plan.folder)
    digests = _image_digests(plan, resources)
    with start_lock(plan.folder):
        build_folder.keep_images(digests)
    # On this machine all read the same files.
    expected = digests if resources.ray is not None else {}
    specs = longest_first(plan.missing, lambda spec: spec)
    tasks = [
        _Task(spec, resources.device, resources.images, expected.get(spec.data.images))
        for spec in specs
    ]
    outcomes = map_tasks(
        _train,
        tasks,
        workers=resources.workers,
        ray=resources.ray,
        cpus=resources.cpus,
        gpus=resources.gpus,
    )
    failed = dict(plan.failed)
    with closing(outcomes):
        for position, outcome in track(outcomes, "train", len(tasks), enabled=resources.progress):
            spec = specs[position]
            build_folder.put(spec, outcome)
            if isinstance(outcome, Diverged):
                failed[spec.id] = str(outcome)
    in_order = {spec.id: failed[spec.id] for spec in plan.wanted if spec.id in failed}
    return replace(plan, missing=(), failed=in_order)


@dataclass(frozen=True)
class _Task:
    """One network to train; `digest`, if given, is that of the images it must be trained on."""

    spec: NetworkSpec
    device: str
    images: Path | None
    digest: str | None = None


def _train(task: _Task) -> TrainedNetwork | Diverged:
    """Train one network in the process that runs this; the build keeps what it returns."""
    name = task.spec.data.images
    images = load_images(name, task.images)
    if task.digest is not None and images.digest != task.digest:
        raise RecipeError(
            f"the {name} images there (digest {images.digest[:12]}) are not those of this build "
            f"({task.digest[:12]}): every node needs the same files in the same folder"
        )
    find_device(task.device)
    try:
        return train_network(task.spec, images, task.device)
    except Diverged as reason:
        return reason
    except torch.OutOfMemoryError as error:
        raise RecipeError(
            f"the memory of {task.device} is too small to train {task.spec.id} beside what else "
            "runs there: give fewer --workers, or more --gpus-per-network"
        ) from error


def _image_digests(plan: Plan, resources: _Resources) -> dict[str, str]:
    names = sorted({spec.data.images for spec in plan.wanted})
    return {name: load_images(name, resources.images).digest for name in names}


def _pack(plan: Plan, resources: _Resources) -> None:
    """Pack what is not packed yet, and remove the build folder of a zoo that is whole."""
    plan.build_folder.clear_packing()
    if not plan.packed:
        pack(plan.recipe, plan.wanted, plan.build_folder, resources.images)
    whole = _packed_zoo(plan.recipe, plan.folder, None) is not None
    if whole and plan.build_folder.path.exists():
        plan.build_folder.close()


def _packed_zoo(recipe: Recipe, folder: Path, limit: int | None) -> ZooManifest | None:
    """zoo.json of the zoo in a folder; None where it does not hold `limit` networks (None: all).

    Networks that are known to fail count as held.

    Raises:
        RecipeError: it is the zoo of another recipe.
    """
    if not (folder / "zoo.json").exists():
        return None
    manifest = ZooManifest.from_json((folder / "zoo.json").read_bytes(), str(folder))
    if manifest.recipe_digest is None:
        raise RecipeError(
            f"{folder} holds a zoo that was imported ({manifest.name}); choose another folder"
        )
    if manifest.recipe_digest != recipe.digest:
        raise RecipeError(
            f"{folder} holds a zoo of another recipe ({manifest.name}, "
            f"{manifest.recipe_digest[:12]}); choose another folder, or remove it"
        )
    wanted = recipe.count if limit is None else min(limit, recipe.count)
    return manifest if manifest.networks + len(manifest.failed) >= wanted else None
