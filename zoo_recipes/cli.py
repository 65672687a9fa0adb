"""The commands `demogen recipes` and `demogen train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demogen import cli_options
from demogen._util.reporting import note, shows_progress, tell, tell_meanwhile
from demogen._util.text import say

if TYPE_CHECKING:
    from zoo_recipes.building import Plan


@click.group(invoke_without_command=True)
@cli_options.output_format()
@click.pass_context
def recipes(ctx: click.Context, output_format: str | None) -> None:
    """List the collections that can be trained here, by the papers they come from.

    \b
    Example:
      demogen recipes
      demogen recipes --format csv
      demogen recipes show nin-cifar10
    """
    if ctx.invoked_subcommand is not None:
        return
    from demogen.format.printing import print_frame
    from zoo_recipes.description import recipe_table
    from zoo_recipes.recipe import list_recipes, read_recipe

    table = recipe_table(map(read_recipe, list_recipes()))
    print_frame(table, output_format)
    note(f"{len(table)} collections, {table['networks'].sum():,} networks")


@recipes.command()
@click.argument("recipe")
def show(recipe: str) -> None:
    """Show the networks, settings and training cost of RECIPE (a name or a TOML file).

    \b
    Example:
      demogen recipes show nin-cifar10
    """
    from zoo_recipes.description import describe
    from zoo_recipes.recipe import load_recipe

    say(describe(load_recipe(recipe)))


@click.command()
@click.argument("recipe")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of the zoo (default: where a zoo is found by its name).",
)
@click.option(
    "--where",
    multiple=True,
    metavar="FACTOR=LEVEL[,LEVEL]…",
    help="Only networks in which FACTOR has one of these levels; may be repeated.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Only that many networks, spread over the grid."
)
@click.option(
    "--shard",
    help="Train only one part of the networks (2/10: the second of ten), and pack no zoo.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs, instead of the recipe's.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SETTING=VALUE",
    help="Value of a fixed setting, instead of the recipe's, as steps=4000; may be repeated.",
)
@click.option(
    "--variant",
    metavar="NAME",
    help="Make the collection otherwise, as the recipe says under that name (released: as the "
    "paper's code does).",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "tf32", "bfloat16"]),
    help="Precision of training, instead of the recipe's.",
)
@cli_options.workers(
    "Local processes (default: one a core; on a GPU, which they share, one).", default=None
)
@cli_options.device
@cli_options.ray
@click.option(
    "--cpus-per-network",
    type=click.FloatRange(min=0, min_open=True),
    default=1,
    show_default=True,
    help="Cores of the Ray cluster that training one network takes.",
)
@click.option(
    "--gpus-per-network",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="GPUs of the Ray cluster that training one network takes; 0.25: four share a GPU.",
)
@cli_options.images
@click.option("--dry-run", is_flag=True, help="Print what would be trained, and stop.")
@cli_options.outcome
def train(
    recipe: str,
    folder: Path | None,
    where: tuple[str, ...],
    limit: int | None,
    shard: str | None,
    epochs: int | None,
    settings: tuple[str, ...],
    variant: str | None,
    precision: str | None,
    workers: int | None,
    device: str,
    ray: str | None,
    cpus_per_network: float,
    gpus_per_network: float,
    images: Path | None,
    dry_run: bool,
) -> None:
    """Train the networks of RECIPE (a name or a TOML file) and pack them as a zoo.

    Safe to stop at any moment: run again, it trains only what is missing.

    \b
    Example:
      demogen train digits
      demogen train nin-cifar10 --limit 2 --epochs 1 --images ~/images
      demogen train mlp-small-mnist --where width=100,200 --where depth=2,3 --set steps=4000
      demogen train nin-cifar10 --device cuda --workers 4
      demogen train nin-cifar10 --ray auto --gpus-per-network 0.25
      demogen train nin-cifar10 --variant released
      demogen train nin-cifar10 --shard 2/10 --folder zoos/nin-cifar10
    """
    from demogen._util import paths
    from demogen._util.writable import check_can_write
    from demogen.networks.devices import find_device
    from demogen.parallel import cores
    from zoo_recipes.building import Plan, build_zoo, plan_zoo
    from zoo_recipes.overrides import changed, parsed_settings
    from zoo_recipes.parts import Shard
    from zoo_recipes.recipe import load_recipe

    if ray is not None and workers is not None:
        raise click.UsageError("--workers are processes here; on Ray give --cpus-per-network")
    part = None if shard is None else Shard.parse(shard)
    overrides = parsed_settings(settings)
    overrides |= {} if epochs is None else {"epochs": epochs}
    overrides |= {} if precision is None else {"precision": precision}
    loaded, name = changed(load_recipe(recipe), where, overrides, variant)
    target = folder or paths.zoos() / name
    plan = plan_zoo(loaded, target, limit, part)
    tell_meanwhile(str(plan))
    if ray is None:
        find_device(device)
    if plan.missing:
        check_can_write(plan.folder.parent, folder=True)
    if dry_run:
        tell(None, **_counts(plan))
        return
    built = build_zoo(
        loaded,
        target,
        limit=limit,
        shard=part,
        workers=workers or (cores() if device == "cpu" else 1),
        device=device,
        images=images,
        ray=ray,
        cpus_per_network=cpus_per_network,
        gpus_per_network=gpus_per_network,
        progress=shows_progress(),
    )
    failed = built.failed if isinstance(built, Plan) else built.manifest.failed
    for id, reason in failed.items():
        tell_meanwhile(f"  not in the zoo: {id}: {reason}")
    if isinstance(built, Plan):
        said = f"{built}; without --shard, the rest is trained and the zoo is packed"
        tell(said, **_counts(built))
    else:
        tell(
            f"zoo {built.name}: {len(built)} networks, sha256:{built.digest[:12]}, in {target}",
            zoo=built.name,
            networks=len(built),
            failed=dict(failed),
            digest=built.digest,
            folder=target,
        )


def _counts(plan: "Plan") -> dict[str, Any]:
    """A plan for a program."""
    return {
        "recipe": plan.recipe.name,
        "wanted": len(plan.wanted),
        "missing": len(plan.missing),
        "failed": dict(plan.failed),
        "folder": plan.folder,
    }
