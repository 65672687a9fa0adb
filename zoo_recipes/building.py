"""A whole zoo: plan, train what is missing, pack. Safe to kill at any moment and start again."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final, overload

import torch

from demogen._util.progress import track
from demogen.errors import RecipeError
from demogen.format.storage import Folder
from demogen.images.image_set import load_images
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
    """What building a zoo will do: these networks are wanted, those of them are missing.

    Attributes:
        recipe: the collection.
        folder: where the zoo will lie; finished networks wait in `workshop` until it is whole.
        wanted: the networks asked for; with a shard, those of them that fall to it.
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
    def workshop(self) -> BuildFolder:
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
    folder = Path(folder).expanduser()
    asked = recipe.first(limit)
    wanted = tuple(asked) if shard is None else shard.of(asked)
    # A part kept beside its workshop can be added to; a whole zoo has none.
    manifest = _manifest(recipe, folder)
    if manifest is not None and manifest.networks + len(manifest.failed) >= len(asked):
        failed = {spec.id: reason for spec in wanted if (reason := manifest.failed.get(spec.id))}
        return Plan(recipe, folder, wanted, (), True, failed, shard)
    workshop = BuildFolder(folder)
    missing = tuple(spec for spec in wanted if not workshop.has(spec))
    failed = {spec.id: reason for spec in wanted if (reason := workshop.failure(spec))}
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
        The zoo; with a shard the plan as it stands afterwards.

    Raises:
        RecipeError: another build works on these networks; the folder holds another recipe's zoo,
            or networks trained on other images; the device is not there; or the disk is full.
        DemogenError: a worker died, or Ray cannot do it.
    """
    given = images or os.environ.get("DEMOGEN_IMAGES")
    hands = _checked(
        _Hands(
            workers,
            device,
            # Absolute: a worker elsewhere has another environment and another current folder.
            Path(given).expanduser().resolve() if given else None,
            ray,
            cpus_per_network,
            gpus_per_network,
            progress,
        )
    )
    plan = plan_zoo(recipe, folder, limit, shard)
    if not plan.packed or plan.workshop.is_left():
        with working_on(plan.folder, shard):
            # Once more: others may have worked here until the lock was free.
            plan = plan_zoo(recipe, folder, limit, shard)
            if not plan.packed:
                _train_missing(plan, hands)
            if shard is None:
                _finish(plan, hands)
            plan = plan_zoo(recipe, folder, limit, shard)
    return plan if shard else Zoo(Folder(plan.folder), images=hands.images)


@dataclass(frozen=True)
class _Hands:
    """What networks are trained by."""

    workers: int
    device: str
    images: Path | None
    ray: str | None
    cpus: float
    gpus: float
    progress: bool


def _checked(hands: _Hands) -> _Hands:
    if hands.ray is None:
        if hands.gpus:
            raise RecipeError(
                "--gpus-per-network is for a Ray cluster (--ray); on this machine workers share a "
                "GPU: --device cuda --workers 4"
            )
        _check_device(hands.device)
        return hands
    if hands.device != "cpu" and not hands.gpus:
        raise RecipeError(
            f"Ray gives networks no GPU unless asked: instead of --device {hands.device} give "
            "--gpus-per-network 1, or 0.25 for four networks on a GPU"
        )
    return replace(hands, device="cuda" if hands.gpus else "cpu")


def _train_missing(plan: Plan, hands: _Hands) -> None:
    workshop = plan.workshop
    workshop.clear_unfinished(plan.wanted)
    digests = _image_digests(plan, hands)
    with start_lock(plan.folder):
        workshop.keep_images(digests)
    # On this machine all read the same files.
    expected = digests if hands.ray is not None else {}
    tasks = [
        _Task(spec, hands.device, hands.images, expected.get(spec.data.images))
        for spec in plan.missing
    ]
    outcomes = map_tasks(
        _train,
        tasks,
        workers=hands.workers,
        ray=hands.ray,
        cpus=hands.cpus,
        gpus=hands.gpus,
    )
    with closing(outcomes):
        for position, outcome in track(outcomes, "train", len(tasks), enabled=hands.progress):
            workshop.put(plan.missing[position], outcome)


@dataclass(frozen=True)
class _Task:
    """One network to train; `digest`, if given, is that of the images it must be trained on."""

    spec: NetworkSpec
    device: str
    images: Path | None
    digest: str | None = None


def _train(task: _Task) -> TrainedNetwork | Diverged:
    """Train one network wherever this runs; its outcome goes back to the one who keeps it."""
    name = task.spec.data.images
    images = load_images(name, task.images)
    if task.digest is not None and images.digest != task.digest:
        raise RecipeError(
            f"the {name} images there (digest {images.digest[:12]}) are not those of this build "
            f"({task.digest[:12]}): every node needs the same files in the same folder"
        )
    _check_device(task.device)
    try:
        return train_network(task.spec, images, task.device)
    except Diverged as reason:
        return reason
    except torch.OutOfMemoryError as error:
        raise RecipeError(
            f"the memory of {task.device} is too small to train {task.spec.id} beside what else "
            "runs there: give fewer --workers, or more --gpus-per-network"
        ) from error


def _check_device(device: str) -> None:
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise RecipeError(f"no device {device!r}: give cpu, cuda or cuda:1, say") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise RecipeError(
            f"no device {device!r}: torch finds {torch.cuda.device_count()} GPUs here; "
            "give --device cpu"
        )


def _image_digests(plan: Plan, hands: _Hands) -> dict[str, str]:
    names = sorted({spec.data.images for spec in plan.wanted})
    return {name: load_images(name, hands.images).digest for name in names}


def _finish(plan: Plan, hands: _Hands) -> None:
    """Pack, and remove the workshop of a zoo that is whole."""
    plan.workshop.clear_packing()
    if not plan.packed:
        pack(plan.recipe, plan.wanted, plan.workshop, hands.images)
    manifest = _manifest(plan.recipe, plan.folder)
    whole = manifest is not None and manifest.networks + len(manifest.failed) == manifest.planned
    if whole and plan.workshop.path.exists():
        plan.workshop.close()


def _manifest(recipe: Recipe, folder: Path) -> ZooManifest | None:
    if not (folder / "zoo.json").exists():
        return None
    manifest = ZooManifest.from_json((folder / "zoo.json").read_bytes(), str(folder))
    if manifest.recipe_digest != recipe.digest:
        raise RecipeError(
            f"{folder} holds a zoo of another recipe ({manifest.name}, "
            f"{manifest.recipe_digest[:12]}); choose another folder, or remove it"
        )
    return manifest
