"""This tree and that of an earlier commit, each as Python finds it, and programs run in either."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[3]


@dataclass(frozen=True)
class Tree:
    """What is compared.

    Attributes:
        name: of the tree, in tables.
        path: folder of its packages, with the entry points of its predictors.
    """

    name: str
    path: Path

    def run(self, *command: str, **environment: str) -> str:
        """What a command of Python prints in this tree, with one thread."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.path,
            env={
                **os.environ,
                "PYTHONPATH": str(self.path),
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{self.name}: failed, see above")
        return done.stdout

    def told(self, program: str, *arguments: str | int) -> Any:
        """The JSON that a program beside this file prints."""
        text = Path(__file__).with_name(program).read_text()
        return json.loads(self.run("-c", text, *map(str, arguments)))


def earlier(commit: str, folder: Path) -> Tree:
    """The tree of a commit, built in a folder."""
    source, built = folder / "source", folder / "built"
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", HERE, source], check=True)
    subprocess.run(["git", "-C", source, "checkout", "--quiet", commit], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--target", built, source], check=True)
    return Tree(commit[:7], built)


def this() -> Tree:
    """The tree that this file is in."""
    return Tree("here", HERE)
