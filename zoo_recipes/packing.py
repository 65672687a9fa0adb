"""From the finished networks of a build folder to a zoo."""

from collections.abc import Sequence
from pathlib import Path

from demogen.errors import CorruptZooError, RecipeError
from demogen.images.image_set import load_images
from demogen.schema.records import NetworkSpec
from demogen.zoo.labels import label_digest
from demogen.zoo.writing import Collection, write_zoo
from zoo_recipes.build_folder import BuildFolder, FinishedNetwork, space_for
from zoo_recipes.optimization import Diverged
from zoo_recipes.recipe import Recipe


def pack(
    recipe: Recipe, wanted: Sequence[NetworkSpec], build_folder: BuildFolder, images: Path | None
) -> None:
    """Pack finished networks as the zoo `build_folder.zoo`, all of it or nothing.

    Args:
        recipe: the collection.
        wanted: networks, all finished.
        build_folder: where they lie.
        images: folder with the image sets (see `demogen.load_images`).

    Raises:
        CorruptZooError: a network is damaged; it is removed, to be trained anew.
        RecipeError: every network failed, or the disk is full.
    """
    trained, failed = _finished(wanted, build_folder)
    if not trained:
        id, reason = min(failed.items())
        raise RecipeError(f"recipe {recipe.name}: every network diverged: {id}: {reason}")
    records = [network.record for network in trained]
    names = sorted({record.spec.data.images for record in records})
    sets = {name: load_images(name, images) for name in names}
    labels = {}
    for data in sorted({record.spec.data for record in records if record.labels}, key=repr):
        vector = sets[data.images].training_part(data).labels
        labels[label_digest(vector)] = vector
    collection = Collection(
        name=recipe.name,
        paper=recipe.paper,
        recipe_digest=recipe.digest,
        planned=recipe.count,
        image_sets={name: image_set.digest for name, image_set in sets.items()},
        printed_results=recipe.printed_results,
    )
    with space_for(build_folder.zoo):
        write_zoo(
            build_folder.zoo,
            collection,
            [(network.record, network.run) for network in trained],
            {network.record.id: network.weights for network in trained},
            labels,
            failed,
        )


def _finished(
    wanted: Sequence[NetworkSpec], build_folder: BuildFolder
) -> tuple[list[FinishedNetwork], dict[str, str]]:
    """The trained networks, and id → reason of those that failed."""
    trained: list[FinishedNetwork] = []
    failed: dict[str, str] = {}
    damaged: list[str] = []
    for spec in wanted:
        try:
            outcome = build_folder.get(spec)
        except CorruptZooError as error:
            # All of them are looked at, so that one more run is enough.
            build_folder.remove(spec)
            damaged.append(str(error))
            continue
        if isinstance(outcome, Diverged):
            failed[spec.id] = str(outcome)
        else:
            trained.append(outcome)
    if damaged:
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise CorruptZooError(
            f"{damaged[0]}{more}, by a fault of the disk perhaps: removed; run the same command "
            "again to train it anew"
        )
    return trained, failed
