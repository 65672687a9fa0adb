"""Functions that worker processes import."""

import os
import time
from pathlib import Path

import torch


def square(number):
    return number**2


def threads(_):
    return torch.get_num_threads()


def die(_):
    os._exit(9)


def say_and_wait(folder):
    Path(folder, f"{os.getpid()}.pid").touch()
    time.sleep(120)
