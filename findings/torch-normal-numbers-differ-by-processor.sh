#!/bin/sh
# Guess:  torch.manual_seed gives the same random numbers on every CPU, to the last bit; only GPUs have streams of their own.
# Seen:   torch 2.13.0 with AVX2 and without it (as on Arm; ATEN_CPU_CAPABILITY=default takes that path) draws normal numbers
#         that differ from 16 numbers on, by up to 1e-6, and uniform numbers between other bounds than 0 and 1 that differ by
#         rounding: of the default weights of nn.Linear half have other bits. Uniform numbers of 0 to 1, permutations, Bernoulli
#         draws and 15 normal numbers are the same. So a digest of initial weights holds for one kind of processor.
# Source: aten/src/ATen/native/cpu/DistributionTemplates.h: normal_fill_AVX2, with its own log, cos and sin, is taken for 16
#         numbers and more where the processor has AVX2, and normal_fill elsewhere; that scaling to other bounds is one fused
#         operation with AVX2 and two without it is our guess.
set -eu
grep -q avx2 /proc/cpuinfo || { echo "this processor has no AVX2: nothing to compare"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/draw.py" <<'PYTHON'
import hashlib
import sys

import torch

draws = {
    "15 normal numbers": lambda: torch.randn(15),
    "16 normal numbers": lambda: torch.randn(16),
    "1,000 normal numbers": lambda: torch.randn(1000),
    "1,000 uniform numbers": lambda: torch.rand(1000),
    "a permutation of 1,000": lambda: torch.randperm(1000),
    "1,000 Bernoulli draws": lambda: torch.bernoulli(torch.full((1000,), 0.3)),
    "weights of nn.Linear(40, 25)": lambda: torch.nn.Linear(40, 25).weight.detach(),
}
for name, draw in draws.items():
    torch.manual_seed(0)
    print(name, hashlib.sha256(draw().numpy().tobytes()).hexdigest()[:12], sep="\t")
print(torch.__version__.partition("+")[0], torch.backends.cpu.get_cpu_capability(), file=sys.stderr)
PYTHON
python="$folder/env/bin/python"
ATEN_CPU_CAPABILITY=avx2 "$python" "$folder/draw.py" > "$folder/avx2"
ATEN_CPU_CAPABILITY=default "$python" "$folder/draw.py" > "$folder/default"
join -t "$(printf '\t')" "$folder/avx2" "$folder/default" 2> /dev/null || paste "$folder/avx2" "$folder/default"
differing=$(diff "$folder/avx2" "$folder/default" | sed -n 's/^< \([^\t]*\)\t.*/\1/p')
echo "differ: $(echo "$differing" | paste -sd ';')"
expected=$(printf '16 normal numbers\n1,000 normal numbers\nweights of nn.Linear(40, 25)')
[ "$differing" = "$expected" ] || { echo "the behaviour has changed"; exit 1; }
