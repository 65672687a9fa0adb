#!/bin/sh
# Guess:  the memory format of images changes how fast a network runs, not what it computes; in
#         training, batch norm takes a batch's variance to about single precision in either format.
# Seen:   torch 2.13.0 on a CPU, one thread, a million values a channel of variance 1. Contiguous:
#         right to 1e-7 at any mean. Channels-last: 4e-4 too small at mean 0, and at mean 1000
#         the running variance is 86, the running mean 1009. With 32,768 values (128 images of
#         16x16) it is right to 2e-5. Nothing warns. The output is normalized by the same numbers.
# Source: aten/src/ATen/native/cpu/batch_norm_kernel.cpp. The function for contiguous input sums a
#         channel in double precision (acc_type); the one for channels-last input adds row after row
#         into one float32 number a channel and thread: values first, then squared deviations from
#         the mean that this gave.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PYTHON'
import torch
from torch import nn

torch.set_num_threads(1)
print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
generator = torch.Generator().manual_seed(0)
off = {}
for images in (32, 1000):
    for mean in (0.0, 1000.0):
        x = torch.randn(images, 2, 32, 32, generator=generator) + mean
        exact = x.double().var(dim=(0, 2, 3))
        for layout in (torch.contiguous_format, torch.channels_last):
            norm = nn.BatchNorm2d(2, momentum=1.0)
            norm(x.contiguous(memory_format=layout))
            error = float((norm.running_var / exact - 1).abs().max())
            off[images, mean, layout] = error
            print(
                f"{images * 1024:8} values, mean {mean:6}, {layout}: variance "
                f"{float(norm.running_var[0]):.6f} for {float(exact[0]):.6f}, off by {error:.1e}"
            )
for (images, mean, layout), error in off.items():
    if layout is torch.contiguous_format:
        assert error < 1e-5, "the behaviour has changed"
    elif images == 32:
        assert error < 1e-4, "the behaviour has changed"
    else:
        assert error > (50 if mean else 1e-4), "the behaviour has changed"
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" "$folder/show.py"
