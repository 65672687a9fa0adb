"""How much faster a pool of two trains the digits zoo than one process."""

import itertools
import shutil
import subprocess
import sys

import pytest

from demogen.parallel import cores

NETWORKS = 24
"""A quarter of the zoo: the seconds that a pool takes to start weigh more than on the whole."""


@pytest.mark.timeout(1800)
@pytest.mark.skipif(cores() < 2, reason="two workers need two cores")
def test_a_pool_of_two_against_one_process(ratio, tmp_path):
    numbers = itertools.count()

    def build(workers):
        # The whole command, imports and packing included, as one runs it.
        folder = tmp_path / str(next(numbers))
        command = [sys.executable, "-m", "demogen", "train", "digits", "--folder", folder]
        settings = ["--limit", str(NETWORKS), "--workers", str(workers)]
        subprocess.run([*command, *settings], check=True, capture_output=True)
        shutil.rmtree(folder)

    title = (
        f"{NETWORKS} digits networks by one process / by a pool of two (at least 1.7 on the whole)"
    )
    ratio(title, lambda: build(1), lambda: build(2), rounds=1)
