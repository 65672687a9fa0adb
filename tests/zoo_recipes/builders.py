"""Builds in processes of their own, to be killed, and what they leave behind."""

import os
import signal
import time
from multiprocessing import forkserver, get_context
from pathlib import Path

from zoo_recipes import Recipe, build_zoo, load_recipe

TINY = Path(__file__).parents[1] / "data" / "tiny.toml"

CONTEXT = get_context("forkserver")


def tiny():
    """Half of the tiny recipe, for one epoch."""
    content = load_recipe(TINY).with_settings(epochs=1).model_dump()
    return Recipe.model_validate({**content, "copies": 1})


def partly_diverging():
    """As `tiny`, and one network that diverges."""
    extra = [{"levels": {"width": 4, "learning_rate": 1e30}}]
    return Recipe.model_validate({**tiny().model_dump(), "extra": extra})


def start_server():
    """Start what all processes are forked from, with all imported that they need."""
    # A server that pools of other tests started has not imported them.
    forkserver._forkserver._stop()
    late = ["torch._dynamo", "sklearn.datasets", "pyarrow.parquet"]
    CONTEXT.set_forkserver_preload(["zoo_recipes.building", *late])
    first = CONTEXT.Process(target=time.sleep, args=(0,))
    first.start()
    first.join()


def train(errors, *arguments):
    """The command as a process that a terminal's Ctrl-C reaches; its standard error in a file."""
    from demogen.cli import main

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # Python sets no handler in a process that a shell started in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(errors, "w") as file:
        os.dup2(file.fileno(), 2)
        main(["train", *map(str, arguments)])


def build(folder, workers=1):
    build_zoo(tiny(), folder, workers=workers)


def packing(folder):
    return list(folder.parent.glob(f".{folder.name}-packing-*"))


def saving(folder):
    return list((folder.parent / f"{folder.name}.building").glob(".*-c[0-9]-*"))


def finished(folder):
    return list((folder.parent / f"{folder.name}.building").glob("[!.]*-c[0-9]-*"))


def phase(folder):
    """What a killed build was at; None: it had not begun, or was done."""
    if packing(folder):
        return "packing"
    if saving(folder):
        return "saving"
    return "training" if finished(folder) and not folder.exists() else None


def build_and_kill(folder, moment, workers=1, delay=0.0):
    """Build until `moment()` holds and some seconds more; returns whether it was killed.

    Kill -9 of the builder alone; its workers are left to themselves.
    """
    building = CONTEXT.Process(target=build, args=(folder, workers))
    building.start()
    try:
        while building.is_alive() and not moment():
            time.sleep(1e-4)
        building.join(timeout=delay)
        return building.is_alive()
    finally:
        building.kill()
        building.join()
        building.close()


def seconds_to_build(folder, workers):
    start = time.perf_counter()
    build_and_kill(folder, lambda: False, workers)
    return time.perf_counter() - start
