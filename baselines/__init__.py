"""The papers' predictors of the generalization gap, measured and fitted as they define them.

`baselines.ALL` is the tuple of all of them; it is made when first asked for, so that importing this
package costs nothing and does not pull in torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demogen.measuring.predictor import Predictor

    ALL: tuple[Predictor, ...]

__all__ = ["ALL"]

_PREDICTORS = {
    "class_separation": ("DAVIES_BOULDIN_MIXUP", "LABEL_WISE_MIXUP"),
    "confidence": (
        "AVERAGE_CONFIDENCE",
        "CONFIDENCE_DIFFERENCE",
        "FLIP_INVARIANCE",
        "ROTATION_INVARIANCE",
        "THRESHOLDED_CONFIDENCE",
        "THRESHOLDED_ENTROPY",
    ),
    "disagreement": ("DISAGREEMENT",),
    "dummy": ("HYPERPARAMETERS", "MEAN_GAP", "PARAMETER_COUNT", "TRAIN_LOSS"),
    "heavy_tails": (
        "HEAVY_TAIL_ALPHA",
        "HEAVY_TAIL_ALPHA_HAT",
        "HEAVY_TAIL_ALPHA_HAT_RELEASED",
        "HEAVY_TAIL_ALPHA_RELEASED",
        "HEAVY_TAIL_LOG_ALPHA_NORM",
        "HEAVY_TAIL_LOG_NORM",
        "HEAVY_TAIL_LOG_SPECTRAL_NORM",
        "HEAVY_TAIL_STABLE_RANK",
    ),
    "jacobian_margin": ("JACOBIAN_MARGIN_FROBENIUS_LOG", "JACOBIAN_MARGIN_LOG"),
    "k_variance": (
        "K_VARIANCE_GN_MARGIN",
        "K_VARIANCE_GN_MARGIN_DEEP",
        "K_VARIANCE_MARGIN",
        "K_VARIANCE_MARGIN_DEEP",
    ),
    "label_variation": ("MIXTURE_VARIATION", "VARIATION_RATE", "WORST_VARIATION"),
    "large_margin": ("LARGE_MARGIN_LINEAR", "LARGE_MARGIN_LOGITS_LINEAR"),
    "margins": (
        "MARGIN_BEST4_LOG",
        "MARGIN_H1_LOG",
        "MARGIN_H2_LOG",
        "MARGIN_H3_LOG",
        "MARGIN_INPUT_LOG",
        "MARGIN_MOMENTS_LOG",
        "MARGIN_QUARTILES_LINEAR",
        "MARGIN_QUARTILES_LINEAR_NEGATIVE",
        "MARGIN_QUARTILES_LOG",
        "MARGIN_QUARTILES_LOG_UNNORMALIZED",
        "MARGIN_STATISTIC_LOG",
        "MARGIN_TAP_LOG",
    ),
    "norms": (
        "DIST_SPEC_INIT",
        "FRO_DIST",
        "FRO_OVER_SPEC",
        "INVERSE_SQUARED_MARGIN",
        "L2",
        "L2_DIST",
        "LOG_PROD_OF_FRO",
        "LOG_PROD_OF_FRO_OVER_MARGIN",
        "LOG_PROD_OF_SPEC",
        "LOG_PROD_OF_SPEC_OVER_MARGIN",
        "LOG_SPEC_INIT_MAIN",
        "LOG_SPEC_ORIG_MAIN",
        "LOG_SUM_OF_FRO",
        "LOG_SUM_OF_FRO_OVER_MARGIN",
        "LOG_SUM_OF_SPEC",
        "LOG_SUM_OF_SPEC_OVER_MARGIN",
        "PARAM_NORM",
        "PATH_NORM",
        "PATH_NORM_OVER_MARGIN",
        "WEIGHT_COUNT",
    ),
    "normalized_loss": ("NORMALIZED_LOSS", "NORMALIZED_LOSS_L1", "NORMALIZED_LOSS_OUTPUT"),
    "normalized_output": ("INVERSE_MARGIN", "NORMALIZED_OUTPUT_MARGIN"),
    "pac_bayes": (
        "PACBAYES_FLATNESS",
        "PACBAYES_INIT",
        "PACBAYES_MAG_FLATNESS",
        "PACBAYES_MAG_INIT",
        "PACBAYES_MAG_ORIG",
        "PACBAYES_ORIG",
    ),
    "product_norm": ("PRODUCT_NORM",),
    "sensitivity": ("JACOBIAN_NORM", "JACOBIAN_NORM_TRAIN"),
    "sparsity": (
        "UNIT_SPARSITY",
        "UNIT_SPARSITY_KAPPA",
        "UNIT_SPARSITY_RELEASED",
        "UNIT_SPARSITY_ZETA",
    ),
    "spectral": ("SPECTRAL_MARGIN_INITIAL_LOG", "SPECTRAL_MARGIN_L1_LOG", "SPECTRAL_MARGIN_LOG"),
    "transitions": ("TRANSITIONS",),
    "weight_statistics": ("WEIGHT_STATISTICS", "WEIGHT_STATISTICS_BOOSTED"),
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
