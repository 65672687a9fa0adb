"""How a zoo is measured: the options that all functions which measure take alike."""

from pathlib import Path
from typing import Literal, TypedDict

Cache = Path | Literal[False] | None
"""Folder for signatures; None: this machine's; False: keep nothing."""


class MeasuringOptions(TypedDict, total=False):
    """Keyword arguments of `demogen.measure_all`, and of every function that hands them on to it.

    They decide where a zoo is measured, on how many images, and what is kept, not what a measure
    computes of them. Each may be left out.

    Attributes:
        workers: local processes that measure side by side, and score where the function scores;
            default 1: this process, and no other.
        ray: address of a Ray cluster that measures instead of local processes: "auto" for one that
            runs, "local" to start one here; default None: no cluster.
        device: torch device that networks and images are put on, say "cuda:1"; default "cpu".
        batch_size: how many images a network takes at a time; default 256.
        image_limit: measure a fixed sample of so many training images and test inputs, at least 20
            of each, chosen by what they show; the signature then has standard errors. It is another
            signature, kept beside that of all images; default None: all images.
        cache: folder where signatures are looked up and kept; default None: this machine's
            (`measurements` below $DEMOGEN_HOME); False: every signature is computed, none is kept.
        progress: show a progress bar on standard error; default False.
    """

    workers: int
    ray: str | None
    device: str
    batch_size: int
    image_limit: int | None
    cache: Cache
    progress: bool
