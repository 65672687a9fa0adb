"""torchvision in an interpreter of its own, with the torch that is installed here."""

import subprocess
import sys


def test_torchvision_imports_beside_a_torch_without_cuda_operators():
    code = (
        "from demogen.images._torchvision import torchvision\n"
        "print(torchvision('datasets').CIFAR10.__name__, torchvision().__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.startswith("CIFAR10 0."), done.stderr
