"""Run an earlier commit and this tree in turn, measuring and scoring; print the ratios.

python -m tests.benchmarks.against COMMIT [--rounds N] [--width W] [--images N]
    [--networks N] [--predictors N] [--only measuring|scoring]
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
MEASURED, SCORED = (
    Path(__file__).with_name(name).read_text() for name in ("measured.py", "scored.py")
)


def main() -> None:
    """Compare, and print a table of ratios and the largest difference of a signature."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="times each is run, in turn")
    parser.add_argument("--width", type=int, default=192, help="channels of the NiN")
    parser.add_argument("--images", type=int, default=256, help="training, and test, images")
    parser.add_argument("--networks", type=int, default=10_000, help="networks that are scored")
    parser.add_argument("--predictors", type=int, default=20, help="predictors that are scored")
    parser.add_argument("--only", choices=("measuring", "scoring"), help="one of the two tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder, "earlier")
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", HERE, earlier], check=True)
        subprocess.run(["git", "-C", earlier, "checkout", "--quiet", options.commit], check=True)
        if options.only != "scoring":
            compare_measuring(earlier, options)
        if options.only != "measuring":
            compare_scoring(earlier, options)


def compare_measuring(earlier: Path, options: argparse.Namespace) -> None:
    """Print CPU seconds by group of measures, and how far signatures moved."""
    runs: dict[Path, list[dict]] = {earlier: [], HERE: []}
    old, new = (run(MEASURED, tree) for tree in runs)
    names = json.dumps([name for name in new if name in old])
    for _ in range(options.rounds):
        for tree in runs:
            arguments = (names, options.width, options.images, "float32")
            runs[tree].append(run(MEASURED, tree, *arguments))
    # Rounding moves a margin near zero by much: equality is shown in double precision.
    double = [run(MEASURED, tree, names, 16, 32, "float64") for tree in runs]
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


def compare_scoring(earlier: Path, options: argparse.Namespace) -> None:
    """Print CPU seconds and memory of scoring, and how far R², RMSE and SSR moved."""
    runs: dict[Path, list[list]] = {earlier: [], HERE: []}
    for _ in range(options.rounds):
        for tree in runs:
            runs[tree].append(run(SCORED, tree, options.networks, options.predictors))
    moved = difference(*({"scores": runs[tree][0][2]} for tree in runs))
    print(f"\n{options.networks} networks, {options.predictors} predictors, 3 splits, scored")
    print(f"median of {options.rounds}, one thread; R², RMSE and SSR differ by {moved:.0e} at most")
    print(f"\n| what | {options.commit[:7]} | here | ratio |")
    print("| --- | --- | --- | --- |")
    for place, title in enumerate(("CPU seconds", "MB at the peak, beyond importing")):
        before, now = (statistics.median(run[place] for run in runs[tree]) for tree in runs)
        print(f"| {title} | {before:.1f} | {now:.1f} | {now / before:.2f} |")


def run(program: str, tree: Path, *arguments: str | int) -> Any:
    """What a program prints when it is run in a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"the program failed in {tree}, see above")
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
