"""Run the measures of an earlier commit and of this tree in turn; print the ratios of CPU seconds.

python -m tests.benchmarks.against COMMIT [--rounds N] [--width W] [--images N]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.against.measured import GROUPS

HERE = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("measured.py").read_text()


def main() -> None:
    """Compare, and print a table of ratios and the largest difference of a signature."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="times each is run, in turn")
    parser.add_argument("--width", type=int, default=192, help="channels of the NiN")
    parser.add_argument("--images", type=int, default=256, help="training, and test, images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder, "earlier")
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", HERE, earlier], check=True)
        subprocess.run(["git", "-C", earlier, "checkout", "--quiet", options.commit], check=True)
        runs: dict[Path, list[dict]] = {earlier: [], HERE: []}
        old, new = (run(tree) for tree in runs)
        names = json.dumps([name for name in new if name in old])
        for _ in range(options.rounds):
            for tree in runs:
                runs[tree].append(run(tree, names, options.width, options.images, "float32"))
        # Rounding moves a margin near zero by much: equality is shown in double precision.
        double = [run(tree, names, 16, 32, "float64") for tree in runs]
    print(f"NiN-{options.width} with batch norm, {options.images} training and test images")
    print(f"median of {options.rounds}, CPU seconds, one thread")
    print("largest relative difference of a feature: in single precision, and in double on NiN-16")
    print(f"\n| what | {options.commit[:7]} | here | ratio | single | double |")
    print("| --- | --- | --- | --- | --- | --- |")
    for title in GROUPS:
        before, now = (
            statistics.median(run[title][0] for run in runs[tree]) for tree in (earlier, HERE)
        )
        moved = [
            difference(*(of_tree[title][1] for of_tree in pair))
            for pair in ((runs[earlier][0], runs[HERE][0]), double)
        ]
        differences = " | ".join(f"{one:.0e}" for one in moved)
        print(f"| {title} | {before:.1f} | {now:.1f} | {now / before:.2f} | {differences} |")


def run(tree: Path, *arguments: str | int) -> Any:
    """What the program prints when it is run in a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"measuring in {tree} failed, see above")
    return json.loads(done.stdout)


def difference(before: dict, now: dict) -> float:
    """Largest |now − before| / |before| of any feature."""
    assert before.keys() <= now.keys(), "this tree has all measures of the earlier one"
    return max(
        (
            abs(now[key][feature] - value) / max(abs(value), sys.float_info.min)
            for key, signature in before.items()
            for feature, value in signature.items()
        ),
        default=0.0,
    )


main()
