"""The commands `demogen recipes` and `demogen train`."""

from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.pass_context
def recipes(ctx: click.Context) -> None:
    """List the collections that can be trained here.

    \b
    Example:
      demogen recipes
      demogen recipes show nin-cifar10
    """
    if ctx.invoked_subcommand is not None:
        return
    from zoo_recipes.recipe import list_recipes, load_recipe

    for name in list_recipes():
        recipe = load_recipe(name)
        click.echo(f"{name:24}{len(recipe.networks()):6} networks  {recipe.summary}")


@recipes.command()
@click.argument("recipe")
def show(recipe: str) -> None:
    """Show the grid, the fixed settings and the choices of RECIPE (a name or a TOML file).

    \b
    Example:
      demogen recipes show nin-cifar10
    """
    from zoo_recipes.recipe import load_recipe

    loaded = load_recipe(recipe)
    click.echo(f"{loaded.name}: {loaded.summary}")
    click.echo(f"  {loaded.paper.title} ({loaded.paper.section})")
    counts = [*(len(levels) for levels in loaded.grid.values()), loaded.copies]
    click.echo(f"  {' x '.join(map(str, counts))} = {len(loaded.networks())} networks")
    for factor, levels in loaded.grid.items():
        click.echo(f"  {factor}: {', '.join(map(str, levels))}")
    click.echo(f"  copies: {loaded.copies}")
    for section in ("architecture", "data", "training"):
        settings = getattr(loaded, section)
        fixed = ", ".join(f"{key} = {value}" for key, value in settings.items())
        click.echo(f"  {section}: {fixed or 'defaults'}")
    for choice in loaded.choices:
        click.echo(f"  choice: {choice}")


@click.command()
@click.argument("recipe")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="The zoo's folder (default: a zoo found by its name).",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only that many, spread over the grid.")
@click.option("--epochs", type=click.IntRange(min=1), help="Other epochs than the recipe's.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Local processes (default: one a core)."
)
@click.option("--ray", help="Address of a Ray cluster ('auto', or 'local' to start one).")
@click.option("--device", default="cpu", show_default=True)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder with the image sets (default: $DEMOGEN_IMAGES).",
)
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and stop.")
def train(
    recipe: str,
    folder: Path | None,
    limit: int | None,
    epochs: int | None,
    workers: int | None,
    ray: str | None,
    device: str,
    images: Path | None,
    dry_run: bool,
) -> None:
    """Train the networks of RECIPE (a name or a TOML file) and pack them as a zoo.

    Safe to stop at any moment: run again, it trains only what is missing.

    \b
    Example:
      demogen train digits
      demogen train nin-cifar10 --limit 2 --epochs 1 --images ~/images
    """
    from demogen import places
    from demogen.parallel import cores
    from zoo_recipes.building import build_zoo, plan_zoo
    from zoo_recipes.recipe import load_recipe

    loaded = load_recipe(recipe)
    name = loaded.name
    if epochs is not None:
        loaded = loaded.with_training(epochs=epochs)
        name = f"{name}-epochs{epochs}"
    target = folder or places.zoos() / name
    plan = plan_zoo(loaded, target, limit)
    click.echo(plan)
    if dry_run:
        return
    zoo = build_zoo(
        loaded,
        target,
        workers=workers or cores(),
        limit=limit,
        device=device,
        images=images,
        ray=ray,
        progress=True,
    )
    for id, reason in zoo.manifest.failed.items():
        click.echo(f"  not in the zoo: {id}: {reason}")
    click.echo(f"zoo {zoo.name}: {len(zoo)} networks, sha256:{zoo.digest[:12]}, in {target}")
