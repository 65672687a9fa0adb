"""The one place that imports torchvision."""

import importlib
import sys
from types import ModuleType

import torch

# torchvision from the package index is built with CUDA operators. Beside a CPU build of torch its
# library does not load, so two operators it registers Python code for are unknown and the import
# stops. Nothing here calls them: declaring their schemas is enough for the import to go on.
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_MISSING = ("torchvision::nms", "torchvision::qnms")


def torchvision(submodule: str = "") -> ModuleType:
    """torchvision, or one of its submodules ("datasets", "transforms.v2")."""
    name = f"torchvision.{submodule}" if submodule else "torchvision"
    for operator in _MISSING:
        try:
            return importlib.import_module(name)
        except RuntimeError as error:
            if f"operator {operator} does not exist" not in str(error):
                raise
            torch.library.define(operator, _SCHEMA)
            for loaded in [key for key in sys.modules if key.split(".")[0] == "torchvision"]:
                del sys.modules[loaded]
    return importlib.import_module(name)
