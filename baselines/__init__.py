"""The papers' predictors of the generalization gap, measured and fitted as they define them.

`baselines.ALL` is the tuple of all of them; it is made when first asked for, so that importing this
package costs nothing and does not pull in torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demogen.predictor import Predictor

    ALL: tuple[Predictor, ...]

__all__ = ["ALL"]

_PREDICTORS = {
    "dummy": ("HYPERPARAMETERS", "MEAN_GAP", "PARAMETER_COUNT", "TRAIN_LOSS"),
    "margins": ("MARGIN_QUARTILES_LOG",),
    "normalized_loss": ("NORMALIZED_LOSS",),
    "sensitivity": ("JACOBIAN_NORM", "JACOBIAN_NORM_TRAIN"),
    "sparsity": ("UNIT_SPARSITY",),
    "spectral": ("SPECTRAL_MARGIN_LOG",),
}


def __getattr__(name: str) -> Any:
    """Import the predictors when they are first asked for."""
    if name != "ALL":
        raise AttributeError(f"module 'baselines' has no attribute {name!r}")
    return tuple(
        getattr(importlib.import_module(f"baselines.{module}"), constant)
        for module, constants in _PREDICTORS.items()
        for constant in constants
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
