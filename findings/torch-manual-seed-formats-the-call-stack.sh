#!/bin/sh
# Guess:  torch.manual_seed sets a number or two, in some microseconds, wherever it is called.
# Seen:   torch 2.13.0, no GPU: each call formats the whole stack of calls that it came through. It
#         took 0.5 ms from ten calls deep and 3 ms from 300, where seeding the CPU's generator takes
#         1 µs: a program that seeds before each small step pays for the depth of what calls it.
# Source: torch/random.py, manual_seed calls torch.cuda.manual_seed_all, which hands its work to
#         _lazy_call in torch/cuda/__init__.py; as long as CUDA is not initialized, that keeps it
#         with traceback.format_stack() for a later error message.
#         torch.default_generator.manual_seed(seed) seeds the CPU alone, without it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import sys
import time
from statistics import median

import torch


def from_depth(calls, function):
    if calls == 0:
        return function()
    return from_depth(calls - 1, function)


def microseconds(seed):
    taken = []
    for number in range(200):
        start = time.perf_counter()
        seed(number)
        taken.append(time.perf_counter() - start)
    return 1e6 * median(taken)


if torch.cuda.is_available():
    sys.exit("this machine has a GPU, where the behaviour is another")
found = {}
for depth in (10, 100, 300):
    every = from_depth(depth, lambda: microseconds(torch.manual_seed))
    cpu = from_depth(depth, lambda: microseconds(torch.default_generator.manual_seed))
    found[depth] = every, cpu
    print(f"torch {torch.__version__}, {depth} calls deep: manual_seed {every:.0f} µs, the CPU's {cpu:.0f} µs")
assert found[300][0] > 3 * found[10][0], "the behaviour has changed"
assert found[300][0] > 20 * found[300][1], "the behaviour has changed"
torch.manual_seed(7)
drawn = torch.rand(5)
torch.default_generator.manual_seed(7)
assert torch.equal(drawn, torch.rand(5)), "the CPU's generator is seeded otherwise"
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.2.6
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/show.py"
