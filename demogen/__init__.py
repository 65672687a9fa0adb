"""demogen: how well will this trained network do on unseen data, judged from what it learned?

The public names below are imported when first used, so that `import demogen` and the command line
answer at once and never pull in torch by themselves.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from demogen import architectures
    from demogen.checks import check_predictor
    from demogen.errors import (
        AccessError,
        CorruptZooError,
        NotMeasurable,
        RecipeError,
        SubmissionError,
        ZooError,
    )
    from demogen.hub import pull
    from demogen.images import ImageSet, LabeledImages, load_images
    from demogen.measuring import measure, measure_all
    from demogen.network import Network
    from demogen.pool import Pool
    from demogen.predictor import Access, Measure, Predictor, get_predictor, list_predictors
    from demogen.publishing import push
    from demogen.schema import NetworkRecord, NetworkSpec, ZooManifest
    from demogen.splits import Split, make_splits
    from demogen.tapped import TappedModule
    from demogen.writing import write_zoo
    from demogen.zoo import Zoo, load_zoo

_MODULE_OF = {
    "Access": "predictor",
    "AccessError": "errors",
    "CorruptZooError": "errors",
    "ImageSet": "images",
    "LabeledImages": "images",
    "Measure": "predictor",
    "Network": "network",
    "NetworkRecord": "schema",
    "NetworkSpec": "schema",
    "NotMeasurable": "errors",
    "Pool": "pool",
    "Predictor": "predictor",
    "RecipeError": "errors",
    "Split": "splits",
    "SubmissionError": "errors",
    "TappedModule": "tapped",
    "Zoo": "zoo",
    "ZooError": "errors",
    "ZooManifest": "schema",
    "check_predictor": "checks",
    "get_predictor": "predictor",
    "list_predictors": "predictor",
    "load_images": "images",
    "load_zoo": "zoo",
    "make_splits": "splits",
    "measure": "measuring",
    "measure_all": "measuring",
    "pull": "hub",
    "push": "publishing",
    "write_zoo": "writing",
}

__all__ = [
    "Access",
    "AccessError",
    "CorruptZooError",
    "ImageSet",
    "LabeledImages",
    "Measure",
    "Network",
    "NetworkRecord",
    "NetworkSpec",
    "NotMeasurable",
    "Pool",
    "Predictor",
    "RecipeError",
    "Split",
    "SubmissionError",
    "TappedModule",
    "Zoo",
    "ZooError",
    "ZooManifest",
    "architectures",
    "check_predictor",
    "get_predictor",
    "list_predictors",
    "load_images",
    "load_zoo",
    "make_splits",
    "measure",
    "measure_all",
    "pull",
    "push",
    "write_zoo",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "architectures":
        return importlib.import_module("demogen.architectures")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"demogen.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'demogen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
