"""How long `demogen demo` takes in a tree, first and again, by the clock."""

import tempfile
import time
from pathlib import Path

from tests.benchmarks.against.trees import Tree

TITLES = ("demo, first run, wall", "demo, second run, wall")


def seconds(tree: Tree) -> dict[str, float]:
    """Title → seconds, in a home of its own."""
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        for title in TITLES:
            start = time.perf_counter()
            tree.run(
                "-m", "demogen", "demo", "--folder", str(Path(folder, "demo")), DEMOGEN_HOME=folder
            )
            taken[title] = time.perf_counter() - start
    return taken
