"""Run an earlier commit and this tree in turn, and print the ratios of what they take.

python -m tests.benchmarks.against COMMIT [--rounds N] [--width W] [--images N]
    [--networks N] [--predictors N] [--only SECTION]
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.against import demos
from tests.benchmarks.against.measured import GROUPS
from tests.benchmarks.against.trees import Tree, earlier, this


def measuring(trees: tuple[Tree, Tree], options: argparse.Namespace) -> None:
    """CPU seconds by group of measures, and the largest difference of a feature."""
    old, new = (tree.told("measured.py") for tree in trees)
    names = json.dumps([name for name in new if name in old])
    runs: dict[Tree, list[dict]] = {tree: [] for tree in trees}
    for _ in range(options.rounds):
        for tree in trees:
            arguments = (names, options.width, options.images, "float32")
            runs[tree].append(tree.told("measured.py", *arguments))
    # Rounding moves a margin near zero by much: equality is shown in double precision.
    double = [tree.told("measured.py", names, 16, 32, "float64") for tree in trees]
    print(f"NiN-{options.width} with batch norm, {options.images} training and test images")
    print(f"median of {options.rounds}, CPU seconds, one thread")
    print("largest relative difference of a feature: in single precision, and in double on NiN-16")
    print(f"\n| what | {trees[0].name} | here | ratio | single | double |")
    print("| --- | --- | --- | --- | --- | --- |")
    for title in GROUPS:
        before, now = (statistics.median(run[title][0] for run in runs[tree]) for tree in trees)
        moved = [
            difference(*(of_tree[title][1] for of_tree in pair))
            for pair in ([runs[tree][0] for tree in trees], double)
        ]
        differences = " | ".join(f"{one:.0e}" for one in moved)
        print(f"| {title} | {before:.1f} | {now:.1f} | {now / before:.2f} | {differences} |")


def scoring(trees: tuple[Tree, Tree], options: argparse.Namespace) -> None:
    """CPU seconds and memory of scoring, and how far R², RMSE and SSR moved."""
    runs: dict[Tree, list[tuple[float, float, dict]]] = {tree: [] for tree in trees}
    for _ in range(options.rounds):
        for tree in trees:
            runs[tree].append(tree.told("scored.py", options.networks, options.predictors))
    moved = difference(*({"scores": runs[tree][0][2]} for tree in trees))
    print(f"\n{options.networks} networks, {options.predictors} predictors, 3 splits, scored")
    print(f"median of {options.rounds}, one thread; R², RMSE and SSR differ by {moved:.0e} at most")
    print(f"\n| what | {trees[0].name} | here | ratio |")
    print("| --- | --- | --- | --- |")
    for place, title in enumerate(("scoring, CPU seconds", "scoring, MB beyond importing")):
        before, now = (statistics.median(run[place] for run in runs[tree]) for tree in trees)
        print(f"| {title} | {before:.1f} | {now:.1f} | {now / before:.2f} |")


def demo(trees: tuple[Tree, Tree], options: argparse.Namespace) -> None:
    """Seconds of the demo by the clock: run it on a machine that does nothing else."""
    installed = set(demos.predictors(trees[1]))
    names = [name for name in demos.predictors(trees[0]) if name in installed]
    runs: dict[Tree, list[dict[str, float]]] = {tree: [] for tree in trees}
    for _ in range(options.rounds):
        for tree in trees:
            runs[tree].append(demos.seconds(tree, names))
    print(f"\nmedian of {options.rounds}, seconds by the clock; {len(names)} predictors of both")
    print(f"\n| what | {trees[0].name} | here | ratio |")
    print("| --- | --- | --- | --- |")
    for title in demos.TITLES:
        before, now = (statistics.median(run[title] for run in runs[tree]) for tree in trees)
        print(f"| {title} | {before:.0f} | {now:.0f} | {now / before:.2f} |")


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


SECTIONS: dict[str, Callable[[tuple[Tree, Tree], argparse.Namespace], None]] = {
    "measuring": measuring,
    "scoring": scoring,
    "demo": demo,
}


def main() -> None:
    """Build the commit beside this tree, and compare them section by section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="times each is run, in turn")
    parser.add_argument("--width", type=int, default=192, help="channels of the NiN")
    parser.add_argument("--images", type=int, default=256, help="training, and test, images")
    parser.add_argument("--networks", type=int, default=10_000, help="networks that are scored")
    parser.add_argument("--predictors", type=int, default=20, help="predictors that are scored")
    parser.add_argument("--only", choices=SECTIONS, help="one section alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trees = (earlier(options.commit, Path(folder)), this())
        for name, section in SECTIONS.items():
            if options.only in (None, name):
                section(trees, options)


main()
