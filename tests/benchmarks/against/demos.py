"""How long `demogen demo` takes in a tree, first and again, and then `evaluate`, by the clock."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.against.trees import Tree

FIRST, SECOND = "demo, first run, wall", "demo, second run, wall"
EVALUATE = "evaluate of the predictors of both, once more, wall"
TITLES = (FIRST, SECOND, EVALUATE)

_NAMES = """
import json, demogen
print(json.dumps([getattr(one, "name", one) for one in demogen.list_predictors()]))
"""


def predictors(tree: Tree) -> list[str]:
    """Names of the predictors that a tree has installed."""
    return json.loads(tree.run("-c", _NAMES))


def seconds(tree: Tree, names: Sequence[str]) -> dict[str, float]:
    """Title → seconds, in a home of its own.

    Args:
        tree: of either commit.
        names: of the predictors that are evaluated once more.
    """
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder, "demo")
        run = ("demo", "--folder", str(demo))
        of = ("--zoo", str(demo / "published"), "--results", str(demo / "results"))
        commands = {FIRST: run, SECOND: run, EVALUATE: ("evaluate", *names, *of)}
        taken = {}
        for title, arguments in commands.items():
            if title == EVALUATE:  # measured where it looks for signatures, and scored
                tree.run("-m", "demogen", *arguments, DEMOGEN_HOME=folder)
            start = time.perf_counter()
            tree.run("-m", "demogen", *arguments, DEMOGEN_HOME=folder)
            taken[title] = time.perf_counter() - start
    return taken
