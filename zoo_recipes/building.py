"""A whole zoo: plan, train what is missing, pack. Safe to kill at any moment and start again."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from filelock import FileLock, Timeout

from demogen.errors import CorruptZooError, RecipeError
from demogen.images import ImageSet, load_images
from demogen.integrity import file_sha256, sync_folder, write_atomically
from demogen.parallel import map_tasks
from demogen.progress import track
from demogen.schema import NetworkRecord, NetworkSpec, RunFacts, ZooManifest
from demogen.zoo import Collection, Zoo, write_zoo
from zoo_recipes.recipe import Recipe
from zoo_recipes.training import Diverged, label_digest, train_network


@final
@dataclass(frozen=True)
class Plan:
    """What building a zoo will do: these networks are wanted, those of them are missing.

    Attributes:
        recipe: the collection.
        folder: where the zoo will lie; finished networks wait in `workshop` until it is whole.
        wanted: the networks asked for.
        missing: those of them neither trained nor known to fail.
        packed: the zoo in the folder already holds what is wanted.
    """

    recipe: Recipe
    folder: Path
    wanted: tuple[NetworkSpec, ...]
    missing: tuple[NetworkSpec, ...]
    packed: bool

    @property
    def workshop(self) -> Path:
        """Where networks lie, a folder each, while the zoo is not whole."""
        return _workshop(self.folder)

    def __str__(self) -> str:
        done = len(self.wanted) - len(self.missing)
        return (
            f"{self.recipe.name}: {len(self.wanted)} of {len(self.recipe.networks())} networks "
            f"wanted, {done} trained, {len(self.missing)} to train, into {self.folder}"
        )


def plan_zoo(recipe: Recipe, folder: Path | str, limit: int | None = None) -> Plan:
    """What `build_zoo` would do.

    Raises:
        RecipeError: the folder holds the zoo of another recipe.
    """
    folder = Path(folder).expanduser()
    wanted = tuple(recipe.first(limit))
    if _is_packed(recipe, folder, len(wanted)):
        return Plan(recipe, folder, wanted, (), packed=True)
    workshop = _workshop(folder)
    missing = tuple(spec for spec in wanted if not _is_finished(workshop / spec.id))
    return Plan(recipe, folder, wanted, missing, packed=False)


def build_zoo(
    recipe: Recipe,
    folder: Path | str,
    *,
    workers: int = 1,
    limit: int | None = None,
    device: str = "cpu",
    images: Path | str | None = None,
    ray: str | None = None,
    progress: bool = False,
) -> Zoo:
    """Train what is missing of a recipe and pack it as a zoo.

    Args:
        recipe: the collection.
        folder: the zoo's folder. What is trained stays in `<folder>.building` until every network
            of the recipe is in the zoo, so that a larger `limit` later trains only what it adds.
        workers: local processes, one thread each on a CPU.
        limit: only that many networks, spread over the grid.
        device: "cpu", "cuda", "cuda:1" ….
        images: folder with the image sets (see `demogen.load_images`).
        ray: address of a Ray cluster to train on instead ("auto", or "local").
        progress: show a progress bar.

    Raises:
        RecipeError: another build works in this folder, or it holds another recipe's zoo.
    """
    plan = plan_zoo(recipe, folder, limit)
    if plan.packed and not plan.workshop.exists():
        return Zoo(plan.folder, images=Path(images) if images else None)
    with _locked(plan):
        _clear_unfinished(plan)
        plan = plan_zoo(recipe, folder, limit)
        if plan.packed:
            zoo = Zoo(plan.folder, images=Path(images) if images else None)
        else:
            zoo = _train_and_pack(plan, workers, device, images, ray, progress)
    if zoo.manifest.networks + len(zoo.manifest.failed) == zoo.manifest.planned:
        shutil.rmtree(plan.workshop)
    return zoo


def _train_and_pack(
    plan: Plan,
    workers: int,
    device: str,
    images: Path | str | None,
    ray: str | None,
    progress: bool,
) -> Zoo:
    tasks = [_Task(spec, plan.workshop, images, device) for spec in plan.missing]
    finished = map_tasks(_train, tasks, workers=workers, ray=ray)
    for _ in track(finished, "train", len(tasks), enabled=progress):
        pass
    return _pack(plan, images)


@dataclass(frozen=True)
class _Task:
    spec: NetworkSpec
    workshop: Path
    images: Path | str | None
    device: str


def _train(task: _Task) -> str:
    """Train one network and leave it in the workshop, whole or not at all."""
    place = task.workshop / task.spec.id
    unfinished = task.workshop / f".{task.spec.id}"
    unfinished.mkdir(exist_ok=True)
    try:
        trained = train_network(task.spec, _images(task), task.device)
    except Diverged as reason:
        write_atomically(unfinished / "failed.json", json.dumps(str(reason)).encode())
    else:
        write_atomically(unfinished / "weights.safetensors", trained.weights)
        write_atomically(unfinished / "run.json", trained.run.model_dump_json().encode())
        write_atomically(unfinished / "record.json", trained.record.model_dump_json().encode())
    unfinished.rename(place)
    sync_folder(task.workshop)
    return task.spec.id


def _images(task: _Task) -> ImageSet:
    return load_images(task.spec.data.images, task.images)


def _pack(plan: Plan, images: Path | str | None) -> Zoo:
    trained: list[tuple[NetworkRecord, RunFacts]] = []
    weights, failed, labels = {}, {}, {}
    for spec in plan.wanted:
        place = plan.workshop / spec.id
        if (place / "failed.json").exists():
            failed[spec.id] = json.loads((place / "failed.json").read_text())
            continue
        record = NetworkRecord.model_validate_json((place / "record.json").read_text())
        weights[spec.id] = place / "weights.safetensors"
        if file_sha256(weights[spec.id]) != record.weights_sha256:
            shutil.rmtree(place)
            raise CorruptZooError(
                f"the weights of {spec.id} are not those that were trained (a fault of the disk?); "
                "they are removed: run again to train it anew"
            )
        run = RunFacts.model_validate_json((place / "run.json").read_text())
        trained.append((record, run))
    if not trained:
        raise RecipeError(f"recipe {plan.recipe.name}: every network diverged: {failed}")
    names = sorted({record.spec.data.images for record, _ in trained})
    sets = {name: load_images(name, images) for name in names}
    for data in sorted({record.spec.data for record, _ in trained if record.labels}, key=repr):
        vector = sets[data.images].training_part(data).labels
        labels[label_digest(vector)] = vector
    collection = Collection(
        name=plan.recipe.name,
        paper=plan.recipe.paper,
        recipe_digest=plan.recipe.digest,
        planned=len(plan.recipe.networks()),
        image_sets={name: image_set.digest for name, image_set in sets.items()},
        printed_results=plan.recipe.printed_results,
    )
    return write_zoo(plan.folder, collection, trained, weights, labels, failed)


@contextmanager
def _locked(plan: Plan) -> Iterator[None]:
    """The operating system drops the lock of a dead process."""
    plan.workshop.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.workshop.with_name(f"{plan.workshop.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RecipeError(
            f"another build works on {plan.folder}; wait for it, or choose another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _is_packed(recipe: Recipe, folder: Path, wanted: int) -> bool:
    if not (folder / "zoo.json").exists():
        return False
    manifest = ZooManifest.from_json((folder / "zoo.json").read_bytes(), str(folder))
    if manifest.recipe_digest != recipe.digest:
        raise RecipeError(
            f"{folder} holds a zoo of another recipe ({manifest.name}, "
            f"{manifest.recipe_digest[:12]}); choose another folder, or remove it"
        )
    held = manifest.networks + len(manifest.failed)
    # A part kept beside its workshop can be added to; a whole zoo has none.
    return held >= wanted


def _is_finished(place: Path) -> bool:
    return place.is_dir()


def _clear_unfinished(plan: Plan) -> None:
    """Remove what a killed build left half done, in training and in packing."""
    hidden = f".{plan.folder.name}-"
    stale = [*plan.workshop.glob(".*"), *plan.folder.parent.glob(f"{hidden}packing-*")]
    for place in [*stale, *plan.folder.parent.glob(f"{hidden}old-*")]:
        shutil.rmtree(place)


def _workshop(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.building")
