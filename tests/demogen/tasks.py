"""Functions that worker processes import.

Without torch, which a process that only hands tasks out would load for nothing.
"""

import os
import time
from pathlib import Path

from demogen.errors import ZooError


def square(number):
    return number**2


def threads(_):
    import torch

    return torch.get_num_threads()


def die(number):
    """The first does not return, the others do."""
    if number == 1:
        time.sleep(0.5)
        os._exit(9)
    return number


def die_once(path):
    """A worker that dies leaves the file that lets the next one live."""
    if not path.exists():
        path.touch()
        os._exit(9)
    return path.name


def complain(number):
    if number == 2:
        raise ZooError("no images here")
    return number


def variable(name):
    return os.environ.get(name)


def mark(path):
    path.touch()
    return path


def say_and_wait(folder):
    """Leaves a file named by its process, with its number of threads."""
    scratch = Path(folder, f"{os.getpid()}.part")
    scratch.write_text(str(threads(folder)))
    scratch.rename(scratch.with_suffix(".pid"))
    time.sleep(120)
