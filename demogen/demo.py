"""The whole way from a recipe to a ranked page: the commands a user would type, one by one."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path

import click

DIGEST = "f66a77d77c0b"
"""First digits of the digest of the zoo whose scores README.md and docs/digits.md show."""


def run_demo(folder: Path, workers: int, run: Callable[[list[str]], None]) -> None:
    """Train, publish, measure and rank the digits zoo below `folder`.

    Args:
        folder: where the zoo, the measurements, the results and the page are written.
        workers: local processes.
        run: the command line, `demogen.cli.main`; called with the arguments of each step.
    """
    from demogen.zoo.zoo import load_zoo

    start = time.perf_counter()
    zoo, published, results = folder / "zoo", folder / "published", folder / "results"
    site, figure = folder / "leaderboard", folder / "predicted-against-true.png"
    in_processes = ["--workers", str(workers)]
    # Signatures are kept where every command looks for them.
    of_zoo = ["--zoo", str(published)]
    steps = {
        "Train the digits zoo from its recipe": [
            "train",
            "digits",
            "--folder",
            str(zoo),
            *in_processes,
        ],
        "Publish it to a folder": ["push", str(zoo), str(published.resolve())],
        "What it holds": ["info", str(published), "--verify"],
        "Measure every network": ["measure", *of_zoo, *in_processes],
        "Score every predictor": ["evaluate", *of_zoo, "--results", str(results), *in_processes],
        "Draw the page": [
            *("leaderboard", "build", "--results", str(results)),
            *("--site", str(site), "--figure", str(figure)),
        ],
    }
    for title, arguments in steps.items():
        click.secho(f"\n{title}", bold=True)
        click.echo(f"$ demogen {shlex.join(arguments)}")
        run(arguments)
    if (digest := load_zoo(published).digest[:12]) != DIGEST:
        click.echo(
            f"\nThis machine trained zoo {digest}, and README shows scores of zoo {DIGEST}: other "
            "processors round\ndifferently. docs/digits.md tells how much scores and ranks move."
        )
    click.secho(f"\nDone in {time.perf_counter() - start:.0f} s. Look at:", bold=True)
    for what, path in {
        "the leaderboard": site / "index.html",
        "predicted against true gaps": figure,
        "the zoo": published,
        "the scores, a file each": results,
    }.items():
        click.echo(f"  {what + ':':32}{path.resolve()}")
