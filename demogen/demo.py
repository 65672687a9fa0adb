"""The main job, end to end: the commands a user would type, one after the other."""

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
        folder: everything made lies here.
        workers: local processes.
        run: the command line, called with the arguments of each step.
    """
    start = time.perf_counter()
    zoo, published = folder / "zoo", folder / "published"
    cache, results = folder / "measurements", folder / "results"
    site, figure = folder / "leaderboard", folder / "predicted-against-true.png"
    pool = ["--workers", str(workers)]
    on = ["--zoo", str(published), "--cache", str(cache)]
    steps = {
        "Train the digits zoo from its recipe": ["train", "digits", "--folder", str(zoo), *pool],
        "Publish it to a folder": ["push", str(zoo), str(published.resolve())],
        "What it holds": ["info", str(published), "--verify"],
        "Measure every network": ["measure", *on, *pool],
        "Score every predictor": ["evaluate", *on, "--results", str(results)],
        "Draw the page": [
            *("leaderboard", "build", "--results", str(results)),
            *("--site", str(site), "--figure", str(figure)),
        ],
    }
    for title, arguments in steps.items():
        click.secho(f"\n{title}", bold=True)
        click.echo(f"$ demogen {shlex.join(arguments)}")
        run(arguments)
    click.secho(f"\nDone in {time.perf_counter() - start:.0f} s. Look at:", bold=True)
    for what, path in {
        "the leaderboard": site / "index.html",
        "predicted against true gaps": figure,
        "the zoo": published,
        "the scores, a file each": results,
    }.items():
        click.echo(f"  {what + ':':32}{path.resolve()}")
