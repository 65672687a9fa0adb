"""demogen: how well will this trained network do on unseen data, judged from what it learned?

The public names below are imported when first used, so that `import demogen` and the command line
answer at once and never pull in torch by themselves.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from demogen.errors import (
        AccessError,
        CorruptZooError,
        NotMeasurable,
        RecipeError,
        SubmissionError,
        ZooError,
    )
    from demogen.format.splits import Split, make_splits
    from demogen.hub.download import pull
    from demogen.hub.publishing import push
    from demogen.images.image_set import ImageSet, LabeledImages, load_images
    from demogen.measuring.conformance import check_predictor
    from demogen.measuring.measurements import measure, measure_all
    from demogen.measuring.predictor import (
        Access,
        Measure,
        Predictor,
        get_predictor,
        list_predictors,
    )
    from demogen.networks import architectures
    from demogen.networks.network import Network
    from demogen.networks.tapped_module import TappedModule
    from demogen.schema.records import NetworkRecord, NetworkSpec, ZooManifest
    from demogen.zoo.pool import Pool
    from demogen.zoo.writing import write_zoo
    from demogen.zoo.zoo import Zoo, load_zoo

_MODULE_OF = {
    "Access": "measuring.predictor",
    "AccessError": "errors",
    "CorruptZooError": "errors",
    "ImageSet": "images.image_set",
    "LabeledImages": "images.image_set",
    "Measure": "measuring.predictor",
    "Network": "networks.network",
    "NetworkRecord": "schema.records",
    "NetworkSpec": "schema.records",
    "NotMeasurable": "errors",
    "Pool": "zoo.pool",
    "Predictor": "measuring.predictor",
    "RecipeError": "errors",
    "Split": "format.splits",
    "SubmissionError": "errors",
    "TappedModule": "networks.tapped_module",
    "Zoo": "zoo.zoo",
    "ZooError": "errors",
    "ZooManifest": "schema.records",
    "check_predictor": "measuring.conformance",
    "get_predictor": "measuring.predictor",
    "list_predictors": "measuring.predictor",
    "load_images": "images.image_set",
    "load_zoo": "zoo.zoo",
    "make_splits": "format.splits",
    "measure": "measuring.measurements",
    "measure_all": "measuring.measurements",
    "pull": "hub.download",
    "push": "hub.publishing",
    "write_zoo": "zoo.writing",
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
        return importlib.import_module("demogen.networks.architectures")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"demogen.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'demogen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
