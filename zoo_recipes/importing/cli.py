"""The command `demogen import`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from demogen import cli_options
from demogen._util.reporting import shows_progress, tell, tell_meanwhile


@click.group("import")
def importing() -> None:
    """Import networks that others have published, as zoos of this package.

    An archive is a folder, or a .tar, .tar.gz or .zip file, which is not unpacked. Networks that
    cannot be read are named with the reason, and the rest are imported. Safe to stop at any moment:
    run again, it goes on.

    \b
    Example:
      demogen import demogen demogen_models.tar.gz --folder zoos
      demogen import pgdl public_data --task task1_v4
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What all four take."""
    decorators = [
        click.argument("archive", type=click.Path(path_type=Path)),
        click.option(
            "--folder",
            type=click.Path(path_type=Path),
            help="Folder of all zoos, each a folder in it (default: where zoos are found by name).",
        ),
        cli_options.images,
        click.option(
            "--measure/--no-measure",
            default=True,
            show_default=True,
            help="Measure accuracies on the images that are at hand, beside the stated ones.",
        ),
        cli_options.device,
        cli_options.workers("Threads that read networks (default: one a core).", default=None),
        click.option(
            "--limit", type=click.IntRange(min=1), help="Only that many networks of each zoo."
        ),
        cli_options.outcome,
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@importing.command("demogen")
@_options
def import_demogen(archive: Path, **options: Any) -> None:
    """Import DEMOGEN (Jiang et al. 2019): NiN and ResNet-32 on CIFAR-10 and CIFAR-100.

    ARCHIVE holds the folders NIN_CIFAR10, RESNET_CIFAR10 and RESNET_CIFAR100, or some of them.

    \b
    Example:
      demogen import demogen demogen_models.tar.gz --folder zoos
      demogen import demogen demogen_models --images ~/images --device cuda
    """
    from zoo_recipes.importing import imports

    _report(imports.import_demogen(archive, **_shown(options)))


@importing.command("pgdl")
@_options
@click.option("--task", help="Name of the task (default: the only one).")
def import_pgdl(archive: Path, task: str | None, **options: Any) -> None:
    """Import a task of PGDL (competition of NeurIPS 2020), with its images.

    ARCHIVE is the public data, or the folder of a task. Needs h5py: pip install 'demogen[import]'.

    \b
    Example:
      demogen import pgdl public_data --task task1_v4
      demogen import pgdl public_data.zip --task task2_v1 --folder zoos
    """
    from zoo_recipes.importing import imports

    _report(imports.import_pgdl(archive, task, **_shown(options)))


@importing.command("modelzoo")
@_options
@click.option(
    "--epoch", type=click.IntRange(min=0), help="Checkpoint of each trial (default: its last)."
)
def import_modelzoo(archive: Path, epoch: int | None, **options: Any) -> None:
    """Import Model Zoos (Schürholt et al. 2022), a zoo for each experiment.

    ARCHIVE holds EXPERIMENT/TRIAL/checkpoint_EPOCH/checkpoints, or is an experiment.

    \b
    Example:
      demogen import modelzoo tune_zoo_mnist_uniform --epoch 25
      demogen import modelzoo tune_zoo_cifar10_uniform_small.zip --images ~/images
    """
    from zoo_recipes.importing import imports

    _report(imports.import_modelzoo(archive, epoch, **_shown(options)))


@importing.command("smallcnn")
@_options
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=LEVEL[,LEVEL]…",
    help="Only networks in which COLUMN of the metrics has one of these levels; may be repeated.",
)
@click.option(
    "--step",
    default="86",
    show_default=True,
    metavar="STEP|all",
    help="Checkpoints of this step; each run has nine.",
)
@click.option("--set", "image_set", help="Image set, where the folder's name does not say it.")
def import_smallcnn(
    archive: Path, where: tuple[str, ...], step: str, image_set: str | None, **options: Any
) -> None:
    """Import the Small CNN Zoo (Unterthiner et al. 2020): a matrix of weights, a row a network.

    ARCHIVE holds weights.npy, metrics.csv.gz and layout.csv, or folders with them.

    \b
    Example:
      demogen import smallcnn cifar10 --where config.activation=relu --step 86
      demogen import smallcnn mnist --step all --limit 1000
    """
    from zoo_recipes.importing import imports
    from zoo_recipes.overrides import chosen_levels

    if step != "all" and not step.isdecimal():
        raise click.UsageError(f"--step {step}: give a number, or all")
    number = None if step == "all" else int(step)
    levels = chosen_levels(where)
    _report(imports.import_smallcnn(archive, number, levels, image_set, **_shown(options)))


def _shown(options: dict[str, Any]) -> dict[str, Any]:
    """The options, and whether it is shown how many networks are done."""
    return {**options, "progress": shows_progress()}


def _report(imported: list[Any]) -> None:
    for zoo in imported:
        for name, reason in zoo.failed.items():
            tell_meanwhile(f"  not in the zoo: {name}: {reason}")
        if zoo.zoo is None:
            tell(f"  no zoo: {zoo.fault}", zoo=None, fault=str(zoo.fault), failed=dict(zoo.failed))
            continue
        opened = zoo.zoo
        tell(
            f"zoo {opened.name}: {len(opened)} networks, sha256:{opened.digest[:12]}, in "
            f"{opened.storage.where}",
            zoo=opened.name,
            networks=len(opened),
            failed=dict(zoo.failed),
            digest=opened.digest,
            folder=opened.storage.where,
        )
